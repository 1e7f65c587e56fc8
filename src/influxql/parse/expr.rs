//! Expressions.

use super::{Kind, Parsed, Parser, Token, Word, literal};
use crate::influxql::{
    ast::{BinaryOp, Class, Expr, FieldType, Pattern, Wildcard},
    error::ParseError,
};

/// Operators by how tightly they bind, from loose to tight.
const COMPARISONS: [(&str, BinaryOp); 8] = [
    ("=", BinaryOp::Equal),
    ("!=", BinaryOp::NotEqual),
    ("=~", BinaryOp::Match),
    ("!~", BinaryOp::NotMatch),
    ("<", BinaryOp::Less),
    ("<=", BinaryOp::LessOrEqual),
    (">", BinaryOp::Greater),
    (">=", BinaryOp::GreaterOrEqual),
];
const SUMS: [(&str, BinaryOp); 4] =
    [("+", BinaryOp::Add), ("-", BinaryOp::Subtract), ("|", BinaryOp::BitOr), ("^", BinaryOp::BitXor)];
const PRODUCTS: [(&str, BinaryOp); 4] =
    [("*", BinaryOp::Multiply), ("/", BinaryOp::Divide), ("%", BinaryOp::Modulo), ("&", BinaryOp::BitAnd)];
const LEVELS: [&[(&str, BinaryOp)]; 3] = [&COMPARISONS, &SUMS, &PRODUCTS];

impl Parser<'_> {
    /// An expression with any operators.
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        self.deeper(|parser| parser.list(Word::Or))
    }

    /// A chain of OR, or with [`Word::And`] of AND, which binds tighter.
    fn list(&mut self, word: Word) -> Parsed<Expr> {
        let mut parts = Vec::new();
        let mut built = 0;
        loop {
            parts.push(if word == Word::Or { self.list(Word::And)? } else { self.operators(0)? });
            built = built.max(self.built);
            if !self.take(word)? {
                break;
            }
        }
        self.built = built;
        if parts.len() == 1 {
            return Ok(parts.swap_remove(0));
        }
        self.grown(built)?;
        Ok(if word == Word::Or { Expr::Or(parts) } else { Expr::And(parts) })
    }

    /// Operators of a level of [`LEVELS`] and what binds tighter.
    fn operators(&mut self, level: usize) -> Parsed<Expr> {
        let Some(own) = LEVELS.get(level) else { return self.operand() };
        let mut left = self.operators(level + 1)?;
        loop {
            let built = self.built;
            let token = self.next()?;
            let Some((_, op)) = own.iter().find(|(sign, _)| token.is_mark(sign)) else {
                self.back_to(&token);
                return Ok(left);
            };
            let right = match op {
                BinaryOp::Match | BinaryOp::NotMatch => Expr::Regex(self.regex()?),
                _ => self.operators(level + 1)?,
            };
            self.grown(built.max(self.built))?;
            left = Expr::Binary { op: *op, left: Box::new(left), right: Box::new(right) };
        }
    }

    /// What operators join.
    fn operand(&mut self) -> Parsed<Expr> {
        self.built = 1;
        let token = self.next()?;
        match token.kind {
            Kind::Mark("(") => {
                let inner = self.expr()?;
                self.want_mark(")")?;
                self.grown(self.built)?;
                Ok(Expr::Paren(Box::new(inner)))
            }
            Kind::Mark("*") => self.wildcard(),
            Kind::Mark(sign @ ("+" | "-")) => self.deeper(|parser| parser.signed(sign == "-")),
            Kind::Word(Word::Distinct) => {
                if self.lexer.next_character() == Some('(') {
                    return self.call("distinct");
                }
                Ok(Expr::Distinct(self.name()?))
            }
            Kind::Name => self.named(token),
            Kind::Text => Ok(Expr::Text(token.text)),
            Kind::Word(Word::True) => Ok(Expr::Boolean(true)),
            Kind::Word(Word::False) => Ok(Expr::Boolean(false)),
            Kind::Number | Kind::Integer | Kind::Duration => self.number(&token),
            Kind::Regex => self.pattern(&token).map(Expr::Regex),
            _ => self.expected(&token, "identifier, string, number, bool"),
        }
    }

    fn number(&self, token: &Token) -> Parsed<Expr> {
        let unable = |what: &str| ParseError(format!("unable to parse {what} at {}", self.lexer.place(token)));
        match token.kind {
            Kind::Number => token.text.parse().map(Expr::Number).map_err(|_| unable("number")),
            Kind::Duration => literal::duration(&token.text).map(Expr::Duration),
            _ => literal::integer(&token.text).ok_or_else(|| unable("integer")),
        }
    }

    /// What stands behind a sign.
    fn signed(&mut self, negative: bool) -> Parsed<Expr> {
        let token = self.next()?;
        let factor = if negative { -1 } else { 1 };
        match token.kind {
            Kind::Integer if negative => {
                // The smallest one has no positive counterpart.
                let text = format!("-{}", token.text);
                let number = text.parse().map_err(|_| ParseError(format!("constant {text} overflows int64")))?;
                Ok(Expr::Integer(number))
            }
            Kind::Number | Kind::Integer | Kind::Duration => Ok(match self.number(&token)? {
                Expr::Number(number) if negative => Expr::Number(-number),
                Expr::Duration(ns) => Expr::Duration(ns * factor),
                other => other,
            }),
            Kind::Name | Kind::Mark("(") => {
                self.back_to(&token);
                let right = Box::new(self.operand()?);
                self.grown(self.built)?;
                Ok(Expr::Binary { op: BinaryOp::Multiply, left: Box::new(Expr::Integer(factor)), right })
            }
            _ => self.expected(&token, "identifier, number, duration, ("),
        }
    }

    fn wildcard(&mut self) -> Parsed<Expr> {
        if !self.take_mark("::")? {
            return Ok(Expr::Wildcard(Wildcard::All));
        }
        let token = self.next()?;
        match token.kind {
            Kind::Word(Word::Field) => Ok(Expr::Wildcard(Wildcard::Fields)),
            Kind::Word(Word::Tag) => Ok(Expr::Wildcard(Wildcard::Tags)),
            _ => self.expected(&token, "field, tag"),
        }
    }

    /// A call, or a field or tag, that begins with a name.
    fn named(&mut self, token: Token) -> Parsed<Expr> {
        if self.lexer.next_character() == Some('(') {
            return self.call(&token.text.to_lowercase());
        }
        let mut name = token.text;
        while self.lexer.next_character() == Some('.') {
            self.want_mark(".")?;
            name.push('.');
            name.push_str(&self.name()?);
        }
        let class = if self.lexer.next_character() == Some(':') && self.take_mark("::")? {
            let token = self.next()?;
            Some(match (token.kind, token.text.to_ascii_lowercase().as_str()) {
                (Kind::Word(Word::Field), _) => Class::Field,
                (Kind::Word(Word::Tag), _) => Class::Tag,
                (Kind::Name, "float") => Class::Type(FieldType::Float),
                (Kind::Name, "integer") => Class::Type(FieldType::Integer),
                (Kind::Name, "unsigned") => Class::Type(FieldType::Unsigned),
                (Kind::Name, "string") => Class::Type(FieldType::Text),
                (Kind::Name, "boolean") => Class::Type(FieldType::Boolean),
                _ => return self.expected(&token, "float, integer, unsigned, string, boolean, field, tag"),
            })
        } else {
            None
        };
        Ok(Expr::Ref { name, class })
    }

    fn call(&mut self, name: &str) -> Parsed<Expr> {
        self.want_mark("(")?;
        let mut args = Vec::new();
        let mut built = 0;
        if !self.take_mark(")")? {
            loop {
                args.push(self.regex_or_expr()?);
                built = built.max(self.built);
                if !self.take_mark(",")? {
                    break;
                }
            }
            self.want_mark(")")?;
        }
        self.grown(built)?;
        Ok(Expr::Call { name: name.to_owned(), args })
    }

    /// A regular expression or else any expression.
    pub(super) fn regex_or_expr(&mut self) -> Parsed<Expr> {
        let token = self.next_or_regex()?;
        if token.kind == Kind::Regex {
            return Ok(Expr::Regex(self.pattern(&token)?));
        }
        self.back_to(&token);
        self.expr()
    }

    /// A regular expression, which must be there.
    pub(super) fn regex(&mut self) -> Parsed<Pattern> {
        let token = self.next_or_regex()?;
        if token.kind == Kind::Regex { self.pattern(&token) } else { self.expected(&token, "regex") }
    }

    pub(super) fn pattern(&self, token: &Token) -> Parsed<Pattern> {
        literal::pattern(&token.text).map_err(|why| ParseError(format!("{why} at {}", self.lexer.place(token))))
    }
}
