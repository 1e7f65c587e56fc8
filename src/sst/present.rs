//! Which series of a table have samples in a range.

use roaring::RoaringBitmap;

use super::{Pass, SstError, Table, index::BlockMeta};
use crate::{model::TimeRange, seams::append::SeriesId};

/// Looking at so many blocks of the block index takes some microseconds.
const FEW_BLOCKS: usize = 2048;

/// Whether the block index doesn't tell which series of the block have samples in `range`.
fn is_unsure(block: &BlockMeta, range: TimeRange) -> bool {
    block.times.overlaps(range) && !block.is_whole_in(range)
}

impl Table {
    /// Whether the block index shows that series `id` has a sample in `range`.
    #[must_use]
    pub fn is_surely_in(&self, id: SeriesId, range: TimeRange) -> bool {
        self.blocks_of(id, range).any(|(_, block)| block.is_whole_in(range))
    }

    /// Whether the block index shows of each series whether it has a sample in `range`. Never of a table of many blocks, because
    /// looking at them takes time.
    #[must_use]
    pub fn knows(&self, range: TimeRange) -> bool {
        self.blocks_to_read(range) == Some(0)
    }

    /// How many blocks [`Table::present`] reads at most to tell of all series; `None` of a table of many blocks, because looking at
    /// them takes time.
    #[must_use]
    pub fn blocks_to_read(&self, range: TimeRange) -> Option<usize> {
        let times = self.summary().times;
        if range.start > range.end || !times.overlaps(range) || range.covers(times) {
            return Some(0);
        }
        let is_few = self.index().len() <= FEW_BLOCKS;
        is_few.then(|| self.index().iter().filter(|block| is_unsure(block, range)).count())
    }

    /// The ids from the first to the last series of each block that is known to be whole in `range`: those of them that the table
    /// has have samples there.
    fn ids_of_whole_blocks(&self, range: TimeRange) -> RoaringBitmap {
        let is_whole = |block: &BlockMeta| block.times.overlaps(range) && block.is_whole_in(range);
        let mut ids = RoaringBitmap::new();
        // Neighbours at once: a bitmap takes one long range in much faster than many short ones.
        for run in self.index().chunk_by(|a, b| is_whole(a) == is_whole(b)) {
            if let (Some(first), Some(last)) = (run.first(), run.last())
                && is_whole(first)
            {
                ids.insert_range(first.first..=last.last);
            }
        }
        ids
    }

    /// Adds to `found` those of `wanted`, series of this table, that have samples in `range`. Blocks are read only where the block
    /// index doesn't tell; at most `reads` of them, which is counted down, and `check` is asked before each whether to go on. Of a
    /// block that isn't read or is damaged all series count as having some, if its times reach into the range.
    ///
    /// # Errors
    /// When a block can't be reached for another reason than damage, or `check` fails.
    pub fn present<E: From<SstError>>(
        &self,
        wanted: &RoaringBitmap,
        range: TimeRange,
        pass: Pass,
        found: &mut RoaringBitmap,
        reads: &mut usize,
        check: impl Fn() -> Result<(), E>,
    ) -> Result<(), E> {
        if range.start > range.end {
            return Ok(());
        }
        *found |= wanted & self.ids_of_whole_blocks(range);
        for (number, meta) in self.index().iter().enumerate().filter(|(_, block)| is_unsure(block, range)) {
            let here: Vec<u32> = wanted.range(meta.first..=meta.last).filter(|id| !found.contains(*id)).collect();
            if here.is_empty() {
                continue;
            }
            if *reads == 0 {
                found.extend(here);
                continue;
            }
            check()?;
            *reads -= 1;
            match self.present_in_block((number, meta), &here, range, pass) {
                Ok(present) => found.extend(present),
                Err(error) if error.is_damage() => {
                    self.note_damaged(number, meta, &error);
                    found.extend(here);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
