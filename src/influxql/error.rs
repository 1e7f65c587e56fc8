//! Why a text is no query.

/// What is wrong with a text, in InfluxDB's words.
///
/// Clients show these to people and some tools look for them, so they are the ones of InfluxDB 1.8, with positions as it counts
/// them: `at line 1, char 8`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(pub(super) String);
