//! The time that something irreversible may rest on: what is older than retention goes for good.
//!
//! The machine's clock is one fact, and may be years ahead for a moment: a dead battery, a typing error, a broken time server. So
//! the time is *believed* only as far as something else speaks for it.
//!
//! - From the last time believed it goes on with the monotonic clock. A clock that is at most an hour ahead of that, or behind
//!   it, is believed at once.
//! - One that is further ahead is believed when remote writes have brought samples of its time for five minutes, or when it has
//!   been so for an hour in which none brought samples of the time that was believed. Samples of our own don't count: they
//!   have the clock's time whatever it is.
//! - The file `CLOCK` has the time last believed for the next start; without one the newest sample tells.
//!
//! ```text
//! CLOCK    8 bytes: the time last believed at a flush (ms), little endian; 4 bytes: crc32 of these
//! ```

use std::path::Path;

use parking_lot::Mutex;

use super::{error::StorageError, layout, replace::replace};
use crate::{
    codec::checksum::crc32,
    seams::env::{Clock, Disk},
};

const MINUTE: i64 = 60_000;
/// A clock that is ahead by no more than this (ms) is believed: at most that much is deleted too early.
const TOLERANCE: i64 = 60 * MINUTE;
/// A sample no further than this (ms) from a clock is of its time.
const NOW: i64 = 10 * MINUTE;
/// A clock that is ahead is confirmed by samples of its time that were written this long (ms) apart.
const CONFIRMED_AFTER: i64 = 5 * MINUTE;
/// A clock that is ahead is believed after this time (ms) in which no sample spoke against it.
const HELD_FOR: i64 = 60 * MINUTE;

/// Keeps the time that is believed.
pub(super) struct Timekeeper(Mutex<State>);

#[derive(Default)]
struct State {
    /// The time believed, and the monotonic clock's then. Nothing is known before the first look.
    believed: Option<(i64, i64)>,
    doubt: Option<Doubt>,
    /// What `CLOCK` has.
    stored: Option<i64>,
}

/// A clock that is ahead. Times are the monotonic clock's.
struct Doubt {
    /// By how much it is ahead of the monotonic clock.
    offset: i64,
    since: i64,
    confirmed_since: Option<i64>,
}

impl Timekeeper {
    /// Begins with what `CLOCK` says, or with the time of the newest sample.
    pub(super) fn open(disk: &dyn Disk, clock: &dyn Clock, newest: Option<i64>) -> Self {
        let stored = read(disk);
        let believed = stored.or(newest).map(|time| (time, clock.monotonic()));
        Self(Mutex::new(State { believed, doubt: None, stored }))
    }

    /// The time as far as it is believed, in ms.
    pub(super) fn now(&self, clock: &dyn Clock) -> i64 {
        self.0.lock().now(clock)
    }

    /// Takes note that a sender has written a sample of `time`.
    pub(super) fn witness(&self, time: i64, clock: &dyn Clock) {
        let mut state = self.0.lock();
        let expected = state.now(clock);
        let (now, monotonic) = (clock.now(), clock.monotonic());
        let Some(doubt) = &mut state.doubt else { return };
        if time.abs_diff(now) <= NOW.unsigned_abs() {
            let since = *doubt.confirmed_since.get_or_insert(monotonic);
            if monotonic.saturating_sub(since) >= CONFIRMED_AFTER {
                state.believe(now, monotonic);
            }
        } else if time.abs_diff(expected) <= NOW.unsigned_abs() {
            (doubt.since, doubt.confirmed_since) = (monotonic, None);
        }
    }

    /// Writes the time for the next start, if it has gone on by so much that it matters.
    pub(super) fn store(&self, disk: &dyn Disk, clock: &dyn Clock) -> Result<(), StorageError> {
        let mut state = self.0.lock();
        let now = state.now(clock);
        if state.stored.is_some_and(|stored| stored.abs_diff(now) < TOLERANCE.unsigned_abs()) {
            return Ok(());
        }
        let time = now.to_le_bytes();
        replace(disk, Path::new(""), layout::CLOCK, &[&time[..], &crc32(&time).to_le_bytes()].concat())?;
        state.stored = Some(now);
        Ok(())
    }
}

impl State {
    fn now(&mut self, clock: &dyn Clock) -> i64 {
        let (now, monotonic) = (clock.now(), clock.monotonic());
        let expected = self.believed.map_or(now, |(time, at)| time.saturating_add(monotonic.saturating_sub(at)));
        if now <= expected.saturating_add(TOLERANCE) {
            self.believe(now, monotonic);
            return now;
        }
        let offset = now.saturating_sub(monotonic);
        match &self.doubt {
            Some(doubt) if doubt.offset.abs_diff(offset) <= TOLERANCE.unsigned_abs() => {
                if monotonic.saturating_sub(doubt.since) >= HELD_FOR {
                    self.believe(now, monotonic);
                    return now;
                }
            }
            _ => {
                let ahead = now.saturating_sub(expected) / 1_000;
                tracing::warn!(
                    seconds = ahead,
                    "the clock is ahead of what was known: nothing expires by it until senders confirm it, or for an hour"
                );
                self.doubt = Some(Doubt { offset, since: monotonic, confirmed_since: None });
            }
        }
        expected
    }

    fn believe(&mut self, now: i64, monotonic: i64) {
        self.believed = Some((now, monotonic));
        if self.doubt.take().is_some() {
            tracing::info!("the clock is believed: what has expired by it goes");
        }
    }
}

/// What `CLOCK` has, if it is there and whole.
fn read(disk: &dyn Disk) -> Option<i64> {
    let bytes = disk.open(Path::new(layout::CLOCK)).ok()?.read_all().ok()?;
    let (time, crc) = bytes.split_first_chunk::<8>()?;
    (crc == crc32(time).to_le_bytes()).then(|| i64::from_le_bytes(*time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::env::{SimDisk, TestClock};

    const DAY: i64 = 24 * 60 * MINUTE;

    #[test]
    fn a_clock_that_is_ahead_is_believed_by_senders_or_after_an_hour_without_any() {
        let (disk, clock) = (SimDisk::new(), TestClock::at(100 * DAY));
        let keeper = Timekeeper::open(&disk, &clock, Some(99 * DAY));
        assert_eq!(keeper.now(&clock), 99 * DAY);
        clock.advance(HELD_FOR - 1);
        assert_eq!(keeper.now(&clock), 99 * DAY + HELD_FOR - 1);
        clock.advance(1);
        assert_eq!(keeper.now(&clock), clock.now(), "nobody has said anything else");

        clock.step(10 * DAY);
        keeper.now(&clock);
        for minute in 0..5 {
            keeper.witness(clock.now() + minute, &clock);
            assert!(keeper.now(&clock) < clock.now() - 9 * DAY, "{minute}");
            clock.advance(MINUTE);
        }
        keeper.witness(clock.now(), &clock);
        assert_eq!(keeper.now(&clock), clock.now());

        clock.step(10 * DAY);
        for _ in 0..10 {
            keeper.witness(clock.now() - 10 * DAY, &clock);
            assert_eq!(keeper.now(&clock), clock.now() - 10 * DAY, "senders speak against it");
            clock.advance(HELD_FOR - 1);
        }
        clock.step(-10 * DAY);
        assert_eq!(keeper.now(&clock), clock.now());
        clock.step(-DAY);
        assert_eq!(keeper.now(&clock), clock.now(), "less expires");
    }

    #[test]
    fn what_was_believed_is_there_at_the_next_start_and_damage_is_no_time() {
        let (disk, clock) = (SimDisk::new(), TestClock::at(100 * DAY));
        let keeper = Timekeeper::open(&disk, &clock, None);
        keeper.store(&disk, &clock).unwrap();
        clock.step(3_650 * DAY);
        keeper.store(&disk, &clock).unwrap();
        // A sample of our own has the clock's time.
        let again = Timekeeper::open(&disk, &clock, Some(clock.now()));
        assert_eq!(again.now(&clock), 100 * DAY);
        disk.flip_bit(Path::new(layout::CLOCK), 6, 1).unwrap();
        assert_eq!(Timekeeper::open(&disk, &clock, Some(99 * DAY)).now(&clock), 99 * DAY);
    }
}
