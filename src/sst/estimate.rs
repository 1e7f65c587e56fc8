//! About how many samples some series have in a table, told by the block index alone.

use roaring::RoaringBitmap;

use super::Table;
use crate::model::TimeRange;

/// The most blocks that are looked at: a tenth of a millisecond. Where series lie in more, the others are taken to have what
/// the table has of a series.
const MOST_BLOCKS: usize = 128;

impl Table {
    /// About how many samples `series` have in `range`: as many of a block's as their share of its series and of its time.
    #[must_use]
    pub fn samples_in(&self, series: &RoaringBitmap, range: TimeRange) -> f64 {
        let summary = self.summary();
        let (ids, all) = (self.series() & series, self.series().len().max(1));
        let evenly = |ids: u64| summary.samples as f64 * summary.times.share_in(range) * ids as f64 / all as f64;
        if ids.is_empty() || !summary.times.overlaps(range) || ids.len() == all {
            return evenly(ids.len());
        }
        let (mut sum, mut next, mut blocks) = (0.0, ids.min(), 0);
        let mut at = 0;
        while let Some(id) = next {
            at = at.max(self.index().partition_point(|block| block.last < id));
            let Some(block) = self.index().get(at) else { break };
            if blocks == MOST_BLOCKS {
                return sum + evenly(ids.range_cardinality(id..));
            }
            let within = block.first..=block.last;
            let here = self.series().range_cardinality(within.clone()).max(1);
            let share = ids.range_cardinality(within) as f64 / here as f64;
            sum += f64::from(block.samples) * share * block.times.share_in(range);
            (blocks, at) = (blocks + 1, at + 1);
            // The last series of a block may go on in the next one.
            let goes_on = |last: &u32| self.index().get(at).is_some_and(|block| block.first == *last);
            next = Some(block.last).filter(|last| ids.contains(*last) && goes_on(last));
            next = next.or_else(|| ids.range(block.last.checked_add(1)?..).next());
        }
        sum
    }
}
