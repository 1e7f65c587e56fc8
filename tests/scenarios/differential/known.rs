//! Where we answer otherwise than Prometheus 3.5, on purpose.

use super::compare::Difference;

/// A difference that is meant to be there: what later versions changed, and where 3.5 itself has no certain answer.
struct Known {
    reason: &'static str,
    is: fn(expr: &str, difference: &str) -> bool,
}

const KNOWN: [Known; 0] = [];

/// Why this difference is expected, if it is.
pub(crate) fn reason(expr: &str, difference: &Difference) -> Option<&'static str> {
    let Difference::Answer(text) = difference else { return None };
    KNOWN.iter().find(|known| (known.is)(expr, text)).map(|known| known.reason)
}
