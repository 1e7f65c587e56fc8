//! `rate`, `increase` and `delta` at all steps of one series after the other.
//!
//! Which samples a window holds, and how far their difference is stretched to the whole window, depends on times alone.
//! The series of one scrape have their times in common and follow each other, so that all this is worked out for the first
//! of them and used for the others: what is left is a difference and a product for each step.

use super::rate::{Difference, EXTRAPOLATION_THRESHOLD};

/// A counter is looked at more closely where it may have begun inside the window: this leaves room for rounding.
const ROUNDING: f64 = 1e-9;
/// Times of longer series are not kept to be compared with: memory for samples is counted elsewhere.
const MOST_KEPT: usize = 1 << 16;
/// Below this, products lose digits.
const TINY: f64 = 1e-300;

/// Windows over the times of a series: a column for each number, so that the processor divides several at a time.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    /// What they were worked out for; no times when those aren't kept.
    times: Vec<i64>,
    ends: Vec<i64>,
    range: i64,
    per_second: bool,
    /// Samples in all windows together, and those of them that weren't in the one before.
    looked_at: usize,
    fresh: usize,
    /// The steps whose windows have two samples or more, and the positions of the first one and behind the last one.
    steps: Vec<usize>,
    lows: Vec<usize>,
    highs: Vec<usize>,
    /// Seconds from the first sample to the last, and how far the series is taken to reach beyond them.
    sampled: Vec<f64>,
    start: Vec<f64>,
    end: Vec<f64>,
    /// Distances between samples.
    parts: Vec<f64>,
    /// What the difference is divided by in the end: seconds of the window, or 1.
    unit: Vec<f64>,
    /// From the difference to what it is in the whole window.
    factor: Vec<f64>,
    /// A counter whose first value is above this much of the difference began before the window.
    share: Vec<f64>,
}

impl Windows {
    /// Makes them the windows of `range` ms that end at the ascending `ends` over the ascending `times`.
    pub(crate) fn fit(&mut self, (ends, range): (&[i64], i64), difference: Difference, times: &[i64]) {
        let same = (self.range, self.per_second) == (range, difference.per_second);
        if same && !times.is_empty() && self.times == times && self.ends == ends {
            return;
        }
        (self.range, self.per_second) = (range, difference.per_second);
        self.times.clear();
        if times.len() <= MOST_KEPT {
            self.times.extend_from_slice(times);
        }
        self.ends.clear();
        self.ends.extend_from_slice(ends);
        self.place(times);
        self.stretch();
    }

    /// Finds the samples of each window, and its distances in ms.
    fn place(&mut self, times: &[i64]) {
        let Self { ends, steps, lows, highs, sampled, start, end, parts, unit, .. } = self;
        [&mut *steps, &mut *lows, &mut *highs].into_iter().for_each(Vec::clear);
        [&mut *sampled, &mut *start, &mut *end, &mut *parts, &mut *unit].into_iter().for_each(Vec::clear);
        (self.looked_at, self.fresh) = (0, 0);
        let (mut low, mut high) = (0, 0);
        for (step, &window_end) in ends.iter().enumerate() {
            let window_start = window_end.saturating_sub(self.range);
            let seen = high;
            while times.get(high).is_some_and(|t| *t <= window_end) {
                high += 1;
            }
            while low < high && times.get(low).is_some_and(|t| *t <= window_start) {
                low += 1;
            }
            self.looked_at += high - low;
            self.fresh += high.saturating_sub(low.max(seen));
            if high < low + 2 {
                continue;
            }
            let (Some(&first), Some(&last)) = (times.get(low), times.get(high - 1)) else { continue };
            steps.push(step);
            lows.push(low);
            highs.push(high);
            parts.push((high - 1 - low) as f64);
            sampled.push(last.saturating_sub(first) as f64);
            start.push(first.saturating_sub(window_start) as f64);
            end.push(window_end.saturating_sub(last) as f64);
            unit.push(window_end.saturating_sub(window_start) as f64);
        }
    }

    /// Turns distances into factors, as [`super::rate::extrapolation`] does, by the same operations in the same order.
    fn stretch(&mut self) {
        let (per_second, windows) = (self.per_second, self.steps.len());
        self.factor.resize(windows, 0.0);
        self.share.resize(windows, 0.0);
        let inner = self.sampled.iter_mut().zip(&self.parts).zip(&mut self.unit);
        let outer = self.start.iter_mut().zip(&mut self.end);
        let results = self.factor.iter_mut().zip(&mut self.share);
        for ((((sampled, parts), unit), (start, end)), (factor, share)) in inner.zip(outer).zip(results) {
            *sampled /= 1000.0;
            *start /= 1000.0;
            *end /= 1000.0;
            *unit = if per_second { *unit / 1000.0 } else { 1.0 };
            let average = *sampled / parts;
            let (reach, half) = (average * EXTRAPOLATION_THRESHOLD, average / 2.0);
            *start = if *start >= reach { half } else { *start };
            *end = if *end >= reach { half } else { *end };
            *factor = (*sampled + *start + *end) / *sampled / *unit;
            *share = *start / *sampled * (1.0 + ROUNDING);
        }
    }

    /// Samples in all windows together.
    pub(crate) fn looked_at(&self) -> usize {
        self.looked_at
    }

    /// Samples in windows, each once for the windows that follow each other with it.
    pub(crate) fn fresh(&self) -> usize {
        self.fresh
    }

    /// Hands the steps where `difference`, which they were fitted for, has a value over `values` to `set`. `falls` are the
    /// positions of the falls in `values`.
    pub(crate) fn differences(
        &self,
        difference: Difference,
        values: &[f64],
        falls: &[u32],
        mut set: impl FnMut(usize, f64),
    ) {
        let mut falls = if difference.counter { falls } else { &[] };
        let places = self.steps.iter().zip(&self.lows).zip(&self.highs);
        for (i, (((&step, &low), &high), (factor, share))) in
            places.zip(self.factor.iter().zip(&self.share)).enumerate()
        {
            let (Some(&first), Some(&last)) = (values.get(low), values.get(high - 1)) else { continue };
            let mut result = last - first;
            if !falls.is_empty() {
                while falls.first().is_some_and(|at| *at as usize <= low) {
                    falls = falls.get(1..).unwrap_or_default();
                }
                for at in falls.iter().map(|at| *at as usize).take_while(|at| *at < high) {
                    result += values.get(at - 1).copied().unwrap_or(f64::NAN);
                }
            }
            let rises = difference.counter & (result > 0.0) & (first >= 0.0);
            let factor = if rises && (first <= result * share || result < TINY) {
                self.factor_from_zero(i, first / result).unwrap_or(*factor)
            } else {
                *factor
            };
            set(step, result * factor);
        }
    }

    /// The factor of window `i` for a counter that was 0 after its first sample's distance to there; `None` when that is
    /// before the window.
    fn factor_from_zero(&self, i: usize, ratio: f64) -> Option<f64> {
        let (sampled, start) = (*self.sampled.get(i)?, *self.start.get(i)?);
        let to_zero = sampled * ratio;
        (to_zero < start).then_some((sampled + to_zero + *self.end.get(i)?) / sampled / *self.unit.get(i)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{
            View,
            rate::{DELTA, INCREASE, RATE, extrapolated},
        },
        *,
    };

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            8 => (0u32..1000).prop_map(f64::from),
            1 => any::<f64>(),
            1 => (0u64..9).prop_map(f64::from_bits),
            1 => Just(f64::INFINITY),
            1 => Just(-0.0),
        ]
    }

    proptest! {
        #[test]
        fn going_through_series_finds_what_each_window_by_itself_has(
            gaps in prop::collection::vec(prop_oneof![3 => Just(15_000i64), 1 => 1i64..40_000], 0..60),
            series in prop::collection::vec((prop::collection::vec(value(), 60), any::<bool>()), 1..4),
            from in -50_000i64..200_000,
            step in 1i64..70_000,
            range in 1i64..200_000,
        ) {
            let mut windows = Windows::default();
            for ((values, late), difference) in series.iter().flat_map(|s| [(s, RATE), (s, INCREASE), (s, DELTA)]) {
                let mut time = i64::from(*late);
                let times: Vec<i64> = gaps.iter().map(|gap| { time += gap; time }).collect();
                let values = &values[..times.len()];
                let falls: Vec<u32> = (1..values.len()).filter(|i| values[*i] < values[*i - 1]).map(|i| i as u32).collect();
                let ends: Vec<i64> = (0..40).map(|i| from + i * step).collect();
                let mut found = vec![None; ends.len()];
                windows.fit((&ends, range), difference, &times);
                windows.differences(difference, values, &falls, |step, value| found[step] = Some(value.to_bits()));
                for (end, found) in ends.iter().zip(found) {
                    let low = times.partition_point(|t| *t <= end - range);
                    let high = times.partition_point(|t| t <= end).max(low);
                    let inside = |at: &&u32| low < **at as usize && (**at as usize) < high;
                    let events: Vec<u32> = falls.iter().filter(inside).copied().collect();
                    let view = View {
                        times: &times[low..high],
                        values: &values[low..high],
                        events: &events,
                        base: low,
                        start: end - range,
                        end: *end,
                        ..View::default()
                    };
                    prop_assert_eq!(extrapolated(&view, difference).map(f64::to_bits), found);
                }
            }
        }
    }
}
