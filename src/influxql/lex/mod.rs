//! From text to tokens.
//!
//! A text is read token by token, as its parser asks: where a regular expression may stand, `/` begins one, elsewhere it
//! divides. Positions in errors are InfluxDB's, with their quirks, as they are compared with it: the end of a text lies one
//! character further behind a plain word or a space, and a quoted text one before its quote.

mod token;

pub(super) use self::token::{Kind, Place, Token, Word};

/// Operators and punctuation marks, the longer of two that begin alike first.
const MARKS: [&str; 24] = [
    "=~", "!~", "!=", "<>", "<=", ">=", "::", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|", "^", "(", ")", ",",
    ";", ".", ":",
];

/// A text and how far it is read.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    /// Where the word ends that was read last, if it was a plain one.
    word_end: Option<usize>,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, word_end: None }
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Token {
        self.skip_space();
        let at = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return self.end() };
        match first {
            '\'' => self.quoted('\''),
            '"' => self.quoted('"'),
            '$' => self.parameter(),
            c if c.is_ascii_digit() => self.number(),
            '.' if rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => self.number(),
            c if c.is_ascii_alphabetic() || c == '_' => {
                let word = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
                self.word_end = Some(self.at);
                let (kind, text) = match Word::spelled(word) {
                    Some(keyword) => (Kind::Word(keyword), String::new()),
                    None => (Kind::Name, word.to_owned()),
                };
                self.token(kind, text, at)
            }
            c => match MARKS.iter().find(|mark| rest.starts_with(**mark)) {
                Some(mark) => {
                    self.at += mark.len();
                    let shown = if *mark == "<>" { "!=" } else { mark };
                    self.token(Kind::Mark(shown), String::new(), at)
                }
                None => {
                    self.at += c.len_utf8();
                    self.token(Kind::Illegal, c.to_string(), at)
                }
            },
        }
    }

    /// The next token where a regular expression may stand.
    pub(super) fn next_or_regex(&mut self) -> Token {
        self.skip_space();
        let at = self.at;
        let Some(rest) = self.rest().strip_prefix('/') else { return self.next() };
        let mut pattern = String::new();
        let mut escaped = false;
        for (i, c) in rest.char_indices() {
            match (escaped, c) {
                (false, '/') => {
                    self.at += i + 2;
                    return self.token_before(Kind::Regex, pattern, at);
                }
                (_, '\n') => break,
                (false, '\\') => escaped = true,
                (true, '/') => {
                    pattern.push('/');
                    escaped = false;
                }
                (true, c) => {
                    pattern.extend(['\\', c]);
                    escaped = false;
                }
                (false, c) => pattern.push(c),
            }
        }
        self.at = self.text.len();
        self.token_before(Kind::Unended, pattern, at)
    }

    /// Goes back to before a token.
    pub(super) fn back_to(&mut self, token: &Token) {
        self.at = token.at;
    }

    /// The character that follows, a space too.
    pub(super) fn next_character(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// The text between two bytes.
    pub(super) fn slice(&self, from: usize, to: usize) -> &'t str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let taken = rest.split(|c| !wanted(c)).next().unwrap_or_default();
        self.at += taken.len();
        taken
    }

    /// Skips spaces and comments. A comment without an end goes to the end of the text.
    fn skip_space(&mut self) {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
            let rest = self.rest();
            if rest.starts_with("--") {
                self.take_while(|c| c != '\n');
            } else if let Some(comment) = rest.strip_prefix("/*") {
                self.at += comment.find("*/").map_or(rest.len(), |end| end + 4);
            } else {
                return;
            }
        }
    }

    fn end(&self) -> Token {
        let end = self.text.len();
        let beyond = self.text.ends_with([' ', '\t', '\n', '\r']) || self.word_end == Some(end);
        Token { kind: Kind::End, text: String::new(), at: end, shown: end, beyond: usize::from(beyond) }
    }

    fn quoted(&mut self, quote: char) -> Token {
        let at = self.at;
        let mut text = String::new();
        let mut characters = self.text.get(at + 1..).unwrap_or_default().char_indices();
        while let Some((i, c)) = characters.next() {
            match c {
                '\n' => break,
                '\\' => match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, c @ ('\\' | '"' | '\''))) => text.push(c),
                    Some((j, c)) => {
                        self.at = at + 1 + j + c.len_utf8();
                        let text = format!("\\{c}");
                        return Token { kind: Kind::BadEscape, text, at: at + 1 + i, shown: at + 1 + j, beyond: 0 };
                    }
                    None => break,
                },
                c if c == quote => {
                    self.at = at + 2 + i;
                    let kind = if quote == '"' { Kind::Name } else { Kind::Text };
                    return self.token_before(kind, text, at);
                }
                c => text.push(c),
            }
        }
        self.at = self.text.len();
        self.token_before(Kind::Unended, text, at)
    }

    fn parameter(&mut self) -> Token {
        let at = self.at;
        self.at += 1;
        if self.rest().starts_with('"') {
            let name = self.quoted('"');
            return if name.kind == Kind::Name { self.token(Kind::Parameter, name.text, at) } else { name };
        }
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_').to_owned();
        self.token(Kind::Parameter, name, at)
    }

    fn number(&mut self) -> Token {
        let at = self.at;
        self.take_while(|c| c.is_ascii_digit());
        let fraction = self.rest().strip_prefix('.').is_some_and(|rest| !rest.starts_with('.'));
        if fraction {
            self.at += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
        let unit = |c: char| c.is_ascii_alphabetic() || c == 'µ';
        let kind = if fraction {
            Kind::Number
        } else if self.next_character().is_some_and(unit) {
            self.take_while(|c| unit(c) || c.is_ascii_digit());
            Kind::Duration
        } else {
            Kind::Integer
        };
        let text = self.slice(at, self.at).to_owned();
        self.token(kind, text, at)
    }

    fn token(&self, kind: Kind, text: String, at: usize) -> Token {
        Token { kind, text, at, shown: at, beyond: 0 }
    }

    /// A token that errors show one character before its begin.
    fn token_before(&self, kind: Kind, text: String, at: usize) -> Token {
        let before = self.slice(0, at).chars().next_back().map_or(0, char::len_utf8);
        Token { kind, text, at, shown: at - before, beyond: 0 }
    }

    /// Where errors say that a token is.
    pub(super) fn place(&self, token: &Token) -> Place {
        let before = self.slice(0, token.shown);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Place { line: before.matches('\n').count() + 1, character: line.chars().count() + 1 + token.beyond }
    }
}

#[cfg(test)]
mod tests;
