//! What a SELECT reads: measurements, and other SELECTs.

use std::sync::Arc;

use super::{Plan, Ref, Type};
use crate::{
    influxql::{
        ast::{Class, FieldType},
        schema::SchemaField,
    },
    model::Matcher,
};

/// Something that has points.
#[derive(Debug, Clone)]
pub(in crate::influxql) enum Source {
    /// Fields of a measurement.
    Measurement(Arc<Measurement>),
    /// The rows of another query.
    Query(Arc<Plan>),
}

/// A measurement.
#[derive(Debug, Clone)]
pub(in crate::influxql) struct Measurement {
    pub(in crate::influxql) name: Arc<str>,
    pub(in crate::influxql) database_name: Arc<str>,
    /// What finds the series of its database, where these have a label.
    pub(in crate::influxql) database: Option<Matcher>,
    pub(in crate::influxql) fields: Vec<SchemaField>,
    /// Keys of its tags, sorted; empty unless somebody asked for them.
    pub(in crate::influxql) tags: Vec<String>,
}

/// How a source gives the value of a name.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::influxql) enum Reading {
    /// It has none.
    Nothing,
    /// Field `index` of a measurement, whose samples are values of type `kind`, as values of type `cast`.
    Field { index: usize, kind: FieldType, cast: FieldType },
    /// The value of a tag.
    Tag(String),
    /// Column `index` of another query, as values of type `cast` if it is a field's.
    Column { index: usize, cast: Option<FieldType> },
}

impl Source {
    /// What it knows a name as.
    pub(in crate::influxql) fn type_of(&self, name: &str) -> Option<Type> {
        match self {
            Self::Measurement(measurement) => measurement.field(name).map(|(_, field)| Type::Field(field.kind)),
            Self::Query(plan) => plan.columns.iter().filter(|column| column.name == name).find_map(|column| column.of),
        }
    }

    /// All its fields with their types.
    pub(in crate::influxql) fn fields(&self) -> Vec<(String, Type)> {
        match self {
            Self::Measurement(measurement) => {
                measurement.fields.iter().map(|field| (field.name.to_string(), Type::Field(field.kind))).collect()
            }
            Self::Query(plan) => {
                plan.columns.iter().filter_map(|column| Some((column.name.clone(), column.of?))).collect()
            }
        }
    }

    /// All its tags.
    pub(in crate::influxql) fn tags(&self) -> &[String] {
        match self {
            Self::Measurement(measurement) => &measurement.tags,
            Self::Query(plan) => &plan.group,
        }
    }

    /// How it gives the value of a name in a column.
    pub(in crate::influxql) fn reading(&self, of: &Ref) -> Reading {
        match (self, of.class) {
            (_, Some(Class::Tag)) => Reading::Tag(of.name.clone()),
            (Self::Measurement(measurement), _) => match (measurement.field(&of.name), of.of) {
                (Some((index, field)), Type::Field(cast)) => Reading::Field { index, kind: field.kind, cast },
                (None, Type::Tag) => Reading::Tag(of.name.clone()),
                _ => Reading::Nothing,
            },
            (Self::Query(plan), _) => match plan.columns.iter().position(|column| column.name == of.name) {
                Some(index) => Reading::Column { index, cast: of.of.field() },
                None if of.of == Type::Tag => Reading::Tag(of.name.clone()),
                None => Reading::Nothing,
            },
        }
    }

    /// How it gives the value of a name in a condition: each source by what it has itself.
    pub(in crate::influxql) fn reading_in_condition(&self, of: &Ref) -> Reading {
        match (self, of.class) {
            (_, Some(Class::Tag)) => Reading::Tag(of.name.clone()),
            (Self::Measurement(measurement), class) => match (measurement.field(&of.name), class) {
                (Some((index, field)), Some(Class::Type(cast))) => Reading::Field { index, kind: field.kind, cast },
                (Some((index, field)), _) => Reading::Field { index, kind: field.kind, cast: field.kind },
                (None, None) => Reading::Tag(of.name.clone()),
                (None, Some(_)) => Reading::Nothing,
            },
            (Self::Query(plan), _) => match plan.columns.iter().position(|column| column.name == of.name) {
                Some(index) => Reading::Column { index, cast: None },
                None => Reading::Tag(of.name.clone()),
            },
        }
    }
}

impl Measurement {
    fn field(&self, name: &str) -> Option<(usize, &SchemaField)> {
        self.fields.iter().enumerate().find(|(_, field)| *field.name == *name)
    }
}
