//! Which series of a table have samples in a range.

use roaring::RoaringBitmap;

use super::{Pass, SstError, Table};
use crate::model::TimeRange;

impl Table {
    /// Adds to `found` those of `wanted`, series of this table, that have samples in `range`. At most `reads` blocks are read
    /// for that, which is counted down, and `check` is asked before each of them whether to go on. Of a block that isn't read or
    /// is damaged all series count as having some, if its times reach into the range.
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
        for (number, meta) in self.index().iter().enumerate().filter(|(_, block)| block.times.overlaps(range)) {
            let here: Vec<u32> = wanted.range(meta.first..=meta.last).filter(|id| !found.contains(*id)).collect();
            if here.is_empty() {
                continue;
            }
            // Between its first and last series a block has pieces of all that the table has.
            if range.covers(meta.times) || *reads == 0 {
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
