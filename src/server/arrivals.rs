//! Request bodies on their way.
//!
//! A client may take its time as long as nobody needs what it holds. When connections or memory are short, the body that
//! has let the server wait longest is dismissed: its sender is told to come back, and those who wait go on. Only time
//! spent waiting for the client counts, and trickling is no progress.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::limits::{LAG, LEAST_SENT_BYTES};

/// Bodies that compete for the same room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pool {
    /// Those of questions.
    Asked,
    /// Those of writes and imports.
    Written,
}

/// All bodies being received.
#[derive(Debug, Default)]
pub(crate) struct Arrivals(Mutex<Bodies>);

#[derive(Debug, Default)]
struct Bodies {
    next: u64,
    by_number: BTreeMap<u64, Arc<Body>>,
}

#[derive(Debug)]
struct Body {
    pool: Pool,
    /// Bytes of room it holds.
    held: AtomicU64,
    progress: Mutex<Progress>,
    leave: Notify,
}

#[derive(Debug, Default)]
struct Progress {
    /// Since when it waits for its client; `None` while the client waits for us.
    waits_since: Option<Instant>,
    /// How long it waited before that for what has come too slowly to count.
    waited: Duration,
    /// Bytes that have come in that time.
    came: usize,
}

impl Progress {
    fn lag(&self) -> Duration {
        self.waited + self.waits_since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// A body's place among those on their way, left when it is dropped.
#[derive(Debug)]
pub(crate) struct Arrival {
    all: Arc<Arrivals>,
    number: u64,
    body: Arc<Body>,
}

impl Arrivals {
    /// Notes a body.
    pub(crate) fn begin(self: &Arc<Self>, pool: Pool) -> Arrival {
        let body = Arc::new(Body { pool, held: AtomicU64::new(0), progress: Mutex::default(), leave: Notify::new() });
        let mut bodies = self.0.lock();
        let number = bodies.next;
        bodies.next += 1;
        bodies.by_number.insert(number, Arc::clone(&body));
        drop(bodies);
        Arrival { all: Arc::clone(self), number, body }
    }

    /// Dismisses the body that lags most, of those in `pool` that hold any of its room if that is given; `false` when
    /// none lags.
    pub(crate) fn dismiss(&self, pool: Option<Pool>) -> bool {
        let mut bodies = self.0.lock();
        let holds = |body: &Body| pool.is_none_or(|pool| body.pool == pool && body.held.load(Ordering::Relaxed) > 0);
        let waiting = |body: &Body| {
            let progress = body.progress.lock();
            progress.waits_since.map(|_| progress.lag()).filter(|lag| *lag >= LAG)
        };
        let lags = bodies.by_number.iter().filter(|(_, body)| holds(body));
        let slowest = lags.filter_map(|(number, body)| Some((waiting(body)?, *number))).max();
        let Some(body) = slowest.and_then(|(_, number)| bodies.by_number.remove(&number)) else { return false };
        body.leave.notify_one();
        true
    }
}

impl Arrival {
    /// Notes that it holds so many bytes of its room.
    pub(crate) fn holds(&self, bytes: u64) {
        self.body.held.store(bytes, Ordering::Relaxed);
    }

    /// Waits for `next` to come from the client; `None` when it is dismissed meanwhile.
    pub(crate) async fn wait<T>(&self, next: impl Future<Output = T>) -> Option<T> {
        let _waiting = Waiting::begin(&self.body);
        tokio::select! {
            biased;
            next = next => Some(next),
            () = self.body.leave.notified() => None,
        }
    }

    /// Notes that so many bytes have come.
    pub(crate) fn came(&self, bytes: usize) {
        let mut progress = self.body.progress.lock();
        progress.came += bytes;
        if progress.came >= LEAST_SENT_BYTES {
            *progress = Progress::default();
        }
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.all.0.lock().by_number.remove(&self.number);
    }
}

/// Counts time as the client's until dropped.
struct Waiting<'b>(&'b Body);

impl<'b> Waiting<'b> {
    fn begin(body: &'b Body) -> Self {
        body.progress.lock().waits_since = Some(Instant::now());
        Self(body)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut progress = self.0.progress.lock();
        progress.waited = progress.lag();
        progress.waits_since = None;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    /// A body that began to wait for its client so long ago.
    fn lagging(all: &Arc<Arrivals>, pool: Pool, lag: Duration) -> Arrival {
        let arrival = all.begin(pool);
        let mut progress = arrival.body.progress.lock();
        (progress.waited, progress.waits_since) = (lag, Some(Instant::now()));
        drop(progress);
        arrival
    }

    #[tokio::test]
    async fn the_body_that_lags_most_is_dismissed_first_and_those_that_come_are_not() {
        let all = Arc::new(Arrivals::default());
        let (slow, slower) = (lagging(&all, Pool::Written, LAG), lagging(&all, Pool::Written, 2 * LAG));
        let (_busy, _fresh) = (all.begin(Pool::Written), lagging(&all, Pool::Asked, Duration::ZERO));
        assert!(all.dismiss(None));
        assert_eq!(slower.wait(pending::<()>()).await, None);
        assert!(!all.dismiss(Some(Pool::Written)), "the other one holds no room");
        slow.holds(1);
        assert!(!all.dismiss(Some(Pool::Asked)), "nor does it compete with questions");
        assert!(all.dismiss(Some(Pool::Written)));
        assert_eq!(slow.wait(pending::<()>()).await, None);
        assert!(!all.dismiss(None), "the others do not lag");
    }

    #[tokio::test]
    async fn trickling_is_no_progress_and_sending_is() {
        let all = Arc::new(Arrivals::default());
        let body = all.begin(Pool::Written);
        body.body.progress.lock().waited = LAG;
        assert_eq!(body.wait(async { 1 }).await, Some(1));
        body.came(LEAST_SENT_BYTES - 1);
        assert!(body.body.progress.lock().lag() >= LAG);
        body.came(1);
        assert_eq!(body.body.progress.lock().lag(), Duration::ZERO);
    }
}
