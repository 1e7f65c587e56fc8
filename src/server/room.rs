//! Memory that requests take their share of before they fill it.
//!
//! How much a body takes shows only as it comes, so a share grows while it is held. For that never to become a circle in
//! which each waits for what the others hold, a room has two parts: the *commons*, of which everybody takes as long as
//! there is some, and a *lane* that one request has at a time and that holds the largest there may be. Who finds nothing
//! in the commons waits for the lane; who has the lane gives the commons back what it took there and waits for nobody any
//! more. So somebody always goes on, and the lane passes on in order of arrival.
//!
//! Who has the lane, or much of the commons, may still be a client that sends nothing: bodies that lag while others wait
//! are [dismissed](super::arrivals).

use std::{future, sync::Arc};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{interval, timeout},
};

use super::{
    arrivals::{Arrivals, Pool},
    error::ApiError,
    limits::{DISMISSAL_TICK, ROOM_TIMEOUT},
};
use crate::seams::room;

/// Bytes that a permit of a semaphore stands for: it counts in `u32`.
const UNIT: u64 = 1 << 10;
/// Who wants more than one part of so many of the commons at once waits for the lane alone: at the head of the queue for
/// the commons it would keep those waiting who want little.
const MUCH: usize = 8;

/// Room for the largest request there may be, for one request at a time.
#[derive(Debug)]
pub(crate) struct Lane {
    turn: Arc<Semaphore>,
    bytes: u64,
}

impl Lane {
    /// Room for a request of `bytes`.
    pub(crate) fn new(bytes: u64) -> Arc<Self> {
        Arc::new(Self { turn: Arc::new(Semaphore::new(1)), bytes })
    }

    /// Bytes taken, and bytes there are.
    pub(crate) fn usage(&self) -> (u64, u64) {
        let taken = if self.turn.available_permits() == 0 { self.bytes } else { 0 };
        (taken, self.bytes)
    }
}

/// Room for requests of one kind.
#[derive(Debug)]
pub(crate) struct Room {
    commons: Arc<Semaphore>,
    units: usize,
    lane: Arc<Lane>,
    pool: Pool,
    arrivals: Arc<Arrivals>,
}

impl Room {
    /// Commons of so many bytes, beside a lane that other rooms of the same pool may share.
    pub(crate) fn new(commons: u64, lane: &Arc<Lane>, pool: Pool, arrivals: &Arc<Arrivals>) -> Arc<Self> {
        let units = usize::try_from(commons / UNIT).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        let (lane, arrivals) = (Arc::clone(lane), Arc::clone(arrivals));
        Arc::new(Self { commons: Arc::new(Semaphore::new(units)), units, lane, pool, arrivals })
    }

    /// Bytes taken of the commons, and bytes there are.
    pub(crate) fn usage(&self) -> (u64, u64) {
        let taken = self.units.saturating_sub(self.commons.available_permits());
        (taken as u64 * UNIT, self.units as u64 * UNIT)
    }

    /// The most that one request can have.
    pub(crate) fn most(&self) -> u64 {
        self.lane.bytes
    }

    /// Whose bodies these are, for those who decide which of them has to leave.
    pub(crate) fn pool(&self) -> Pool {
        self.pool
    }

    /// An empty share.
    pub(crate) fn enter(self: &Arc<Self>) -> Share {
        Share { room: Arc::clone(self), commons: None, lane: None, bytes: 0 }
    }
}

/// A share of a room, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    room: Arc<Room>,
    commons: Option<OwnedSemaphorePermit>,
    /// Whether it is the lane.
    lane: Option<OwnedSemaphorePermit>,
    bytes: u64,
}

impl Share {
    /// How large it is.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The most that it can become.
    pub(crate) fn most(&self) -> u64 {
        self.room.most()
    }

    /// Whether it will never wait again.
    pub(crate) fn has_lane(&self) -> bool {
        self.lane.is_some()
    }

    /// Makes it at least `bytes` large if that can be had now.
    pub(crate) fn try_grow(&mut self, bytes: u64) -> bool {
        if bytes <= self.bytes {
            return true;
        }
        if self.lane.is_some() {
            if bytes <= self.room.lane.bytes {
                self.bytes = bytes;
            }
            return bytes <= self.room.lane.bytes;
        }
        let more = self.more(bytes);
        if let Ok(permit) = Arc::clone(&self.room.commons).try_acquire_many_owned(narrow(more)) {
            self.join(permit, bytes);
            return true;
        }
        if bytes <= self.room.lane.bytes
            && let Ok(turn) = Arc::clone(&self.room.lane.turn).try_acquire_owned()
        {
            self.move_to_lane(turn, bytes);
            return true;
        }
        false
    }

    /// Makes it at least `bytes` large, waiting a while for others to leave.
    ///
    /// # Errors
    /// When it would be larger than a request can get, or nobody left in time.
    pub(crate) async fn grow(&mut self, bytes: u64) -> Result<(), ApiError> {
        if self.try_grow(bytes) {
            return Ok(());
        }
        if bytes > self.room.lane.bytes {
            return Err(ApiError::NoRoomEver { bytes, most: self.room.lane.bytes });
        }
        self.wait(bytes, self.more(bytes)).await
    }

    /// Waits for the lane, so that it never has to wait again.
    ///
    /// # Errors
    /// When nobody left it in time.
    pub(crate) async fn take_lane(&mut self) -> Result<(), ApiError> {
        let bytes = self.bytes;
        if self.lane.is_none() { self.wait(bytes, usize::MAX).await } else { Ok(()) }
    }

    /// Waits for the lane, or for `more` units of the commons if that isn't much.
    async fn wait(&mut self, bytes: u64, more: usize) -> Result<(), ApiError> {
        let room = Arc::clone(&self.room);
        let little = more <= room.units / MUCH;
        let commons = async {
            match little {
                true => Arc::clone(&room.commons).acquire_many_owned(narrow(more)).await,
                false => future::pending().await,
            }
        };
        let turn = Arc::clone(&room.lane.turn).acquire_owned();
        let entered = async {
            tokio::select! {
                turn = turn => turn.map(|turn| self.move_to_lane(turn, bytes)),
                permit = commons => permit.map(|permit| self.join(permit, bytes)),
            }
        };
        let hurrying = async {
            let mut ticks = interval(DISMISSAL_TICK);
            loop {
                ticks.tick().await;
                room.arrivals.dismiss(Some(room.pool));
            }
        };
        tokio::select! {
            entered = timeout(ROOM_TIMEOUT, entered) => match entered {
                Ok(Ok(())) => Ok(()),
                // The semaphores are never closed; were they, nobody would get in either.
                Ok(Err(_)) | Err(_) => Err(ApiError::Busy),
            },
            () = hurrying => Err(ApiError::Busy),
        }
    }

    /// Gives back what is beyond `bytes`; the lane only with everything.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        self.bytes = self.bytes.min(bytes);
        if self.bytes == 0 {
            self.lane = None;
        }
        if let Some(commons) = &mut self.commons {
            let beyond = commons.num_permits().saturating_sub(units(self.bytes));
            drop(commons.split(beyond));
        }
    }

    fn more(&self, bytes: u64) -> usize {
        units(bytes).saturating_sub(self.commons.as_ref().map_or(0, OwnedSemaphorePermit::num_permits))
    }

    fn join(&mut self, permit: OwnedSemaphorePermit, bytes: u64) {
        match &mut self.commons {
            Some(commons) => commons.merge(permit),
            None => self.commons = Some(permit),
        }
        self.bytes = bytes;
    }

    fn move_to_lane(&mut self, turn: OwnedSemaphorePermit, bytes: u64) {
        self.lane = Some(turn);
        self.commons = None;
        self.bytes = bytes;
    }
}

/// Permits for `bytes`.
fn units(bytes: u64) -> usize {
    usize::try_from(bytes.div_ceil(UNIT)).unwrap_or(usize::MAX)
}

fn narrow(units: usize) -> u32 {
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// A share that what is made of a body takes from, without waiting.
#[derive(Debug)]
pub(crate) struct Taking(parking_lot::Mutex<Share>);

impl Taking {
    pub(crate) fn new(share: Share) -> Self {
        Self(parking_lot::Mutex::new(share))
    }

    pub(crate) fn into_share(self) -> Share {
        self.0.into_inner()
    }
}

impl room::Room for Taking {
    fn take(&self, bytes: usize) -> bool {
        let mut share = self.0.lock();
        let bytes = share.bytes.saturating_add(bytes as u64);
        share.try_grow(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(commons: u64, lane: u64) -> Arc<Room> {
        Room::new(commons << 10, &Lane::new(lane << 10), Pool::Written, &Arc::default())
    }

    /// A body that has come in part and wants the rest of its room.
    async fn grown(room: Arc<Room>, bytes: u64) -> Result<(), ApiError> {
        let mut share = room.enter();
        for held in [10, 20, 40, bytes >> 10] {
            share.grow(held << 10).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    #[tokio::test]
    async fn bodies_that_grow_together_beyond_the_room_never_wait_for_each_other_in_a_circle() {
        let room = room(50, 50);
        let growing: Vec<_> = (0..10).map(|_| tokio::spawn(grown(Arc::clone(&room), 50 << 10))).collect();
        for body in growing {
            body.await.unwrap().expect("somebody always goes on, so nobody waits for long");
        }
        assert_eq!((room.usage().0, room.lane.usage().0), (0, 0));
    }

    #[tokio::test]
    async fn whoever_has_the_lane_gives_back_the_commons_and_gets_as_much_as_it_holds_but_no_more() {
        let room = room(50, 100);
        let (mut large, mut small) = (room.enter(), room.enter());
        large.grow(40 << 10).await.unwrap();
        large.grow(60 << 10).await.unwrap();
        assert!(large.has_lane() && room.usage().0 == 0, "{room:?}");
        small.grow(50 << 10).await.unwrap();
        assert!(!small.try_grow(51 << 10), "the lane is taken");
        large.grow(100 << 10).await.unwrap();
        let refused = large.grow(101 << 10).await.unwrap_err();
        assert!(matches!(refused, ApiError::NoRoomEver { .. }), "{refused}");
        large.shrink(1);
        assert!(large.has_lane());
        large.shrink(0);
        assert!(small.try_grow(51 << 10) && small.has_lane());
    }

    #[tokio::test]
    async fn who_wants_little_does_not_wait_behind_those_who_want_much() {
        let room = room(80, 100);
        let (mut lane, mut held) = (room.enter(), room.enter());
        held.grow(75 << 10).await.unwrap();
        lane.grow(100 << 10).await.unwrap();
        let mut large = room.enter();
        let much = tokio::spawn(async move { large.grow(60 << 10).await });
        tokio::task::yield_now().await;
        let mut little = room.enter();
        little.grow(2 << 10).await.unwrap();
        drop((lane, held));
        much.await.unwrap().unwrap();
    }

    #[test]
    fn a_share_shrinks_to_what_is_still_needed() {
        let room = room(50, 100);
        let mut share = room.enter();
        assert!(share.try_grow(30 << 10));
        share.shrink(10 << 10);
        assert_eq!((room.usage().0, share.bytes()), (10 << 10, 10 << 10));
    }
}
