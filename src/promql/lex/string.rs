//! String literals: finding their end and refusing wrong escapes.

use super::Chars;

/// Moves over a string whose opening quote is taken; leaves the chars after the closing one.
///
/// # Errors
/// When the string doesn't end, or an escape sequence is none.
pub(super) fn scan(chars: &mut Chars<'_>, quote: char) -> Result<(), String> {
    let raw = quote == '`';
    loop {
        match chars.bump() {
            Some(c) if c == quote => return Ok(()),
            Some(char::REPLACEMENT_CHARACTER) => return Err("invalid UTF-8 rune".to_owned()),
            Some('\\') if !raw => escape(chars, quote)?,
            None if raw => return Err("unterminated raw string".to_owned()),
            Some('\n') if !raw => return Err("unterminated quoted string".to_owned()),
            None => return Err("unterminated quoted string".to_owned()),
            Some(_) => {}
        }
    }
}

fn escape(chars: &mut Chars<'_>, quote: char) -> Result<(), String> {
    let unfinished = || Err("escape sequence not terminated".to_owned());
    let (count, base, max, mut value) = match chars.bump() {
        Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\') => return Ok(()),
        Some(c) if c == quote => return Ok(()),
        Some(c @ '0'..='7') => (2, 8, 255, c.to_digit(8).unwrap_or(0)),
        Some('x') => (2, 16, 255, 0),
        Some('u') => (4, 16, 0x10_ffff, 0),
        Some('U') => (8, 16, 0x10_ffff, 0u32),
        None => return unfinished(),
        Some(c) => return Err(format!("unknown escape sequence {}", code_point(c))),
    };
    for _ in 0..count {
        let Some(c) = chars.bump() else { return unfinished() };
        let Some(digit) = c.to_digit(base) else {
            return Err(format!("illegal character {} in escape sequence", code_point(c)));
        };
        value = value.wrapping_mul(base).wrapping_add(digit);
    }
    if value > max || (0xd800..0xe000).contains(&value) {
        return Err("escape sequence is an invalid Unicode code point".to_owned());
    }
    Ok(())
}

/// `U+0063 'c'`
fn code_point(c: char) -> String {
    if c.is_control() { format!("U+{:04X}", c as u32) } else { format!("U+{:04X} '{c}'", c as u32) }
}
