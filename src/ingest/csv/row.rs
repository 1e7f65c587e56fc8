//! One row: fields between separators, quoted where they hold one (RFC 4180).

use std::borrow::Cow;

/// A field, and at which byte of the row it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell<'b> {
    pub(super) text: Cow<'b, str>,
    pub(super) at: usize,
}

/// Where the row ends that `text` begins with, its end of line included. In quotes an end of line is text.
pub(super) fn end_of_row(text: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let end = text.iter().position(|byte| {
        quoted ^= *byte == b'"';
        *byte == b'\n' && !quoted
    });
    end.map(|end| end + 1)
}

/// Takes a row apart. The `Err` says what is wrong, and at which byte.
pub(super) fn cells<'b>(row: &'b str, separator: char, out: &mut Vec<Cell<'b>>) -> Result<(), (usize, &'static str)> {
    out.clear();
    let mut at = 0;
    loop {
        let rest = row.get(at..).unwrap_or_default();
        let (text, length) = match rest.strip_prefix('"') {
            Some(inside) => {
                let (text, length) = unquoted(inside).ok_or((at, "these quotes are not closed"))?;
                (text, length + 1)
            }
            None => {
                let length = rest.find(separator).unwrap_or(rest.len());
                (Cow::Borrowed(rest.get(..length).unwrap_or_default()), length)
            }
        };
        out.push(Cell { text, at });
        at += length;
        match row.get(at..).and_then(|rest| rest.chars().next()) {
            None => return Ok(()),
            Some(next) if next == separator => at += separator.len_utf8(),
            Some(_) => return Err((at, "expected a separator behind the quotes")),
        }
    }
}

/// What stands up to the closing quote, and how many bytes that was with it.
fn unquoted(inside: &str) -> Option<(Cow<'_, str>, usize)> {
    let end = inside.find('"')?;
    if !inside.get(end + 1..)?.starts_with('"') {
        return Some((Cow::Borrowed(inside.get(..end)?), end + 1));
    }
    let (mut text, mut at) = (String::new(), 0);
    loop {
        let rest = inside.get(at..)?;
        let end = rest.find('"')?;
        text.push_str(rest.get(..end)?);
        at += end + 1;
        if !inside.get(at..)?.starts_with('"') {
            return Some((Cow::Owned(text), at));
        }
        text.push('"');
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(row: &str) -> Vec<String> {
        let mut out = Vec::new();
        cells(row, ',', &mut out).unwrap();
        out.into_iter().map(|cell| cell.text.into_owned()).collect()
    }

    #[test]
    fn fields_are_plain_empty_or_quoted() {
        assert_eq!(texts("a,b c,,\"d,e\",\"f\"\"g\"\"\",h\"i"), ["a", "b c", "", "d,e", "f\"g\"", "h\"i"]);
        assert_eq!(texts(""), [""]);
        assert_eq!(texts(","), ["", ""]);
        let mut out = Vec::new();
        assert_eq!(cells("a,\"b", ',', &mut out), Err((2, "these quotes are not closed")));
        assert_eq!(cells("a,\"b\"c", ',', &mut out), Err((5, "expected a separator behind the quotes")));
        assert_eq!(end_of_row(b"a,\"b\n\"\"c\"\nd"), Some(10));
        assert_eq!(end_of_row(b"a,\"b\n"), None);
    }

    proptest! {
        #[test]
        fn what_is_quoted_comes_back(fields in prop::collection::vec("[a,\"\n é]{0,6}", 1..6)) {
            let row: Vec<String> = fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
            let row = row.join(",");
            prop_assert_eq!(texts(&row), fields);
            prop_assert_eq!(end_of_row(format!("{row}\nnext").as_bytes()), Some(row.len() + 1));
        }
    }
}
