//! Why a matcher is refused.

/// A pattern may have this many bytes.
pub(super) const MAX_PATTERN: usize = 1 << 20;

/// Why a matcher can't be made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MatcherError {
    /// The value is no regular expression.
    #[error("error parsing regexp: {why}: `{}`", shortened(pattern))]
    Regex {
        /// The pattern, or the part of it that is wrong.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// The expression is longer than any may be.
    #[error("a regular expression has {0} bytes, more than the limit of {MAX_PATTERN}")]
    Long(usize),
    /// The memory there is doesn't suffice for it.
    #[error(
        "a regular expression of {0} bytes takes more memory than there is for queries; try again later, or shorten it"
    )]
    NoRoom(usize),
}

/// Longer patterns are told by their beginning.
const SHOWN: usize = 256;

/// A pattern as an error shows it: a long one by its beginning.
#[must_use]
pub fn shortened(pattern: &str) -> String {
    match pattern.char_indices().nth(SHOWN) {
        None => pattern.to_owned(),
        Some((end, _)) => format!("{}…", pattern.get(..end).unwrap_or_default()),
    }
}

/// Takes so many bytes of memory, and says whether there were so many.
pub type TakeBytes<'t> = dyn Fn(usize) -> bool + 't;
