//! Selectors: `name{matchers}`.

use super::{Node, Parsed, Parser};
use crate::{
    model::{METRIC_NAME, MatchOp, Matcher, MatcherError, Span},
    promql::{
        QueryError,
        ast::{BinaryOp, Edges, ExprKind, Selector, Shift},
        lex::{Token, TokenKind},
        quote::unquote,
    },
};

/// How error messages call the inside of braces.
const MATCHING: &str = "label matching";

impl Parser<'_> {
    /// A metric name, matchers in braces, or both.
    pub(super) fn selector(&mut self) -> Parsed<Node> {
        let token = self.peek()?;
        if token.kind == TokenKind::LeftBrace {
            return self.selector_of(None);
        }
        if !token.kind.is_metric_name() {
            return self.unexpected();
        }
        self.bump()?;
        self.selector_of(Some(token))
    }

    /// The selector whose name, if it has one, is taken already.
    pub(super) fn selector_of(&mut self, name: Option<Token>) -> Parsed<Node> {
        let open = self.peek()?;
        let start = name.map_or(open.span.start, |n| n.span.start);
        let name = name.map(|n| n.text(self.text).to_owned());
        let mut matchers = vec![];
        if let Some(name) = &name {
            matchers.push(Matcher::equal(METRIC_NAME, name.as_str()));
        }
        if open.kind == TokenKind::LeftBrace {
            self.bump()?;
            self.matchers(&mut matchers)?;
        }
        let selector = Selector { name, matchers, shift: Shift::default(), edges: Edges::default() };
        Ok(Node::leaf(ExprKind::Selector(selector), self.span_from(start)))
    }

    /// `a="1", "b.c"!~"x", "metric name"}`
    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Parsed<()> {
        while self.eat(TokenKind::RightBrace)?.is_none() {
            let name = self.peek()?;
            let label = match name.kind {
                TokenKind::Identifier => name.text(self.text).to_owned(),
                TokenKind::String => unquote(name.text(self.text)),
                _ => return self.unexpected_in((MATCHING, "identifier or \"}\"")),
            };
            self.bump()?;
            match match_op(self.peek()?.kind) {
                Some(op) => matchers.push(self.matcher(name.span, label, op)?),
                None if name.kind == TokenKind::String => matchers.push(Matcher::equal(METRIC_NAME, label)),
                None => return self.unexpected_in((MATCHING, "label matching operator")),
            }
            match self.peek()?.kind {
                TokenKind::Comma => drop(self.bump()?),
                TokenKind::RightBrace => {}
                _ => return self.unexpected_in((MATCHING, "\",\" or \"}\"")),
            }
        }
        Ok(())
    }

    fn matcher(&mut self, start: Span, label: String, op: MatchOp) -> Parsed<Matcher> {
        self.bump()?;
        let value = self.peek()?;
        if value.kind != TokenKind::String {
            return self.unexpected_in((MATCHING, "string"));
        }
        self.bump()?;
        Matcher::within(op, label, unquote(value.text(self.text)), self.room).map_err(|error| match error {
            MatcherError::NoRoom(_) => QueryError::Execution(error.to_string()),
            _ => self.error(start.join(value.span), error.to_string()),
        })
    }
}

fn match_op(kind: TokenKind) -> Option<MatchOp> {
    Some(match kind {
        TokenKind::Assign => MatchOp::Equal,
        TokenKind::Operator(BinaryOp::NotEqual) => MatchOp::NotEqual,
        TokenKind::Match => MatchOp::Regex,
        TokenKind::NotMatch => MatchOp::NotRegex,
        _ => return None,
    })
}
