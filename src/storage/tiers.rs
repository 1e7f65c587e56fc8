//! Files of like size that are worth merging: tables of a window, or segments of the index.

/// Tables and segments below this size (bytes) are all of the lowest tier.
const SMALLEST: u64 = 1 << 20;

/// The first run of neighbours with at least `fan_in` of the lowest possible tier and none of a higher one, together at
/// most `limit` large.
///
/// A file's tier is the logarithm of its size to the base of the fan-in, so that bytes are rewritten once per tier.
pub(super) fn pick(sizes: &[u64], fan_in: usize, limit: u64) -> Option<std::ops::Range<usize>> {
    let fan_in = fan_in.max(2);
    let tier = |size: u64| (size.max(SMALLEST) / SMALLEST).ilog(fan_in as u64);
    let highest = sizes.iter().map(|s| tier(*s)).max()?;
    for wanted in 0..=highest {
        let (mut start, mut total, mut like) = (0, 0u64, 0);
        for (i, size) in sizes.iter().enumerate() {
            let one = usize::from(tier(*size) == wanted);
            if tier(*size) > wanted || total.saturating_add(*size) > limit {
                (start, total, like) = if tier(*size) > wanted { (i + 1, 0, 0) } else { (i, *size, one) };
                continue;
            }
            total += size;
            like += one;
            let next = sizes.get(i + 1);
            let last_of_run = next.is_none_or(|s| tier(*s) > wanted || total.saturating_add(*s) > limit);
            if like >= fan_in && last_of_run {
                return Some(start..i + 1);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_run_of_like_neighbours_is_picked_lowest_tier_first() {
        assert_eq!(pick(&[1, 2, 3], 4, u64::MAX), None);
        assert_eq!(pick(&[1, 2, 3, 4], 4, u64::MAX), Some(0..4));
        assert_eq!(pick(&[70 * MIB, 1, 2, 3, 4], 4, u64::MAX), Some(1..5));
        assert_eq!(pick(&[1, 2, 70 * MIB, 3, 4], 4, u64::MAX), None, "no run of four neighbours is small");
        assert_eq!(pick(&[9 * MIB, 8 * MIB, 7 * MIB, 6 * MIB, 1], 4, u64::MAX), Some(0..5));
    }

    #[test]
    fn a_merge_stays_below_the_size_limit() {
        assert_eq!(pick(&[6 * MIB; 8], 4, 20 * MIB), None);
        assert_eq!(pick(&[5 * MIB; 8], 4, 20 * MIB), Some(0..4));
    }
}
