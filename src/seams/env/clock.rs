//! The time, passed in so that tests own it.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn now(&self) -> i64;

    /// Milliseconds since some moment, which nobody can set.
    fn monotonic(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }

    fn monotonic(&self) -> i64 {
        static START: OnceLock<Instant> = OnceLock::new();
        let since = START.get_or_init(Instant::now).elapsed();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// A clock that stands still until it is set. Time passes when it goes forward, and not when it is set back.
#[derive(Debug, Default)]
pub struct TestClock {
    now: AtomicI64,
    passed: AtomicI64,
}

impl TestClock {
    /// A clock that shows `now` (ms).
    #[must_use]
    pub const fn at(now: i64) -> Self {
        Self { now: AtomicI64::new(now), passed: AtomicI64::new(0) }
    }

    /// Sets the time.
    pub fn set(&self, now: i64) {
        let before = self.now.swap(now, Ordering::SeqCst);
        self.passed.fetch_add(now.saturating_sub(before).max(0), Ordering::SeqCst);
    }

    /// Has somebody set the clock by `ms` ahead, or back: no time passes.
    pub fn step(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    /// Moves the time on by `ms`.
    pub fn advance(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
        self.passed.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> i64 {
        self.passed.load(Ordering::SeqCst)
    }
}
