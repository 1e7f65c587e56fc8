//! A place in JSON text (RFC 8259), and what can stand there.

use std::borrow::Cow;

use super::scan::{Scan, begins_line};
use crate::{
    ingest::values::{self, NAN},
    model::{STALE_NAN, number},
};

/// What is wrong, and at which byte of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) why: String,
}

/// A place in a text.
pub(super) struct Cursor<'b> {
    text: &'b str,
    at: usize,
}

impl<'b> Cursor<'b> {
    pub(super) fn new(text: &'b str) -> Self {
        Self::at_byte(text, 0)
    }

    /// The place before byte `at`.
    pub(super) fn at_byte(text: &'b str, at: usize) -> Self {
        Self { text, at }
    }

    pub(super) fn text(&self) -> &'b str {
        self.text
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The text from `begin` to here.
    pub(super) fn since(&self, begin: usize) -> &'b str {
        self.text.get(begin..self.at).unwrap_or_default()
    }

    fn bytes(&self) -> &'b [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes().first().copied()
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    pub(super) fn skip_blanks(&mut self) {
        self.skip_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
    }

    fn skip_while(&mut self, accept: impl Fn(u8) -> bool) {
        let bytes = self.bytes();
        self.at += bytes.iter().position(|byte| !accept(*byte)).unwrap_or(bytes.len());
    }

    /// Goes to the next `{`, or to the end.
    pub(super) fn skip_to_object(&mut self) {
        self.skip_while(|byte| byte != b'{');
    }

    /// Goes behind the object that begins at `begin`, wherever in it reading stopped.
    pub(super) fn leave_object(&mut self, begin: usize) {
        self.at = begin;
        let end = Scan::default().end(self.bytes());
        self.at = end.map_or(self.text.len(), |end| begin + end);
    }

    /// Takes `byte` if it comes next, and blanks around it.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
            self.skip_blanks();
        }
        found
    }

    /// Takes `byte`, which has to come next.
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.take(byte) { Ok(()) } else { Err(self.expected(&char::from(byte).to_string())) }
    }

    pub(super) fn expected(&self, what: &str) -> Fault {
        let found = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        let why = match found {
            Some(found) if !begins_line(self.text.as_bytes(), self.at) => format!("expected {what}, found {found:?}"),
            _ => format!("expected {what}, the object ends here"),
        };
        Fault { at: self.at, why }
    }

    pub(super) fn fault(&self, at: usize, why: impl Into<String>) -> Fault {
        Fault { at, why: why.into() }
    }

    /// Goes through the members of an object: `member` is called with each name, where its value begins.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'b, str>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.expect(b'{')?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.expected("a name in quotes"));
            }
            let name = self.string()?;
            self.expect(b':')?;
            member(self, name)?;
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.expected(", or }"));
            }
        }
    }

    /// Goes through the items of an array.
    pub(super) fn array(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        self.expect(b'[')?;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            item(self)?;
            match self.peek() {
                // Between numbers there is seldom more.
                Some(b',') => {
                    self.at += 1;
                    self.skip_blanks();
                }
                _ if self.take(b']') => return Ok(()),
                _ if self.take(b',') => {}
                _ => return Err(self.expected(", or ]")),
            }
        }
    }

    /// A text in quotes.
    pub(super) fn string(&mut self) -> Result<Cow<'b, str>, Fault> {
        let begin = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.expected("a text in quotes"));
        }
        self.at += 1;
        let inside = self.at;
        self.skip_while(|byte| byte != b'"' && byte != b'\\' && byte >= b' ');
        if self.peek() == Some(b'"') {
            let text = self.since(inside);
            self.at += 1;
            return Ok(Cow::Borrowed(text));
        }
        let mut text = self.since(inside).to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) if self.peek() < Some(b' ') => {
                    return Err(self.expected("an escape in place of this character"));
                }
                Some(_) => {
                    let plain = self.at;
                    self.skip_while(|byte| byte != b'"' && byte != b'\\' && byte >= b' ');
                    text.push_str(self.since(plain));
                }
                None => return Err(self.fault(begin, "these quotes are not closed")),
            }
        }
    }

    /// A character that is written as `\…`.
    fn escape(&mut self) -> Result<char, Fault> {
        let begin = self.at;
        let letter = self.bytes().get(1).copied();
        self.at += 2;
        Ok(match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hex(begin)?;
                let pair = (0xd800..0xdc00).contains(&first) && self.bytes().starts_with(b"\\u");
                let code = if pair {
                    self.at += 2;
                    let second = self.hex(begin)?;
                    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400);
                    low.map_or(first, |low| 0x1_0000 + ((first - 0xd800) << 10) + low)
                } else {
                    first
                };
                char::from_u32(code).ok_or_else(|| self.fault(begin, "half a surrogate pair is no character"))?
            }
            _ => return Err(self.fault(begin, "no such escape")),
        })
    }

    fn hex(&mut self, begin: usize) -> Result<u32, Fault> {
        let digits = self.text.get(self.at..self.at + 4);
        let code = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = code.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        code.ok_or_else(|| self.fault(begin, "\\u needs four hexadecimal digits"))
    }

    /// The digits of a number, a word such as `null`, or a text in quotes; which of these, tells its first byte.
    pub(super) fn word(&mut self) -> Result<Cow<'b, str>, Fault> {
        if self.peek() == Some(b'"') {
            return self.string();
        }
        let begin = self.at;
        self.skip_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        Ok(Cow::Borrowed(self.since(begin)))
    }

    /// What `read` finds at the beginning of what comes next, unless more than that belongs to it.
    #[inline]
    fn plain<T>(&mut self, read: impl FnOnce(&[u8]) -> Option<(T, usize)>) -> Option<T> {
        let bytes = self.bytes();
        let (value, length) = read(bytes)?;
        matches!(bytes.get(length), None | Some(b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t')).then(|| {
            self.at += length;
            value
        })
    }

    /// A whole number that isn't in quotes, if one comes next that is not too long.
    #[inline]
    pub(super) fn integer(&mut self) -> Option<i64> {
        self.plain(number::integer)
    }

    /// A sample's value.
    #[inline]
    pub(super) fn value(&mut self) -> Result<f64, Fault> {
        match self.plain(number::decimal) {
            Some(value) => Ok(value),
            None => self.any_value(),
        }
    }

    fn any_value(&mut self) -> Result<f64, Fault> {
        let begin = self.at;
        let quoted = self.peek() == Some(b'"');
        let word = self.word()?;
        match &*word {
            "null" => return Ok(NAN),
            "true" => return Ok(1.0),
            "false" => return Ok(0.0),
            "StaleNaN" if quoted => return Ok(STALE_NAN),
            "" => {
                self.at = begin;
                return Err(self.expected("a number"));
            }
            _ => {}
        }
        let digits = word.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        match values::parse(&word) {
            Some(value) if quoted || (digits && value.is_finite()) => Ok(value),
            _ => Err(self.fault(begin, format!("{word:?} is no number"))),
        }
    }
}
