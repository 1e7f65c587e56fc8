//! Judges whether our clock can be trusted to say which samples lie in the future.
//!
//! A clock that is behind, because its battery ran out or it was set back, would have the server refuse, for good, every
//! sample that senders have: Prometheus drops what is answered 400. So samples ahead of the clock are refused for good only while
//! a sender agrees with it: a sample of about its time was acknowledged in the last five minutes, and the clock wasn't seen to go
//! back since. Else they get 503, and senders keep them until the clock is set right or another sender agrees with it.
//!
//! A time after the year 2200 is a wrong unit, not a sender's present, whatever our clock shows.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::metrics;
use crate::seams::{
    append::{Append, AppendThrough, Appending, Batch},
    env::Clock,
};

/// A clock that is slewed, not set, goes back by less. In ms.
const TOLERANCE: i64 = 1_000;
/// For how long (ms) an acknowledged sample confirms the clock.
const CONFIRMED_FOR: i64 = 5 * 60_000;
/// A sample confirms the clock if it is no further (ms) from it than this.
const AGREES: i64 = 10 * 60_000;
/// The first time (ms) that can't be a sender's present: the year 2200.
const IMPLAUSIBLE: i64 = 7_258_118_400_000;

/// What is known of the clock. Times are ms; `i64::MIN` stands for never.
pub(crate) struct ClockSkew {
    /// By how much the clock was ahead of the monotonic one at the last look.
    offset: AtomicI64,
    /// The monotonic clock's time when a sender last agreed with the clock.
    confirmed: AtomicI64,
    doubted: AtomicBool,
}

impl Default for ClockSkew {
    fn default() -> Self {
        metrics::CLOCK_DOUBTED.set(0);
        Self { offset: AtomicI64::new(i64::MIN), confirmed: AtomicI64::new(i64::MIN), doubted: AtomicBool::new(false) }
    }
}

impl ClockSkew {
    /// The time, with a look at whether it went back.
    pub(crate) fn now(&self, clock: &dyn Clock) -> i64 {
        let now = clock.now();
        let offset = now.saturating_sub(clock.monotonic());
        let before = self.offset.swap(offset, Ordering::Relaxed);
        if offset < before.saturating_sub(TOLERANCE) {
            self.confirmed.store(i64::MIN, Ordering::Relaxed);
            tracing::warn!(seconds = before.saturating_sub(offset) / 1_000, "the clock went back");
        }
        now
    }

    /// Why a sample at `time`, ahead of the clock, may be right, if it may.
    pub(crate) fn doubt(&self, time: i64, clock: &dyn Clock) -> Option<String> {
        let ahead = time.saturating_sub(self.now(clock)) / 1_000;
        let confirmed = self.confirmed.load(Ordering::Relaxed);
        let agreed = confirmed != i64::MIN && clock.monotonic().saturating_sub(confirmed) <= CONFIRMED_FOR;
        if agreed || time >= IMPLAUSIBLE {
            return None;
        }
        let why = format!(
            "a sample lies {ahead} s ahead of this server's clock, and no sender's samples agreed with the clock in the last \
             {} minutes or since it was seen to go back: one of the two clocks is wrong; keep what you have until it is set right",
            CONFIRMED_FOR / 60_000,
        );
        if !self.doubted.swap(true, Ordering::Relaxed) {
            metrics::CLOCK_DOUBTED.set(1);
            tracing::error!("{why}");
        }
        Some(why)
    }

    /// Notes the time of an acknowledged sample, one of the newest of its request.
    fn acknowledged(&self, time: i64, clock: &dyn Clock) {
        if time.abs_diff(self.now(clock)) > AGREES.unsigned_abs() {
            return;
        }
        self.confirmed.store(clock.monotonic(), Ordering::Relaxed);
        if self.doubted.swap(false, Ordering::Relaxed) {
            metrics::CLOCK_DOUBTED.set(0);
            tracing::info!("a sender's samples agree with the clock: what lies ahead of it is refused again");
        }
    }
}

/// An [`Append`] that reports the times of acknowledged samples to a [`ClockSkew`].
pub(crate) struct WitnessedAppend<'a> {
    pub(crate) append: &'a dyn Append,
    pub(crate) clock_skew: &'a ClockSkew,
    pub(crate) clock: &'a dyn Clock,
}

impl AppendThrough for WitnessedAppend<'_> {
    fn behind(&self) -> &dyn Append {
        self.append
    }

    fn pass(&self, mut batch: Batch) -> Appending<'_> {
        batch.witnessed = true;
        // Samples of a request are of about the same time, or ascend: looking at each gains nothing.
        let floats = [batch.floats.first(), batch.floats.last()].into_iter().flatten().map(|sample| sample.time);
        let histograms = [batch.histograms.first(), batch.histograms.last()].into_iter().flatten().map(|s| s.time);
        let newest = floats.chain(histograms).max();
        let appending = self.append.append(batch);
        Box::pin(async move {
            appending.await?;
            if let Some(newest) = newest {
                self.clock_skew.acknowledged(newest, self.clock);
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::env::TestClock;

    #[test]
    fn what_was_taken_before_the_clock_went_back_and_acknowledged_after_it_speaks_for_nothing() {
        const NOW: i64 = 1_600_000_000_000;
        let (clock, watch) = (TestClock::at(NOW), ClockSkew::default());
        watch.acknowledged(NOW, &clock);
        assert_eq!(watch.doubt(NOW + 3_600_000, &clock), None);
        clock.set(NOW - 3_600_000);
        watch.acknowledged(NOW, &clock);
        assert!(watch.doubt(NOW, &clock).is_some());
    }
}
