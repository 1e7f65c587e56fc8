//! What a SELECT asks for, checked and joined with what the database has.
//!
//! - [`time`]: the bounds of time that a condition has, and the condition without them.
//! - [`check`], [`indicators`]: whether its columns can stand together, and calls with what they are given.
//! - [`calls`], [`types`]: what calls are of, and what columns have.
//! - [`expand`]: what wildcards stand for.
//! - [`names`]: what its columns are called.
//! - [`warnings`]: what the asker should know beside the answer.
//! - [`mod@build`]: all of it together.
//!
//! A [`Plan`] names values by slots: fields and tags by [`Slot::Aux`], calls by [`Slot::Call`].

mod build;
mod calls;
mod check;
mod expand;
mod indicators;
mod names;
mod reduce;
mod source;
mod time;
mod types;
mod warnings;

use std::sync::Arc;

pub(super) use self::{
    build::{Surroundings, build},
    source::{Measurement, Reading, Source},
    time::{Clock, split_time},
};
use super::{
    ast::{BinaryOp, FieldType, Fill, Pattern},
    functions::Function,
    value::{Division, Math, Value, binary},
    window::Window,
};

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// That of a field.
    Field(FieldType),
    /// A tag's values, which are texts, or nothing at all.
    Tag,
}

impl Type {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Field(kind) => kind.name(),
            Self::Tag => "tag",
        }
    }

    pub(super) fn field(self) -> Option<FieldType> {
        match self {
            Self::Field(kind) => Some(kind),
            Self::Tag => None,
        }
    }
}

/// A name in a query, and what it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ref {
    pub(super) name: String,
    /// What the query says of it.
    pub(super) class: Option<super::ast::Class>,
    /// What it is over all sources.
    pub(super) of: Type,
}

/// An expression of a row's values.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Aux(usize),
    Call(usize),
    Literal(Value),
    Regex(Pattern),
    Binary { op: BinaryOp, left: Box<Cell>, right: Box<Cell> },
    Math { name: &'static str, args: Vec<Cell> },
    And(Vec<Cell>),
    Or(Vec<Cell>),
}

impl Cell {
    /// Its value in a row.
    pub(super) fn value(&self, slot: &dyn Fn(Slot) -> Value, division: Division) -> Value {
        match self {
            Self::Aux(i) => slot(Slot::Aux(*i)),
            Self::Call(i) => slot(Slot::Call(*i)),
            Self::Literal(value) => value.clone(),
            Self::Regex(_) => Value::Null,
            Self::Binary { op: op @ (BinaryOp::Match | BinaryOp::NotMatch), left, right } => {
                let (Value::Text(text), Self::Regex(pattern)) = (left.value(slot, division), &**right) else {
                    return Value::Boolean(false);
                };
                Value::Boolean(pattern.matcher.matches(&text) == (*op == BinaryOp::Match))
            }
            Self::Binary { op, left, right } => {
                binary(*op, &left.value(slot, division), &right.value(slot, division), division)
            }
            Self::Math { name, args } => {
                let mut args = args.iter().map(|arg| arg.value(slot, division));
                let (first, second) = (args.next().unwrap_or(Value::Null), args.next().unwrap_or(Value::Null));
                Math::named(name).map_or(Value::Null, |math| math.of(&first, &second))
            }
            Self::And(parts) => Value::Boolean(parts.iter().all(|part| part.holds(slot))),
            Self::Or(parts) => Value::Boolean(parts.iter().any(|part| part.holds(slot))),
        }
    }

    /// Whether it holds as a condition.
    pub(super) fn holds(&self, slot: &dyn Fn(Slot) -> Value) -> bool {
        self.value(slot, Division::Cut) == Value::Boolean(true)
    }
}

/// Where a row has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// A field or a tag.
    Aux(usize),
    /// What a call gives.
    Call(usize),
}

/// A column of the answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) cell: Cell,
    /// `None` where it has no values.
    pub(super) of: Option<Type>,
}

/// A call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) function: &'static Function,
    pub(super) input: Input,
    /// Its second field, of a call that has one.
    pub(super) second: Option<usize>,
    /// Whether only distinct values count.
    pub(super) distinct: bool,
    /// The type of its values; `None` where it has none.
    pub(super) gives: Option<FieldType>,
    pub(super) settings: Settings,
}

/// What a call is made of.
#[derive(Debug, Clone)]
pub(super) enum Input {
    /// A field.
    Driver(usize),
    /// What another call gives.
    Call(Box<Call>),
}

impl Call {
    /// The call that reads a field, in calls of calls.
    pub(super) fn base(&self) -> &Self {
        match &self.input {
            Input::Call(inner) => inner.base(),
            Input::Driver(_) => self,
        }
    }
}

/// What a call says beside what it is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Settings {
    /// How many points or rows.
    pub(super) count: usize,
    /// A unit of time in ns.
    pub(super) unit: i64,
    /// Which percentile.
    pub(super) percent: f64,
    /// How many centroids a digest may have, about.
    pub(super) compression: f64,
    /// The length of time in ns whose points are looked at, where they aren't counted.
    pub(super) span: Option<i64>,
    /// How much older the points of the second field are, in ns.
    pub(super) lag: i64,
    /// Points that pass before rows come; `None` for the usual number.
    pub(super) hold: Option<usize>,
    pub(super) warmup: Warmup,
    /// How many of the first of the query's aux slots are tags to tell bests apart by.
    pub(super) tags: usize,
}

/// How an average begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Warmup {
    /// As it goes on.
    Exponential,
    /// As a plain mean.
    Simple,
    /// Not at all: sums over the last points.
    None,
}

/// A SELECT that can be evaluated.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Its number among a statement's plans, from the outermost 0 on.
    pub(super) id: usize,
    pub(super) columns: Vec<Column>,
    pub(super) time_name: String,
    /// Fields and tags that columns name.
    pub(super) aux: Vec<Ref>,
    /// Fields that calls are of.
    pub(super) drivers: Vec<Ref>,
    pub(super) calls: Vec<Call>,
    /// Fields and tags of the condition, and the condition over them.
    pub(super) named: Vec<Ref>,
    pub(super) condition: Option<Cell>,
    pub(super) sources: Vec<Source>,
    /// The tags that series are told apart by, sorted.
    pub(super) group: Vec<String>,
    pub(super) window: Option<Window>,
    /// The first and the last time in ns.
    pub(super) start: i64,
    pub(super) end: i64,
    /// Those of a query around it, beyond which nothing is looked at.
    pub(super) outer: (i64, i64),
    pub(super) fill: Fill,
    pub(super) descending: bool,
    pub(super) limit: u64,
    pub(super) offset: u64,
    pub(super) series_limit: u64,
    pub(super) series_offset: u64,
    /// The time zone of times in the answer.
    pub(super) zone: Option<jiff::tz::TimeZone>,
    /// What the asker should know.
    pub(super) warnings: Vec<String>,
}

impl Plan {
    /// Whether it is one selector, whose points keep their times.
    pub(super) fn is_selector(&self) -> bool {
        use super::functions::Role;
        matches!(self.calls.as_slice(), [Call { function, .. }] if function.role == Role::Selector)
    }

    /// Whether rows of the queries inside are joined by time and tags, for a call of two fields.
    pub(super) fn joins(&self) -> bool {
        self.sources.len() > 1
            && self.sources.iter().all(|source| matches!(source, Source::Query(_)))
            && self.calls.iter().any(|call| call.base().second.is_some())
    }

    /// Whether a call counts the values of a tag, which are there wherever there is a point of any field.
    pub(super) fn counts_tags(&self) -> bool {
        let is_tag = |driver: usize| self.drivers.get(driver).is_some_and(|of| of.of == Type::Tag);
        self.calls.iter().map(Call::base).any(|call| {
            call.distinct && call.gives.is_some() && matches!(call.input, Input::Driver(driver) if is_tag(driver))
        })
    }

    /// Whether any column has values.
    pub(super) fn has_values(&self) -> bool {
        if self.calls.is_empty() {
            self.aux.iter().any(|aux| aux.of != Type::Tag)
        } else {
            self.calls.iter().any(|call| call.gives.is_some())
        }
    }

    /// Whether its rows come in the order of the series of queries inside, and not of time: these gave a row or so each, of all times.
    pub(super) fn keeps_order(&self) -> bool {
        let unordered = |source: &Source| matches!(source, Source::Query(query) if !query.calls.is_empty() && query.window.is_none());
        self.window.is_none() && self.sources.iter().all(unordered)
    }

    /// Numbers it and the plans inside, from `next` on; gives the number after the last.
    fn number(&mut self, next: usize) -> usize {
        self.id = next;
        self.sources.iter_mut().fold(next + 1, |next, source| match source {
            Source::Query(inner) => Arc::make_mut(inner).number(next),
            Source::Measurement(_) => next,
        })
    }

    /// Groups by these tags too, as a query around it does.
    fn group_also(&mut self, tags: &[String]) {
        self.group.extend(tags.iter().cloned());
        self.group.sort();
        self.group.dedup();
        for source in &mut self.sources {
            if let Source::Query(inner) = source {
                let group = self.group.clone();
                Arc::make_mut(inner).group_also(&group);
            }
        }
    }
}
