//! Values of attributes as text.
//!
//! ```text
//! AnyValue  1 string  2 bool  3 int64  4 double  5 ArrayValue {1 AnyValue …}  6 KeyValueList {1 KeyValue …}  7 bytes
//! ```
//!
//! Texts stand as they are; numbers as JSON has them; lists and maps are compact JSON with sorted keys, in which `<`, `>` and `&`
//! are escaped; bytes are base64.

use std::{collections::BTreeMap, fmt::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::Stop;
use crate::{
    model::limits::MAX_VALUE,
    remote::wire::{Fields, Value, WireError},
};

/// How deep lists and maps may lie in each other.
const MAX_DEPTH: usize = 32;

/// A value that was read, but not what is in it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Any<'m> {
    None,
    Text(&'m [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
    List(&'m [u8]),
    Map(&'m [u8]),
    Bytes(&'m [u8]),
}

/// The text of an AnyValue message; the inner `Err` says which rule it breaks.
pub(super) fn text(message: &[u8]) -> Result<Result<String, String>, Stop> {
    let mut out = String::new();
    let written = match any(message)? {
        Any::None => Ok(()),
        Any::Text(bytes) => push_utf8(&mut out, bytes),
        Any::Bool(yes) => push(&mut out, if yes { "true" } else { "false" }),
        Any::Int(number) => push(&mut out, &number.to_string()),
        Any::Double(number) => push(&mut out, &double(number)),
        Any::Bytes(bytes) => push_base64(&mut out, bytes),
        nested @ (Any::List(_) | Any::Map(_)) => push_json(&mut out, nested, 0)?,
    };
    Ok(written.map(|()| out))
}

fn any(message: &[u8]) -> Result<Any<'_>, WireError> {
    let mut found = Any::None;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => found = Any::Text(value.bytes(1)?),
            2 => found = Any::Bool(value.varint(2)? != 0),
            3 => found = Any::Int(value.varint(3)? as i64),
            4 => found = Any::Double(value.double(4)?),
            5 => found = Any::List(value.bytes(5)?),
            6 => found = Any::Map(value.bytes(6)?),
            7 => found = Any::Bytes(value.bytes(7)?),
            _ => {}
        }
    }
    Ok(found)
}

/// The key and the value of a KeyValue message, which may be absent.
pub(super) fn key_value(message: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => key = field.bytes(1)?,
            2 => value = field.bytes(2)?,
            _ => {}
        }
    }
    Ok((key, value))
}

fn push(out: &mut String, text: &str) -> Result<(), String> {
    if out.len() + text.len() > MAX_VALUE {
        return Err(too_long());
    }
    out.push_str(text);
    Ok(())
}

fn too_long() -> String {
    format!("the value of an attribute has more than the {MAX_VALUE} bytes that a label may have")
}

fn push_utf8(out: &mut String, bytes: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the value of an attribute is not UTF-8".to_owned())?;
    push(out, text)
}

fn push_base64(out: &mut String, bytes: &[u8]) -> Result<(), String> {
    // What would be too long isn't made first.
    if bytes.len() > MAX_VALUE {
        return Err(too_long());
    }
    push(out, &STANDARD.encode(bytes))
}

/// The shortest digits that read back, as JSON writes them: `0.1`, `2`, `1e+21`, `1e-9`.
fn double(number: f64) -> String {
    if !number.is_finite() {
        return match number {
            f64::INFINITY => "+Inf".to_owned(),
            f64::NEG_INFINITY => "-Inf".to_owned(),
            _ => "NaN".to_owned(),
        };
    }
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        return if size >= 1.0 { text.replace('e', "e+") } else { text };
    }
    format!("{number}")
}

/// What stands in a list or map, as JSON.
fn push_json(out: &mut String, value: Any<'_>, depth: usize) -> Result<Result<(), String>, WireError> {
    if depth > MAX_DEPTH {
        return Ok(Err(format!("the value of an attribute has more than {MAX_DEPTH} levels")));
    }
    Ok(match value {
        Any::None => push(out, "null"),
        Any::Text(bytes) => push_quoted(out, bytes),
        Any::Bool(yes) => push(out, if yes { "true" } else { "false" }),
        Any::Int(number) => push(out, &number.to_string()),
        Any::Double(number) if number.is_finite() => push(out, &double(number)),
        Any::Double(_) => Err("a number in a list or map is not finite".to_owned()),
        Any::Bytes(bytes) => {
            let quoted = push(out, "\"").and_then(|()| push_base64(out, bytes));
            quoted.and_then(|()| push(out, "\""))
        }
        Any::List(message) => return push_list(out, message, depth),
        Any::Map(message) => return push_map(out, message, depth),
    })
}

fn push_list(out: &mut String, message: &[u8], depth: usize) -> Result<Result<(), String>, WireError> {
    let mut fields = Fields::new(message);
    let mut written = push(out, "[");
    let mut first = true;
    while let Some((number, field)) = fields.next()? {
        if number != 1 || written.is_err() {
            continue;
        }
        if !std::mem::take(&mut first) {
            written = push(out, ",");
        }
        if written.is_ok() {
            written = push_json(out, any(field.bytes(1)?)?, depth + 1)?;
        }
    }
    Ok(written.and_then(|()| push(out, "]")))
}

fn push_map(out: &mut String, message: &[u8], depth: usize) -> Result<Result<(), String>, WireError> {
    let mut entries = BTreeMap::new();
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        if number == 1 {
            let (key, value) = key_value(field.bytes(1)?)?;
            entries.insert(key, value);
            // Each is five characters of text at least.
            if entries.len() > MAX_VALUE / 5 {
                return Ok(Err("a map has too many entries for a label".to_owned()));
            }
        }
    }
    let mut written = push(out, "{");
    for (i, (key, value)) in entries.into_iter().enumerate() {
        written = written.and_then(|()| push(out, if i == 0 { "" } else { "," })).and_then(|()| push_quoted(out, key));
        written = written.and_then(|()| push(out, ":"));
        if written.is_err() {
            return Ok(written);
        }
        written = push_json(out, any(value)?, depth + 1)?;
    }
    Ok(written.and_then(|()| push(out, "}")))
}

fn push_quoted(out: &mut String, bytes: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the value of an attribute is not UTF-8".to_owned())?;
    push(out, "\"")?;
    let mut escaped = String::new();
    for c in text.chars() {
        escaped.clear();
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(escaped, "\\u{:04x}", u32::from(c));
            }
            c => escaped.push(c),
        }
        push(out, &escaped)?;
    }
    push(out, "\"")
}

/// The number of a fixed64 field.
pub(super) fn fixed64(value: Value<'_>, number: u32) -> Result<u64, WireError> {
    Ok(value.double(number)?.to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_json_does() {
        let texts = [0.1, 2.0, 1e21, 1e-9, 1e20, -0.0, 123456789.5, 1.5e300].map(double);
        assert_eq!(texts, ["0.1", "2", "1e+21", "1e-9", "100000000000000000000", "-0", "123456789.5", "1.5e+300"]);
    }

    #[test]
    fn bytes_are_base64_and_hexadecimal() {
        let mut out = String::new();
        push_base64(&mut out, &[0, 255]).unwrap();
        assert_eq!((out.as_str(), crate::model::hex::encode(&[0, 0xab]).as_str()), ("AP8=", "00ab"));
    }

    #[test]
    fn values_that_lie_too_deep_are_refused_and_not_walked() {
        let mut message = vec![0x18, 1];
        for _ in 0..10_000 {
            let mut list = vec![0x0a];
            prost::encoding::encode_varint(message.len() as u64, &mut list);
            list.extend(&message);
            message = vec![0x2a];
            prost::encoding::encode_varint(list.len() as u64, &mut message);
            message.extend(&list);
        }
        assert!(text(&message).unwrap().unwrap_err().contains("32 levels"));
    }
}
