//! Durations as text: `1h30m`, `500ms`.
//!
//! Units come from the largest to the smallest, each at most once: `y` (365 d), `w`, `d`, `h`, `m`, `s`, `ms`.

/// Units with their length in ms, largest first.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
/// Prometheus counts durations in nanoseconds of an i64; this is that limit in ms.
const MAX_MILLIS: u64 = i64::MAX as u64 / 1_000_000;
/// The same limit in seconds, for durations written as plain numbers.
const MAX_SECONDS: f64 = 9_223_372_036.854_776;

/// The milliseconds that `text` stands for.
///
/// # Errors
/// With Prometheus' words for a text that is no duration or one of more than some 292 years.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("not a valid duration string: {}", super::quote::quote(text));
    match text {
        "0" => return Ok(0),
        "" => return Err("empty duration string".to_owned()),
        _ => {}
    }
    let mut rest = text;
    let mut total = 0u64;
    let mut larger = &UNITS[..];
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| invalid())?;
        let unit_len = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        if unit.is_empty() {
            return Err(invalid());
        }
        let Some((_, length)) = UNITS.iter().find(|u| u.0 == unit) else {
            let (unit, text) = (super::quote::quote(unit), super::quote::quote(text));
            return Err(format!("unknown unit {unit} in duration {text}"));
        };
        let at = larger.iter().position(|u| u.0 == unit).ok_or_else(invalid)?;
        larger = larger.get(at + 1..).unwrap_or_default();
        total = number
            .checked_mul(*length)
            .and_then(|n| n.checked_add(total))
            .filter(|n| *n <= MAX_MILLIS)
            .ok_or("duration out of range")?;
        rest = after;
    }
    Ok(total.cast_signed())
}

/// The shortest text for a duration of `millis`; years and weeks are used only when they fit exactly.
#[must_use]
pub fn format_duration(millis: i64) -> String {
    let mut rest = millis.unsigned_abs();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut out = String::from(if millis < 0 { "-" } else { "" });
    for (unit, length) in UNITS {
        let whole = matches!(unit, "y" | "w");
        if rest >= length && (!whole || rest.is_multiple_of(length)) {
            out.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    out
}

/// The duration of a plain number of seconds in ms, or `None` beyond what Prometheus can hold.
pub(crate) fn seconds_to_millis(seconds: f64) -> Option<i64> {
    // Prometheus rounds to nanoseconds first and cuts off to milliseconds when it evaluates.
    (seconds.abs() <= MAX_SECONDS).then(|| (seconds * 1e9).round() as i64 / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_add_up() {
        assert_eq!(parse_duration("1h30m"), Ok(5_400_000));
        assert_eq!(parse_duration("1y2w3d4h5m6s7ms"), Ok(((((365 + 14 + 3) * 24 + 4) * 60 + 5) * 60 + 6) * 1000 + 7));
        assert_eq!(parse_duration("0"), Ok(0));
    }

    #[test]
    fn what_is_no_duration_is_said_in_prometheus_words() {
        assert_eq!(parse_duration("5m1h").unwrap_err(), r#"not a valid duration string: "5m1h""#);
        assert_eq!(parse_duration("5m1m").unwrap_err(), r#"not a valid duration string: "5m1m""#);
        assert_eq!(parse_duration("5y1hs").unwrap_err(), r#"unknown unit "hs" in duration "5y1hs""#);
        assert_eq!(parse_duration("m").unwrap_err(), r#"not a valid duration string: "m""#);
        assert_eq!(parse_duration("300y").unwrap_err(), "duration out of range");
        assert_eq!(parse_duration("").unwrap_err(), "empty duration string");
    }

    #[test]
    fn years_and_weeks_are_written_only_when_exact() {
        assert_eq!(format_duration(7 * 86_400_000), "1w");
        assert_eq!(format_duration(8 * 86_400_000), "8d");
        assert_eq!(format_duration(-90_000), "-1m30s");
        assert_eq!(format_duration(0), "0s");
    }

    proptest! {
        #[test]
        fn text_and_millis_round_trip(millis in 0..=MAX_MILLIS as i64) {
            prop_assert_eq!(parse_duration(&format_duration(millis)), Ok(millis));
        }
    }
}
