//! The points of a tag set.

use std::sync::Arc;

use super::{
    Context, Cost,
    gather::{Bound, Data, NS, TagSet},
    inner::InnerSeries,
    joined::Parts,
};
use crate::{
    influxql::{
        ast::FieldType,
        error::QueryError,
        plan::{Cell, Reading, Slot},
        value::Value,
    },
    model::{Counted, SeriesBuf},
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
        /// Their start times in ms, 0 where that isn't known; those beyond have none.
        starts: Arc<Vec<i64>>,
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
            Self::Samples { values, kind, cast, .. } => {
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

    /// Whether a column has one value in all rows.
    pub(super) fn is_constant(&self, column: usize) -> bool {
        matches!(self.columns.get(column), Some(Column::Constant(_)))
    }

    /// Whether it has the rows of another query.
    pub(super) fn is_of_query(&self) -> bool {
        self.of_query
    }

    /// The row of a time.
    pub(super) fn row_at(&self, time: i64) -> Option<usize> {
        let row = self.times.partition_point(|own| *own < time);
        (self.times.get(row) == Some(&time)).then_some(row)
    }

    /// When a row's sample of a column is, and since when it counts.
    pub(super) fn counted(&self, column: usize, row: usize) -> Counted {
        let time = self.times.get(row).map_or(0, |ns| ns.div_euclid(NS));
        let start = match self.columns.get(column) {
            Some(Column::Samples { starts, .. }) => starts.get(row).copied().unwrap_or(0),
            _ => 0,
        };
        Counted { time, start }
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        let column = |column: &Column| match column {
            Column::Samples { values, starts, .. } => (values.len() + starts.len()) * size_of::<f64>(),
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
                let floats = || buffer.floats().filter(|(_, value, _)| !value.is_nan());
                let (times, values): (Vec<i64>, Vec<f64>) =
                    floats().map(|(time, value, _)| (time.saturating_mul(NS), value)).unzip();
                let starts = if buffer.float_starts.is_empty() {
                    Vec::new()
                } else {
                    floats().map(|(.., start)| start).collect()
                };
                columns.push(Samples { position: *position, times, values, starts });
            }
            aligned(columns)
        }
        Data::Rows(rows) => (rows.times.clone(), Vec::new()),
        Data::Joined(parts) => return Ok(joined(set, parts)),
    };
    let column = |reading: &Reading, in_condition: bool| match (reading, &set.data) {
        (Reading::Field { index, kind, cast }, Data::Stored { .. }) => {
            let position = bound.fields.iter().position(|field| field == index);
            match fields.iter().find(|(own, ..)| Some(*own) == position) {
                Some((_, values, starts)) => {
                    Column::Samples { values: Arc::clone(values), starts: Arc::clone(starts), kind: *kind, cast: *cast }
                }
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
    let named: Vec<Column> = bound.named.iter().map(|reading| column(reading, true)).collect();
    let keep = kept(bound.condition.as_ref(), &named, times.len());
    Ok(Sheet { times, columns, keep, of_query: matches!(set.data, Data::Rows(_)) })
}

/// Whether each row passes the condition.
fn kept(condition: Option<&Cell>, named: &[Column], rows: usize) -> Option<Vec<bool>> {
    condition.map(|condition| {
        let row = |row: usize| {
            condition.holds(&|slot| match slot {
                Slot::Aux(i) => named.get(i).map_or(Value::Null, |column| column.value(row)),
                Slot::Call(_) => Value::Null,
            })
        };
        (0..rows).map(row).collect()
    })
}

/// The rows of times that all parts have, where each column is of the first part that has one.
fn joined(set: &TagSet, parts: &Parts) -> Sheet {
    let rows: Vec<&InnerSeries> = parts.0.iter().filter_map(|part| part.rows()).collect();
    let mut times = rows.first().map(|first| first.times.clone()).unwrap_or_default();
    for other in rows.iter().skip(1) {
        times.retain(|time| other.times.binary_search(time).is_ok());
    }
    times.dedup();
    let column = |place: &dyn Fn(&Bound) -> Option<Reading>, in_condition: bool| {
        let of_part = |part: &Arc<TagSet>| {
            let (reading, rows) = (place(&part.bound)?, part.rows()?);
            match reading {
                Reading::Column { index, cast } => {
                    let values = rows.columns.get(index)?;
                    let at = |time: &i64| rows.times.binary_search(time).ok().and_then(|row| values.get(row).cloned());
                    let values = times.iter().map(|time| at(time).unwrap_or(Value::Null)).collect();
                    Some(Column::Values { values: Arc::new(values), cast })
                }
                Reading::Tag(name) => rows.tag(&name).map(|value| tag(Some(&value), in_condition)),
                _ => None,
            }
        };
        let nothing = if in_condition { tag(None, true) } else { Column::Nothing };
        parts.0.iter().find_map(of_part).unwrap_or(nothing)
    };
    let count = |of: &dyn Fn(&Bound) -> usize| parts.0.first().map_or(0, |part| of(&part.bound));
    let columns = (0..count(&|bound| bound.readings.len()))
        .map(|i| column(&|bound| bound.readings.get(i).cloned(), false))
        .collect();
    let named: Vec<Column> =
        (0..count(&|bound| bound.named.len())).map(|i| column(&|bound| bound.named.get(i).cloned(), true)).collect();
    let keep = kept(set.bound.condition.as_ref(), &named, times.len());
    Sheet { times, columns, keep, of_query: true }
}

/// A tag's value. One that is missing is nothing in a column and the empty text in a condition.
fn tag(value: Option<&str>, in_condition: bool) -> Column {
    match value.filter(|value| !value.is_empty()) {
        Some(value) => Column::Constant(Value::text(value)),
        None if in_condition => Column::Constant(Value::text("")),
        None => Column::Nothing,
    }
}

/// The samples of a field, whose position is that in the list of fields that are read.
struct Samples {
    position: usize,
    times: Vec<i64>,
    values: Vec<f64>,
    /// As many as values, or none.
    starts: Vec<i64>,
}

/// Columns of a tag set by the position of their field: values, and since when they count.
type Columns = Vec<(usize, Arc<Vec<f64>>, Arc<Vec<i64>>)>;

/// Puts columns side by side, with all times that any of them has.
fn aligned(mut columns: Vec<Samples>) -> (Vec<i64>, Columns) {
    let all_alike = columns.windows(2).all(|pair| match pair {
        [one, other] => one.times == other.times,
        _ => true,
    });
    let column = |of: Samples| (of.position, Arc::new(of.values), Arc::new(of.starts));
    if all_alike {
        let times = columns.first_mut().map(|first| std::mem::take(&mut first.times)).unwrap_or_default();
        return (times, columns.into_iter().map(column).collect());
    }
    let mut times: Vec<i64> = columns.iter().flat_map(|of| of.times.iter().copied()).collect();
    times.sort_unstable();
    times.dedup();
    let spread = |of: Samples| {
        let rows: Vec<Option<usize>> = {
            let mut own = of.times.iter().enumerate().peekable();
            times.iter().map(|time| own.next_if(|(_, own)| *own == time).map(|(i, _)| i)).collect()
        };
        let values = rows.iter().map(|i| i.and_then(|i| of.values.get(i).copied()).unwrap_or(f64::NAN)).collect();
        let starts = match of.starts.is_empty() {
            true => Vec::new(),
            false => rows.iter().map(|i| i.and_then(|i| of.starts.get(i).copied()).unwrap_or(0)).collect(),
        };
        column(Samples { values, starts, ..of })
    };
    let columns = columns.into_iter().map(spread).collect();
    (times, columns)
}
