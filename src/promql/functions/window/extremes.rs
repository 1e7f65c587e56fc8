//! The largest or smallest value of a window that moves.

use std::collections::VecDeque;

/// Candidates for the extreme: each is beaten by none after it, so the first one inside the window is the extreme.
/// Every value enters and leaves once, however long windows are.
pub(crate) struct Extremes {
    beats: fn(f64, f64) -> bool,
    candidates: VecDeque<(usize, f64)>,
    seen: usize,
}

impl Extremes {
    pub(crate) fn new(beats: fn(f64, f64) -> bool) -> Self {
        Self { beats, candidates: VecDeque::new(), seen: 0 }
    }

    /// Moves to the window of positions `low..high`; neither may step back. Answers the extreme there, or `None` when
    /// nothing but NaN is inside. Of equal values the first counts.
    pub(crate) fn slide(&mut self, values: &[f64], low: usize, high: usize) -> Option<f64> {
        for (i, value) in values.iter().enumerate().take(high).skip(self.seen) {
            if value.is_nan() {
                continue;
            }
            while self.candidates.pop_back_if(|(_, last)| (self.beats)(*value, *last)).is_some() {}
            self.candidates.push_back((i, *value));
        }
        self.seen = self.seen.max(high);
        while self.candidates.pop_front_if(|(i, _)| *i < low).is_some() {}
        self.candidates.front().map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_window_has_the_extreme_that_looking_at_all_of_it_finds(
            values in proptest::collection::vec(prop_oneof![3 => -5.0..5.0f64, 1 => Just(f64::NAN), 1 => Just(0.0)], 0..40),
            moves in proptest::collection::vec((0usize..4, 0usize..4), 0..20),
        ) {
            let mut extremes = Extremes::new(|a, b| a > b);
            let (mut low, mut high) = (0, 0);
            for (forward_low, forward_high) in moves {
                high = (high + forward_high).min(values.len());
                low = (low + forward_low).min(high);
                let all = values[low..high].iter().copied().filter(|v| !v.is_nan());
                let expected = all.reduce(|best, v| if v > best { v } else { best });
                prop_assert_eq!(extremes.slide(&values, low, high), expected);
            }
        }
    }
}
