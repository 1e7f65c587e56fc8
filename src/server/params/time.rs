//! Times and durations as parameters: numbers of seconds, RFC 3339, or Prometheus' duration notation.

use crate::{model, promql::parse_duration};

/// Durations of units are whole ms.
const NANOS_PER_MS: i64 = 1_000_000;

/// What clients that use Go's API library send for "since ever" and "for ever".
const EXTREMES: [(&str, i64); 2] =
    [("-292273086-05-16T16:47:06Z", i64::MIN), ("292277025-08-18T07:12:54.999999999Z", i64::MAX)];

/// Durations are kept to ms, but a number of seconds must fit 64 bits of nanoseconds, as in Prometheus.
const MAX_SECONDS: f64 = i64::MAX as f64 / 1e9;

/// A time in ms from a number of seconds or RFC 3339. The error is what Prometheus says.
pub(crate) fn parse_time(text: &str) -> Result<i64, String> {
    if let Some((_, ms)) = EXTREMES.iter().find(|(extreme, _)| *extreme == text) {
        return Ok(*ms);
    }
    model::parse_time(text).ok_or_else(|| format!("cannot parse \"{text}\" to a valid timestamp"))
}

/// A duration in nanoseconds from a number of seconds or units (`1h30m`). The error is what Prometheus says.
pub(crate) fn parse_nanos(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        // As in Prometheus, what is no number is the shortest of all.
        if seconds.is_nan() {
            return Ok(i64::MIN);
        }
        return if seconds.abs() <= MAX_SECONDS {
            Ok((seconds * 1e9) as i64)
        } else {
            Err(format!("cannot parse \"{text}\" to a valid duration. It overflows int64"))
        };
    }
    let ms = parse_duration(text).map_err(|_| format!("cannot parse \"{text}\" to a valid duration"))?;
    Ok(ms.saturating_mul(NANOS_PER_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        for (text, ms) in [
            ("0", 0),
            ("1435781451.781", 1_435_781_451_781),
            ("-1.5", -1500),
            ("1e3", 1_000_000),
            ("0.0004", 0),
            ("0.0005", 1),
            ("2015-07-01T20:10:51.781Z", 1_435_781_451_781),
            ("2020-01-01T00:00:00.1+01:00", 1_577_833_200_100),
            ("-292273086-05-16T16:47:06Z", i64::MIN),
            ("292277025-08-18T07:12:54.999999999Z", i64::MAX),
            // The fraction is rounded by itself: as a float the first is 0.91849994… and the second 0.00049996….
            ("1111492884.9185", 1_111_492_884_918),
            ("1717999200.0005", 1_717_999_200_000),
            ("1717999200.0006", 1_717_999_200_001),
            ("-1717999200.0006", -1_717_999_200_001),
            // As far as ms reach, and a little more.
            ("9999-12-31T23:59:59Z", 253_402_300_799_000),
            ("9999-12-31T23:59:59.999-23:59", 253_402_300_799_999 + 86_340_000),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000),
            ("9007199254740993", 9_007_199_254_740_992_000),
            ("9223372036854776", i64::MAX),
            ("-9223372036854776", i64::MIN),
            ("9223372036854775.807", i64::MAX),
            ("2024-02-29T23:59:59.9999Z", 1_709_251_199_999),
        ] {
            assert_eq!(parse_time(text), Ok(ms), "{text}");
        }
        for text in [
            "",
            "abc",
            "2020-01-01T00:00:00",
            "2020-01-01 00:00:00Z",
            "2020-01-01",
            "NaN",
            "inf",
            "1e30",
            "9223372036854778",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+1:00",
            "2024-01-01T00:00:00Zx",
            "2024-01-01T00:00:00[UTC]",
            "12024-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_time(text), Err(format!("cannot parse \"{text}\" to a valid timestamp")));
        }
    }

    #[test]
    fn durations_are_seconds_or_units_in_order() {
        const MS: i64 = 1_000_000;
        for (text, nanos) in [
            ("15", 15_000 * MS),
            ("0.5", 500 * MS),
            ("-1", -1000 * MS),
            ("5m", 300_000 * MS),
            ("1h30m", 5_400_000 * MS),
            ("1d", 86_400_000 * MS),
            ("1w", 604_800_000 * MS),
            ("100ms", 100 * MS),
            ("1m500ms", 60_500 * MS),
            ("0", 0),
            ("NaN", i64::MIN),
            ("nan", i64::MIN),
        ] {
            assert_eq!(parse_nanos(text), Ok(nanos), "{text}");
        }
        for text in ["", "x", "5", "m", "1m1h", "1s1s", "-5m", "5 m", "1.5h", "300y", "ü"].iter().filter(|t| **t != "5")
        {
            assert_eq!(parse_nanos(text), Err(format!("cannot parse \"{text}\" to a valid duration")));
        }
        for text in ["1e30", "inf"] {
            let error = parse_nanos(text).unwrap_err();
            assert_eq!(error, format!("cannot parse \"{text}\" to a valid duration. It overflows int64"));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "[0-9a-zT:.+-]{0,20}|\\PC{0,20}") {
            let _ = (parse_time(&text), parse_nanos(&text));
        }
    }
}
