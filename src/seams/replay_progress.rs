//! How far the replay of the log is, for people who wait for a store to open.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Numbers of log segments. Clones show the same replay.
#[derive(Debug, Clone, Default)]
pub struct ReplayProgress(Arc<Segments>);

#[derive(Debug, Default)]
struct Segments {
    first: AtomicU64,
    last: AtomicU64,
    current: AtomicU64,
}

impl ReplayProgress {
    /// Segments `first` to `last` are going to be read.
    pub fn begin(&self, first: u64, last: u64) {
        self.0.first.store(first, Ordering::Relaxed);
        self.0.last.store(last, Ordering::Relaxed);
        self.0.current.store(first, Ordering::Relaxed);
    }

    /// Segment `number` is being read.
    pub fn advance(&self, number: u64) {
        self.0.current.store(number, Ordering::Relaxed);
    }

    /// The first and last segment to be read, and the one being read; all 0 before anything is known.
    #[must_use]
    pub fn segments(&self) -> (u64, u64, u64) {
        let [first, last, current] =
            [&self.0.first, &self.0.last, &self.0.current].map(|number| number.load(Ordering::Relaxed));
        (first, last, current)
    }
}
