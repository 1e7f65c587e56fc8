//! Whether our clock can be trusted to say which samples lie in the future.
//!
//! A clock that is set back while the server runs would have it refuse, for good, every sample that senders have: Prometheus
//! drops what is answered 400. So where two things speak against the clock, samples ahead of it get 503, and senders keep them:
//!
//! - it was seen to go back: it shows less, against the monotonic clock, than it did before, and
//! - samples were acknowledged that are now further ahead of it than any may be.
//!
//! That ends when the clock is set right, or when a sender writes samples of about our time, which speaks for it: from then on
//! what lies ahead is refused as ever.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::model::Labels;
use crate::seams::{
    append::{Append, AppendError, Appending, Batch, Fingerprint, SeriesId},
    env::Clock,
};

/// A clock that is slewed, not set, goes back by less.
const TOLERANCE: i64 = 1_000;

/// What is known of the clock. Times are ms.
pub(crate) struct ClockWatch {
    /// The most that the clock was ahead of the monotonic one.
    offset: AtomicI64,
    /// The newest sample acknowledged.
    newest: AtomicI64,
    doubted: AtomicBool,
}

impl Default for ClockWatch {
    fn default() -> Self {
        Self { offset: AtomicI64::new(i64::MIN), newest: AtomicI64::new(i64::MIN), doubted: AtomicBool::new(false) }
    }
}

impl ClockWatch {
    /// The time, with a look at how it goes.
    pub(crate) fn now(&self, clock: &dyn Clock) -> i64 {
        let now = clock.now();
        self.offset.fetch_max(now.saturating_sub(clock.monotonic()), Ordering::Relaxed);
        now
    }

    /// Why samples ahead of the clock may be right, if they may.
    pub(crate) fn doubt(&self, clock: &dyn Clock, max_ahead: i64) -> Option<String> {
        let now = clock.now();
        let back = self.offset.load(Ordering::Relaxed).saturating_sub(now.saturating_sub(clock.monotonic()));
        let ahead = self.newest.load(Ordering::Relaxed).saturating_sub(now);
        if back <= TOLERANCE || ahead <= max_ahead {
            return None;
        }
        let why = format!(
            "this server's clock went back by {} s, and samples acknowledged before are {} s ahead of it: until it is set right \
             nobody can tell which lie in the future; keep what you have",
            back / 1_000,
            ahead / 1_000,
        );
        if !self.doubted.swap(true, Ordering::Relaxed) {
            tracing::error!("{why}");
        }
        Some(why)
    }

    /// Notes the time of an acknowledged sample, one of the newest of its request.
    fn acknowledged(&self, time: i64, clock: &dyn Clock, max_ahead: i64) {
        self.newest.fetch_max(time, Ordering::Relaxed);
        if !self.doubted.load(Ordering::Relaxed) {
            return;
        }
        let now = clock.now();
        if time.abs_diff(now) <= max_ahead.unsigned_abs() {
            self.offset.store(now.saturating_sub(clock.monotonic()), Ordering::Relaxed);
            self.newest.store(time, Ordering::Relaxed);
            self.doubted.store(false, Ordering::Relaxed);
            tracing::info!("a sender's samples agree with the clock: what lies ahead of it is refused again");
        }
    }
}

/// A store whose acknowledged samples are noted.
pub(crate) struct Noting<'a> {
    pub(crate) append: &'a dyn Append,
    pub(crate) watch: &'a ClockWatch,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) max_ahead: i64,
}

impl Append for Noting<'_> {
    fn known(&self, fingerprint: Fingerprint) -> Option<SeriesId> {
        self.append.known(fingerprint)
    }

    fn followers(&self, most: usize, next: &mut Vec<(Fingerprint, SeriesId)>) {
        self.append.followers(most, next);
    }

    fn series(
        &self,
        labels: &Labels,
        fingerprint: Option<Fingerprint>,
        batch: &mut Batch,
    ) -> Result<SeriesId, AppendError> {
        self.append.series(labels, fingerprint, batch)
    }

    fn admits(&self) -> Result<(), AppendError> {
        self.append.admits()
    }

    fn append(&self, mut batch: Batch) -> Appending<'_> {
        batch.witnessed = true;
        // Samples of a request are of about the same time, or ascend: looking at each gains nothing.
        let floats = [batch.floats.first(), batch.floats.last()].into_iter().flatten().map(|sample| sample.time);
        let histograms = [batch.histograms.first(), batch.histograms.last()].into_iter().flatten().map(|s| s.time);
        let newest = floats.chain(histograms).max();
        let appending = self.append.append(batch);
        Box::pin(async move {
            appending.await?;
            if let Some(newest) = newest {
                self.watch.acknowledged(newest, self.clock, self.max_ahead);
            }
            Ok(())
        })
    }
}
