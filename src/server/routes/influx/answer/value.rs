//! Values as text.

use std::io::Write as _;

use jiff::{Timestamp, tz::TimeZone};

use super::Epoch;

/// Writes a float as JSON of Go has it: plain from 1e-6 up to below 1e21, else with an exponent.
pub(super) fn float(out: &mut Vec<u8>, value: f64) {
    let size = value.abs();
    // A Vec takes all that is written.
    let _ = if size == 0.0 || (1e-6..1e21).contains(&size) {
        write!(out, "{value}")
    } else {
        let text = format!("{value:e}");
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => write!(out, "{digits}e+{exponent}"),
            _ => write!(out, "{text}"),
        }
    };
}

/// Writes a time: as a number, or as RFC 3339 without quotes.
pub(super) fn time(out: &mut Vec<u8>, ns: i64, epoch: Epoch, zone: Option<&TimeZone>) {
    let _ = match (epoch, Timestamp::from_nanosecond(i128::from(ns)), zone) {
        (Epoch::Units(unit), ..) => write!(out, "{}", ns / unit),
        (Epoch::Text, Ok(time), None) => write!(out, "{time}"),
        (Epoch::Text, Ok(time), Some(zone)) => {
            let seconds = zone.to_offset(time).seconds();
            let local = zone.to_datetime(time);
            if seconds == 0 {
                write!(out, "{local}Z")
            } else {
                let minutes = seconds.abs() / 60;
                write!(out, "{local}{}{:02}:{:02}", if seconds < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
            }
        }
        (Epoch::Text, Err(_), _) => write!(out, "{ns}"),
    };
}

/// Writes a text in quotes, with the escapes of Go.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for c in text.chars() {
        let _ = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => write!(out, "\\u{:04x}", u32::from(c)),
            c if u32::from(c) < 0x20 => write!(out, "\\u{:04x}", u32::from(c)),
            c => write!(out, "{c}"),
        };
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_texts_and_times_are_written_as_go_writes_them() {
        let float = |value: f64| {
            let mut out = Vec::new();
            float(&mut out, value);
            String::from_utf8(out).unwrap()
        };
        for (value, text) in [
            (1.0, "1"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1.5e-7, "1.5e-7"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.25e300, "-1.25e+300"),
        ] {
            assert_eq!(float(value), text);
        }
        let mut out = Vec::new();
        string(&mut out, "a\"<\u{2028}\u{1}é\n");
        assert_eq!(out, b"\"a\\\"\\u003c\\u2028\\u0001\xc3\xa9\\n\"");
        let time = |ns: i64, epoch: &str, zone: Option<&str>| {
            let mut out = Vec::new();
            let zone = zone.map(|zone| TimeZone::get(zone).unwrap());
            time(&mut out, ns, Epoch::of(epoch), zone.as_ref());
            String::from_utf8(out).unwrap()
        };
        assert_eq!(time(1_704_067_207_500_000_000, "", None), "2024-01-01T00:00:07.5Z");
        assert_eq!(time(1_704_067_200_000_000_000, "", Some("Asia/Kolkata")), "2024-01-01T05:30:00+05:30");
        assert_eq!(time(1_704_067_200_000_000_000, "", Some("Europe/London")), "2024-01-01T00:00:00Z");
        assert_eq!(time(-1_500_000_000, "s", None), "-1");
        assert_eq!(time(1_704_067_200_123_456_789, "us", None), "1704067200123456789");
    }
}
