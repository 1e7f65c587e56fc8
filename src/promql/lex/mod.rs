//! From text to words, one at a time, on demand.
//!
//! What a word is depends on where it stands: inside `{…}` every word is an identifier and operators are matchers;
//! after `[` only durations are expected and `:` separates range and step. The [`Lexer`] tracks that itself, from the
//! brackets it has handed out, so the parser only ever asks for the next [`Token`].

mod chars;
mod number;
mod string;
mod token;

pub(crate) use number::value as number_value;
pub(crate) use token::{Context, Keyword, Token, TokenKind};

use super::{
    ast::BinaryOp,
    quote::{quote, quote_char},
};
use crate::model::Span;
use chars::Chars;

/// A text that no word starts with, or that ends too early.
#[derive(Debug)]
pub(crate) struct LexError {
    pub(crate) span: Span,
    pub(crate) message: String,
}

/// Where inside `[…]` the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Outside,
    /// Nothing but signs and parentheses stood after `[` so far.
    Fresh,
    /// A number or keyword has been read.
    Begun,
}

/// Hands out the words of a text.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    chars: Chars<'a>,
    /// First byte of the word being read.
    start: usize,
    parens: usize,
    in_braces: bool,
    bracket: Bracket,
    colon_seen: bool,
    duration_seen: bool,
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

impl<'a> Lexer<'a> {
    /// A lexer at the start of `text`, whose length fits into spans.
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            chars: Chars { text, pos: 0 },
            start: 0,
            parens: 0,
            in_braces: false,
            bracket: Bracket::Outside,
            colon_seen: false,
            duration_seen: false,
        }
    }

    /// The next word; [`TokenKind::End`] again and again at the end.
    ///
    /// # Errors
    /// When the text there is no word.
    pub(crate) fn next(&mut self) -> Result<Token, LexError> {
        self.skip_blank();
        self.start = self.chars.pos;
        let kind = if self.in_braces {
            self.in_braces()
        } else if self.bracket == Bracket::Fresh {
            self.in_fresh_bracket()
        } else {
            self.outside()
        };
        match kind {
            Ok(kind) => Ok(Token { kind, span: Span::new(self.start as u32, self.chars.pos as u32) }),
            Err(message) => {
                let span = Span::new(self.start as u32, self.chars.text.len() as u32);
                Err(LexError { span, message })
            }
        }
    }

    /// Spaces, and comments where they are allowed (not right after `[`).
    fn skip_blank(&mut self) {
        loop {
            while self.chars.eat(is_space) {}
            if self.bracket == Bracket::Fresh || self.chars.peek() != Some('#') {
                return;
            }
            while self.chars.eat(|c| c != '\n' && c != '\r') {}
        }
    }

    fn outside(&mut self) -> Result<TokenKind, String> {
        let Some(c) = self.chars.bump() else { return self.end() };
        Ok(match c {
            ',' => TokenKind::Comma,
            '@' => TokenKind::At,
            '{' => {
                self.in_braces = true;
                TokenKind::LeftBrace
            }
            '(' => self.open_paren(),
            ')' => return self.close_paren(),
            '[' if self.bracket != Bracket::Outside => {
                return Err(format!("unexpected left bracket {}", quote_char(Some(c))));
            }
            '[' => {
                self.bracket = Bracket::Fresh;
                self.colon_seen = false;
                TokenKind::LeftBracket
            }
            ']' if self.bracket == Bracket::Outside => {
                return Err(format!("unexpected right bracket {}", quote_char(Some(c))));
            }
            ']' => self.close_bracket(),
            '=' if self.chars.peek() == Some('~') => return Err("unexpected character after '=': '~'".to_owned()),
            '=' if self.chars.eat(|c| c == '=') => TokenKind::Operator(BinaryOp::Equal),
            '=' => TokenKind::Assign,
            '!' => match self.chars.bump() {
                Some('=') => TokenKind::Operator(BinaryOp::NotEqual),
                other => return Err(format!("unexpected character after '!': {}", quote_char(other))),
            },
            '<' if self.chars.eat(|c| c == '=') => TokenKind::Operator(BinaryOp::LessEqual),
            '<' if self.chars.eat(|c| c == '/') => TokenKind::Operator(BinaryOp::TrimUpper),
            '<' => TokenKind::Operator(BinaryOp::Less),
            '>' if self.chars.eat(|c| c == '=') => TokenKind::Operator(BinaryOp::GreaterEqual),
            '>' if self.chars.eat(|c| c == '/') => TokenKind::Operator(BinaryOp::TrimLower),
            '>' => TokenKind::Operator(BinaryOp::Greater),
            '"' | '\'' | '`' => return string::scan(&mut self.chars, c).map(|()| TokenKind::String),
            c if c.is_ascii_digit() || (c == '.' && self.at_digit()) => return self.number(),
            c if (is_word_start(c) || c == ':') && self.bracket != Bracket::Outside => return self.word_in_bracket(c),
            c if is_word_start(c) || c == ':' => self.word(),
            c => match arithmetic(c) {
                Some(op) => TokenKind::Operator(op),
                None => return Err(format!("unexpected character: {}", quote_char(Some(c)))),
            },
        })
    }

    fn in_fresh_bracket(&mut self) -> Result<TokenKind, String> {
        let Some(c) = self.chars.bump() else {
            return Err("unexpected end of input in duration expression".to_owned());
        };
        let wrong = || Err(format!("unexpected character in duration expression: {}", quote_char(Some(c))));
        Ok(match c {
            ']' => self.close_bracket(),
            ':' if !self.duration_seen => {
                self.start = self.chars.pos;
                return Err("unexpected colon before duration in duration expression".to_owned());
            }
            ':' if self.colon_seen => {
                self.start = self.chars.pos;
                return Err("unexpected repeated colon in duration expression".to_owned());
            }
            ':' => {
                self.colon_seen = true;
                TokenKind::Colon
            }
            '(' => self.open_paren(),
            ')' => return self.close_paren(),
            ',' => TokenKind::Comma,
            c if c.is_ascii_digit() || (c == '.' && self.at_digit()) => {
                self.bracket = Bracket::Begun;
                self.duration_seen = true;
                return self.number();
            }
            c if is_word_start(c) => match self.duration_word() {
                Some(word) => {
                    // Prometheus wants a number before the colon, and so refuses `[step():1m]`.
                    self.duration_seen = true;
                    TokenKind::Context(word)
                }
                None => return wrong(),
            },
            c => match arithmetic(c) {
                Some(op) => TokenKind::Operator(op),
                None => return wrong(),
            },
        })
    }

    fn in_braces(&mut self) -> Result<TokenKind, String> {
        let Some(c) = self.chars.bump() else { return Err("unexpected end of input inside braces".to_owned()) };
        Ok(match c {
            ',' => TokenKind::Comma,
            '}' => {
                self.in_braces = false;
                TokenKind::RightBrace
            }
            '{' => return Err(format!("unexpected left brace {}", quote_char(Some(c)))),
            '=' if self.chars.eat(|c| c == '~') => TokenKind::Match,
            '=' => TokenKind::Assign,
            '!' => match self.chars.bump() {
                Some('=') => TokenKind::Operator(BinaryOp::NotEqual),
                Some('~') => TokenKind::NotMatch,
                other => return Err(format!("unexpected character after '!' inside braces: {}", quote_char(other))),
            },
            '"' | '\'' | '`' => return string::scan(&mut self.chars, c).map(|()| TokenKind::String),
            c if is_word_start(c) => {
                while self.chars.eat(is_word) {}
                TokenKind::Identifier
            }
            c => return Err(format!("unexpected character inside braces: {}", quote_char(Some(c)))),
        })
    }

    fn end(&self) -> Result<TokenKind, String> {
        if self.parens > 0 {
            Err("unclosed left parenthesis".to_owned())
        } else if self.bracket != Bracket::Outside {
            Err("unclosed left bracket".to_owned())
        } else {
            Ok(TokenKind::End)
        }
    }

    fn open_paren(&mut self) -> TokenKind {
        self.parens += 1;
        TokenKind::LeftParen
    }

    fn close_paren(&mut self) -> Result<TokenKind, String> {
        match self.parens.checked_sub(1) {
            Some(parens) => {
                self.parens = parens;
                Ok(TokenKind::RightParen)
            }
            None => {
                self.start = self.chars.pos;
                Err("unexpected right parenthesis ')'".to_owned())
            }
        }
    }

    fn close_bracket(&mut self) -> TokenKind {
        self.bracket = Bracket::Outside;
        self.colon_seen = false;
        TokenKind::RightBracket
    }

    fn at_digit(&self) -> bool {
        self.chars.peek().is_some_and(|c| c.is_ascii_digit())
    }

    fn number(&mut self) -> Result<TokenKind, String> {
        self.chars.pos = self.start;
        match number::scan(&mut self.chars) {
            number::Numeric::Number => Ok(TokenKind::Number),
            number::Numeric::Duration => Ok(TokenKind::Duration),
            number::Numeric::Bad => {
                let text = self.chars.text.get(self.start..self.chars.pos).unwrap_or_default();
                Err(format!("bad number or duration syntax: {}", quote(text)))
            }
        }
    }

    fn word_in_bracket(&mut self, first: char) -> Result<TokenKind, String> {
        if first == ':' {
            if self.colon_seen {
                return Err(format!("unexpected colon {}", quote_char(Some(first))));
            }
            self.colon_seen = true;
            return Ok(TokenKind::Colon);
        }
        self.duration_word()
            .map(TokenKind::Context)
            .ok_or_else(|| format!("unexpected character: {}, expected ':'", quote_char(Some(first))))
    }

    fn duration_word(&mut self) -> Option<Context> {
        while self.chars.eat(is_word_start) {}
        let word = self.chars.text.get(self.start..self.chars.pos)?;
        Context::of_duration_word(&word.to_ascii_lowercase())
    }

    fn word(&mut self) -> TokenKind {
        while self.chars.eat(|c| is_word(c) || c == ':') {}
        let word = self.chars.text.get(self.start..self.chars.pos).unwrap_or_default();
        match TokenKind::of_word(word) {
            // Metrics called `fill` were there before the modifiers, which are known by their parenthesis.
            TokenKind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight) if !self.before_paren() => {
                TokenKind::Identifier
            }
            kind => kind,
        }
    }

    fn before_paren(&self) -> bool {
        let rest = self.chars.text.get(self.chars.pos..).unwrap_or_default();
        rest.trim_start_matches(is_space).starts_with('(')
    }
}

fn arithmetic(c: char) -> Option<BinaryOp> {
    Some(match c {
        '+' => BinaryOp::Add,
        '-' => BinaryOp::Sub,
        '*' => BinaryOp::Mul,
        '/' => BinaryOp::Div,
        '%' => BinaryOp::Mod,
        '^' => BinaryOp::Pow,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
