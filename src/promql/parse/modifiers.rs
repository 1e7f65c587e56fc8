//! What may stand between a binary operator and its right side: `bool`, `on`/`ignoring`, `group_left`/`group_right`
//! and `fill…`, in this order; and the label lists in parentheses.

use super::{Parsed, Parser};
use crate::promql::{
    ast::{Cardinality, Matching},
    lex::{Keyword, TokenKind},
    quote::{quote, unquote},
};

/// How error messages call a list of labels.
const GROUPING: &str = "grouping opts";

impl Parser<'_> {
    pub(super) fn modifiers(&mut self) -> Parsed<(bool, Matching)> {
        let return_bool = self.eat(TokenKind::Keyword(Keyword::Bool))?.is_some();
        let mut matching = Matching::default();
        let on = self.eat(TokenKind::Keyword(Keyword::On))?.is_some();
        if on || self.eat(TokenKind::Keyword(Keyword::Ignoring))?.is_some() {
            matching.on = on;
            matching.labels = self.labels()?;
            self.group_modifier(&mut matching)?;
        }
        self.fill_modifiers(&mut matching)?;
        Ok((return_bool, matching))
    }

    fn group_modifier(&mut self, matching: &mut Matching) -> Parsed<()> {
        matching.cardinality = match self.peek()?.kind {
            TokenKind::Keyword(Keyword::GroupLeft) => Cardinality::ManyToOne,
            TokenKind::Keyword(Keyword::GroupRight) => Cardinality::OneToMany,
            _ => return Ok(()),
        };
        self.bump()?;
        if self.peek()?.kind == TokenKind::LeftParen {
            matching.include = self.labels()?;
        }
        Ok(())
    }

    fn fill_modifiers(&mut self, matching: &mut Matching) -> Parsed<()> {
        let first = self.peek()?.kind;
        match first {
            TokenKind::Keyword(Keyword::Fill) => {
                let value = self.fill_value()?;
                (matching.fill_left, matching.fill_right) = (Some(value), Some(value));
            }
            TokenKind::Keyword(Keyword::FillLeft) => {
                matching.fill_left = Some(self.fill_value()?);
                if self.peek()?.kind == TokenKind::Keyword(Keyword::FillRight) {
                    matching.fill_right = Some(self.fill_value()?);
                }
            }
            TokenKind::Keyword(Keyword::FillRight) => {
                matching.fill_right = Some(self.fill_value()?);
                if self.peek()?.kind == TokenKind::Keyword(Keyword::FillLeft) {
                    matching.fill_left = Some(self.fill_value()?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        self.bump()?;
        self.expect(TokenKind::LeftParen)?;
        let (value, _) = self.signed_number()?;
        self.expect(TokenKind::RightParen)?;
        Ok(value)
    }

    /// `(a, "b.c", by)`, a trailing comma allowed.
    pub(super) fn labels(&mut self) -> Parsed<Vec<String>> {
        if self.peek()?.kind != TokenKind::LeftParen {
            return self.unexpected_in((GROUPING, "\"(\""));
        }
        self.bump()?;
        let mut labels = vec![];
        while self.eat(TokenKind::RightParen)?.is_none() {
            labels.push(self.label()?);
            match self.peek()?.kind {
                TokenKind::Comma => drop(self.bump()?),
                TokenKind::RightParen => {}
                _ => return self.unexpected_in((GROUPING, "\",\" or \")\"")),
            }
        }
        Ok(labels)
    }

    fn label(&mut self) -> Parsed<String> {
        let token = self.peek()?;
        let name = match token.kind {
            TokenKind::String => unquote(token.text(self.text)),
            kind if kind.is_label_name() => token.text(self.text).to_owned(),
            _ => return self.unexpected_in((GROUPING, "label")),
        };
        if name.is_empty() {
            return Err(self.error(token.span, format!("invalid label name for grouping: {}", quote(&name))));
        }
        self.bump()?;
        Ok(name)
    }
}
