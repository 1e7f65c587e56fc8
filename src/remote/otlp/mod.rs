//! OTLP: metrics as OpenTelemetry's SDKs and collectors send them over HTTP.
//!
//! ```text
//! body (protobuf, or JSON that becomes protobuf) → walk → points → series, samples, refusals → batch → append
//! ```
//!
//! Names, labels and kinds are translated as Prometheus does ([`OtlpSettings`]), so that its dashboards and rules find what they look
//! for. Unlike there, a point that breaks a rule costs itself and not its request: what is right is stored, and the answer says how
//! many points are not and why ([`Received`]). Points are fingerprinted by the bytes of their attributes, so a series that the store
//! knows costs a hash and a lookup.
//!
//! `request`, `metric` and `point` walk the messages; `labels`, `names` and `value` make labels; `native` makes native
//! histograms; `builder` fills the batch; [`json`] makes protobuf of JSON and [`answer`] writes what senders are told.

pub mod answer;
mod builder;
mod exemplars;
pub mod json;
mod labels;
mod metric;
mod names;
mod native;
mod point;
mod request;
mod settings;
mod value;

#[cfg(test)]
mod tests;

pub use builder::{Reason, Received};
pub use settings::{OtlpSettings, Promoted, Strategy};

use self::builder::PointBuilder;
use super::WireError;
use crate::{
    model::limits::MAX_SAMPLES,
    seams::{
        append::{Append, AppendError, Batch},
        batch_builder::BatchError,
        memory_budget::MemoryBudget,
    },
};

/// Bytes that a request may have once its compression is undone.
pub const MAX_DECODED: usize = 64 << 20;

/// Why a request is not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OtlpError {
    /// The body is no ExportMetricsServiceRequest; sending it again can't help (400).
    #[error("the body is not a valid ExportMetricsServiceRequest: top-level field {field}: {source}")]
    Malformed {
        /// Position of the top-level field, from 0.
        field: usize,
        /// What is wrong there.
        source: WireError,
    },
    /// It holds more than any sender puts into one request (400).
    #[error("the request holds more than {MAX_SAMPLES} samples or what weighs as much; send smaller ones")]
    TooMany,
    /// There is no memory for what it holds.
    #[error("there is no memory for what the request holds")]
    NoRoom,
    /// The store can't take writes now (503), or it failed (500).
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Why no more of a request is taken in.
#[derive(Debug)]
enum Stop {
    Malformed(WireError),
    Batch(BatchError),
}

impl From<WireError> for Stop {
    fn from(error: WireError) -> Self {
        Self::Malformed(error)
    }
}

impl From<BatchError> for Stop {
    fn from(error: BatchError) -> Self {
        Self::Batch(error)
    }
}

/// What a request holds, on its way into the store.
pub struct Taken {
    batch: Batch,
    received: Received,
}

/// Reads a request; no point may be later than `latest` (ms). What is made of it takes its memory from `budget`; that of `message`
/// is the caller's concern.
///
/// # Errors
/// See [`OtlpError`]; nothing is stored yet.
pub fn take_in(
    message: &[u8],
    settings: &OtlpSettings,
    latest: i64,
    append: &dyn Append,
    budget: &dyn MemoryBudget,
) -> Result<Taken, OtlpError> {
    let mut builder = PointBuilder::new(append, latest, budget);
    request::take(message, settings, &mut builder).map_err(|(field, stop)| match stop {
        Stop::Malformed(source) => OtlpError::Malformed { field, source },
        Stop::Batch(BatchError::TooMany) => OtlpError::TooMany,
        Stop::Batch(BatchError::NoRoom) => OtlpError::NoRoom,
        Stop::Batch(BatchError::Store(error)) => error.into(),
    })?;
    let (batch, received) = builder.finish();
    Ok(Taken { batch, received })
}

impl Taken {
    /// About how many bytes of memory it takes, its record in the log included.
    #[must_use]
    pub fn memory(&self) -> usize {
        2 * self.batch.memory()
    }

    /// Stores it. `Ok` means that all of it that isn't refused is on disk.
    ///
    /// # Errors
    /// When the store takes nothing.
    pub async fn store(self, append: &dyn Append) -> Result<Received, OtlpError> {
        let Self { batch, received } = self;
        if !batch.is_empty() {
            append.append(batch).await?;
        }
        Ok(received)
    }
}
