//! What start times tell of counters.

/// The time of a sample and since when it counts; 0: not known.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    /// In ms.
    pub time: i64,
    /// In ms.
    pub start: i64,
}

impl Counted {
    /// Whether it was counted anew after `before`, the sample before it.
    ///
    /// A start after its own sample means nothing, and one at it means that the start isn't known.
    #[must_use]
    pub fn is_reset_after(self, before: Self) -> bool {
        if self.start == 0 || self.start >= self.time || self.start < before.time {
            return false;
        }
        // Right where the sample before stands begins a delta, or what is known of a counter whose start isn't; in the
        // first case the sample before is a delta, too, with a start before it.
        self.start > before.time || (before.start != 0 && before.start < before.time)
    }

    /// Whether what it counts has begun before the sample before it, and yet not with that one.
    #[must_use]
    pub fn overlaps(self, before: Self) -> bool {
        self.start != 0 && self.start < before.time && self.start != before.start
    }

    /// When it was 0, if that is known and lies after `start`, where a window begins.
    #[must_use]
    pub fn zero_after(self, start: i64) -> Option<i64> {
        (self.start != 0 && self.start > start && self.start < self.time).then_some(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_between_two_samples_is_a_reset_and_so_is_a_delta() {
        let reset = |before: (i64, i64), now: (i64, i64)| {
            let counted = |(time, start)| Counted { time, start };
            counted(now).is_reset_after(counted(before))
        };
        assert!(reset((10, 0), (20, 15)));
        assert!(reset((10, 5), (20, 10)), "a delta after a delta");
        assert!(!reset((10, 0), (20, 10)) && !reset((10, 10), (20, 10)), "a counter whose start isn't known");
        assert!(!reset((10, 15), (20, 10)), "a start after its own sample");
        assert!(!reset((10, 5), (20, 5)) && !reset((10, 5), (20, 0)) && !reset((10, 5), (20, 20)));
    }

    #[test]
    fn starts_overlap_when_they_lie_before_the_sample_before_and_differ() {
        let overlaps = |before: (i64, i64), now: (i64, i64)| {
            Counted { time: now.0, start: now.1 }.overlaps(Counted { time: before.0, start: before.1 })
        };
        assert!(overlaps((10, 5), (20, 7)) && overlaps((10, 0), (20, 7)));
        assert!(!overlaps((10, 5), (20, 5)) && !overlaps((10, 5), (20, 10)) && !overlaps((10, 5), (20, 0)));
    }
}
