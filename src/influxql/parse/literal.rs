//! Literals: numbers, durations, regular expressions.

use std::fmt::Write as _;

use crate::{
    influxql::{
        ast::{Expr, Pattern},
        error::ParseError,
    },
    model::{MatchOp, Matcher},
};

/// Units of durations with their lengths in ns, the longer first.
const UNITS: [(&str, i64); 9] = [
    ("w", 7 * 24 * 3600 * 1_000_000_000),
    ("d", 24 * 3600 * 1_000_000_000),
    ("h", 3600 * 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("u", 1_000),
    ("µ", 1_000),
    ("ns", 1),
];

/// `1h30m` in ns.
pub(super) fn duration(text: &str) -> Result<i64, ParseError> {
    let invalid = || ParseError("invalid duration".to_owned());
    let overflowed = || ParseError(format!("overflowed duration {text}: choose a smaller duration or INF"));
    let mut total = 0_i64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, behind) = rest.split_at(digits);
        let length = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, left) = behind.split_at(length);
        let (_, ns) = UNITS.iter().copied().find(|(name, _)| unit == *name).ok_or_else(invalid)?;
        if number.is_empty() {
            return Err(invalid());
        }
        let number: i64 = number.parse().map_err(|_| overflowed())?;
        let part = number.checked_mul(ns).ok_or_else(overflowed)?;
        total = total.checked_add(part).ok_or_else(overflowed)?;
        rest = left;
    }
    Ok(total)
}

/// A duration in ns as InfluxDB writes it: in the largest unit that fits, or in several.
pub(in crate::influxql) fn format_duration(ns: i64) -> String {
    if ns == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    if ns < 0 {
        text.push('-');
    }
    let mut left = ns.unsigned_abs();
    for (name, length) in UNITS.iter().filter(|(name, _)| *name != "µ") {
        let count = left / length.unsigned_abs();
        if count > 0 {
            let _ = write!(text, "{count}{name}");
            left %= length.unsigned_abs();
        }
    }
    text
}

/// `15`: as large as it is.
pub(super) fn integer(text: &str) -> Option<Expr> {
    match text.parse() {
        Ok(number) => Some(Expr::Integer(number)),
        Err(_) => text.parse().ok().map(Expr::Unsigned),
    }
}

/// `/pattern/`, which may match anywhere.
pub(super) fn pattern(text: &str) -> Result<Pattern, String> {
    // What Go refuses is refused in its words, and said of the pattern as it was written.
    Matcher::new(MatchOp::Regex, "", text).map_err(|error| error.to_string())?;
    let anywhere = format!("(?s:.*)(?:{text})(?s:.*)");
    let matcher = Matcher::new(MatchOp::Regex, "", anywhere).map_err(|error| error.to_string())?;
    Ok(Pattern { text: text.to_owned(), matcher })
}
