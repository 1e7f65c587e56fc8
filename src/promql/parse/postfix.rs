//! What may follow an operand: `[range]`, `[range:step]`, `offset`, `@`, `anchored` and `smoothed`, in any order that
//! makes sense. All bind tighter than any operator.

use super::{Node, Parsed, Parser};
use crate::{
    model::Span,
    promql::{
        ast::{At, DurationExpr, DurationKind, Edges, Expr, ExprKind, RangeSelector, Subquery},
        lex::{Context, Keyword, Token, TokenKind},
    },
};

impl Parser<'_> {
    pub(super) fn postfix(&mut self, mut node: Node) -> Parsed<Node> {
        loop {
            node = match self.peek()?.kind {
                TokenKind::LeftBracket => self.bracket(node)?,
                TokenKind::Keyword(Keyword::Offset) => self.offset(node)?,
                TokenKind::At => self.at(node)?,
                TokenKind::Keyword(Keyword::Anchored) => self.edges(node, Edges::Anchored, "anchored")?,
                TokenKind::Keyword(Keyword::Smoothed) => self.edges(node, Edges::Smoothed, "smoothed")?,
                _ => return Ok(node),
            };
        }
    }

    fn bracket(&mut self, node: Node) -> Parsed<Node> {
        let open = self.bump()?;
        let literals = "number, duration, step(), or range()";
        let range = self.within(("subquery or range selector", literals), Self::positive_duration)?;
        if self.eat(TokenKind::Colon)?.is_some() {
            return self.subquery(node, range);
        }
        let close = self.peek()?;
        if close.kind != TokenKind::RightBracket {
            return self.unexpected_in(("subquery or range", "\":\" or \"]\""));
        }
        self.bump()?;
        self.range(node, range, open.span.join(close.span))
    }

    fn subquery(&mut self, node: Node, range: DurationExpr) -> Parsed<Node> {
        let step = if self.peek()?.kind == TokenKind::RightBracket {
            None
        } else {
            let expected = "number, duration, step(), range(), or \"]\"";
            Some(self.within(("subquery selector", expected), Self::positive_duration)?)
        };
        if self.peek()?.kind != TokenKind::RightBracket {
            return self.unexpected_in(("subquery selector", "\"]\""));
        }
        self.bump()?;
        let span = self.span_from(node.expr.span.start);
        let subquery = Subquery { expr: Box::new(node.expr), range, step, shift: Default::default() };
        self.node(ExprKind::Subquery(subquery), span, node.height)
    }

    fn range(&mut self, node: Node, range: DurationExpr, bracket: Span) -> Parsed<Node> {
        let refused = |message| Err(self.error(bracket, message));
        let ExprKind::Selector(selector) = node.expr.kind else {
            return refused("ranges only allowed for vector selectors");
        };
        if is_set(&selector.shift.offset) {
            return refused("no offset modifiers allowed before range");
        }
        if selector.shift.at.is_some() {
            return refused("no @ modifiers allowed before range");
        }
        let span = self.span_from(node.expr.span.start);
        let range = RangeSelector { selector, selector_span: node.expr.span, range };
        self.node(ExprKind::Range(range), span, node.height)
    }

    fn offset(&mut self, mut node: Node) -> Parsed<Node> {
        self.bump()?;
        let words = ("offset", "number, duration, step(), or range()");
        let offset = self.within(words, Self::offset_duration)?;
        let span = node.expr.span;
        let slot = match &mut node.expr.kind {
            ExprKind::Selector(s) => &mut s.shift.offset,
            ExprKind::Range(r) => &mut r.selector.shift.offset,
            ExprKind::Subquery(s) => &mut s.shift.offset,
            _ => {
                return Err(self.error(
                    span,
                    "offset modifier must be preceded by an instant vector selector or range vector selector or a \
                     subquery",
                ));
            }
        };
        if is_set(slot) {
            return Err(self.error(span, "offset may not be set multiple times"));
        }
        *slot = Some(offset);
        Ok(self.extended(node))
    }

    fn at(&mut self, mut node: Node) -> Parsed<Node> {
        self.bump()?;
        let at = self.within(("@", "timestamp"), |p| p.at_value(node.expr.span))?;
        let span = node.expr.span;
        let slot = match &mut node.expr.kind {
            ExprKind::Selector(s) => &mut s.shift.at,
            ExprKind::Range(r) => &mut r.selector.shift.at,
            ExprKind::Subquery(s) => &mut s.shift.at,
            _ => {
                return Err(self.error(
                    span,
                    "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
                ));
            }
        };
        if slot.is_some() {
            return Err(self.error(span, "@ <timestamp> may not be set multiple times"));
        }
        *slot = Some(at);
        Ok(self.extended(node))
    }

    fn at_value(&mut self, operand: Span) -> Parsed<At> {
        let keyword = match self.peek()?.kind {
            TokenKind::Context(Context::Start) => At::Start,
            TokenKind::Context(Context::End) => At::End,
            _ => {
                let (seconds, _) = self.signed_number()?;
                // Beyond these bounds no i64 of milliseconds, nor Prometheus' own conversion, holds the time.
                if !seconds.is_finite() || seconds >= i64::MAX as f64 || seconds <= i64::MIN as f64 {
                    let shown = match seconds {
                        s if s.is_nan() => "NaN".to_owned(),
                        s if s == f64::INFINITY => "+Inf".to_owned(),
                        s if s == f64::NEG_INFINITY => "-Inf".to_owned(),
                        s => format!("{s:.6}"),
                    };
                    return Err(self.error(operand, format!("timestamp out of bounds for @ modifier: {shown}")));
                }
                return Ok(At::Time((seconds * 1000.0).round() as i64));
            }
        };
        self.bump()?;
        self.expect(TokenKind::LeftParen)?;
        self.expect(TokenKind::RightParen)?;
        Ok(keyword)
    }

    fn edges(&mut self, mut node: Node, edges: Edges, word: &str) -> Parsed<Node> {
        let _: Token = self.bump()?;
        let span = node.expr.span;
        if !self.features.extended_range_selectors {
            return Err(self.error(span, format!("{word} modifier is experimental and not enabled")));
        }
        let slot = match &mut node.expr.kind {
            ExprKind::Selector(s) => &mut s.edges,
            ExprKind::Range(r) => &mut r.selector.edges,
            ExprKind::Subquery(_) => {
                return Err(self.error(span, format!("{word} modifier is not supported for subqueries")));
            }
            _ => return Err(self.error(span, format!("{word} modifier not implemented"))),
        };
        if *slot != Edges::Plain && *slot != edges {
            return Err(self.error(span, "anchored and smoothed modifiers cannot be used together"));
        }
        *slot = edges;
        Ok(self.extended(node))
    }

    /// The node with its span stretched to the last word taken.
    fn extended(&self, node: Node) -> Node {
        let Node { expr: Expr { kind, span }, height } = node;
        Node { expr: Expr { kind, span: self.span_from(span.start) }, height }
    }
}

/// An offset of zero counts as none, as in Prometheus.
fn is_set(offset: &Option<DurationExpr>) -> bool {
    offset.as_ref().is_some_and(|d| d.kind != DurationKind::Millis(0))
}
