//! Blocks that can't be read, and what a reader misses with them.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;

use super::{Pass, SstError, Table, index::BlockMeta};
use crate::{
    model::{SeriesBuf, TimeRange},
    seams::append::SeriesId,
};

/// A damaged block: what the block index says about it, which was good when the table was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedBlock {
    /// Offset of the block.
    pub at: u64,
    /// Its length in bytes.
    pub len: u32,
    /// Its first series.
    pub first: SeriesId,
    /// Its last series.
    pub last: SeriesId,
    /// How many samples it had.
    pub samples: u32,
    /// Times of its first and last sample.
    pub times: TimeRange,
    /// What is wrong with it.
    pub why: String,
}

impl DamagedBlock {
    fn new(meta: &BlockMeta, error: &SstError) -> Self {
        Self {
            at: meta.at,
            len: meta.len,
            first: SeriesId(meta.first),
            last: SeriesId(meta.last),
            samples: meta.samples,
            times: meta.times,
            why: error.to_string(),
        }
    }

    /// Whether samples of series `id` in `range` may be missing.
    #[must_use]
    pub fn concerns(&self, id: SeriesId, range: TimeRange) -> bool {
        (self.first..=self.last).contains(&id) && self.times.overlaps(range)
    }
}

/// The damaged blocks met so far.
#[derive(Debug, Default)]
pub(super) struct DamagedBlocks {
    /// Whether there are some: most tables have none, and every read asks.
    any: AtomicBool,
    by_number: Mutex<BTreeMap<usize, DamagedBlock>>,
}

impl DamagedBlocks {
    fn has(&self, number: usize) -> bool {
        self.any.load(Ordering::Acquire) && self.by_number.lock().contains_key(&number)
    }
}

impl Table {
    /// Like [`Table::read`], but goes around damaged blocks: what they held is missing from `out`, and
    /// [`Table::damaged_blocks`] has them from then on. `pass` is one for all reads of a question.
    ///
    /// # Errors
    /// When a block can't be reached for another reason than damage; `out` is then empty.
    pub fn read_around(&self, id: SeriesId, range: TimeRange, pass: Pass, out: &mut SeriesBuf) -> Result<(), SstError> {
        out.clear();
        for (number, meta) in self.blocks_of(id, range) {
            if self.damaged.has(number) {
                continue;
            }
            let before = (out.times.len(), out.histograms.len());
            if let Err(error) = self.read_block((number, meta), id, range, pass, out) {
                if !error.is_damage() {
                    out.clear();
                    return Err(error);
                }
                // A column that doesn't decode may have left half of itself.
                out.truncate(before.0, before.1);
                self.note_damaged(number, meta, &error);
            }
        }
        Ok(())
    }

    /// Replaces what `out` holds by the series' newest samples in `range`, the last one at least, perhaps without its start time, as
    /// [`Table::read_around`] has them. Where a block ends in the range, only its last sample is decoded.
    ///
    /// # Errors
    /// As [`Table::read_around`].
    pub fn read_newest_around(
        &self,
        id: SeriesId,
        range: TimeRange,
        pass: Pass,
        out: &mut SeriesBuf,
    ) -> Result<(), SstError> {
        let ends_within = |(_, meta): &(usize, &BlockMeta)| meta.times.end <= range.end;
        let last = self.blocks_of(id, range).last().filter(ends_within);
        let last = last.filter(|(number, _)| !self.damaged.has(*number));
        if let Some(block) = last
            // Damage is found again, and noted, by who reads everything.
            && let Ok(Some((time, value))) = self.last_float_in_block(block, id, pass)
            && time >= range.start
        {
            out.clear();
            out.push_float(time, value);
            return Ok(());
        }
        self.read_around(id, range, pass, out)
    }

    /// The damaged blocks met so far, by reads and by scans.
    #[must_use]
    pub fn damaged_blocks(&self) -> Vec<DamagedBlock> {
        self.damaged.by_number.lock().values().cloned().collect()
    }

    /// Whether no damaged block has been met.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.damaged.any.load(Ordering::Acquire)
    }

    /// Remembers a block as damaged, and says so once.
    pub(super) fn note_damaged(&self, number: usize, meta: &BlockMeta, error: &SstError) {
        if !error.is_damage() {
            return;
        }
        let known = self.damaged.by_number.lock().insert(number, DamagedBlock::new(meta, error)).is_some();
        self.damaged.any.store(true, Ordering::Release);
        if !known {
            tracing::error!(
                %error,
                samples = meta.samples,
                first_series = meta.first,
                last_series = meta.last,
                from = meta.times.start,
                to = meta.times.end,
                "a damaged block is left out of answers from now on"
            );
        }
    }
}
