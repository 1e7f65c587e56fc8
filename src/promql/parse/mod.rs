//! From words to a tree, by operator precedence.
//!
//! [`expr`] climbs over binary operators, [`modifiers`] reads what stands between an operator and its right side,
//! [`selector`] the braces, [`postfix`] what may follow an operand (`[…]`, `offset`, `@`, …), [`duration`] the
//! arithmetic inside brackets and after `offset`, and [`call`] functions and aggregations. Each reads on from one
//! word of lookahead and stops at the first error, worded and placed as in Prometheus.
//!
//! Nesting is bounded while reading, and the tree is at most [`MAX_DEPTH`] high, so that everything that walks it may
//! recurse.

mod call;
mod duration;
mod expr;
mod modifiers;
mod postfix;
mod selector;

use super::{
    Features, QueryError,
    ast::{Expr, ExprKind},
    check,
    lex::{Lexer, Token, TokenKind},
};
use crate::model::{Matcher, Span, TakeBytes};

/// How high a tree may be. A chain of operators of one precedence is as high as it is long.
pub const MAX_DEPTH: usize = 256;
/// How high the tree of a query may be that has a stack for it: as long as a chain of operators may be.
pub(super) const MAX_CHAIN: usize = 20_000;
/// How deep expressions may be nested in parentheses, arguments, signs and the like: each level costs the parser
/// stack, up to 15 kB in an unoptimised build.
const MAX_NESTING: usize = 100;
/// A query may be this many bytes long, far more than anything that answers in time; spans count in `u32`.
const MAX_LENGTH: usize = 1 << 24;
/// Memory that a word takes until its query has ended, in the tree and in the plan (bytes).
const WORD_BYTES: usize = 512;
/// Memory that each byte of a text may take beside, in what its strings stand for and where they are shown.
const TEXT_FACTOR: usize = 4;
/// Memory is taken for so many words at a time.
const WORDS_AT_ONCE: usize = 64;

/// Parses and checks a query that may use all [`Features`]; [`Engine::parse`](super::Engine::parse) takes only those
/// that are on.
///
/// ```
/// use vctsdb::promql::parse;
///
/// let expr = parse("sum(rate(requests{job='api'}[300]))by(path)")?;
/// assert_eq!(expr.to_string(), r#"sum by (path) (rate(requests{job="api"}[5m]))"#);
/// assert_eq!(parse("up[5m").unwrap_err().to_string(), "1:6: parse error: unclosed left bracket");
/// # Ok::<(), vctsdb::promql::QueryError>(())
/// ```
///
/// # Errors
/// With line and column of the first thing that is wrong.
pub fn parse(text: &str) -> Result<Expr, QueryError> {
    parse_with(text, Features::ALL, &|_| true)
}

/// Parses and checks a query that may use these features, and takes the memory for it, which it has as long as it is
/// kept, of `room`.
///
/// # Errors
/// With line and column of the first thing that is wrong, or when there is no room.
pub fn parse_with(text: &str, features: Features, room: &TakeBytes<'_>) -> Result<Expr, QueryError> {
    parse_high(text, features, room, MAX_DEPTH)
}

/// Parses and checks a query whose tree may be so high, on a stack that suffices for it.
pub(super) fn parse_high(
    text: &str,
    features: Features,
    room: &TakeBytes<'_>,
    highest: usize,
) -> Result<Expr, QueryError> {
    let mut parser = Parser { highest, ..Parser::new(text, features, room)? };
    if parser.peek()?.kind == TokenKind::End {
        return Err(QueryError::parse(text, Span::default(), "no expression found in input"));
    }
    let mut expr = parser.expression(0)?.expr;
    parser.expect_end()?;
    check::check(text, &mut expr)?;
    Ok(expr)
}

/// Parses a series selector as the `match[]` parameter of the HTTP API has it: a metric name, matchers in braces, or
/// both, without modifiers. The memory for it is taken of `room`.
///
/// # Errors
/// With line and column of the first thing that is wrong, or when there is no room.
pub fn parse_selector(text: &str, room: &TakeBytes<'_>) -> Result<Vec<Matcher>, QueryError> {
    let mut parser = Parser::new(text, Features::default(), room)?;
    let node = parser.selector()?;
    parser.expect_end()?;
    match node.expr.kind {
        ExprKind::Selector(selector) => Ok(selector.matchers),
        _ => Ok(vec![]),
    }
}

type Parsed<T> = Result<T, QueryError>;

/// An expression and how high its tree is.
struct Node {
    expr: Expr,
    height: usize,
}

impl Node {
    fn leaf(kind: ExprKind, span: Span) -> Self {
        Self { expr: Expr { kind, span }, height: 1 }
    }
}

/// What the parser is in the middle of, for error messages: `(context, what it expects)`, either may be empty.
type Within = (&'static str, &'static str);

struct Parser<'a> {
    text: &'a str,
    room: &'a TakeBytes<'a>,
    /// How high the tree may be.
    highest: usize,
    /// How many words were taken.
    words: usize,
    features: Features,
    lexer: Lexer<'a>,
    peeked: Option<Token>,
    /// End of the last word taken.
    last_end: u32,
    /// How deep the parser has recursed.
    depth: usize,
    within: Within,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, features: Features, room: &'a TakeBytes<'a>) -> Parsed<Self> {
        if text.len() > MAX_LENGTH {
            let message = format!("the query has {} bytes, more than the limit of {MAX_LENGTH}", text.len());
            return Err(QueryError::parse(text, Span::default(), message));
        }
        let lexer = Lexer::new(text);
        let parser = Self {
            text,
            room,
            highest: MAX_DEPTH,
            words: 0,
            features,
            lexer,
            peeked: None,
            last_end: 0,
            depth: 0,
            within: ("", ""),
        };
        parser.take(text.len() * TEXT_FACTOR)?;
        Ok(parser)
    }

    /// Takes memory for the query, or fails.
    fn take(&self, bytes: usize) -> Parsed<()> {
        if (self.room)(bytes) {
            return Ok(());
        }
        Err(QueryError::Execution(format!(
            "a query of {} bytes takes more memory than there is for queries now; shorten it, or try again later",
            self.text.len()
        )))
    }

    fn error(&self, span: Span, message: impl Into<String>) -> QueryError {
        QueryError::parse(self.text, span, message)
    }

    /// The next word, without taking it.
    fn peek(&mut self) -> Parsed<Token> {
        if let Some(token) = self.peeked {
            return Ok(token);
        }
        let token = self.lexer.next().map_err(|e| QueryError::parse(self.text, e.span, e.message))?;
        self.peeked = Some(token);
        Ok(token)
    }

    /// Takes the next word.
    fn bump(&mut self) -> Parsed<Token> {
        let token = self.peek()?;
        self.peeked = None;
        self.last_end = token.span.end;
        if self.words.is_multiple_of(WORDS_AT_ONCE) {
            self.take(WORDS_AT_ONCE * WORD_BYTES)?;
        }
        self.words += 1;
        Ok(token)
    }

    /// Takes the next word if it is of this kind.
    fn eat(&mut self, kind: TokenKind) -> Parsed<Option<Token>> {
        if self.peek()?.kind == kind { self.bump().map(Some) } else { Ok(None) }
    }

    /// Takes the next word, which must be of this kind.
    fn expect(&mut self, kind: TokenKind) -> Parsed<Token> {
        if self.peek()?.kind == kind { self.bump() } else { self.unexpected() }
    }

    fn expect_end(&mut self) -> Parsed<()> {
        self.expect(TokenKind::End).map(|_| ())
    }

    /// The next word can't stand here.
    fn unexpected<T>(&mut self) -> Parsed<T> {
        self.unexpected_in(self.within)
    }

    /// The next word can't stand in this context.
    fn unexpected_in<T>(&mut self, (context, expected): Within) -> Parsed<T> {
        let token = self.peek()?;
        let mut message = format!("unexpected {}", token.describe(self.text));
        if !context.is_empty() {
            message.push_str(&format!(" in {context}"));
        }
        if !expected.is_empty() {
            message.push_str(&format!(", expected {expected}"));
        }
        Err(self.error(token.span, message))
    }

    /// Runs `read` with other words for what it is in the middle of.
    fn within<T>(&mut self, within: Within, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let outer = std::mem::replace(&mut self.within, within);
        let result = read(self);
        self.within = outer;
        result
    }

    /// Runs `read` one level deeper.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_NESTING {
            let span = self.peek()?.span;
            return Err(self.too_deep(span, MAX_NESTING));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn too_deep(&self, span: Span, limit: usize) -> QueryError {
        self.error(span, format!("expression is nested more than {limit} levels deep"))
    }

    /// From `start` to the end of the last word taken.
    fn span_from(&self, start: u32) -> Span {
        Span::new(start, self.last_end)
    }

    /// A node over others whose highest is `height` high.
    fn node(&self, kind: ExprKind, span: Span, height: usize) -> Parsed<Node> {
        if height >= self.highest {
            return Err(self.too_deep(span, self.highest));
        }
        Ok(Node { expr: Expr { kind, span }, height: height + 1 })
    }
}

#[cfg(test)]
mod proptests;
#[cfg(test)]
mod tests;
