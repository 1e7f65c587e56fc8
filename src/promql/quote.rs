//! Quoted text: reading the three kinds of string literals, and writing strings and characters as Go's `%q` does,
//! which is how Prometheus prints expressions and quotes input in its error messages.

/// What a string token (quotes included, already scanned and known to be well formed) stands for.
///
/// `\x` and octal escapes give single bytes; where they don't add up to UTF-8 the result holds U+FFFD, because no
/// label value or label name can have such bytes.
pub(crate) fn unquote(token: &str) -> String {
    let quote = token.chars().next().unwrap_or('"');
    let inner = token.get(1..token.len().saturating_sub(1)).unwrap_or_default();
    if quote == '`' || !inner.contains('\\') {
        return inner.to_owned();
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            escape(&mut chars, &mut out);
        } else {
            push(&mut out, c);
        }
    }
    String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

fn escape(chars: &mut std::str::Chars<'_>, out: &mut Vec<u8>) {
    let Some(c) = chars.next() else { return };
    match c {
        'a' => out.push(7),
        'b' => out.push(8),
        'f' => out.push(12),
        'n' => out.push(b'\n'),
        'r' => out.push(b'\r'),
        't' => out.push(b'\t'),
        'v' => out.push(11),
        'x' => out.push(digits(chars, 2, 16, 0) as u8),
        '0'..='7' => out.push(digits(chars, 2, 8, c.to_digit(8).unwrap_or(0)) as u8),
        'u' => push(out, char::from_u32(digits(chars, 4, 16, 0)).unwrap_or(char::REPLACEMENT_CHARACTER)),
        'U' => push(out, char::from_u32(digits(chars, 8, 16, 0)).unwrap_or(char::REPLACEMENT_CHARACTER)),
        other => push(out, other),
    }
}

fn digits(chars: &mut std::str::Chars<'_>, count: usize, base: u32, first: u32) -> u32 {
    chars.by_ref().take(count).filter_map(|c| c.to_digit(base)).fold(first, |n, d| n.wrapping_mul(base).wrapping_add(d))
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// `text` in double quotes, escaped as Go does.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        push_escaped(&mut out, c, '"');
    }
    out.push('"');
    out
}

/// A character in single quotes, escaped as Go does; the end of input shows as U+FFFD.
pub(crate) fn quote_char(c: Option<char>) -> String {
    let mut out = String::from("'");
    push_escaped(&mut out, c.unwrap_or(char::REPLACEMENT_CHARACTER), '\'');
    out.push('\'');
    out
}

fn push_escaped(out: &mut String, c: char, quote: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        c if c == quote => {
            out.push('\\');
            out.push(c);
        }
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        // Bytes that are no UTF-8 became this character; the lexer takes it only as an escape.
        char::REPLACEMENT_CHARACTER if quote == '"' => out.push_str("\\ufffd"),
        c if is_printable(c) => out.push(c),
        c if (c as u32) < 0x80 => out.push_str(&format!("\\x{:02x}", c as u32)),
        c if (c as u32) < 0x1_0000 => out.push_str(&format!("\\u{:04x}", c as u32)),
        c => out.push_str(&format!("\\U{:08x}", c as u32)),
    }
}

fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return c == ' ' || c.is_ascii_graphic();
    }
    // `escape_debug` leaves printable characters alone, but escapes combining marks unless they follow a letter.
    !c.is_whitespace() && format!("a{c}").escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_as_in_go() {
        assert_eq!(unquote(r#""a\tb\x41\101\u00e9\U0001F600\\\"""#), "a\tbA\u{41}é😀\\\"");
        assert_eq!(unquote(r"'it\'s'"), "it's");
        assert_eq!(unquote(r"`\d+\`"), r"\d+\");
        assert_eq!(unquote(r#""\xc3\xa9""#), "é", "bytes add up to characters");
        assert_eq!(unquote(r#""\xff""#), "\u{fffd}");
    }

    #[test]
    fn strings_are_written_as_in_go() {
        assert_eq!(quote("a\"b\\\n\u{1}é\u{a0}"), r#""a\"b\\\n\x01é\u00a0""#);
        assert_eq!(quote_char(Some('\'')), r"'\''");
        assert_eq!(quote_char(Some('"')), "'\"'");
        assert_eq!(quote_char(None), "'\u{fffd}'");
    }
}
