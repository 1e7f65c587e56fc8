//! Time windows that grow with age.
//!
//! Windows of one level have one width and are aligned to it; each level's are six times as wide as those of the level
//! below, so that any two windows are disjoint or one holds the other:
//!
//! ```text,memory
//! level   0    1     2    3     4      5      ...  15          16
//! width   2 h  12 h  3 d  18 d  108 d  648 d       108 Myears  all of time
//! ```
//!
//! The *place* of a sample is the widest window around it that keeps clear of the present: a level-0 window for recent
//! samples, wider ones the further away. However far samples are spread, only a handful of places per level are in
//! use, about thirty for years of backfill.

use crate::model::TimeRange;

/// Width of level 0 in ms.
const BASE: i64 = 2 * 3_600_000;
/// How many windows of one level make one of the next.
const FACTOR: i64 = 6;
/// The level whose one window is all of time.
pub(in crate::storage) const EVERYTHING: u32 = 16;
/// How long (ms) a window that has ended still counts as present: late samples mostly come within that time.
const GRACE: i64 = BASE;

/// A level's width; `None` for all of time.
fn width(level: u32) -> Option<i64> {
    if level >= EVERYTHING { None } else { FACTOR.checked_pow(level)?.checked_mul(BASE) }
}

/// The window of `level` around `time`.
pub(in crate::storage) fn window(level: u32, time: i64) -> TimeRange {
    let Some(width) = width(level) else { return TimeRange::ALL };
    let start = i128::from(time.div_euclid(width)) * i128::from(width);
    let clamp = |t: i128| t.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
    TimeRange::new(clamp(start), clamp(start + i128::from(width) - 1))
}

/// Whether one window of `level` holds all of `times`.
pub(in crate::storage) fn fits(level: u32, times: TimeRange) -> bool {
    window(level, times.start).contains(times.end)
}

/// What places depend on.
#[derive(Debug, Clone, Copy)]
pub(in crate::storage) struct Calendar {
    now: i64,
    /// The widest level to use.
    pub(in crate::storage) top: u32,
}

impl Calendar {
    /// Places as seen at `now`. Where samples are dropped at the age of `retention` ms, windows are at most an eighth of
    /// that wide, or files would stay much longer than their samples.
    pub(in crate::storage) fn new(now: i64, retention: Option<i64>) -> Self {
        let narrow = |limit: i64| (1..EVERYTHING).take_while(|l| width(*l).is_some_and(|w| w <= limit / 8)).last();
        Self { now, top: retention.map_or(EVERYTHING, |limit| narrow(limit).unwrap_or(0)) }
    }

    /// Whether samples of this window are kept together: nothing narrower is their place.
    pub(in crate::storage) fn settled(&self, level: u32, window: TimeRange) -> bool {
        level == 0 || level <= self.top && (window.end < self.now.saturating_sub(GRACE) || window.start > self.now)
    }

    /// The place of samples at `time`.
    pub(in crate::storage) fn place(&self, time: i64) -> TimeRange {
        let wider = (1..=self.top).map(|level| (level, window(level, time)));
        let settled = wider.take_while(|(level, window)| self.settled(*level, *window));
        settled.last().map_or_else(|| window(0, time), |(_, window)| window)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn places_grow_with_age() {
        let calendar = Calendar::new(1_000 * 24 * HOUR + HOUR, None);
        let width = |age_hours: i64| {
            let place = calendar.place(calendar.now - age_hours * HOUR);
            (place.end - place.start + 1) / HOUR
        };
        assert_eq!(
            [0, 3, 40, 24 * 10, 24 * 60].map(width),
            [2, 2, 72, 72, 2_592],
            "as the borders fall: 18 days contain both ages of days"
        );
        assert!(width(24 * 900) >= 108 * 24);
    }

    #[test]
    fn retention_keeps_windows_narrow() {
        let day = 24 * HOUR;
        let widest = |retention: i64| {
            let place = Calendar::new(1 << 50, Some(retention)).place(0);
            (place.end - place.start + 1) / HOUR
        };
        assert_eq!([1, 3 * day, 15 * day, 365 * day].map(widest), [2, 2, 12, 432]);
    }

    #[test]
    fn years_of_samples_have_few_places() {
        let now = 1_760_000_000_000;
        let calendar = Calendar::new(now, None);
        let (mut places, mut time) = (0, now - 10 * 365 * 24 * HOUR);
        while time <= now {
            places += 1;
            time = calendar.place(time).end + 1;
        }
        assert!(places < 40, "{places}");
    }

    proptest! {
        #[test]
        fn windows_of_all_levels_nest_and_cover_their_time(time in any::<i64>(), other in any::<i64>(), level in 0u32..16) {
            let (inner, outer) = (window(level, time), window(level + 1, time));
            prop_assert!(inner.contains(time) && outer.start <= inner.start && inner.end <= outer.end);
            let stranger = window(level, other);
            prop_assert!(stranger == inner || !stranger.overlaps(inner));
        }

        #[test]
        fn a_place_is_the_place_of_all_in_it(now in any::<i64>(), time in any::<i64>(), share in 0.0f64..1.0) {
            let calendar = Calendar::new(now, None);
            let place = calendar.place(time);
            let length = place.end as i128 - place.start as i128;
            let inside = (place.start as i128 + (length as f64 * share) as i128).min(place.end as i128) as i64;
            prop_assert_eq!(calendar.place(inside), place);
        }
    }
}
