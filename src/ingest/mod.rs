//! Formats that samples can be posted in besides remote write.
//!
//! A [`Format`] is one file (or folder) that turns a body into series, samples and metadata, and one line in
//! [`FORMATS`]; the server asks [`format_at`] where a path leads. A body whose format isn't said is posted to [`ANY_PATH`], where
//! [`detect`] finds it out. What all formats share is here: [`encoding`] undoes a body's compression a little at a time,
//! [`Declared`] is what its sender says about it, `times` reads its times, `builder` gathers what a format finds, and [`Import`]
//! stores it. [`push`] has what else a body stores that is pushed to a group as to a Pushgateway.
//!
//! # What is stored
//!
//! All of a body or nothing, as long as it has no more than [`MAX_PART`] bytes of text and there is memory for what it
//! holds: when any record breaks a rule nothing is stored, and the answer names the first few such records with line, column and
//! the rule ([`Faults`]). People post by hand and from scripts: they mend the line and post again, which
//! changes nothing for lines that were right before, because the last write of a series and time wins. Who would rather have what
//! is right says so ([`OnError::Skip`]), and is told what was left out. A longer body is
//! stored in parts ([`Import`]), each of them wholly or not at all; what stands before the part that failed is stored, and
//! the answer says up to which line. A body in which nothing was understood is an error, not an empty success, and names the
//! likely cause. Rules of the store hold here as in remote write: a label with an empty value is no label, a series needs a
//! name, no sample lies further ahead of now than [`ImportLimits::max_ahead`].

mod builder;
mod csv;
mod declared;
pub mod detect;
mod dry_run;
pub mod encoding;
mod error;
mod exposition;
mod faults;
mod format;
mod gather;
mod import;
mod influx;
mod json;
mod naming;
mod prehashed;
mod protobuf;
pub mod push;
mod series_names;
mod series_text;
mod times;
mod values;

pub use builder::{FieldFault, ImportBuilder, Pair};
pub use declared::{COMMON_PARAMETERS, Declared, OnError, Unit};
pub use dry_run::DryRun;
pub use error::ImportError;
pub use faults::{Fault, Faults};
pub use format::{Format, Reader};
pub use gather::Gather;
pub use import::{Import, MAX_PART};
pub use naming::FieldNaming;
pub use series_names::Spelling;

use crate::seams::append::Append;

/// All formats, in the order in which they are looked for in a body.
pub const FORMATS: &[&dyn Format] =
    &[&json::Json, &influx::LineProtocol, &exposition::Exposition, &csv::Csv, &protobuf::Protobuf];

/// Where InfluxDB's line protocol is posted; what InfluxDB's clients post to comes here too.
pub const LINE_PROTOCOL_PATH: &str = influx::PATH;

/// The database whose series have no label, and the only retention policy.
pub use influx::{RETENTION_POLICY, UNLABELED_DATABASE};

/// Where a body is posted whose format is to be found out.
pub const ANY_PATH: &str = "/api/v1/import";

/// The format that is posted to `path`.
#[must_use]
pub fn format_at(path: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.paths().contains(&path))
}

/// The format that is called `name` in answers and flags.
#[must_use]
pub fn format_named(name: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}

/// A reader of one body: of `format`, or of the one that it turns out to be in.
///
/// # Errors
/// When what is declared makes no sense: [`ImportError::Parameter`].
pub fn reader(format: Option<&'static dyn Format>, declared: &Declared) -> Result<Box<dyn Reader>, ImportError> {
    match format.or_else(|| detect::by_media(declared)) {
        Some(format) => {
            declared.only_what_is_understood(format)?;
            format.reader(declared)
        }
        None => Ok(Box::new(detect::Detecting::new(declared.clone()))),
    }
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
        Self { decoded: usize::MAX, max_ahead: 10 * 60 * 1000 }
    }
}

/// What a body held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Series with samples.
    pub series: u64,
    /// Samples.
    pub samples: u64,
    /// Exemplars.
    pub exemplars: u64,
    /// Descriptions of metric families.
    pub metadata: u64,
    /// Values left out because they are texts, which is no fault.
    pub texts: u64,
    /// Values rounded because they have more digits than a float.
    pub rounded: u64,
}

/// Stores what `body` holds, all of it at once; `now`, in ms, is the time of samples that have none.
///
/// `Ok` means that all of it is on disk.
///
/// # Errors
/// See [`ImportError`]; nothing is stored then.
pub async fn receive(
    format: Option<&'static dyn Format>,
    body: &[u8],
    declared: &Declared,
    now: i64,
    limits: &ImportLimits,
    append: &dyn Append,
) -> Result<Imported, ImportError> {
    let mut import = Import::new(reader(format, declared)?, declared, now, limits, append);
    import.text().extend_from_slice(body);
    while import.step()? {}
    import.finish().await
}
