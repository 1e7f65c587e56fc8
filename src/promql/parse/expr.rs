//! Operands and the binary operators between them.

use super::{Node, Parsed, Parser};
use crate::{
    model::Span,
    promql::{
        ast::{Binary, BinaryOp, ExprKind},
        duration::parse_duration,
        lex::{Token, TokenKind, number_value},
        names::POW_PRECEDENCE,
        quote::unquote,
    },
};

impl Parser<'_> {
    /// An expression of operators that bind at least as tightly as `min`.
    pub(super) fn expression(&mut self, min: u8) -> Parsed<Node> {
        self.nested(|p| p.operators(min))
    }

    fn operators(&mut self, min: u8) -> Parsed<Node> {
        let mut lhs = self.operand()?;
        while let TokenKind::Operator(op) = self.peek()?.kind {
            if op.precedence() < min {
                break;
            }
            self.bump()?;
            let (return_bool, mut matching) = self.modifiers()?;
            let next = if op == BinaryOp::Pow { POW_PRECEDENCE } else { op.precedence() + 1 };
            let rhs = self.expression(next)?;
            if op.is_set() && matching.cardinality == Default::default() {
                matching.cardinality = crate::promql::ast::Cardinality::ManyToMany;
            }
            let span = lhs.expr.span.join(rhs.expr.span);
            let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
            if fills && !self.features.binop_fill_modifiers {
                return Err(self.error(span, "binop fill modifiers are experimental and not enabled"));
            }
            let height = lhs.height.max(rhs.height);
            let binary = Binary { op, lhs: Box::new(lhs.expr), rhs: Box::new(rhs.expr), return_bool, matching };
            lhs = self.node(ExprKind::Binary(binary), span, height)?;
        }
        Ok(lhs)
    }

    fn operand(&mut self) -> Parsed<Node> {
        let token = self.peek()?;
        let node = match token.kind {
            TokenKind::Operator(BinaryOp::Add | BinaryOp::Sub) => return self.signed(),
            TokenKind::Number | TokenKind::Duration => {
                let (value, span) = self.number()?;
                let is_number = token.kind == TokenKind::Number;
                Node::leaf(if is_number { ExprKind::Number(value) } else { ExprKind::Duration(value) }, span)
            }
            TokenKind::String => {
                self.bump()?;
                Node::leaf(ExprKind::String(unquote(token.text(self.text))), token.span)
            }
            TokenKind::LeftParen => self.parenthesised()?,
            TokenKind::LeftBrace => self.selector()?,
            kind if kind.is_metric_name() => self.name()?,
            _ => return self.unexpected(),
        };
        self.postfix(node)
    }

    /// `-x`, `+x`: binds like `*`, so `-a ^ b` negates the power. A sign before a literal belongs to it.
    fn signed(&mut self) -> Parsed<Node> {
        let sign = self.bump()?;
        let negate = sign.kind == TokenKind::Operator(BinaryOp::Sub);
        let operand = self.expression(POW_PRECEDENCE)?;
        let span = sign.span.join(operand.expr.span);
        match operand.expr.kind {
            ExprKind::Number(n) => Ok(Node::leaf(ExprKind::Number(if negate { -n } else { n }), span)),
            ExprKind::Duration(n) => Ok(Node::leaf(ExprKind::Duration(if negate { -n } else { n }), span)),
            _ => {
                let height = operand.height;
                self.node(ExprKind::Unary { negate, expr: Box::new(operand.expr) }, span, height)
            }
        }
    }

    fn parenthesised(&mut self) -> Parsed<Node> {
        let open = self.bump()?;
        let inner = self.expression(0)?;
        let close = self.expect(TokenKind::RightParen)?;
        self.node(ExprKind::Paren(Box::new(inner.expr)), open.span.join(close.span), inner.height)
    }

    /// A number, or a duration in seconds.
    pub(super) fn number(&mut self) -> Parsed<(f64, Span)> {
        let token = self.bump()?;
        let value = match token.kind {
            TokenKind::Number => number_value(token.text(self.text)),
            _ => parse_duration(token.text(self.text)).map(|ms| ms as f64 / 1000.0),
        };
        Ok((value.map_err(|message| self.error(token.span, message))?, token.span))
    }

    /// A number or duration with at most one sign.
    pub(super) fn signed_number(&mut self) -> Parsed<(f64, Span)> {
        let sign = self.sign()?;
        if !matches!(self.peek()?.kind, TokenKind::Number | TokenKind::Duration) {
            return self.unexpected();
        }
        let (value, span) = self.number()?;
        Ok(match sign {
            Some((token, true)) => (-value, token.span.join(span)),
            Some((token, false)) => (value, token.span.join(span)),
            None => (value, span),
        })
    }

    /// Takes a sign if there is one, and tells whether it is a minus.
    pub(super) fn sign(&mut self) -> Parsed<Option<(Token, bool)>> {
        match self.peek()?.kind {
            TokenKind::Operator(BinaryOp::Sub) => Ok(Some((self.bump()?, true))),
            TokenKind::Operator(BinaryOp::Add) => Ok(Some((self.bump()?, false))),
            _ => Ok(None),
        }
    }
}
