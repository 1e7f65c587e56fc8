//! Stored samples as text: whole series, one after the other.
//!
//! What is written can be imported again ([`ingest`](crate::ingest)) and is the same then, bit for bit, where its format can say it:
//!
//! | | JSON lines | text | tables |
//! |---|---|---|---|
//! | times, finite values, infinities, labels | yes | yes | yes |
//! | the ordinary NaN | yes | yes | yes |
//! | staleness markers | yes, as `"StaleNaN"` | left out | left out |
//! | other NaNs | become the ordinary one | so too | so too |
//! | native histograms, exemplars, start times | no | no | no |
//!
//! Native histograms are no samples that these formats know: an export that meets one is refused, unless it is told to leave them out.

mod json_lines;
mod table;
mod text;

pub(crate) use self::{json_lines::JsonLines, table::Table, text::Text};
pub(crate) use super::streaming::Unread;

use std::sync::Arc;

use super::{
    error::ApiError,
    streaming::{Sink, StreamError},
};
use crate::{
    model::{Labels, Matcher, SeriesBuf, TimeRange, is_stale},
    seams::{
        interrupt::{Interrupt, Interrupted},
        select::{Select, SelectError, SelectHints},
    },
};

/// A piece is sent once it has this many bytes.
const PIECE_BYTES: usize = 256 << 10;
/// Samples that a format writes between two looks at how large the piece is.
const AT_ONCE: usize = 4096;

/// Writes series in some format.
pub(crate) trait Writer: Send {
    /// Whether the format has staleness markers.
    fn has_stale(&self) -> bool {
        false
    }

    /// What stands before all series.
    fn head(&mut self, _out: &mut Vec<u8>) {}

    /// Appends some samples of a series: their times in ms and values.
    fn write(&mut self, labels: &Labels, times: &[i64], values: &[f64], out: &mut Vec<u8>);
}

/// What is to be exported.
pub(crate) struct Wanted {
    /// Series that pass all matchers of any of these.
    pub(crate) selectors: Vec<Vec<Matcher>>,
    pub(crate) range: TimeRange,
    /// Whether native histograms are left out instead of being refused.
    pub(crate) omit_histograms: bool,
    /// Whether staleness markers are left out.
    pub(crate) omit_stale: bool,
}

/// Why an export was not made to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// A series has native histograms.
    #[error(
        "{0} has native histograms, which this format can't carry: histograms=omit leaves them out; remote read and backups have them"
    )]
    Histograms(String),
    /// The data can't be read.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Nobody waits for it any more.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// Nobody reads it any more.
    #[error(transparent)]
    Unread(#[from] Unread),
}

impl StreamError for ExportError {
    fn is_unheard(&self) -> bool {
        matches!(self, Self::Unread(_) | Self::Interrupted(_))
    }

    fn refusal(self) -> ApiError {
        match self {
            Self::Histograms(_) => ApiError::BadData(self.to_string()),
            Self::Select(error) => error.into(),
            Self::Interrupted(interrupted) => interrupted.into(),
            Self::Unread(_) => Interrupted::Canceled.into(),
        }
    }
}

/// Writes what is `wanted` to `sink`, series after series; one of them is in memory at a time.
pub(crate) fn export(
    wanted: &Wanted,
    select: &dyn Select,
    writer: &mut dyn Writer,
    interrupt: &Arc<dyn Interrupt>,
    sink: &mut Sink<'_>,
) -> Result<(), ExportError> {
    let (mut piece, mut samples) = (Vec::new(), SeriesBuf::default());
    writer.head(&mut piece);
    for (number, matchers) in wanted.selectors.iter().enumerate() {
        let hints = SelectHints { interrupt: Some(Arc::clone(interrupt)), ..SelectHints::default() };
        let set = select.select(matchers, wanted.range, &hints)?;
        for i in 0..set.len() {
            interrupt.check()?;
            set.read(i, &mut samples)?;
            if samples.is_empty() {
                continue;
            }
            let labels = set.labels(i)?;
            let earlier = wanted.selectors.get(..number).unwrap_or_default();
            if earlier.iter().any(|matchers| passes(&labels, matchers)) {
                continue;
            }
            if !samples.histograms.is_empty() && !wanted.omit_histograms {
                return Err(ExportError::Histograms(labels.to_string()));
            }
            if wanted.omit_stale || !writer.has_stale() {
                leave_out_stale(&mut samples);
            }
            for (times, values) in samples.times.chunks(AT_ONCE).zip(samples.values.chunks(AT_ONCE)) {
                writer.write(&labels, times, values, &mut piece);
                if piece.len() >= PIECE_BYTES {
                    sink(std::mem::take(&mut piece))?;
                }
            }
        }
    }
    if !piece.is_empty() {
        sink(piece)?;
    }
    Ok(())
}

fn passes(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()))
}

fn leave_out_stale(samples: &mut SeriesBuf) {
    if samples.values.iter().any(|value| is_stale(*value)) {
        let stays: Vec<bool> = samples.values.iter().map(|value| !is_stale(*value)).collect();
        let mut kept = stays.iter().copied();
        samples.times.retain(|_| kept.next().unwrap_or(true));
        let mut kept = stays.into_iter();
        samples.values.retain(|_| kept.next().unwrap_or(true));
    }
}

#[cfg(test)]
mod tests;
