//! Pieces of Prometheus' text format.

use super::json;

/// Whether the name is written without quotes; with `colons` as a metric's.
pub(crate) fn is_classic(name: &str, colons: bool) -> bool {
    name.chars().enumerate().all(|(i, c)| is_classic_char(c, colons, i == 0))
}

/// The same of a character, which may stand `first`.
pub(crate) fn is_classic_char(c: char, colons: bool, first: bool) -> bool {
    c.is_ascii_alphabetic() || c == '_' || (colons && c == ':') || (!first && c.is_ascii_digit())
}

/// A text in quotes.
pub(crate) fn put_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            byte => out.push(byte),
        }
    }
    out.push(b'"');
}

/// A number as JSON answers have it, without the quotes.
pub(crate) fn put_value(out: &mut Vec<u8>, value: f64) {
    put_unquoted(out, value, json::value);
}

/// A number as `write` writes it, without the quotes around it.
pub(crate) fn put_unquoted(out: &mut Vec<u8>, value: f64, write: fn(&mut Vec<u8>, f64)) {
    let begin = out.len();
    write(out, value);
    out.pop();
    out.remove(begin);
}
