//! Operands that begin with a name: function calls, aggregations, or plain selectors.

use super::{Node, Parsed, Parser};
use crate::{
    model::Span,
    promql::{
        ast::{Aggregate, AggregateOp, Call, Expr, ExprKind},
        lex::{Keyword, Token, TokenKind},
        quote::quote,
        signature::Signature,
    },
};

/// Label names and whether they follow `without`.
type Grouping = (Vec<String>, bool);

impl Parser<'_> {
    /// A call, an aggregation or a selector: what follows the name decides.
    pub(super) fn name(&mut self) -> Parsed<Node> {
        let name = self.bump()?;
        let next = self.peek()?.kind;
        match name.kind {
            TokenKind::Aggregator(op)
                if matches!(next, TokenKind::LeftParen | TokenKind::Keyword(Keyword::By | Keyword::Without)) =>
            {
                self.within(("aggregation", ""), |p| p.aggregation(name, op))
            }
            TokenKind::Identifier | TokenKind::Context(_) if next == TokenKind::LeftParen => self.call(name),
            _ => self.selector_of(Some(name)),
        }
    }

    fn call(&mut self, name: Token) -> Parsed<Node> {
        let (args, height) = self.arguments()?;
        let text = name.text(self.text);
        let signature = Signature::find(text)
            .ok_or_else(|| self.error(name.span, format!("unknown function with name {}", quote(text))))?;
        if signature.experimental && !self.features.experimental_functions {
            return Err(self.error(name.span, format!("function {} is not enabled", quote(text))));
        }
        let span = self.span_from(name.span.start);
        self.node(ExprKind::Call(Call { function: signature, args }), span, height)
    }

    fn aggregation(&mut self, name: Token, op: AggregateOp) -> Parsed<Node> {
        let before = self.grouping()?;
        let (mut args, height) = self.arguments()?;
        let after = if before.is_some() { None } else { self.grouping()? };
        let (grouping, without) = before.or(after).unwrap_or_default();
        let span = self.span_from(name.span.start);
        let wanted = if op.param_type().is_some() { 2 } else { 1 };
        let given = args.len();
        let expr = args.pop();
        let param = if wanted == 2 { args.pop().map(Box::new) } else { None };
        let refused = op.is_experimental() && !self.features.experimental_functions;
        match expr {
            Some(_) if refused => Err(self.error(
                span,
                format!(
                    "{op}() is experimental and must be enabled with --enable-feature=promql-experimental-functions"
                ),
            )),
            None => Err(self.error(span, "no arguments for aggregate expression provided")),
            Some(expr) if given == wanted => {
                let aggregate = Aggregate { op, param, expr: Box::new(expr), grouping, without };
                self.node(ExprKind::Aggregate(aggregate), span, height)
            }
            Some(_) => Err(self.error(
                span,
                format!("wrong number of arguments for aggregate expression provided, expected {wanted}, got {given}"),
            )),
        }
    }

    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        let without = match self.peek()?.kind {
            TokenKind::Keyword(Keyword::By) => false,
            TokenKind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        self.bump()?;
        Ok(Some((self.labels()?, without)))
    }

    /// `(a, b)` and the height of the highest argument.
    fn arguments(&mut self) -> Parsed<(Vec<Expr>, usize)> {
        self.expect(TokenKind::LeftParen)?;
        let (mut args, mut height) = (vec![], 0);
        if self.eat(TokenKind::RightParen)?.is_some() {
            return Ok((args, height));
        }
        loop {
            let arg = self.expression(0)?;
            height = height.max(arg.height);
            args.push(arg.expr);
            let Some(comma) = self.eat(TokenKind::Comma)? else { break };
            if self.peek()?.kind == TokenKind::RightParen {
                return Err(self.trailing_comma(comma.span));
            }
        }
        self.expect(TokenKind::RightParen)?;
        Ok((args, height))
    }

    fn trailing_comma(&self, span: Span) -> crate::promql::QueryError {
        self.error(span, "trailing commas not allowed in function call args")
    }
}
