//! Floats as the shortest decimals that read back the same, to the digit that Go prints.
//!
//! Two decimals of the same length can be as near to a value, when that lies exactly between them: 1125899906842624.25
//! between …624.2 and …624.3. Rust then takes the larger one, Go the one whose last digit is even.

use super::number;

/// Only decimals of so many digits can have a neighbour of the same length that reads back the same.
const AMBIGUOUS: usize = 16;

/// Below this, every integer has a float of its own.
const EXACT: u64 = 1 << 53;

/// Reads a float. Digits beyond the largest one are none, as in Go: only who writes infinity means it.
#[must_use]
pub fn parse_float(text: &str) -> Option<f64> {
    if let Some((value, end)) = number::decimal(text.as_bytes())
        && end == text.len()
    {
        return Some(value);
    }
    let value: f64 = text.parse().ok()?;
    let spelled = || text.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_alphabetic());
    (!value.is_infinite() || spelled()).then_some(value)
}

/// Appends a finite value in plain digits, whatever its size.
pub fn put_plain(out: &mut Vec<u8>, value: f64) {
    let integer = value as i64;
    if integer.unsigned_abs() < EXACT && (integer as f64).to_bits() == value.to_bits() {
        out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
        return;
    }
    let begin = out.len();
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    match text.split_once('e') {
        None => out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes()),
        Some((digits, exponent)) => put_moved(out, digits, exponent.parse().unwrap_or(0)),
    }
    let Some(text) = out.get_mut(begin..) else { return };
    if text.len() > AMBIGUOUS
        && let Some(point) = text.iter().position(|byte| *byte == b'.')
    {
        let places = text.len() - point - 1;
        if let Some(last) = text.last_mut() {
            settle_tie(value, last, places);
        }
    }
}

/// Appends `number`, a digit and perhaps a point and more of them, with the point moved right by `places`.
fn put_moved(out: &mut Vec<u8>, number: &str, places: i32) {
    let (sign, number) = number.strip_prefix('-').map_or(("", number), |number| ("-", number));
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    out.extend_from_slice(sign.as_bytes());
    if places < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', places.unsigned_abs() as usize - 1));
        out.extend_from_slice(whole.as_bytes());
        out.extend_from_slice(part.as_bytes());
        return;
    }
    let places = places as usize;
    let (moved, rest) = part.split_at_checked(places).unwrap_or((part, ""));
    out.extend_from_slice(whole.as_bytes());
    out.extend_from_slice(moved.as_bytes());
    out.extend(std::iter::repeat_n(b'0', places - moved.len()));
    if !rest.is_empty() {
        out.push(b'.');
        out.extend_from_slice(rest.as_bytes());
    }
}

/// A finite value in plain digits.
#[must_use]
pub fn plain(value: f64) -> String {
    let mut out = Vec::new();
    put_plain(&mut out, value);
    String::from_utf8(out).unwrap_or_default()
}

/// A finite value as its digits, with a point behind the first if there are several, and the exponent of ten.
#[must_use]
pub fn scientific(value: f64) -> (String, i32) {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mut digits = digits.to_owned().into_bytes();
    let point = digits.iter().position(|byte| *byte == b'.');
    if digits.len() > AMBIGUOUS
        && let Some(point) = point
        && let Ok(places) = usize::try_from((digits.len() - point - 1) as i32 - exponent)
        && let Some(last) = digits.last_mut()
    {
        settle_tie(value, last, places);
    }
    (String::from_utf8(digits).unwrap_or_default(), exponent)
}

/// A number with as many digits as it needs, with an exponent beyond the sixth digit: the way Prometheus writes numbers
/// in messages and in labels.
#[must_use]
pub fn general(v: f64) -> String {
    if v.is_nan() {
        return "NaN".to_owned();
    }
    if v.is_infinite() {
        return if v > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let (digits, e) = scientific(v);
    if v != 0.0 && !(-4..6).contains(&e) {
        return format!("{digits}e{}{:02}", if e < 0 { '-' } else { '+' }, e.abs());
    }
    plain(v)
}

/// Takes one from the last digit, which is the one `places` behind the point, where Go would.
fn settle_tie(value: f64, last: &mut u8, places: usize) {
    let Ok(finer) = i32::try_from(places + 1) else { return };
    // A tie ends with a 5 one place further on: there the value is a whole number of ever smaller halves.
    if last.is_multiple_of(2) || places == 0 || (value * 2f64.powi(finer)).fract() != 0.0 {
        return;
    }
    let exact = format!("{value:.*}", places + 1);
    if let Some(smaller) = exact.strip_suffix('5')
        && smaller.parse() == Ok(value)
    {
        *last -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exponent_form(value: f64) -> String {
        let (digits, exponent) = scientific(value);
        format!("{digits}e{exponent}")
    }

    /// What Prometheus 3.5 answers for these.
    #[test]
    fn only_a_word_is_infinite() {
        for text in ["1e400", "-1e400", "+2e308", ".1e999", "99999e99999"] {
            assert_eq!(parse_float(text), None, "{text}");
        }
        for (text, value) in [
            ("+Inf", f64::INFINITY),
            ("-infinity", f64::NEG_INFINITY),
            ("1e-400", 0.0),
            ("1.7976931348623157e308", f64::MAX),
        ] {
            assert_eq!(parse_float(text), Some(value), "{text}");
        }
    }

    #[test]
    fn of_two_nearest_decimals_the_even_one_is_taken() {
        let part = |number: u64, of: f64| number as f64 / of;
        let quarter = part(4_503_599_627_370_497, 4.0);
        for (value, want) in [
            (quarter, "1125899906842624.2"),
            (-quarter, "-1125899906842624.2"),
            (part(4_503_599_627_370_499, 4.0), "1125899906842624.8"),
            (part(562_949_953_421_313, 8.0), "70368744177664.12"),
            (part(562_949_953_421_315, 8.0), "70368744177664.38"),
            (part(70_368_744_177_665, 16.0), "4398046511104.0625"),
            // Below a power of two floats are denser: the even one would read back as another.
            (2f64.powi(-24), "0.00000005960464477539063"),
            (0.1, "0.1"),
            (-0.0, "-0"),
            (-7.0, "-7"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (12_345_678_901_234_567.0, "12345678901234568"),
            (-1.5e20, "-150000000000000000000"),
            (-1.5e-9, "-0.0000000015"),
            (5e-324, &format!("0.{}5", "0".repeat(323))),
        ] {
            assert_eq!(plain(value), want);
        }
        assert_eq!(exponent_form(quarter), "1.1258999068426242e15");
        assert_eq!(exponent_form(2f64.powi(-24)), "5.960464477539063e-8");
        assert_eq!(exponent_form(1e300), "1e300");
    }

    fn value() -> impl Strategy<Value = f64> {
        let quarters = (1u64 << 50..1 << 53).prop_map(|n| n as f64 / 4.0);
        let fine = (1u64 << 52..1 << 53, 0i32..80).prop_map(|(n, shift)| n as f64 / 2f64.powi(shift));
        prop_oneof![any::<u64>().prop_map(f64::from_bits), quarters, fine]
    }

    proptest! {
        #[test]
        fn decimals_read_back_the_same_and_are_as_short_as_can_be(value in value().prop_filter("finite", |v| v.is_finite())) {
            for (text, shortest) in [(plain(value), format!("{value}")), (exponent_form(value), format!("{value:e}"))] {
                prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
                prop_assert_eq!(text.len(), shortest.len());
            }
            // Both ways settle ties alike.
            let digits = |text: &str| text.replace(['.', '-'], "").trim_matches('0').to_owned();
            prop_assert_eq!(digits(&plain(value)), digits(&scientific(value).0));
        }
    }
}
