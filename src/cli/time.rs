//! Times on the command line, as people type them.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Failure;
use crate::{model::parse_time, promql::parse_duration};

/// Seconds since 1970 of now.
pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Seconds since 1970 that `text` means: `now`, a time so long ago (`-10m`), seconds since 1970, or RFC 3339.
///
/// # Errors
/// When it is none of these.
pub(super) fn parse(text: &str, now: f64) -> Result<f64, Failure> {
    let ago = text.strip_prefix('-').and_then(|duration| parse_duration(duration).ok());
    let seconds = match ago {
        Some(ago) => Some(now - ago as f64 / 1e3),
        None if text == "now" => Some(now),
        None => parse_time(text).map(|ms| ms as f64 / 1e3),
    };
    seconds.ok_or_else(|| {
        Failure::Said(format!(
            "{text:?} is no time (expected now, -10m for ten minutes ago, seconds since 1970, or 2026-01-31T12:00:00Z)"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_notations_mean_seconds() {
        for (text, want) in [
            ("now", 1_000.0),
            ("-1m30s", 910.0),
            ("12.5", 12.5),
            ("-12.5", -12.5),
            ("1970-01-01T00:01:00Z", 60.0),
            ("1970-01-01T01:01:00+01:00", 60.0),
            ("9999-12-31T23:59:59Z", 253_402_300_799.0),
            ("1717999200.0005", 1_717_999_200.0),
        ] {
            assert_eq!(parse(text, 1_000.0).ok(), Some(want), "{text}");
        }
        for text in ["", "soon", "NaN", "-", "1970-01-01", "-5q"] {
            assert!(parse(text, 0.0).is_err(), "{text}");
        }
    }
}
