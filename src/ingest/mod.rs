//! Formats that samples can be posted in besides remote write, each under a path of its own.
//!
//! A [`Format`] is one file (or folder) that turns a body into series, samples and metadata, and one line in
//! [`FORMATS`]; the server asks [`format_at`] where a path leads. What all formats share is here: [`encoding`] undoes a
//! body's compression a little at a time, `builder` gathers what a format finds, and [`Import`] stores it.
//!
//! # What is stored
//!
//! All of a body or nothing, as long as it has no more than [`MAX_PART`] bytes of text and there is memory for what it
//! holds: when any line breaks a rule nothing is stored, and the answer names the first few such lines with the column and
//! the rule ([`ImportError::Faults`]). People post by hand and from scripts: they mend the line and post again, which
//! changes nothing for lines that were right before, because the last write of a series and time wins. A longer body is
//! stored in parts ([`Import`]), each of them wholly or not at all; what stands before the part that failed is stored, and
//! the answer says up to which line. A body in which nothing was understood is an error, not an empty success, and names the
//! likely cause. Rules of the store hold here as in remote write: a label with an empty value is no label, a series needs a
//! name, no sample lies further ahead of now than [`ImportLimits::max_ahead`].

mod builder;
pub mod encoding;
mod exposition;
mod import;

pub use builder::{ImportBuilder, Pair};
pub use import::{BITE_BYTES, Import, MAX_PART};

use crate::seams::{
    append::{Append, AppendError},
    batch_builder::BatchError,
};

/// All formats.
pub const FORMATS: &[&dyn Format] = &[&exposition::Exposition];

/// The format that is posted to `path`.
#[must_use]
pub fn format_at(path: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.path() == path)
}

/// A way to write samples down.
pub trait Format: Send + Sync {
    /// The path it is posted to.
    fn path(&self) -> &'static str;

    /// A reader of one body.
    fn reader(&self, declared: &Declared<'_>) -> Box<dyn Reader>;
}

/// Reads one body of a format, some lines at a time.
pub trait Reader: Send {
    /// Finds everything in `text`, some whole lines, and hands it to `builder`, faults included.
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
    fn memory(&self) -> usize;

    /// The number of the line read last, from 1.
    fn line(&self) -> usize;
}

/// What the sender of a body says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Declared<'a> {
    /// The `Content-Type`.
    pub content_type: &'a str,
    /// What times count, whatever the format would take them for.
    pub unit: Option<Unit>,
    /// Whether times may be so far off that they look like a mistake.
    pub allow_old: bool,
}

/// What times count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Whole milliseconds.
    Milliseconds,
    /// Seconds with fractions.
    Seconds,
}

/// What one body may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportLimits {
    /// Bytes of a body once its compression is undone.
    pub decoded: usize,
    /// How far ahead of now a sample may lie, in ms.
    pub max_ahead: i64,
}

impl Default for ImportLimits {
    fn default() -> Self {
        Self { decoded: 64 << 20, max_ahead: 10 * 60 * 1000 }
    }
}

/// What a body held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Samples.
    pub samples: u64,
    /// Exemplars.
    pub exemplars: u64,
    /// Descriptions of metric families.
    pub metadata: u64,
}

impl Imported {
    fn and(self, other: Self) -> Self {
        Self {
            samples: self.samples + other.samples,
            exemplars: self.exemplars + other.exemplars,
            metadata: self.metadata + other.metadata,
        }
    }
}

/// Why a body, or the rest of one, was not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Lines break rules of the format or of the store (400).
    #[error("{0}")]
    Faults(String),
    /// It is larger than allowed (413).
    #[error("the body holds more than {0}; post it in parts")]
    TooLarge(String),
    /// Its compression can't be undone (400).
    #[error("the body is not what its Content-Encoding {encoding} says: {why}")]
    Encoding {
        /// The announced encoding.
        encoding: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Its compression is none we know (415).
    #[error("Content-Encoding {0:?} is not supported (expected gzip, zstd or none)")]
    UnknownEncoding(String),
    /// There is no memory for what it holds (413).
    #[error("there is no memory for what the body holds")]
    NoRoom,
    /// The store can't take writes now, and a retry will help (503), or it failed (500).
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl From<BatchError> for ImportError {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::NoRoom => Self::NoRoom,
            BatchError::TooMany => Self::TooLarge(format!("{} samples", crate::model::limits::MAX_SAMPLES)),
            BatchError::Store(error) => error.into(),
        }
    }
}

/// Stores what `body` holds, all of it at once; `now`, in ms, is the time of samples that have none.
///
/// `Ok` means that all of it is on disk.
///
/// # Errors
/// See [`ImportError`]; nothing is stored then.
pub async fn receive(
    format: &dyn Format,
    body: &[u8],
    declared: &Declared<'_>,
    now: i64,
    limits: &ImportLimits,
    append: &dyn Append,
) -> Result<Imported, ImportError> {
    let mut import = Import::new(format, declared, now, limits, append);
    import.text().extend_from_slice(body);
    while import.step()? {}
    import.finish().await
}
