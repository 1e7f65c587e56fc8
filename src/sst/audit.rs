//! Checking a table thoroughly: every block decoded, and held against what index, bitmap and footer say.

use roaring::RoaringBitmap;

use super::{SstError, Table, bounds::BoundsBuilder, index::BlockMeta};
use crate::model::{SeriesBuf, TimeRange};

/// What was seen on the way.
#[derive(Default)]
struct Seen {
    series: RoaringBitmap,
    samples: u64,
    times: Option<TimeRange>,
    /// The last piece's series and last time.
    last: Option<(u32, i64)>,
}

impl Table {
    /// Reads and decodes everything, compares it with the table's own summaries, and hands each thing wrong to `found`.
    ///
    /// # Errors
    /// When the disk refuses to read.
    pub fn audit(&self, found: &mut dyn FnMut(SstError)) -> Result<(), SstError> {
        let mut seen = Seen::default();
        let mut whole = true;
        for (number, meta) in self.index().iter().enumerate() {
            match self.audit_block(meta, &mut seen) {
                Ok(()) => {}
                Err(error) if error.is_damage() => {
                    whole = false;
                    self.note_damaged(number, meta, &error);
                    found(error);
                }
                Err(error) => return Err(error),
            }
        }
        if !whole {
            return Ok(());
        }
        let summary = self.summary();
        let wrong = |what, why| SstError::inconsistent(self.path(), what, summary.bytes, why);
        if seen.series != *self.series() {
            found(wrong("the series bitmap before byte", "its series are not those of the blocks"));
        }
        if seen.samples != summary.samples {
            found(wrong("the footer before byte", "its number of samples is not that of the blocks"));
        }
        if seen.times.is_some_and(|times| times != summary.times) {
            found(wrong("the footer before byte", "its first or last time is not that of the blocks"));
        }
        Ok(())
    }

    fn audit_block(&self, meta: &BlockMeta, seen: &mut Seen) -> Result<(), SstError> {
        let block = self.load(meta)?;
        let wrong = |why| SstError::inconsistent(self.path(), "the block", meta.at, why);
        let (mut samples, mut times, mut ids) = (0u64, None, None::<(u32, u32)>);
        let mut bounds = BoundsBuilder::default();
        let mut out = SeriesBuf::default();
        let mut piece = 0;
        while let Some(id) = block.id(piece) {
            out.clear();
            self.decode(&block, meta, piece, TimeRange::ALL, &mut out)?;
            let range = out.time_range().ok_or_else(|| wrong("a piece has no samples"))?;
            if seen.last.is_some_and(|(last, end)| last > id || (last == id && end >= range.start)) {
                return Err(wrong("its pieces don't come in order of series and time"));
            }
            seen.last = Some((id, range.end));
            bounds.piece(range, ids.is_some_and(|(_, last)| last == id));
            bounds.samples(&out);
            samples += out.len() as u64;
            times = TimeRange::around(times, Some(range));
            ids = Some((ids.map_or(id, |(first, _)| first), id));
            seen.series.insert(id);
            piece += 1;
        }
        if samples != u64::from(meta.samples) || times != Some(meta.times) || ids != Some((meta.first, meta.last)) {
            return Err(wrong("series, times or number of samples are not those in the block index"));
        }
        if meta.bounds.contradict(bounds.finish(meta.times)) {
            return Err(wrong("the times of its series are not within the bounds in the block index"));
        }
        seen.samples += samples;
        seen.times = TimeRange::around(seen.times, times);
        Ok(())
    }
}
