//! Start times of the floats in a run.
//!
//! Start times follow rules: of a counter all samples have the same, of deltas each has the time of the sample before,
//! or almost. So a rule is kept that holds from one sample on, and another one only where it is broken. Then even a
//! start per sample costs no more than a rule per sample.

use crate::model::StartTimes;

/// How the start of a sample follows from its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// It is this.
    Is(i64),
    /// It lies so far behind the time of the sample before, in ms.
    BehindPrevious(i64),
    /// It lies so far before the sample's own time.
    Before(i64),
}

impl Rule {
    /// The start of a sample of `time` after one of `previous`.
    fn start(self, previous: Option<i64>, time: i64) -> i64 {
        match (self, previous) {
            (Self::Is(start), _) => start,
            (Self::BehindPrevious(distance), Some(previous)) => previous.wrapping_add(distance),
            (Self::Before(distance), _) | (Self::BehindPrevious(distance), None) => time.wrapping_sub(distance),
        }
    }
}

/// A sample of the run whose start has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    previous: Option<i64>,
    time: i64,
    start: i64,
}

impl Told {
    /// The rules that say so, the likeliest first.
    fn rules(self) -> impl Iterator<Item = Rule> {
        let behind = self.previous.map(|previous| Rule::BehindPrevious(self.start.wrapping_sub(previous)));
        let is = Rule::Is(self.start);
        // None is no distance from anything.
        let others = behind.into_iter().chain([Rule::Before(self.time.wrapping_sub(self.start))]);
        std::iter::once(is).chain(others.filter(move |_| self.start != 0))
    }
}

/// The rules of a run, by the time of the first sample that each holds for. Samples before the first have no start.
#[derive(Debug, Clone, Default)]
pub(super) struct Starts {
    rules: Vec<(i64, Rule)>,
    /// The newest sample, as long as it is the only one that its rule was tried on.
    only: Option<Told>,
    newest: i64,
}

impl Starts {
    /// The start of the newest sample.
    pub(super) fn newest(&self) -> i64 {
        self.newest
    }

    /// Tells the start of a sample that joins the run after one of time `previous`.
    pub(super) fn push(&mut self, previous: Option<i64>, time: i64, start: i64) {
        self.newest = start;
        let now = Told { previous, time, start };
        let rule = self.rules.last().map_or(Rule::Is(0), |(_, rule)| *rule);
        if rule.start(previous, time) == start {
            self.only = None;
            return;
        }
        // The rule of a single sample may have been the wrong one of those that say so.
        let better = self.only.take().and_then(|only| {
            let agree = |rule: &Rule| rule.start(previous, time) == start;
            only.rules().find(agree)
        });
        if let (Some(better), Some(last)) = (better, self.rules.last_mut()) {
            last.1 = better;
        } else {
            self.rules.push((time, now.rules().next().unwrap_or(Rule::Is(start))));
            self.only = Some(now);
        }
    }

    /// The starts of these samples, which follow each other in the run; the first comes after one of time `previous`.
    pub(super) fn of(&self, mut previous: Option<i64>, times: &[i64]) -> StartTimes {
        let first = times.first().copied().unwrap_or_default();
        let mut next = self.rules.partition_point(|(from, _)| *from <= first);
        let mut rule = next.checked_sub(1).and_then(|i| self.rules.get(i)).map_or(Rule::Is(0), |(_, rule)| *rule);
        let starts = times.iter().map(|&time| {
            if let Some((_, begun)) = self.rules.get(next).filter(|(from, _)| *from <= time) {
                (rule, next) = (*begun, next + 1);
            }
            let start = rule.start(previous, time);
            previous = Some(time);
            start
        });
        StartTimes::new(starts.collect())
    }

    /// Bytes of memory beside the struct itself.
    pub(super) fn heap(&self) -> usize {
        self.rules.capacity() * size_of::<(i64, Rule)>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Tells the starts of a run, and answers how many rules they took.
    fn tell(samples: &[(i64, i64)]) -> (Starts, usize) {
        let (mut starts, mut previous) = (Starts::default(), None);
        for (time, start) in samples {
            starts.push(previous, *time, *start);
            previous = Some(*time);
        }
        let rules = starts.rules.len();
        (starts, rules)
    }

    #[test]
    fn what_follows_a_rule_takes_one() {
        let jitter = |i: i64| i * 15_000 + i * i % 7;
        let samples = |start: fn(&dyn Fn(i64) -> i64, i64) -> i64| -> Vec<(i64, i64)> {
            (1..100).map(|i| (jitter(i), start(&jitter, i))).collect()
        };
        assert_eq!(tell(&samples(|_, _| 0)).1, 0, "none");
        assert_eq!(tell(&samples(|_, _| 77)).1, 1, "a counter");
        assert_eq!(tell(&samples(|time, i| time(i - 1))).1, 1, "deltas");
        assert_eq!(tell(&samples(|time, i| time(i - 1) + 1)).1, 2, "deltas that begin a ms later; the first by itself");
        assert_eq!(tell(&samples(|time, i| time(i) - 1)).1, 1, "deltas of a ms");
        assert_eq!(tell(&samples(|_, i| 77 + i / 50)).1, 2, "a counter that was reset");
    }

    proptest! {
        #[test]
        fn every_start_comes_back_from_any_sample_on(
            steps in prop::collection::vec((1i64..4, 0usize..5, -3i64..3), 0..60),
            from in 0usize..60,
        ) {
            let (mut time, mut samples) = (0, Vec::new());
            for (gap, kind, distance) in steps {
                let previous = time;
                time += gap;
                let start = [0, 5, previous + distance, time + distance, distance][kind];
                samples.push((time, start));
            }
            let (starts, _) = tell(&samples);
            let from = from.min(samples.len());
            let (times, want): (Vec<i64>, Vec<i64>) = samples[from..].iter().copied().unzip();
            let previous = from.checked_sub(1).map(|i| samples[i].0);
            prop_assert_eq!(starts.of(previous, &times), StartTimes::new(want));
        }
    }
}
