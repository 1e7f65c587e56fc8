//! Numbers and durations: how far they reach, and what a number is worth.

use super::Chars;

/// What stood at the chars.
pub(super) enum Numeric {
    Number,
    Duration,
    /// Neither; the chars stands after the character that spoiled it.
    Bad,
}

/// Moves over a number or a duration.
pub(super) fn scan(chars: &mut Chars<'_>) -> Numeric {
    if scan_number(chars) {
        Numeric::Number
    } else if scan_duration_rest(chars) {
        Numeric::Duration
    } else {
        Numeric::Bad
    }
}

/// Takes digits with dots, underscores and exponents; which combinations are numbers is settled by [`value`].
///
/// The rules of what may not follow what (nothing odd after `.`, `_` or `e`, each of `.` and `e` once) decide what the
/// error shows, and they hold for hexadecimal digits too: there a second `e` counts as a repeated exponent.
fn scan_number(chars: &mut Chars<'_>) -> bool {
    let start = chars.pos;
    let mut hex = false;
    if chars.eat(|c| c == '0') && chars.eat(|c| matches!(c, 'x' | 'X')) {
        chars.eat(|c| c == '_');
        hex = true;
    }
    let digit = move |c: char| if hex { c.is_ascii_hexdigit() } else { c.is_ascii_digit() };
    let exponent = |c: char| matches!(c, 'e' | 'E');
    let (mut dots, mut exponents) = (0, 0);
    // The first dot and the first digit stand outside of the rules below.
    chars.eat(|c| c == '.');
    chars.eat(digit);
    while let Some(c) = chars.peek() {
        if c == '.' {
            chars.bump();
            dots += 1;
            if dots > 1 || chars.eat(|c| matches!(c, '_' | '.')) || hex {
                return false;
            }
        } else if exponent(c) {
            chars.bump();
            exponents += 1;
            if exponents > 1 {
                return false;
            }
            chars.eat(|c| matches!(c, '+' | '-'));
            if chars.eat(|c| matches!(c, '.' | '_' | 'e' | 'E')) || chars.peek().is_none() {
                return false;
            }
        } else if c == '_' {
            chars.bump();
            if chars.eat(|c| matches!(c, '.' | '_' | 'e' | 'E')) || chars.peek().is_none() {
                return false;
            }
        } else if digit(c) {
            while chars.eat(digit) {}
        } else {
            break;
        }
    }
    chars.pos > start && !chars.peek().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Takes the units of a duration whose first number is taken already.
fn scan_duration_rest(chars: &mut Chars<'_>) -> bool {
    let digit = |c: char| c.is_ascii_digit();
    if !chars.eat(|c| "smhdwy".contains(c)) {
        return false;
    }
    chars.eat(|c| c == 's');
    while chars.eat(digit) {
        while chars.eat(digit) {}
        if !chars.eat(|c| "smhdw".contains(c)) {
            return false;
        }
        chars.eat(|c| c == 's');
    }
    !chars.eat(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What a number token is worth.
///
/// # Errors
/// With the words of Go, in which Prometheus reads numbers.
pub(crate) fn value(text: &str) -> Result<f64, String> {
    if let Some(n) = integer(text) {
        return Ok(n as f64);
    }
    let failed = |why: &str| {
        Err(format!("error parsing number: strconv.ParseFloat: parsing {}: {why}", super::super::quote::quote(text)))
    };
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    match plain.parse::<f64>() {
        Ok(n) if n.is_infinite() && plain.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            failed("value out of range")
        }
        Ok(n) if underscores_separate_digits(text) => Ok(n),
        _ => failed("invalid syntax"),
    }
}

/// A whole number in Go's notation: `0x` hexadecimal, a leading `0` octal, otherwise decimal; `_` between digits.
fn integer(text: &str) -> Option<i64> {
    let (base, digits) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, text.get(2..)?),
        [b'0', _, ..] => (8, text.get(1..)?),
        _ => (10, text),
    };
    if !underscores_separate_digits(text) {
        return None;
    }
    let plain: String = digits.chars().filter(|c| *c != '_').collect();
    if plain.starts_with(['+', '-']) {
        return None;
    }
    i64::from_str_radix(&plain, base).ok()
}

/// Whether every `_` stands between digits (the prefix `0x` counts as one).
fn underscores_separate_digits(text: &str) -> bool {
    let hex = text.starts_with("0x") || text.starts_with("0X");
    let digit = |c: Option<char>| {
        c.is_some_and(|c| if hex { c.is_ascii_hexdigit() || c == 'x' || c == 'X' } else { c.is_ascii_digit() })
    };
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '_' && !(digit(before) && digit(chars.peek().copied())) {
            return false;
        }
        before = Some(c);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_gos_notations() {
        for (text, want) in [
            ("1_000", 1000.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1E-2", 0.01),
            ("0x1F", 31.0),
            ("0x1F_ff", 8191.0),
            ("0X_A", 10.0),
            ("0755", 493.0),
            ("08", 8.0),
            ("1_0.5_0e1_0", 10.5e10),
            ("99999999999999999999", 1e20),
            ("iNf", f64::INFINITY),
        ] {
            assert_eq!(value(text), Ok(want), "{text}");
        }
        assert!(value("NaN").unwrap().is_nan());
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["1e999", "0x1e+5", "_1", "1__0"] {
            assert!(value(text).is_err(), "{text}");
        }
        assert!(value("1e999").unwrap_err().ends_with(r#"parsing "1e999": value out of range"#));
    }
}
