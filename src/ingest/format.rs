//! What a format is: where it is posted, how a body in it is known, and what reads it.

use super::{Declared, ImportBuilder, ImportError};
use crate::seams::batch_builder::BatchError;

/// A way to write samples down.
pub trait Format: Send + Sync {
    /// What it is called in answers and in `--format`.
    fn name(&self) -> &'static str;

    /// What people call it.
    fn title(&self) -> &'static str;

    /// The paths it is posted to, the one that documentation names first.
    fn paths(&self) -> &'static [&'static str];

    /// Media types that mean this format and no other.
    fn content_types(&self) -> &'static [&'static str];

    /// Whether a body that begins so is likely to be in it. Formats are asked in the order of
    /// [`FORMATS`](super::FORMATS), the stricter first.
    fn is_likely(&self, beginning: &[u8]) -> bool;

    /// The parameters that it understands beside those of all formats.
    fn parameters(&self) -> &'static [&'static str] {
        &[]
    }

    /// A reader of one body.
    ///
    /// # Errors
    /// When what is declared makes no sense: [`ImportError::Parameter`].
    fn reader(&self, declared: &Declared) -> Result<Box<dyn Reader>, ImportError>;
}

/// Reads one body of a format, some records at a time. A record is what is taken or refused as one; mostly it is a line.
pub trait Reader: Send {
    /// How many bytes at the beginning of `text` are whole records: about `most` bytes of them, or one that is longer. `None`: the
    /// first one may go on.
    fn cut(&mut self, text: &[u8], most: usize) -> Option<usize> {
        cut_lines(text, most)
    }

    /// Bytes of memory that the records of so many bytes take at most which were cut last, beside what a step of short ones may take.
    fn growth(&self, bytes: usize) -> usize {
        4 * bytes
    }

    /// The longest record, in bytes: by default twice what a series may have, for a text in which everything is escaped.
    fn max_record(&self) -> usize {
        1 << 20
    }

    /// Finds everything in `text`, some whole records, and hands it to `builder`, faults included. What belongs to a record is
    /// handed over once all of it is known to be right, so that a record with a fault leaves nothing.
    ///
    /// # Errors
    /// When `builder` takes no more.
    fn take(&mut self, text: &[u8], builder: &mut ImportBuilder<'_>) -> Result<(), BatchError>;

    /// Hands over what belongs to a part that ends here; with `last` also what might have been gone on with.
    ///
    /// # Errors
    /// When `builder` takes no more.
    fn end_part(&mut self, last: bool, builder: &mut ImportBuilder<'_>) -> Result<(), BatchError>;

    /// Bytes of memory of what was not handed over yet.
    fn memory(&self) -> usize {
        0
    }

    /// What was guessed about the body as a whole, for whoever wants to know whether it is right.
    fn guessed(&self) -> Option<String> {
        None
    }

    /// The number of the line read last, from 1.
    fn line(&self) -> usize;
}

/// The cut of formats whose records are lines.
pub(super) fn cut_lines(text: &[u8], most: usize) -> Option<usize> {
    let some = text.get(..most).unwrap_or(text);
    let whole = some.iter().rposition(|byte| *byte == b'\n');
    whole.or_else(|| text.iter().position(|byte| *byte == b'\n')).map(|end| end + 1)
}
