//! Durations inside brackets and after `offset`: literals, or arithmetic over them.
//!
//! A lone literal becomes [`DurationKind::Millis`]. Inside arithmetic, numbers without a unit stay numbers (of
//! seconds, or factors); the value of the whole is known when the query runs.

use super::{Parsed, Parser};
use crate::{
    model::Span,
    promql::{
        ast::{BinaryOp, DurationExpr, DurationKind},
        duration::seconds_to_millis,
        lex::{Context, TokenKind},
        names::POW_PRECEDENCE,
    },
};

/// A duration with its height, and its value in seconds while it is a literal.
struct Duration {
    expr: DurationExpr,
    literal: Option<f64>,
    height: usize,
}

impl Parser<'_> {
    /// What stands in brackets; a literal must be more than zero.
    pub(super) fn positive_duration(&mut self) -> Parsed<DurationExpr> {
        let duration = self.duration(0)?;
        if let Some(seconds) = duration.literal
            && seconds <= 0.0
        {
            return Err(self.error(duration.expr.span, "duration must be greater than 0"));
        }
        self.settled(duration)
    }

    /// What follows `offset`. Operators after it belong to the expression around, unless it begins with a
    /// parenthesis.
    pub(super) fn offset_duration(&mut self) -> Parsed<DurationExpr> {
        let duration = match self.peek()?.kind {
            TokenKind::LeftParen => self.duration(0)?,
            TokenKind::Operator(BinaryOp::Add | BinaryOp::Sub) => self.signed_offset()?,
            _ => self.primary()?,
        };
        self.settled(duration)
    }

    fn signed_offset(&mut self) -> Parsed<Duration> {
        let Some((sign, negate)) = self.sign()? else { return self.unexpected() };
        let inner = match self.peek()?.kind {
            TokenKind::Operator(BinaryOp::Add | BinaryOp::Sub) => self.nested(Self::signed_offset)?,
            _ => self.primary()?,
        };
        self.signed_duration(sign.span, negate, inner)
    }

    /// A lone literal in ms, anything else as it is.
    fn settled(&self, duration: Duration) -> Parsed<DurationExpr> {
        let Duration { expr, literal, .. } = duration;
        match literal {
            None => Ok(expr),
            Some(seconds) => {
                let millis = seconds_to_millis(seconds).ok_or_else(|| self.out_of_range(expr.span))?;
                Ok(DurationExpr { kind: DurationKind::Millis(millis), span: expr.span })
            }
        }
    }

    fn out_of_range(&self, span: Span) -> crate::promql::QueryError {
        self.error(span, "duration out of range")
    }

    fn duration(&mut self, min: u8) -> Parsed<Duration> {
        self.nested(|p| {
            let lhs = match p.sign()? {
                Some((sign, negate)) => {
                    let inner = p.duration(POW_PRECEDENCE)?;
                    p.signed_duration(sign.span, negate, inner)?
                }
                None => p.primary()?,
            };
            p.duration_operators(lhs, min)
        })
    }

    fn duration_operators(&mut self, mut lhs: Duration, min: u8) -> Parsed<Duration> {
        loop {
            let token = self.peek()?;
            let TokenKind::Operator(op) = token.kind else { return Ok(lhs) };
            let arithmetic = matches!(
                op,
                BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Pow
            );
            if !arithmetic || op.precedence() < min {
                return Ok(lhs);
            }
            self.bump()?;
            let next = if op == BinaryOp::Pow { POW_PRECEDENCE } else { op.precedence() + 1 };
            let rhs = self.duration(next)?;
            match op {
                BinaryOp::Div if rhs.literal == Some(0.0) => return Err(self.error(token.span, "division by zero")),
                BinaryOp::Mod if rhs.literal == Some(0.0) => return Err(self.error(token.span, "modulo by zero")),
                _ => {}
            }
            let span = lhs.expr.span.join(rhs.expr.span);
            let height = lhs.height.max(rhs.height);
            let kind = DurationKind::Binary { op, lhs: Box::new(lhs.expr), rhs: Box::new(rhs.expr) };
            lhs = self.arithmetic(kind, span, height)?;
        }
    }

    fn arithmetic(&self, kind: DurationKind, span: Span, height: usize) -> Parsed<Duration> {
        if height >= super::MAX_DEPTH {
            return Err(self.too_deep(span, super::MAX_DEPTH));
        }
        Ok(Duration { expr: DurationExpr { kind, span }, literal: None, height: height + 1 })
    }

    /// A sign before a literal belongs to it; a plus is dropped.
    fn signed_duration(&self, sign: Span, negate: bool, inner: Duration) -> Parsed<Duration> {
        let span = sign.join(inner.expr.span);
        let Duration { expr, literal, height } = inner;
        match (literal, expr.kind) {
            (Some(seconds), kind) => {
                let kind = match kind {
                    DurationKind::Millis(ms) if negate => DurationKind::Millis(-ms),
                    DurationKind::Number(n) if negate => DurationKind::Number(-n),
                    other => other,
                };
                let literal = Some(if negate { -seconds } else { seconds });
                Ok(Duration { expr: DurationExpr { kind, span }, literal, height })
            }
            (None, kind) if negate => {
                let inner = DurationExpr { kind, span: expr.span };
                self.arithmetic(DurationKind::Negate(Box::new(inner)), span, height)
            }
            (None, kind) => Ok(Duration { expr: DurationExpr { kind, span }, literal, height }),
        }
    }

    fn primary(&mut self) -> Parsed<Duration> {
        let token = self.peek()?;
        let leaf = |kind, span| Ok(Duration { expr: DurationExpr { kind, span }, literal: None, height: 1 });
        match token.kind {
            TokenKind::Number | TokenKind::Duration => self.literal(),
            TokenKind::LeftParen => {
                self.bump()?;
                let inner = self.duration(0)?;
                self.expect(TokenKind::RightParen)?;
                let span = self.span_from(token.span.start);
                self.arithmetic(DurationKind::Paren(Box::new(inner.expr)), span, inner.height)
            }
            TokenKind::Context(word @ (Context::Step | Context::Range)) => {
                self.bump()?;
                self.expect(TokenKind::LeftParen)?;
                self.expect(TokenKind::RightParen)?;
                let kind = if word == Context::Step { DurationKind::Step } else { DurationKind::Range };
                leaf(kind, self.span_from(token.span.start))
            }
            TokenKind::Context(word @ (Context::MaxOf | Context::MinOf)) => {
                self.bump()?;
                self.expect(TokenKind::LeftParen)?;
                let lhs = self.duration(0)?;
                self.expect(TokenKind::Comma)?;
                let rhs = self.duration(0)?;
                self.expect(TokenKind::RightParen)?;
                let height = lhs.height.max(rhs.height);
                let (lhs, rhs) = (Box::new(lhs.expr), Box::new(rhs.expr));
                let kind = DurationKind::Extreme { max: word == Context::MaxOf, lhs, rhs };
                self.arithmetic(kind, self.span_from(token.span.start), height)
            }
            _ => self.unexpected(),
        }
    }

    fn literal(&mut self) -> Parsed<Duration> {
        let with_unit = self.peek()?.kind == TokenKind::Duration;
        let (seconds, span) = self.number()?;
        let millis = seconds_to_millis(seconds);
        if millis.is_none() && !seconds.is_nan() {
            return Err(self.out_of_range(span));
        }
        let kind = match millis {
            Some(millis) if with_unit => DurationKind::Millis(millis),
            _ => DurationKind::Number(seconds),
        };
        Ok(Duration { expr: DurationExpr { kind, span }, literal: Some(seconds), height: 1 })
    }
}
