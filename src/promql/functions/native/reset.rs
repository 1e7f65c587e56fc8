//! Whether a counter histogram started anew.

use super::{
    arithmetic::{common_bounds, reduced, under_bounds},
    bounds,
    float::{Cell, FloatHistogram},
};
use crate::model::ResetHint;

/// Whether any count of `before` is larger than that of `now`.
fn any_fell(now: &[Cell], before: &[Cell]) -> bool {
    let mut now = now.iter().peekable();
    before.iter().any(|old| {
        while now.next_if(|new| new.index < old.index).is_some() {}
        match now.peek() {
            Some(new) if new.index == old.index => new.count.total() < old.count.total(),
            _ => old.count.total() != 0.0,
        }
    })
}

impl FloatHistogram {
    /// Whether this can't be `before` with observations added.
    pub(crate) fn is_reset_after(&self, before: &Self) -> bool {
        match self.hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count.total() < before.count.total() {
            return true;
        }
        if self.is_custom() {
            if !before.is_custom() {
                return true;
            }
            if self.custom != before.custom {
                let common = common_bounds(&self.custom, &before.custom);
                let now = under_bounds(&self.positive, &self.custom, &common);
                return any_fell(&now, &under_bounds(&before.positive, &before.custom, &common));
            }
            return any_fell(&self.positive, &before.positive);
        }
        // Resolution and zero bucket only get coarser while a histogram lives.
        if before.is_custom() || self.schema > before.schema || self.zero_threshold < before.zero_threshold {
            return true;
        }
        let (zero, threshold) = before.zero_up_to(self.zero_threshold);
        if threshold != self.zero_threshold || self.zero.total() < zero.total() {
            return true;
        }
        let outside = |cells: &[Cell], schema: i32| {
            let mut cells = reduced(cells, schema, self.schema);
            cells.retain(|c| bounds::upper(self.schema, c.index) > threshold);
            cells
        };
        [(&self.positive, &before.positive), (&self.negative, &before.negative)]
            .into_iter()
            .any(|(now, old)| any_fell(&outside(now, self.schema), &outside(old, before.schema)))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::float::tests::{custom, exponential},
        *,
    };

    #[test]
    fn a_count_that_fell_is_a_reset_and_growth_is_none() {
        let before = exponential(0, 1.0, &[1.0, 2.0]);
        assert!(!exponential(0, 1.0, &[1.0, 2.0]).is_reset_after(&before));
        assert!(!exponential(0, 2.0, &[1.0, 3.0, 1.0]).is_reset_after(&before));
        assert!(exponential(0, 1.0, &[0.0, 9.0]).is_reset_after(&before));
        assert!(exponential(0, 0.0, &[9.0, 9.0]).is_reset_after(&before));
        assert!(exponential(1, 1.0, &[9.0, 9.0]).is_reset_after(&before), "finer than before");
        assert!(!exponential(-1, 1.0, &[1.0, 2.0]).is_reset_after(&before));
    }

    #[test]
    fn hints_decide() {
        let before = exponential(0, 1.0, &[9.0]);
        let now = exponential(0, 1.0, &[1.0]);
        assert!(!FloatHistogram { hint: ResetHint::NotReset, ..now }.is_reset_after(&before));
        assert!(FloatHistogram { hint: ResetHint::Reset, ..before.clone() }.is_reset_after(&before));
    }

    #[test]
    fn custom_buckets_are_compared_between_common_bounds() {
        let before = custom(&[1.0, 2.0], &[1.0, 2.0, 3.0]);
        assert!(!custom(&[2.0], &[3.0, 3.0]).is_reset_after(&before));
        assert!(custom(&[2.0], &[2.0, 9.0]).is_reset_after(&before));
        assert!(custom(&[2.0], &[9.0]).is_reset_after(&exponential(0, 1.0, &[])));
    }
}
