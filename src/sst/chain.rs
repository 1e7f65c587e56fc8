//! Values that are written beside those of another piece ([`codec::cross_series`](crate::codec::cross_series)).
//!
//! Such pieces make a chain: its first piece stands alone, and each further one is decoded out of one before it. Series
//! of one histogram are read one after the other, each from some tables, so the values that a following piece will want
//! are kept for a block of each: reading chains in order decodes each column once. It is the same with the last values of
//! pieces, where nothing else of them is read.

use std::{cell::RefCell, thread::LocalKey};

use super::block::Block;
use crate::codec::{CodecError, cross_series, floats, last};

/// How many pieces before it the one stands that a piece is written beside, at most.
pub(super) const FARTHEST: usize = 2;
/// Steps from a piece to the one that stands alone, at most: this bounds what reading a single one costs.
pub(super) const DEEPEST: usize = 15;

/// Blocks of which values are kept.
const BLOCKS: usize = 16;

/// The values of a piece that others are written beside.
struct Latest {
    /// Number of its block, 0 for none.
    block: u64,
    piece: usize,
    values: Vec<f64>,
}

/// What a thread decoded last of that kind, in each of some blocks.
struct Kept {
    blocks: [Latest; BLOCKS],
    /// The place for the next block.
    next: usize,
}

thread_local! {
    static KEPT: RefCell<Kept> = const { RefCell::new(Kept::NONE) };
    /// The same of the last values only.
    static KEPT_LAST: RefCell<Kept> = const { RefCell::new(Kept::NONE) };
}

impl Kept {
    const NONE: Self = Self { blocks: [const { Latest { block: 0, piece: 0, values: Vec::new() } }; BLOCKS], next: 0 };

    fn put(&mut self, block: u64, piece: usize, values: &[f64]) {
        let place = self.blocks.iter().position(|latest| latest.block == block).unwrap_or_else(|| {
            self.next = (self.next + 1) % BLOCKS;
            self.next
        });
        let Some(latest) = self.blocks.get_mut(place) else { return };
        (latest.block, latest.piece) = (block, piece);
        latest.values.clear();
        latest.values.extend_from_slice(values);
    }

    fn get(&self, block: u64, piece: usize) -> Option<&[f64]> {
        let latest = self.blocks.iter().find(|latest| latest.block == block)?;
        (latest.piece == piece).then_some(&latest.values)
    }
}

/// Appends the `samples` values of piece `i` of `block`, which has floats, to `out`.
///
/// # Errors
/// When a column of its chain doesn't decode, or the chain is none that a writer makes; `out` may then hold some values
/// more than before.
pub(super) fn values(block: &Block, i: usize, samples: usize, out: &mut Vec<f64>) -> Result<(), CodecError> {
    let start = out.len();
    let chain = Chain::to(block, i, |piece| recall(&KEPT, block, piece, out))?;
    if !chain.begins_with_kept {
        floats::decode(block.values(chain.first), samples, out)?;
    }
    let values = out.get_mut(start..).unwrap_or_default();
    chain.pieces().try_for_each(|piece| cross_series::decode(block.values(piece), values))?;
    keep(&KEPT, block, i, values);
    Ok(())
}

/// The last of the `samples` values, at least one, of piece `i` of `block`, which has floats.
///
/// # Errors
/// As [`values`], as far as damage is seen.
pub(super) fn last_value(block: &Block, i: usize, samples: usize) -> Result<f64, CodecError> {
    let mut kept = Vec::new();
    let chain = Chain::to(block, i, |piece| recall(&KEPT_LAST, block, piece, &mut kept))?;
    let first = match kept.first() {
        Some(value) => *value,
        None => last::float(block.values(chain.first), samples)?,
    };
    let value = chain.pieces().try_fold(first, |value, piece| last::beside(block.values(piece), samples, value))?;
    keep(&KEPT_LAST, block, i, &[value]);
    Ok(value)
}

/// How a piece is decoded out of another one.
struct Chain {
    /// Where it begins.
    first: usize,
    /// Whether the values of the first one were kept; otherwise that one stands alone.
    begins_with_kept: bool,
    /// The pieces to be decoded out of one another, the last one first.
    beside: [usize; DEEPEST],
    steps: usize,
}

impl Chain {
    /// The chain to piece `i`, from the last piece before it that `is_kept`, or else from one that stands alone.
    fn to(block: &Block, i: usize, mut is_kept: impl FnMut(usize) -> bool) -> Result<Self, CodecError> {
        let mut chain = Self { first: i, begins_with_kept: false, beside: [i; DEEPEST], steps: 0 };
        loop {
            if chain.first != i && is_kept(chain.first) {
                chain.begins_with_kept = true;
                return Ok(chain);
            }
            let Some(distance) = cross_series::distance(block.values(chain.first)) else { return Ok(chain) };
            let wrong = |what, got, limit| Err(CodecError::Range { what, got: got as u64, limit: limit as u64 });
            let Some(slot) = chain.beside.get_mut(chain.steps) else {
                return wrong("the chain of columns beside others", chain.steps + 1, DEEPEST);
            };
            *slot = chain.first;
            chain.steps += 1;
            chain.first = match other(block, chain.first, distance) {
                Some(other) => other,
                None => {
                    return wrong("the distance to a column with the same times", distance, FARTHEST.min(chain.first));
                }
            };
        }
    }

    /// The pieces that are decoded beside another, in that order.
    fn pieces(&self) -> impl Iterator<Item = usize> {
        self.beside.iter().take(self.steps).rev().copied()
    }
}

/// The piece `distance` before piece `i`, if `i` can be written beside it.
fn other(block: &Block, i: usize, distance: usize) -> Option<usize> {
    let other = i.checked_sub(distance).filter(|_| (1..=FARTHEST).contains(&distance))?;
    (block.times_of(other) == block.times_of(i)).then_some(other)
}

type KeptHere = LocalKey<RefCell<Kept>>;

/// Appends the values of piece `i` if this thread has just decoded them.
fn recall(kept: &'static KeptHere, block: &Block, i: usize, out: &mut Vec<f64>) -> bool {
    kept.with_borrow(|kept| {
        let values = kept.get(block.number(), i);
        out.extend_from_slice(values.unwrap_or_default());
        values.is_some()
    })
}

/// Keeps the values of piece `i` where one that follows is written beside it.
fn keep(kept: &'static KeptHere, block: &Block, i: usize, values: &[f64]) {
    let wanted = (1..=FARTHEST).any(|distance| cross_series::distance(block.values(i + distance)) == Some(distance));
    if wanted {
        kept.with_borrow_mut(|kept| kept.put(block.number(), i, values));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SeriesBuf, TimeRange};

    #[test]
    fn a_chain_that_no_writer_makes_is_refused() {
        // Two times columns of two samples each; pieces with these numbers of times and these columns.
        let block = |pieces: &[(u8, &[u8])]| {
            let mut directory = vec![2, 2, 3, 2, 3, pieces.len() as u8];
            pieces.iter().for_each(|(times, column)| directory.extend([5, *times, column.len() as u8]));
            let values: Vec<u8> = pieces.iter().flat_map(|p| p.1).copied().collect();
            let lengths = [directory.len(), 6, values.len()].map(|len| (len as u32).to_le_bytes());
            let times = [0, 0, 2, 0, 2, 2];
            Block::parse([&lengths.concat(), &directory[..], &times, &values].concat()).unwrap()
        };
        let read = |block: &Block, i| {
            let mut out = SeriesBuf::default();
            block.read(i, TimeRange::ALL, &mut out).map(|()| out.values)
        };
        let (alone, beside, twice): (&[u8], &[u8], &[u8]) = (&[4, 0, 6], &[7, 1, 0, 2, 2], &[7, 2, 0, 2, 2]);
        let good = block(&[(0, alone), (0, beside), (0, twice)]);
        assert_eq!(read(&good, 2), Ok(vec![4.0, 5.0]));
        assert_eq!(read(&good, 1), Ok(vec![4.0, 5.0]));
        let wrong: [&[(u8, &[u8])]; 5] = [
            &[(0, beside)],
            &[(0, alone), (1, beside)],
            &[(0, alone), (0, twice)],
            &[(0, alone), (0, &[7, 0, 0, 2, 2])],
            &[(0, alone), (0, alone), (0, alone), (0, &[7, 3, 0, 2, 2])],
        ];
        for pieces in wrong {
            let block = block(pieces);
            assert!(matches!(read(&block, pieces.len() - 1), Err(CodecError::Range { .. })), "{pieces:?}");
        }
        let mut long = vec![(0, alone)];
        long.resize(17, (0, beside));
        assert!(read(&block(&long), 15).is_ok());
        assert!(matches!(read(&block(&long[..17]), 16), Err(CodecError::Range { got: 16, limit: 15, .. })));
        // The same again, though what it takes was kept.
        let long = block(&long);
        assert!(read(&long, 15).is_ok());
        assert!(matches!(read(&block(&[(0, alone), (0, &[7])]), 1), Err(CodecError::Tag { tag: 7, .. })));
    }
}
