//! Regular expressions as Prometheus writes them: Go's RE2 syntax, said in the syntax of `regex-syntax`.
//!
//! The two are close, but not the same: in Go `\d`, `\s`, `\w` and `\b` know ASCII only, `\Q…\E` quotes, a brace that
//! begins no repetition is a literal, `[` and `&&` in a class are literals, and repetitions end at 1000. What Go
//! refuses is refused here with Go's words. Names of groups, which in Go may repeat and be numbers, are taken out and kept beside
//! ([`Groups`]). [`class`] has bracketed classes and escapes, the rest is here.

mod class;
mod groups;

pub use groups::Groups;

use std::ops::Range;

use super::MatcherError;

/// A repetition may ask for this many at most.
const MAX_REPEAT: u32 = 1000;
/// A class of a Unicode property has some hundreds of ranges: as much as so many characters.
const PROPERTY_PARTS: usize = 64;

/// An expression in the syntax of `regex-syntax`, neither anchored nor flagged.
#[derive(Debug)]
pub struct Translated {
    /// The expression.
    pub text: String,
    /// How many characters, ranges and operators it has: what parsing it takes memory for.
    pub parts: usize,
    /// Where in the pattern the names of groups stand, with the groups' numbers.
    pub names: Vec<(Range<usize>, usize)>,
}

/// Translates `pattern`.
///
/// # Errors
/// When Go's `regexp` would refuse the pattern.
pub fn go_regex(pattern: &str) -> Result<Translated, MatcherError> {
    let mut translator = Translator {
        text: pattern,
        pos: 0,
        out: String::with_capacity(pattern.len() + 8),
        parts: 0,
        opened: 0,
        names: Vec::new(),
    };
    translator.expression()?;
    Ok(Translated { text: translator.out, parts: translator.parts, names: translator.names })
}

/// What a repetition operator would follow.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// Nothing that can be repeated.
    Nothing,
    /// Something to repeat.
    Atom,
    /// Another repetition, which began at this byte.
    Repeat(usize),
}

struct Translator<'a> {
    text: &'a str,
    pos: usize,
    out: String,
    parts: usize,
    /// Groups so far that remember what they matched.
    opened: usize,
    names: Vec<(Range<usize>, usize)>,
}

impl Translator<'_> {
    fn refuse<T>(&self, why: &str, piece: &str) -> Result<T, MatcherError> {
        Err(MatcherError::Regex { pattern: piece.to_owned(), why: why.to_owned() })
    }

    /// Refuses what stands from byte `start` to here.
    fn refuse_from<T>(&self, why: &str, start: usize) -> Result<T, MatcherError> {
        self.refuse(why, self.text.get(start..self.pos).unwrap_or_default())
    }

    fn rest(&self) -> &str {
        self.text.get(self.pos..).unwrap_or_default()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, what: &str) -> bool {
        let found = self.rest().starts_with(what);
        if found {
            self.pos += what.len();
        }
        found
    }

    fn expression(&mut self) -> Result<(), MatcherError> {
        let mut open = 0usize;
        let mut before = Before::Nothing;
        loop {
            let start = self.pos;
            let Some(c) = self.bump() else { break };
            self.parts += 1;
            before = match c {
                '(' => {
                    if self.group(start)? {
                        open += 1;
                        Before::Nothing
                    } else {
                        before
                    }
                }
                ')' if open == 0 => return self.refuse("unexpected )", self.text),
                ')' => {
                    open -= 1;
                    self.out.push(')');
                    Before::Atom
                }
                '|' => {
                    self.out.push('|');
                    Before::Nothing
                }
                '*' | '+' | '?' => self.repetition(start, before, c.to_string().as_str())?,
                '{' => match self.counted(start)? {
                    Some(counted) => self.repetition(start, before, &counted)?,
                    None => self.literal('{'),
                },
                '.' | '^' | '$' => {
                    self.out.push(c);
                    Before::Atom
                }
                '[' => {
                    self.class(start)?;
                    Before::Atom
                }
                '\\' => match self.escape(start)? {
                    Some(before) => before,
                    None => before,
                },
                other => self.literal(other),
            };
        }
        if open > 0 { self.refuse("missing closing )", self.text) } else { Ok(()) }
    }

    fn literal(&mut self, c: char) -> Before {
        if "\\.+*?()|[]{}^$#&-~".contains(c) {
            self.out.push('\\');
        }
        self.out.push(c);
        Before::Atom
    }

    /// A repetition operator is taken, except for the `?` that makes it lazy.
    fn repetition(&mut self, start: usize, before: Before, written: &str) -> Result<Before, MatcherError> {
        let lazy = self.eat("?");
        match before {
            Before::Repeat(first) => self.refuse_from("invalid nested repetition operator", first),
            Before::Nothing => self.refuse_from("missing argument to repetition operator", start),
            Before::Atom => {
                self.out.push_str(written);
                self.out.push_str(if lazy { "?" } else { "" });
                Ok(Before::Repeat(start))
            }
        }
    }

    /// Takes `n}`, `n,}` or `n,m}`; anything else makes the brace a literal.
    fn counted(&mut self, start: usize) -> Result<Option<String>, MatcherError> {
        let Some((inside, _)) = self.rest().split_once('}') else { return Ok(None) };
        let length = inside.len() + 1;
        let (min, max) = inside.split_once(',').map_or((inside, None), |(min, max)| (min, Some(max)));
        let number = |digits: &str| {
            let fits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            (fits && (digits.len() == 1 || !digits.starts_with('0'))).then(|| digits.parse().unwrap_or(u32::MAX))
        };
        let Some(min) = number(min) else { return Ok(None) };
        let max = match max {
            None => Some(min),
            Some("") => None,
            Some(digits) => match number(digits) {
                Some(max) => Some(max),
                None => return Ok(None),
            },
        };
        let written = format!("{{{inside}}}");
        self.pos += length;
        if min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || max < min) {
            return self.refuse_from("invalid repeat count", start);
        }
        Ok(Some(written))
    }

    /// What follows `(`: a group (true), or flags for the rest of the group around (false).
    fn group(&mut self, start: usize) -> Result<bool, MatcherError> {
        if !self.eat("?") {
            self.opened += 1;
            self.out.push('(');
            return Ok(true);
        }
        if self.eat("P<") || self.eat("<") {
            let Some((name, _)) = self.rest().split_once('>') else {
                return self.refuse("invalid named capture", self.text.get(start..).unwrap_or_default());
            };
            let valid = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let place = self.pos..self.pos + name.len();
            self.pos = place.end + 1;
            if !valid {
                return self.refuse_from("invalid named capture", start);
            }
            self.opened += 1;
            self.names.push((place, self.opened));
            self.out.push('(');
            return Ok(true);
        }
        let (mut negative, mut seen) = (false, false);
        let from = self.pos;
        loop {
            match self.bump() {
                Some('i' | 'm' | 's' | 'U') => seen = true,
                Some('-') if !negative => (negative, seen) = (true, false),
                Some(end @ (':' | ')')) if seen || !negative => {
                    let flags = self.text.get(from..self.pos - 1).unwrap_or_default();
                    if end == ':' {
                        self.out.push_str(&format!("(?{flags}:"));
                    } else if !flags.is_empty() {
                        self.out.push_str(&format!("(?{flags})"));
                    }
                    return Ok(end == ':');
                }
                Some(_) => return self.refuse_from("invalid or unsupported Perl syntax", start),
                None => return self.refuse("missing closing )", self.text),
            }
        }
    }

    /// An escape outside of classes; `None` when it stands for nothing.
    fn escape(&mut self, start: usize) -> Result<Option<Before>, MatcherError> {
        if self.eat("Q") {
            let (quoted, skip) = match self.rest().split_once("\\E") {
                Some((quoted, _)) => (quoted.to_owned(), 2),
                None => (self.rest().to_owned(), 0),
            };
            self.pos += quoted.len() + skip;
            self.parts += quoted.len();
            for c in quoted.chars() {
                self.literal(c);
            }
            return Ok((!quoted.is_empty()).then_some(Before::Atom));
        }
        for (name, assertion) in [("A", "\\A"), ("z", "\\z"), ("b", "(?-u:\\b)"), ("B", "(?-u:\\B)")] {
            if self.eat(name) {
                self.out.push_str(assertion);
                return Ok(Some(Before::Atom));
            }
        }
        if let Some(class) = self.class_escape(start)? {
            self.out.push_str(&format!("[{class}]"));
            return Ok(Some(Before::Atom));
        }
        let c = self.char_escape(start)?;
        Ok(Some(self.literal(c)))
    }
}

#[cfg(test)]
mod tests;
