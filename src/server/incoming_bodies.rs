//! Request bodies that are being received, of which the slowest is evicted when connections or memory are short.
//!
//! A client may send slowly as long as no other request needs what it holds. When one does, the body for which the server has
//! waited longest is evicted: its sender is told to try again. Only time spent waiting for the client counts, and less than
//! [`LEAST_SENT_BYTES`] are no progress.

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

/// What a body is for. Bodies of one kind compete for the same memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// A form or a remote read.
    Query,
    /// A remote write or an import.
    Write,
}

/// All bodies being received.
#[derive(Debug, Default)]
pub(crate) struct IncomingBodies(Mutex<Bodies>);

#[derive(Debug, Default)]
struct Bodies {
    next: u64,
    by_number: BTreeMap<u64, Arc<Body>>,
}

#[derive(Debug)]
struct Body {
    kind: BodyKind,
    /// Bytes of memory reserved for it.
    reserved: AtomicU64,
    progress: Mutex<Progress>,
    evicted: Notify,
}

#[derive(Debug, Default)]
struct Progress {
    /// Since when the server waits for the client; `None` while the client waits for the server.
    waiting_since: Option<Instant>,
    /// How long the server waited before that for bytes that were too few to count.
    waited: Duration,
    /// Bytes received in that time.
    received: usize,
}

impl Progress {
    fn lag(&self) -> Duration {
        self.waited + self.waiting_since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// A body's entry among those being received, removed when this is dropped.
#[derive(Debug)]
pub(crate) struct IncomingBody {
    all: Arc<IncomingBodies>,
    number: u64,
    body: Arc<Body>,
}

impl IncomingBodies {
    /// Adds a body.
    pub(crate) fn begin(self: &Arc<Self>, kind: BodyKind) -> IncomingBody {
        let body =
            Arc::new(Body { kind, reserved: AtomicU64::new(0), progress: Mutex::default(), evicted: Notify::new() });
        let mut bodies = self.0.lock();
        let number = bodies.next;
        bodies.next += 1;
        bodies.by_number.insert(number, Arc::clone(&body));
        drop(bodies);
        IncomingBody { all: Arc::clone(self), number, body }
    }

    /// Evicts the body that lags most; with `kind`, of those of that kind that have memory reserved. `false` when none lags.
    pub(crate) fn evict_slowest(&self, kind: Option<BodyKind>) -> bool {
        let mut bodies = self.0.lock();
        let holds =
            |body: &Body| kind.is_none_or(|kind| body.kind == kind && body.reserved.load(Ordering::Relaxed) > 0);
        let waiting = |body: &Body| {
            let progress = body.progress.lock();
            progress.waiting_since.map(|_| progress.lag()).filter(|lag| *lag >= LAG)
        };
        let lags = bodies.by_number.iter().filter(|(_, body)| holds(body));
        let slowest = lags.filter_map(|(number, body)| Some((waiting(body)?, *number))).max();
        let Some(body) = slowest.and_then(|(_, number)| bodies.by_number.remove(&number)) else { return false };
        body.evicted.notify_one();
        true
    }
}

impl IncomingBody {
    /// Tells how many bytes are reserved for it.
    pub(crate) fn set_reserved(&self, bytes: u64) {
        self.body.reserved.store(bytes, Ordering::Relaxed);
    }

    /// Waits for `next` to come from the client; `None` when the body is evicted meanwhile.
    pub(crate) async fn wait<T>(&self, next: impl Future<Output = T>) -> Option<T> {
        let _waiting = Waiting::begin(&self.body);
        tokio::select! {
            biased;
            next = next => Some(next),
            () = self.body.evicted.notified() => None,
        }
    }

    /// Counts bytes received: enough of them begin the lag anew.
    pub(crate) fn received(&self, bytes: usize) {
        let mut progress = self.body.progress.lock();
        progress.received += bytes;
        if progress.received >= LEAST_SENT_BYTES {
            *progress = Progress::default();
        }
    }
}

impl Drop for IncomingBody {
    fn drop(&mut self) {
        self.all.0.lock().by_number.remove(&self.number);
    }
}

/// Counts the time until it is dropped as waiting for the client.
struct Waiting<'b>(&'b Body);

impl<'b> Waiting<'b> {
    fn begin(body: &'b Body) -> Self {
        body.progress.lock().waiting_since = Some(Instant::now());
        Self(body)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut progress = self.0.progress.lock();
        progress.waited = progress.lag();
        progress.waiting_since = None;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    /// A body for whose client the server has waited so long.
    fn lagging(all: &Arc<IncomingBodies>, kind: BodyKind, lag: Duration) -> IncomingBody {
        let incoming = all.begin(kind);
        let mut progress = incoming.body.progress.lock();
        (progress.waited, progress.waiting_since) = (lag, Some(Instant::now()));
        drop(progress);
        incoming
    }

    #[tokio::test]
    async fn the_body_that_lags_most_is_evicted_first_and_those_that_come_are_not() {
        let all = Arc::new(IncomingBodies::default());
        let (slow, slower) = (lagging(&all, BodyKind::Write, LAG), lagging(&all, BodyKind::Write, 2 * LAG));
        let (_busy, _fresh) = (all.begin(BodyKind::Write), lagging(&all, BodyKind::Query, Duration::ZERO));
        assert!(all.evict_slowest(None));
        assert_eq!(slower.wait(pending::<()>()).await, None);
        assert!(!all.evict_slowest(Some(BodyKind::Write)), "no memory is reserved for the other one");
        slow.set_reserved(1);
        assert!(!all.evict_slowest(Some(BodyKind::Query)), "nor does it compete with questions");
        assert!(all.evict_slowest(Some(BodyKind::Write)));
        assert_eq!(slow.wait(pending::<()>()).await, None);
        assert!(!all.evict_slowest(None), "the others do not lag");
    }

    #[tokio::test]
    async fn trickling_is_no_progress_and_sending_is() {
        let all = Arc::new(IncomingBodies::default());
        let body = all.begin(BodyKind::Write);
        body.body.progress.lock().waited = LAG;
        assert_eq!(body.wait(async { 1 }).await, Some(1));
        body.received(LEAST_SENT_BYTES - 1);
        assert!(body.body.progress.lock().lag() >= LAG);
        body.received(1);
        assert_eq!(body.body.progress.lock().lag(), Duration::ZERO);
    }
}
