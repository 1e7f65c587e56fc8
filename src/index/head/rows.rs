//! The label pairs of each series, as numbers.
//!
//! Series that come together differ in a label or two. Most are kept as what they have instead of an earlier one's pairs:
//!
//! ```text,memory
//! whole    varint number of pairs << 1; for each: varint number
//! changed  varint distance back to a whole row << 1 | 1; varint number of changes; for each: varint column, varint number
//! ```

use std::collections::VecDeque;

use super::super::IndexError;
use crate::codec::varint;

/// Whole rows that a new one is compared with: senders take turns.
const RECENT: usize = 4;

/// Rows in the order they came.
#[derive(Debug, Default)]
pub(super) struct Rows {
    bytes: Vec<u8>,
    /// The last whole rows and where they start.
    recent: VecDeque<(usize, Vec<u32>)>,
}

impl Rows {
    /// Adds a row; answers where it starts.
    pub(super) fn push(&mut self, row: &[u32]) -> Result<u32, IndexError> {
        let start = u32::try_from(self.bytes.len()).map_err(|_| IndexError::HeadFull)?;
        let changes = |base: &[u32]| row.iter().zip(base).filter(|(new, old)| new != old).count();
        let alike = self.recent.iter().filter(|(_, base)| base.len() == row.len());
        match alike.map(|(at, base)| (changes(base), *at, base)).min_by_key(|(changes, ..)| *changes) {
            Some((changes, at, base)) if changes * 2 <= row.len() => {
                varint::put(&mut self.bytes, (start as usize - at) as u64 * 2 + 1);
                varint::put(&mut self.bytes, changes as u64);
                for (column, (new, _)) in row.iter().zip(base).enumerate().filter(|(_, (new, old))| new != old) {
                    varint::put(&mut self.bytes, column as u64);
                    varint::put(&mut self.bytes, u64::from(*new));
                }
            }
            _ => {
                varint::put(&mut self.bytes, row.len() as u64 * 2);
                row.iter().for_each(|number| varint::put(&mut self.bytes, u64::from(*number)));
                self.recent.truncate(RECENT - 1);
                self.recent.push_front((start as usize, row.to_vec()));
            }
        }
        Ok(start)
    }

    /// Writes the row that starts at `start` over `out`.
    pub(super) fn read(&self, start: u32, out: &mut Vec<u32>) {
        out.clear();
        let start = start as usize;
        let mut input = self.bytes.get(start..).unwrap_or_default();
        let head = number(&mut input);
        if head & 1 == 0 {
            out.extend((0..head / 2).map(|_| number(&mut input) as u32));
            return;
        }
        let mut base = self.bytes.get(start - (head / 2) as usize..).unwrap_or_default();
        out.extend((0..number(&mut base) / 2).map(|_| number(&mut base) as u32));
        for _ in 0..number(&mut input) {
            let column = number(&mut input) as usize;
            let new = number(&mut input) as u32;
            if let Some(place) = out.get_mut(column) {
                *place = new;
            }
        }
    }

    /// Bytes of memory they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

/// The next number of what [`Rows::push`] wrote.
fn number(input: &mut &[u8]) -> u64 {
    varint::get(input, "a row").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_read_as_they_were_written(rows in prop::collection::vec(prop::collection::vec(prop_oneof![0..4u32, any::<u32>()], 0..6), 1..60)) {
            let mut all = Rows::default();
            let starts: Vec<u32> = rows.iter().map(|row| all.push(row).unwrap()).collect();
            let mut out = Vec::new();
            for (start, row) in starts.into_iter().zip(&rows) {
                all.read(start, &mut out);
                prop_assert_eq!(&out, row);
            }
        }
    }
}
