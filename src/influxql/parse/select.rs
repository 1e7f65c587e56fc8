//! SELECT.

use super::{Kind, Parsed, Parser, Token, Word};
use crate::influxql::{
    ast::{Dimension, Expr, Field, Fill, Measurement, MeasurementName, Select, Source},
    error::ParseError,
};

impl Parser<'_> {
    /// What stands behind SELECT.
    pub(super) fn select(&mut self) -> Parsed<Select> {
        self.deeper(Self::select_clauses)
    }

    fn select_clauses(&mut self) -> Parsed<Select> {
        let fields = self.fields()?;
        let into = self.take(Word::Into)?;
        if into {
            self.measurement()?;
        }
        self.want(Word::From)?;
        let sources = self.sources()?;
        let condition = self.condition()?;
        let dimensions = self.dimensions()?;
        let fill = self.fill()?;
        let ordered = self.peek()?.is(Word::Order);
        let descending = self.order()?;
        Ok(Select {
            fields,
            into,
            sources,
            condition,
            dimensions,
            fill,
            ordered,
            descending,
            limit: self.count(Word::Limit)?,
            offset: self.count(Word::Offset)?,
            series_limit: self.count(Word::Slimit)?,
            series_offset: self.count(Word::Soffset)?,
            zone: self.zone()?,
        })
    }

    fn fields(&mut self) -> Parsed<Vec<Field>> {
        let mut fields = Vec::new();
        loop {
            let token = self.peek()?;
            let expr = self.regex_or_expr()?;
            if let Some(sign) = condition_in(&expr) {
                return Err(ParseError(format!(
                    "invalid operator {sign} in SELECT clause at {}; operator is intended for WHERE clause",
                    self.lexer.place(&token)
                )));
            }
            let alias = if self.take(Word::As)? { Some(self.name()?) } else { None };
            fields.push(Field { expr, alias });
            if !self.take_mark(",")? {
                return Ok(fields);
            }
        }
    }

    fn sources(&mut self) -> Parsed<Vec<Source>> {
        let mut sources = Vec::new();
        loop {
            sources.push(if self.take_mark("(")? {
                self.want(Word::Select)?;
                let select = self.select()?;
                self.want_mark(")")?;
                Source::Subquery(Box::new(select))
            } else {
                Source::Measurement(self.measurement()?)
            });
            if !self.take_mark(",")? {
                return Ok(sources);
            }
        }
    }

    /// `name`, `policy.name`, `db.policy.name`, `db..name`, and a regular expression for each name.
    pub(super) fn measurement(&mut self) -> Parsed<Measurement> {
        let mut before = Vec::new();
        let name = loop {
            let token = self.next_or_regex()?;
            match token.kind {
                Kind::Regex => break MeasurementName::Matches(self.pattern(&token)?),
                Kind::Name if self.lexer.next_character() == Some('.') && before.len() < 2 => {
                    self.want_mark(".")?;
                    before.push(token.text);
                    if self.lexer.next_character() == Some('.') && before.len() < 2 {
                        self.want_mark(".")?;
                        before.push(String::new());
                    }
                }
                Kind::Name => break MeasurementName::Is(token.text),
                _ => return self.expected(&token, "identifier"),
            }
        };
        let policy = before.pop().unwrap_or_default();
        Ok(Measurement { database: before.pop().unwrap_or_default(), policy, name })
    }

    /// WHERE, if it is there.
    pub(super) fn condition(&mut self) -> Parsed<Option<Expr>> {
        if self.take(Word::Where)? { self.expr().map(Some) } else { Ok(None) }
    }

    fn dimensions(&mut self) -> Parsed<Vec<Dimension>> {
        let mut dimensions = Vec::new();
        if self.take(Word::Group)? {
            self.want(Word::By)?;
            loop {
                dimensions.push(Dimension(self.regex_or_expr()?));
                if !self.take_mark(",")? {
                    break;
                }
            }
        }
        Ok(dimensions)
    }

    fn fill(&mut self) -> Parsed<Fill> {
        let Some(args) = self.clause("fill")? else { return Ok(Fill::Null) };
        let [arg] = args.as_slice() else {
            return Err(ParseError("fill requires an argument, e.g.: 0, null, none, previous, linear".to_owned()));
        };
        match arg {
            Expr::Ref { name, class: None } => match name.as_str() {
                "null" => Ok(Fill::Null),
                "none" => Ok(Fill::None),
                "previous" => Ok(Fill::Previous),
                "linear" => Ok(Fill::Linear),
                _ => Err(ParseError("expected number argument in fill()".to_owned())),
            },
            Expr::Number(number) => Ok(Fill::Number(*number)),
            Expr::Integer(number) => Ok(Fill::Number(*number as f64)),
            _ => Err(ParseError("expected number argument in fill()".to_owned())),
        }
    }

    fn zone(&mut self) -> Parsed<Option<String>> {
        let Some(args) = self.clause("tz")? else { return Ok(None) };
        let [arg] = args.as_slice() else {
            return Err(ParseError("tz requires exactly one argument".to_owned()));
        };
        let Expr::Text(name) = arg else {
            return Err(ParseError("expected string argument in tz()".to_owned()));
        };
        match jiff::tz::TimeZone::get(name) {
            Ok(_) => Ok(Some(name.clone())),
            Err(_) => Err(ParseError(format!("unable to find time zone {name}"))),
        }
    }

    /// A clause that is written as a call.
    fn clause(&mut self, wanted: &str) -> Parsed<Option<Vec<Expr>>> {
        let token = self.peek()?;
        if token.kind != Kind::Name || !token.text.eq_ignore_ascii_case(wanted) {
            return Ok(None);
        }
        match self.expr()? {
            Expr::Call { args, .. } => Ok(Some(args)),
            _ => Err(ParseError(format!("{wanted} must be a function call"))),
        }
    }

    /// ORDER BY, if it is there: whether the newest comes first.
    pub(super) fn order(&mut self) -> Parsed<bool> {
        if !self.take(Word::Order)? {
            return Ok(false);
        }
        self.want(Word::By)?;
        let token = self.next()?;
        let descending = match token.kind {
            Kind::Word(Word::Asc) => false,
            Kind::Word(Word::Desc) => true,
            Kind::Name if token.text != "time" => return Err(only_time()),
            Kind::Name if self.take(Word::Desc)? => true,
            Kind::Name => {
                self.take(Word::Asc)?;
                false
            }
            _ => return self.expected(&token, "identifier, ASC, DESC"),
        };
        if self.take_mark(",")? { Err(only_time()) } else { Ok(descending) }
    }

    /// LIMIT and its like, 0 where it isn't there.
    pub(super) fn count(&mut self, word: Word) -> Parsed<u64> {
        if !self.take(word)? {
            return Ok(0);
        }
        let token: Token = self.next()?;
        match (token.kind, token.text.parse::<i64>()) {
            (Kind::Integer, Ok(count)) if count >= 0 => Ok(count.unsigned_abs()),
            (Kind::Integer, _) => Err(ParseError(format!("unable to parse integer at {}", self.lexer.place(&token)))),
            _ => self.expected(&token, "integer"),
        }
    }
}

fn only_time() -> ParseError {
    ParseError("only ORDER BY time supported at this time".to_owned())
}

/// An operator that makes a condition of an expression, anywhere in it.
fn condition_in(expr: &Expr) -> Option<&'static str> {
    match expr {
        Expr::And(_) => Some("AND"),
        Expr::Or(_) => Some("OR"),
        Expr::Binary { op, .. } if op.compares() => Some(op.sign()),
        _ => expr.children().into_iter().find_map(condition_in),
    }
}
