//! Buckets of time.
//!
//! A bucket begins at a whole multiple of the interval since 1970, plus the offset; with a time zone, at one of local time, so that
//! a day has 23 or 25 hours now and then.

use jiff::{Timestamp, tz::TimeZone};

/// The first and the last time in ns there is: those beyond mean that there is no bound.
pub(super) const FIRST: i64 = i64::MIN + 2;
pub(super) const LAST: i64 = i64::MAX - 1;

/// How time is cut.
#[derive(Debug, Clone)]
pub(super) struct Window {
    /// The length of a bucket in ns, above 0.
    pub(super) interval: i64,
    /// The length of time that a bucket's points are of, up to its end: that of the bucket, unless it rolls.
    pub(super) length: i64,
    /// How far buckets are moved, less than an interval.
    pub(super) offset: i64,
    /// Where local time counts.
    pub(super) zone: Option<TimeZone>,
}

/// How far a zone is ahead of UTC, in ns.
pub(super) fn ahead(zone: &TimeZone, at: i64) -> i64 {
    let time = Timestamp::from_nanosecond(i128::from(at)).unwrap_or(Timestamp::UNIX_EPOCH);
    i64::from(zone.to_offset(time).seconds()) * 1_000_000_000
}

impl Window {
    fn ahead(&self, at: i64) -> i64 {
        self.zone.as_ref().map_or(0, |zone| ahead(zone, at))
    }

    /// The bucket of a time: when it begins, and when the next one does.
    pub(super) fn bounds(&self, time: i64) -> (i64, i64) {
        let t = time.saturating_sub(self.offset);
        let zone = self.ahead(t);
        let into = t.saturating_add(zone).rem_euclid(self.interval);
        // A change of the zone by more than a bucket moves no bucket.
        let moved = |edge: i64| {
            let by = zone - self.ahead(edge);
            if by.saturating_abs() < self.interval { edge.saturating_add(by) } else { edge }
        };
        let edge = |edge: i64| {
            let edge = edge.saturating_add(self.offset);
            if self.zone.is_some() { moved(edge) } else { edge }
        };
        let start = if FIRST.saturating_add(into) >= t { FIRST } else { edge(t - into) };
        (start, edge(t.saturating_add(self.interval - into)))
    }

    /// Whether a point may be in several buckets, or in none.
    pub(super) fn is_rolling(&self) -> bool {
        self.length != self.interval
    }

    /// How long before its begin the points of a bucket may be.
    pub(super) fn before(&self) -> i64 {
        self.length.saturating_sub(self.interval).max(0)
    }

    /// The same cuts, with buckets that don't roll.
    pub(super) fn plain(&self) -> Self {
        Self { length: self.interval, ..self.clone() }
    }

    /// When the bucket begins.
    pub(super) fn start(&self, time: i64) -> i64 {
        self.bounds(time).0
    }

    /// The beginnings of buckets from that at `from` on, forwards or backwards.
    pub(super) fn walk(&self, from: i64, backwards: bool) -> Walk<'_> {
        Walk { window: self, at: from, ahead: self.ahead(from), backwards }
    }
}

/// A walk from bucket to bucket.
pub(super) struct Walk<'w> {
    window: &'w Window,
    at: i64,
    ahead: i64,
    backwards: bool,
}

impl Walk<'_> {
    /// Where it is.
    pub(super) fn at(&self) -> i64 {
        self.at
    }

    /// Goes to the next bucket.
    pub(super) fn step(&mut self) {
        let interval = self.window.interval;
        self.at = if self.backwards { self.at.saturating_sub(interval) } else { self.at.saturating_add(interval) };
        if self.window.zone.is_some() {
            let ahead = self.window.ahead(self.at - 1);
            let by = self.ahead - ahead;
            if by != 0 {
                if by.abs() < interval {
                    self.at += by;
                }
                self.ahead = ahead;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    #[test]
    fn buckets_begin_at_multiples_of_the_interval_plus_the_offset() {
        let window = Window { interval: 30 * S, length: 30 * S, offset: 10 * S, zone: None };
        assert_eq!(window.bounds(75 * S), (70 * S, 100 * S));
        assert_eq!(window.bounds(70 * S), (70 * S, 100 * S));
        assert_eq!(window.bounds(-S), (-20 * S, 10 * S));
        assert_eq!(window.bounds(FIRST).0, FIRST);
    }

    #[test]
    fn a_local_day_has_as_many_hours_as_it_has() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let window = Window { interval: 24 * 3600 * S, length: 24 * 3600 * S, offset: 0, zone: Some(zone) };
        let midnight = |text: &str| text.parse::<Timestamp>().unwrap().as_nanosecond() as i64;
        let (start, end) = window.bounds(midnight("2024-03-31T12:00:00Z"));
        assert_eq!((start, end), (midnight("2024-03-30T23:00:00Z"), midnight("2024-03-31T22:00:00Z")));
        let mut walk = window.walk(start, false);
        walk.step();
        assert_eq!(walk.at(), end);
    }
}
