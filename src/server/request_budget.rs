//! Memory that requests reserve before they fill it.
//!
//! How much a body takes shows only as it comes, so a reservation grows while it is held. Requests that each hold some memory and
//! wait for more could wait for each other for ever. To rule that out a budget has two parts: a *shared* part, of which every
//! request takes while there is some, and an *exclusive slot*, which one request has at a time and which is as large as a request
//! may be. A request that finds nothing left in the shared part waits for the slot; the one that gets it returns what it had of
//! the shared part and never waits again. So some request always goes on, and the slot passes on in order of arrival.
//!
//! The request in the slot may still be one whose client sends nothing: bodies that lag while others wait are
//! [evicted](super::incoming_bodies).

use std::{future, iter::Sum, sync::Arc};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{interval, timeout},
};

use super::{
    error::ApiError,
    incoming_bodies::{BodyKind, IncomingBodies},
    limits::{EVICTION_TICK, MEMORY_TIMEOUT},
};
use crate::seams::memory_budget::MemoryBudget;

/// Bytes that one permit of the semaphore stands for, as it counts in `u32`.
const UNIT: u64 = 1 << 10;
/// A request that wants more than this fraction (1/8) of the shared part at once waits for the exclusive slot only: at the head of
/// the queue for the shared part it would hold up those that want little.
const LARGE_FRACTION: usize = 8;

/// How much of a part of the memory is in use, and how much there is, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) used: u64,
    pub(crate) limit: u64,
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |sum, part| Self { used: sum.used + part.used, limit: sum.limit + part.limit })
    }
}

/// Memory for the largest request there may be, for one request at a time.
#[derive(Debug)]
pub(crate) struct ExclusiveSlot {
    turn: Arc<Semaphore>,
    bytes: u64,
}

impl ExclusiveSlot {
    /// A slot for a request of up to `bytes`.
    pub(crate) fn new(bytes: u64) -> Arc<Self> {
        Arc::new(Self { turn: Arc::new(Semaphore::new(1)), bytes })
    }

    /// All of it counts as used while a request has it.
    pub(crate) fn usage(&self) -> Usage {
        let used = if self.turn.available_permits() == 0 { self.bytes } else { 0 };
        Usage { used, limit: self.bytes }
    }
}

/// Memory for requests of one kind.
#[derive(Debug)]
pub(crate) struct RequestBudget {
    shared: Arc<Semaphore>,
    units: usize,
    exclusive: Arc<ExclusiveSlot>,
    kind: BodyKind,
    incoming: Arc<IncomingBodies>,
}

impl RequestBudget {
    /// A budget with a shared part of so many bytes, and a slot that other budgets of the same kind may share.
    pub(crate) fn new(
        shared: u64,
        exclusive: &Arc<ExclusiveSlot>,
        kind: BodyKind,
        incoming: &Arc<IncomingBodies>,
    ) -> Arc<Self> {
        let units = usize::try_from(shared / UNIT).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        let (exclusive, incoming) = (Arc::clone(exclusive), Arc::clone(incoming));
        Arc::new(Self { shared: Arc::new(Semaphore::new(units)), units, exclusive, kind, incoming })
    }

    /// The usage of the shared part.
    pub(crate) fn usage(&self) -> Usage {
        let used = self.units.saturating_sub(self.shared.available_permits());
        Usage { used: used as u64 * UNIT, limit: self.units as u64 * UNIT }
    }

    /// The most that one request can reserve.
    pub(crate) fn max_reservation(&self) -> u64 {
        self.exclusive.bytes
    }

    /// The kind of bodies that it is for.
    pub(crate) fn kind(&self) -> BodyKind {
        self.kind
    }

    /// An empty reservation.
    pub(crate) fn reserve_nothing(self: &Arc<Self>) -> Reservation {
        Reservation { budget: Arc::clone(self), shared: None, exclusive: None, bytes: 0 }
    }
}

/// Bytes reserved of a budget, returned when this is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<RequestBudget>,
    shared: Option<OwnedSemaphorePermit>,
    /// The turn in the exclusive slot, if it has it.
    exclusive: Option<OwnedSemaphorePermit>,
    bytes: u64,
}

impl Reservation {
    /// Bytes reserved.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The most that it can grow to.
    pub(crate) fn max(&self) -> u64 {
        self.budget.max_reservation()
    }

    /// Whether it has the exclusive slot, and so never waits again.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.exclusive.is_some()
    }

    /// Grows to at least `bytes` if that takes no waiting; whether it did.
    pub(crate) fn try_grow(&mut self, bytes: u64) -> bool {
        if bytes <= self.bytes {
            return true;
        }
        if self.exclusive.is_some() {
            if bytes <= self.budget.exclusive.bytes {
                self.bytes = bytes;
            }
            return bytes <= self.budget.exclusive.bytes;
        }
        let more = self.missing_units(bytes);
        if let Ok(permit) = Arc::clone(&self.budget.shared).try_acquire_many_owned(as_u32(more)) {
            self.join(permit, bytes);
            return true;
        }
        if bytes <= self.budget.exclusive.bytes
            && let Ok(turn) = Arc::clone(&self.budget.exclusive.turn).try_acquire_owned()
        {
            self.become_exclusive(turn, bytes);
            return true;
        }
        false
    }

    /// Grows to at least `bytes`, waiting up to [`MEMORY_TIMEOUT`] for other requests to end.
    ///
    /// # Errors
    /// When that is more than a request can reserve, or no other request ended in time.
    pub(crate) async fn grow(&mut self, bytes: u64) -> Result<(), ApiError> {
        if self.try_grow(bytes) {
            return Ok(());
        }
        if bytes > self.budget.exclusive.bytes {
            return Err(ApiError::OverBudget { bytes, most: self.budget.exclusive.bytes });
        }
        self.wait(bytes, self.missing_units(bytes)).await
    }

    /// Waits for the exclusive slot.
    ///
    /// # Errors
    /// When it was not free in time.
    pub(crate) async fn make_exclusive(&mut self) -> Result<(), ApiError> {
        let bytes = self.bytes;
        if self.exclusive.is_none() { self.wait(bytes, usize::MAX).await } else { Ok(()) }
    }

    /// Waits for the exclusive slot, or for `more` units of the shared part where those are few.
    async fn wait(&mut self, bytes: u64, more: usize) -> Result<(), ApiError> {
        let budget = Arc::clone(&self.budget);
        let few = more <= budget.units / LARGE_FRACTION;
        let shared = async {
            match few {
                true => Arc::clone(&budget.shared).acquire_many_owned(as_u32(more)).await,
                false => future::pending().await,
            }
        };
        let turn = Arc::clone(&budget.exclusive.turn).acquire_owned();
        let entered = async {
            tokio::select! {
                turn = turn => turn.map(|turn| self.become_exclusive(turn, bytes)),
                permit = shared => permit.map(|permit| self.join(permit, bytes)),
            }
        };
        let evicting = async {
            let mut ticks = interval(EVICTION_TICK);
            loop {
                ticks.tick().await;
                budget.incoming.evict_slowest(Some(budget.kind));
            }
        };
        tokio::select! {
            entered = timeout(MEMORY_TIMEOUT, entered) => match entered {
                Ok(Ok(())) => Ok(()),
                // The semaphores are never closed; closed ones would grant nothing either.
                Ok(Err(_)) | Err(_) => Err(ApiError::Busy),
            },
            () = evicting => Err(ApiError::Busy),
        }
    }

    /// Decodes a body, for which `needed` bytes are needed in any case, and more as it is decoded, which can't wait for other
    /// requests: where none is left, and `decode` says so by `None`, it begins again in the exclusive slot, which has as much as any
    /// request may have.
    ///
    /// # Errors
    /// When that isn't enough either, or was not free in time.
    pub(crate) async fn decode<T>(
        &mut self,
        needed: u64,
        decode: impl Fn(&dyn MemoryBudget) -> Option<T>,
    ) -> Result<T, ApiError> {
        self.grow(needed).await?;
        loop {
            if let Some(decoded) = decode(&GrowingReservation::new(self)) {
                return Ok(decoded);
            }
            if self.is_exclusive() {
                return Err(ApiError::OverBudget { bytes: self.bytes(), most: self.max() });
            }
            self.shrink(needed);
            self.make_exclusive().await?;
        }
    }

    /// Returns what is beyond `bytes`; the exclusive slot only with everything.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        self.bytes = self.bytes.min(bytes);
        if self.bytes == 0 {
            self.exclusive = None;
        }
        if let Some(shared) = &mut self.shared {
            let beyond = shared.num_permits().saturating_sub(units(self.bytes));
            drop(shared.split(beyond));
        }
    }

    /// Units of the shared part that it lacks for `bytes`.
    fn missing_units(&self, bytes: u64) -> usize {
        units(bytes).saturating_sub(self.shared.as_ref().map_or(0, OwnedSemaphorePermit::num_permits))
    }

    fn join(&mut self, permit: OwnedSemaphorePermit, bytes: u64) {
        match &mut self.shared {
            Some(shared) => shared.merge(permit),
            None => self.shared = Some(permit),
        }
        self.bytes = bytes;
    }

    fn become_exclusive(&mut self, turn: OwnedSemaphorePermit, bytes: u64) {
        self.exclusive = Some(turn);
        self.shared = None;
        self.bytes = bytes;
    }
}

/// Units for `bytes`.
fn units(bytes: u64) -> usize {
    usize::try_from(bytes.div_ceil(UNIT)).unwrap_or(usize::MAX)
}

fn as_u32(units: usize) -> u32 {
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// A reservation that grows by what is decoded from a body, without waiting: the decoder knows it as a [`MemoryBudget`].
#[derive(Debug)]
pub(crate) struct GrowingReservation<'r>(parking_lot::Mutex<&'r mut Reservation>);

impl<'r> GrowingReservation<'r> {
    pub(crate) fn new(reservation: &'r mut Reservation) -> Self {
        Self(parking_lot::Mutex::new(reservation))
    }
}

impl MemoryBudget for GrowingReservation<'_> {
    fn take(&self, bytes: usize) -> bool {
        let mut reservation = self.0.lock();
        let bytes = reservation.bytes.saturating_add(bytes as u64);
        reservation.try_grow(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(shared: u64, exclusive: u64) -> Arc<RequestBudget> {
        RequestBudget::new(shared << 10, &ExclusiveSlot::new(exclusive << 10), BodyKind::Write, &Arc::default())
    }

    /// A body that comes in parts.
    async fn grown(budget: Arc<RequestBudget>, bytes: u64) -> Result<(), ApiError> {
        let mut reservation = budget.reserve_nothing();
        for held in [10, 20, 40, bytes >> 10] {
            reservation.grow(held << 10).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    #[tokio::test]
    async fn bodies_that_grow_together_beyond_the_budget_never_wait_for_each_other_in_a_circle() {
        let budget = budget(50, 50);
        let growing: Vec<_> = (0..10).map(|_| tokio::spawn(grown(Arc::clone(&budget), 50 << 10))).collect();
        for body in growing {
            body.await.unwrap().expect("somebody always goes on, so nobody waits for long");
        }
        assert_eq!((budget.usage().used, budget.exclusive.usage().used), (0, 0));
    }

    #[tokio::test]
    async fn whoever_has_the_slot_returns_its_shared_memory_and_gets_as_much_as_the_slot_holds_but_no_more() {
        let budget = budget(50, 100);
        let (mut large, mut small) = (budget.reserve_nothing(), budget.reserve_nothing());
        large.grow(40 << 10).await.unwrap();
        large.grow(60 << 10).await.unwrap();
        assert!(large.is_exclusive() && budget.usage().used == 0, "{budget:?}");
        small.grow(50 << 10).await.unwrap();
        assert!(!small.try_grow(51 << 10), "the exclusive is taken");
        large.grow(100 << 10).await.unwrap();
        let refused = large.grow(101 << 10).await.unwrap_err();
        assert!(matches!(refused, ApiError::OverBudget { .. }), "{refused}");
        large.shrink(1);
        assert!(large.is_exclusive());
        large.shrink(0);
        assert!(small.try_grow(51 << 10) && small.is_exclusive());
    }

    #[tokio::test]
    async fn who_wants_little_does_not_wait_behind_those_who_want_much() {
        let budget = budget(80, 100);
        let (mut exclusive, mut held) = (budget.reserve_nothing(), budget.reserve_nothing());
        held.grow(75 << 10).await.unwrap();
        exclusive.grow(100 << 10).await.unwrap();
        let mut large = budget.reserve_nothing();
        let much = tokio::spawn(async move { large.grow(60 << 10).await });
        tokio::task::yield_now().await;
        let mut little = budget.reserve_nothing();
        little.grow(2 << 10).await.unwrap();
        drop((exclusive, held));
        much.await.unwrap().unwrap();
    }

    #[test]
    fn a_share_shrinks_to_what_is_still_needed() {
        let budget = budget(50, 100);
        let mut reservation = budget.reserve_nothing();
        assert!(reservation.try_grow(30 << 10));
        reservation.shrink(10 << 10);
        assert_eq!((budget.usage().used, reservation.bytes()), (10 << 10, 10 << 10));
    }
}
