//! Reading a table from its first to its last series.

use super::{SstError, Table, block::Block, index::BlockMeta};
use crate::{
    model::{SeriesBuf, TimeRange},
    seams::append::SeriesId,
};

/// Reads all samples in order, with one block in memory.
///
/// As an iterator it yields whole series. A series that is too long for that comes with
/// [`TableScan::next_piece`] in parts that a [`TableWriter`](super::TableWriter) takes one by one.
pub struct TableScan<'a> {
    table: &'a Table,
    /// The blocks not read yet.
    rest: std::slice::Iter<'a, BlockMeta>,
    block: Option<(&'a BlockMeta, Block)>,
    /// The next piece in `block`.
    piece: usize,
    failed: bool,
}

impl<'a> TableScan<'a> {
    pub(super) fn new(table: &'a Table) -> Self {
        Self { table, rest: table.index().iter(), block: None, piece: 0, failed: false }
    }

    /// The series of the next piece.
    #[must_use]
    pub fn peek(&self) -> Option<SeriesId> {
        let here = self.block.as_ref().and_then(|(_, block)| block.id(self.piece));
        here.or_else(|| self.rest.as_slice().first().map(|meta| meta.first)).map(SeriesId)
    }

    /// Replaces what `out` holds by the next piece, and answers whose it is; `None` after the last. Pieces of a series
    /// follow each other with ascending times.
    ///
    /// # Errors
    /// When the block can't be read or is damaged; the next call goes on with the block after it.
    pub fn next_piece(&mut self, out: &mut SeriesBuf) -> Result<Option<SeriesId>, SstError> {
        out.clear();
        self.append_piece(out)
    }

    fn append_piece(&mut self, out: &mut SeriesBuf) -> Result<Option<SeriesId>, SstError> {
        loop {
            if let Some((meta, block)) = &self.block
                && let Some(id) = block.id(self.piece)
            {
                let read = self.table.decode(block, meta, self.piece, TimeRange::ALL, out);
                self.piece += 1;
                return match read {
                    Ok(()) => Ok(Some(SeriesId(id))),
                    Err(error) => {
                        self.table.note_damaged(self.number(), meta, &error);
                        self.block = None;
                        out.clear();
                        Err(error)
                    }
                };
            }
            self.block = None;
            self.piece = 0;
            let Some(meta) = self.rest.next() else { return Ok(None) };
            let block = self.table.load(meta);
            self.block = Some((meta, block.inspect_err(|error| self.table.note_damaged(self.number(), meta, error))?));
        }
    }

    /// The number of the block taken last.
    fn number(&self) -> usize {
        self.table.index().len().saturating_sub(self.rest.len() + 1)
    }
}

impl Iterator for TableScan<'_> {
    type Item = Result<(SeriesId, SeriesBuf), SstError>;

    /// The next whole series. Ends after an error, because a series may then be incomplete.
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let mut out = SeriesBuf::default();
        let first = match self.append_piece(&mut out) {
            Ok(id) => id?,
            Err(error) => {
                self.failed = true;
                return Some(Err(error));
            }
        };
        while self.peek() == Some(first) {
            if let Err(error) = self.append_piece(&mut out) {
                self.failed = true;
                return Some(Err(error));
            }
        }
        Some(Ok((first, out)))
    }
}
