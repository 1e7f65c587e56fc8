//! Remote write: from a request body to one [`Batch`].
//!
//! ```text
//! body → inflate → walk, TimeSeries by TimeSeries → fingerprint of the label bytes → known series? → batch → append
//!                                                                                    └ no: parse, check, define
//! ```
//!
//! A sender repeats the same label bytes request after request, so a series that the store knows costs a hash and a
//! lookup, and its labels are never looked at (`fingerprint`, `builder`). It repeats their order too: the series that is
//! likely to come next is told by the hash of as many bytes as its labels had (`seams::prefetch`). `v1` and `v2` each walk their own
//! messages; `histogram` and `labels` hold what both check; `refusals` words the answer.
//!
//! # What is refused
//!
//! A body that is not the announced message is refused as a whole ([`WriteError::Malformed`]). In a well-formed one,
//! whatever breaks a rule (`rule`) is left out and named, and the rest is stored: [`WriteError::Rejected`].
//!
//! | Input | Answer |
//! |---|---|
//! | labels in any order | sorted |
//! | a label with an empty value | the label is left out |
//! | a repeated or empty label name, text that is not UTF-8, no `__name__` | the series is refused |
//! | 2.0: a symbol reference out of range, or an odd number of them | the series (or exemplar) is refused |
//! | a sample, histogram or exemplar further ahead than [`WriteLimits::max_ahead`] | it is refused |
//! | a series too many, by a limit of the store | it is refused; samples of those that are there are taken |
//! | a histogram of schema 9 to 52 | reduced to schema 8 |
//! | a histogram that breaks a rule of its own | it is refused |
//! | an exemplar with more than 128 characters of labels | it is refused |
//! | a series without samples | nothing happens; with exemplars only it is created, with metadata only it isn't |
//! | series and time twice, in one request or later | the last one wins, and each counts as written |
//! | metadata that is too long or names no family | left out; never an error |
//! | start timestamps | kept with their samples, whatever they are; 0 is none; one in the retired field of a series is skipped |
//!
//! Unlike a generated decoder the walk refuses groups (proto3 has none), and text that is not UTF-8 costs the series
//! that uses it, not the request.

mod builder;
mod family;
mod fingerprint;
mod histogram;
mod labels;
mod negotiate;
mod refusals;
mod rule;
mod v1;
mod v2;
mod written;

#[cfg(test)]
mod tests;

pub use negotiate::{UnsupportedMedia, negotiate};
pub use written::Written;

use self::{
    builder::{Stop, WriteBuilder},
    refusals::Refusals,
};
use super::{SnappyError, WireError, snappy};
use crate::{
    model::limits,
    seams::{
        append::{Append, AppendError, Batch},
        batch_builder::BatchError,
        memory_budget::{MemoryBudget, Unlimited},
    },
};

/// Which message a body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Remote write 1.0, `prometheus.WriteRequest`.
    V1,
    /// Remote write 2.0, `io.prometheus.write.v2.Request`. Answers carry the three counts of [`Written`].
    V2,
}

/// What one request may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteLimits {
    /// Bytes of the body as sent.
    pub compressed: usize,
    /// Bytes it may inflate to.
    pub decoded: usize,
    /// How far ahead of now a sample may lie, in ms: what is further ahead is a sender's wrong clock or unit.
    pub max_ahead: i64,
}

impl Default for WriteLimits {
    fn default() -> Self {
        Self { compressed: 32 << 20, decoded: 32 << 20, max_ahead: 10 * 60 * 1000 }
    }
}

/// Why a request was not stored, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The body is not what its headers say. Nothing was stored; a retry can't help (400).
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The body is larger than allowed. Nothing was stored (413).
    #[error("the body has {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// There is no memory for what it holds. Nothing was stored; how much there is at other times only the caller knows.
    #[error("there is no memory for what the request holds")]
    NoRoom,
    /// Parts of it break a rule; the rest was stored. A retry can't help (400).
    #[error("{message}")]
    Rejected {
        /// What was stored.
        written: Written,
        /// The first few refused parts with the rule they break, and how many more there are; of bounded length.
        message: String,
        /// The earliest time (ms) of what lies too far in the future, if anything does.
        future: Option<i64>,
    },
    /// The store can't take writes now, and a retry will help (503), or it failed (500). Nothing was stored.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// What is wrong with a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It can't be inflated.
    #[error(transparent)]
    Snappy(#[from] SnappyError),
    /// It is no message of the announced type.
    #[error("the body is not a valid {message} message: top-level field {field}: {source}")]
    Message {
        /// The message's name.
        message: &'static str,
        /// Position of the top-level field, from 0.
        field: usize,
        /// What is wrong there.
        source: WireError,
    },
    /// It holds more than any sender puts into one request.
    #[error("the request holds more than {} samples or what weighs as much; send smaller ones", limits::MAX_SAMPLES)]
    TooMany,
}

impl WriteError {
    /// What was stored in spite of the error.
    #[must_use]
    pub fn written(&self) -> Written {
        match self {
            Self::Rejected { written, .. } => *written,
            _ => Written::default(),
        }
    }
}

impl Protocol {
    fn message(self) -> &'static str {
        match self {
            Self::V1 => "prometheus.WriteRequest",
            Self::V2 => "io.prometheus.write.v2.Request",
        }
    }
}

/// Bytes that `body` says it inflates to.
///
/// # Errors
/// When it is no snappy block, or one too large.
pub fn inflated_len(body: &[u8], limits: &WriteLimits) -> Result<usize, WriteError> {
    if body.len() > limits.compressed {
        return Err(WriteError::TooLarge { bytes: body.len(), limit: limits.compressed });
    }
    Ok(snappy::inflated_len(body, limits.decoded).map_err(Malformed::from)?)
}

/// Stores what `body` (a snappy block) holds; `now` is the time in ms.
///
/// `Ok` means that all of it is on disk. Everything but the append itself happens before the first await.
///
/// # Errors
/// See [`WriteError`]; only [`WriteError::Rejected`] comes with anything stored.
pub async fn receive(
    protocol: Protocol,
    body: &[u8],
    now: i64,
    limits: &WriteLimits,
    append: &dyn Append,
) -> Result<Written, WriteError> {
    take_in(protocol, body, now, limits, append, &Unlimited)?.store(append).await
}

/// What a request holds, on its way into the store.
pub struct Taken {
    batch: Batch,
    written: Written,
    refusals: Refusals,
}

/// Reads what `body` (a snappy block) holds. What is made of it takes its memory from `budget`; that of the bytes it inflates
/// to is the caller's concern.
///
/// # Errors
/// See [`WriteError`]; nothing is stored yet.
pub fn take_in(
    protocol: Protocol,
    body: &[u8],
    now: i64,
    limits: &WriteLimits,
    append: &dyn Append,
    budget: &dyn MemoryBudget,
) -> Result<Taken, WriteError> {
    inflated_len(body, limits)?;
    let take = |message: &[u8]| {
        let mut builder = WriteBuilder::new(append, now.saturating_add(limits.max_ahead), budget);
        builder.expect(message.len()).map_err(|_| WriteError::NoRoom)?;
        let taken = match protocol {
            Protocol::V1 => v1::take(message, &mut builder),
            Protocol::V2 => v2::take(message, &mut builder),
        };
        taken.map_err(|(field, stop)| match stop {
            Stop::Malformed(source) => Malformed::Message { message: protocol.message(), field, source }.into(),
            Stop::Batch(BatchError::TooMany) => Malformed::TooMany.into(),
            Stop::Batch(BatchError::NoRoom) => WriteError::NoRoom,
            Stop::Batch(BatchError::Store(error)) => WriteError::from(error),
        })?;
        Ok(builder.finish())
    };
    let taken: Result<_, WriteError> = snappy::with_inflated(body, limits.decoded, take).map_err(Malformed::from)?;
    let (batch, written, refusals) = taken?;
    Ok(Taken { batch, written, refusals })
}

impl Taken {
    /// About how many bytes of memory it takes, its record in the log included.
    #[must_use]
    pub fn memory(&self) -> usize {
        2 * self.batch.memory()
    }

    /// Stores it. `Ok` means that all of it is on disk.
    ///
    /// # Errors
    /// See [`WriteError`]; only [`WriteError::Rejected`] comes with anything stored.
    pub async fn store(self, append: &dyn Append) -> Result<Written, WriteError> {
        let Self { batch, written, refusals } = self;
        if !batch.is_empty() {
            append.append(batch).await?;
        }
        match refusals.message() {
            None => Ok(written),
            Some(message) => Err(WriteError::Rejected { written, message, future: refusals.future() }),
        }
    }
}
