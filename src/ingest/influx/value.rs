//! Values of fields: numbers, booleans and texts.

use std::borrow::Cow;

use crate::model::{FieldType, number};

/// What is wrong with a value, in InfluxDB's words.
pub(super) type Wrong = Cow<'static, str>;

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Number {
        value: f64,
        /// What it was.
        field_type: FieldType,
        /// Whether it is what is written: a float has no place for all digits of a large integer.
        exact: bool,
    },
    Text,
}

impl Value {
    fn exact(value: f64, field_type: FieldType) -> Self {
        Self::Number { value, field_type, exact: true }
    }
}

/// A boolean as it stands without quotes.
pub(super) fn boolean(word: &[u8]) -> Result<Value, Wrong> {
    match word {
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => Ok(Value::exact(1.0, FieldType::Boolean)),
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => Ok(Value::exact(0.0, FieldType::Boolean)),
        _ => Err(Cow::Borrowed("invalid boolean")),
    }
}

/// A number: `1`, `1.5`, `.5`, `-1e5` are floats, `5i` is an integer, `5u` an unsigned one.
pub(super) fn number(word: &[u8]) -> Result<Value, Wrong> {
    match word.split_last() {
        Some((b'i', digits)) => integer(digits),
        Some((b'u', digits)) => unsigned(digits),
        _ => float(word).map(|value| Value::exact(value, FieldType::Float)),
    }
}

fn integer(text: &[u8]) -> Result<Value, Wrong> {
    let digits = decimal_digits(text.strip_prefix(b"-").unwrap_or(text)).and_then(|_| std::str::from_utf8(text).ok());
    let Some(digits) = digits else { return Err(Cow::Borrowed("invalid number")) };
    match digits.parse::<i64>() {
        // 2^63 as a float is beyond the largest integer, and reads back as that one.
        Ok(number) => {
            let value = number as f64;
            let exact = value as i64 == number && value < 9_223_372_036_854_775_808.0;
            Ok(Value::Number { value, field_type: FieldType::Integer, exact })
        }
        Err(_) => Err(Cow::Owned(format!(
            "unable to parse integer {digits}: strconv.ParseInt: parsing \"{digits}\": value out of range"
        ))),
    }
}

fn unsigned(text: &[u8]) -> Result<Value, Wrong> {
    let Some(digits) = decimal_digits(text) else { return Err(Cow::Borrowed("invalid number")) };
    match digits.parse::<u64>() {
        Ok(number) => {
            let value = number as f64;
            let exact = value as u64 == number && value < 18_446_744_073_709_551_616.0;
            Ok(Value::Number { value, field_type: FieldType::Unsigned, exact })
        }
        Err(_) => Err(Cow::Owned(format!(
            "unable to parse unsigned {digits}: strconv.ParseUint: parsing \"{digits}\": value out of range"
        ))),
    }
}

/// The text, if it is digits and nothing else.
fn decimal_digits(text: &[u8]) -> Option<&str> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(text).ok()).flatten()
}

/// A number that ends with its field, at the beginning of `text`, and how many bytes it has, if it is one of those that nearly all are.
#[inline]
pub(super) fn plain(text: &[u8]) -> Option<(Value, usize)> {
    let (value, end) = number::decimal(text)?;
    let ends = |at: usize| matches!(text.get(at), None | Some(b',' | b' '));
    if ends(end) {
        return Some((Value::exact(value, FieldType::Float), end));
    }
    let (number, digits) = number::integer(text)?;
    (digits == end && text.get(end) == Some(&b'i') && ends(end + 1)).then(|| {
        let value = number as f64;
        (Value::Number { value, field_type: FieldType::Integer, exact: value as i64 == number }, end + 1)
    })
}

/// A float.
fn float(word: &[u8]) -> Result<f64, Wrong> {
    match number::decimal(word) {
        Some((value, end)) if end == word.len() => Ok(value),
        _ => long_float(word),
    }
}

/// A float with an exponent, without digits before its point, or of many.
#[cold]
fn long_float(word: &[u8]) -> Result<f64, Wrong> {
    let is_numeric = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    let text = std::str::from_utf8(word).ok().filter(|_| word.iter().all(is_numeric));
    let scientific = word.iter().any(|byte| matches!(byte, b'e' | b'E'));
    match text.map(str::parse::<f64>) {
        Some(Ok(value)) if value.is_finite() => Ok(value),
        Some(Ok(_)) => Err(Cow::Borrowed("invalid float")),
        Some(Err(_)) if scientific => Err(Cow::Borrowed("invalid float")),
        _ => Err(Cow::Borrowed("invalid number")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_floats_integers_or_unsigned() {
        let cases: [(&str, f64); 17] = [
            ("1", 1.0),
            ("1.5", 1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("-1", -1.0),
            ("-.25", -0.25),
            ("-0", -0.0),
            ("1e5", 1e5),
            ("1E-3", 1e-3),
            ("1e+2", 100.0),
            ("123456789012345678901234567890", 123456789012345678901234567890.0),
            ("0.1234567890123456789", 0.123_456_789_012_345_68),
            ("0.00000000000000000000000000001", 1e-29),
            ("5i", 5.0),
            ("-5i", -5.0),
            ("5u", 5.0),
            ("9007199254740992i", 9007199254740992.0),
        ];
        for (word, want) in cases {
            match number(word.as_bytes()) {
                Ok(Value::Number { value, exact: true, .. }) => assert_eq!(value.to_bits(), want.to_bits(), "{word}"),
                other => panic!("{word}: {other:?}"),
            }
        }
        for word in ["9007199254740993i", "-9007199254740993i", "9223372036854775807i", "18446744073709551615u"] {
            assert!(matches!(number(word.as_bytes()), Ok(Value::Number { exact: false, .. })), "{word}");
        }
        assert!(matches!(number(b"-9223372036854775808i"), Ok(Value::Number { exact: true, .. })));
        for (word, why) in [
            ("1e400", "invalid float"),
            ("1e", "invalid float"),
            ("1.1.1", "invalid number"),
            ("--1", "invalid number"),
            ("-", "invalid number"),
            (".", "invalid number"),
            ("i", "invalid number"),
            ("-i", "invalid number"),
            ("1.5i", "invalid number"),
            ("9i10", "invalid number"),
            ("-5u", "invalid number"),
            ("0x10", "invalid number"),
            ("NaN", "invalid number"),
            ("n", "invalid number"),
            ("1_000", "invalid number"),
            ("9223372036854775808i", "unable to parse integer 9223372036854775808: strconv.ParseInt"),
            ("18446744073709551616u", "unable to parse unsigned 18446744073709551616: strconv.ParseUint"),
        ] {
            assert!(number(word.as_bytes()).is_err_and(|found| found.starts_with(why)), "{word}");
        }
    }

    proptest! {
        #[test]
        fn floats_are_read_as_the_standard_library_reads_them(text in "-?[0-9]{0,20}(\\.[0-9]{0,24})?(e-?[0-9]{1,3})?") {
            let want = text.parse::<f64>().ok().filter(|value| value.is_finite()).map(f64::to_bits);
            let found = float(text.as_bytes()).ok().map(f64::to_bits);
            prop_assert_eq!(found, want, "{}", text);
        }
    }
}
