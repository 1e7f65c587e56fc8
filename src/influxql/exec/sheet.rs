//! The points of a tag set.

use std::sync::Arc;

use super::{
    Context, Cost,
    gather::{Data, NS, TagSet},
};
use crate::{
    influxql::{
        ast::FieldType,
        error::QueryError,
        plan::{Reading, Slot},
        value::Value,
    },
    model::SeriesBuf,
};

/// Times in ascending order, and a column for each aux slot and then each driver.
pub(super) struct Sheet {
    pub(super) times: Vec<i64>,
    columns: Vec<Column>,
    /// Whether each row passes the condition, where there is one.
    keep: Option<Vec<bool>>,
    /// Whether it has the rows of another query, whose times are those of its buckets.
    of_query: bool,
}

/// A column.
enum Column {
    Nothing,
    Constant(Value),
    /// Samples, of which those that are no number are missing.
    Samples {
        values: Arc<Vec<f64>>,
        kind: FieldType,
        cast: FieldType,
    },
    Values {
        values: Arc<Vec<Value>>,
        cast: Option<FieldType>,
    },
}

impl Column {
    fn value(&self, row: usize) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Constant(value) => value.clone(),
            Self::Samples { values, kind, cast } => {
                let value = Value::stored(values.get(row).copied().unwrap_or(f64::NAN), *kind);
                if kind == cast { value } else { value.cast(*cast) }
            }
            Self::Values { values, cast } => {
                let value = values.get(row).cloned().unwrap_or(Value::Null);
                match cast {
                    Some(cast) => value.cast(*cast),
                    None => value,
                }
            }
        }
    }

    /// Whether it tells rows: a tag is there whether or not there is a point.
    fn is_field(&self) -> bool {
        matches!(self, Self::Samples { .. } | Self::Values { .. })
    }
}

impl Sheet {
    /// The value of a column in a row.
    pub(super) fn value(&self, column: usize, row: usize) -> Value {
        self.columns.get(column).map_or(Value::Null, |column| column.value(row))
    }

    /// Whether a row passes the condition.
    pub(super) fn keeps(&self, row: usize) -> bool {
        self.keep.as_ref().is_none_or(|keep| keep.get(row).copied().unwrap_or(false))
    }

    /// Whether one of the first `columns` has a value of a field in a row.
    pub(super) fn has_point(&self, columns: usize, row: usize) -> bool {
        self.columns.iter().take(columns).any(|column| column.is_field() && !column.value(row).is_null())
    }

    /// The rows between two times, both of them included. What another query gave counts as a whole.
    pub(super) fn between(&self, start: i64, end: i64) -> std::ops::Range<usize> {
        if self.of_query {
            return 0..self.times.len();
        }
        self.times.partition_point(|time| *time < start)..self.times.partition_point(|time| *time <= end)
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        let column = |column: &Column| match column {
            Column::Samples { values, .. } => values.len() * size_of::<f64>(),
            _ => 0,
        };
        self.times.len() * size_of::<i64>() + self.columns.iter().map(column).sum::<usize>()
    }
}

/// Reads the points of a tag set. `buffers` are kept for their memory.
pub(super) fn read(set: &TagSet, context: &Context<'_>, buffer: &mut SeriesBuf) -> Result<Sheet, QueryError> {
    let bound = &*set.bound;
    let (times, fields) = match &set.data {
        Data::Stored { series, .. } => {
            let mut columns = Vec::with_capacity(series.len());
            for (position, found, i) in series {
                found.read(*i, buffer)?;
                Cost::add(&context.cost.samples, buffer.times.len());
                let floats = buffer.floats().filter(|(_, value, _)| !value.is_nan());
                let (times, values): (Vec<i64>, Vec<f64>) =
                    floats.map(|(time, value, _)| (time.saturating_mul(NS), value)).unzip();
                columns.push((*position, times, values));
            }
            aligned(columns)
        }
        Data::Rows(rows) => (rows.times.clone(), Vec::new()),
    };
    let column = |reading: &Reading, in_condition: bool| match (reading, &set.data) {
        (Reading::Field { index, kind, cast }, Data::Stored { .. }) => {
            let position = bound.fields.iter().position(|field| field == index);
            match fields.iter().find(|(own, _)| Some(*own) == position) {
                Some((_, values)) => Column::Samples { values: Arc::clone(values), kind: *kind, cast: *cast },
                None => Column::Nothing,
            }
        }
        (Reading::Tag(name), Data::Stored { tags, .. }) => tag(tags.get(name), in_condition),
        (Reading::Tag(name), Data::Rows(rows)) => tag(rows.tag(name).as_deref(), in_condition),
        (Reading::Column { index, cast }, Data::Rows(rows)) => match rows.columns.get(*index) {
            Some(values) => Column::Values { values: Arc::clone(values), cast: *cast },
            None => Column::Nothing,
        },
        _ => Column::Nothing,
    };
    let columns: Vec<Column> = bound.readings.iter().map(|reading| column(reading, false)).collect();
    let keep = bound.condition.as_ref().map(|condition| {
        let named: Vec<Column> = bound.named.iter().map(|reading| column(reading, true)).collect();
        let row = |row: usize| {
            condition.holds(&|slot| match slot {
                Slot::Aux(i) => named.get(i).map_or(Value::Null, |column| column.value(row)),
                Slot::Call(_) => Value::Null,
            })
        };
        (0..times.len()).map(row).collect()
    });
    Ok(Sheet { times, columns, keep, of_query: matches!(set.data, Data::Rows(_)) })
}

/// A tag's value. One that is missing is nothing in a column and the empty text in a condition.
fn tag(value: Option<&str>, in_condition: bool) -> Column {
    match value.filter(|value| !value.is_empty()) {
        Some(value) => Column::Constant(Value::text(value)),
        None if in_condition => Column::Constant(Value::text("")),
        None => Column::Nothing,
    }
}

/// Columns of a tag set by the position of their field.
type Columns = Vec<(usize, Arc<Vec<f64>>)>;

/// Puts columns side by side, with all times that any of them has.
fn aligned(mut columns: Vec<(usize, Vec<i64>, Vec<f64>)>) -> (Vec<i64>, Columns) {
    let all_alike = columns.windows(2).all(|pair| match pair {
        [(_, one, _), (_, other, _)] => one == other,
        _ => true,
    });
    if all_alike {
        let times = columns.first_mut().map(|(_, times, _)| std::mem::take(times)).unwrap_or_default();
        return (times, columns.into_iter().map(|(position, _, values)| (position, Arc::new(values))).collect());
    }
    let mut times: Vec<i64> = columns.iter().flat_map(|(_, times, _)| times.iter().copied()).collect();
    times.sort_unstable();
    times.dedup();
    let spread = |(position, own, values): (usize, Vec<i64>, Vec<f64>)| {
        let mut points = own.into_iter().zip(values).peekable();
        let one = |time: &i64| points.next_if(|(own, _)| own == time).map_or(f64::NAN, |(_, value)| value);
        let mut one = one;
        (position, Arc::new(times.iter().map(&mut one).collect()))
    };
    let columns = columns.into_iter().map(spread).collect();
    (times, columns)
}
