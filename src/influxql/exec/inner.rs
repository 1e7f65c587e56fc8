//! The rows of a query inside another one.

use std::sync::Arc;

use super::{Answer, Room, Series};
use crate::influxql::{error::QueryError, plan::Plan, value::Value};

/// A series of its answer.
pub(super) struct InnerSeries {
    pub(super) name: Arc<str>,
    tags: Vec<(String, Arc<str>)>,
    pub(super) times: Vec<i64>,
    /// A list for each column but the time.
    pub(super) columns: Vec<Arc<Vec<Value>>>,
}

impl InnerSeries {
    /// The value of a tag.
    pub(super) fn tag(&self, name: &str) -> Option<Arc<str>> {
        self.tags.iter().find(|(own, _)| own == name).map(|(_, value)| Arc::clone(value))
    }

    /// Turns rows that came from late to early.
    pub(super) fn reverse(&mut self) {
        self.times.reverse();
        self.columns.iter_mut().for_each(|column| Arc::make_mut(column).reverse());
    }
}

/// Keeps the answer of a query.
pub(super) struct Rows<'r> {
    columns: usize,
    descending: bool,
    room: Room<'r>,
    pub(super) series: Vec<InnerSeries>,
}

impl<'r> Rows<'r> {
    pub(super) fn new(plan: &Plan, room: Room<'r>) -> Self {
        Self { columns: plan.columns.len(), descending: plan.descending, room, series: Vec::new() }
    }

    /// Whether rows come from late to early.
    pub(super) fn is_descending(&self) -> bool {
        self.descending
    }
}

impl Answer for Rows<'_> {
    fn series(&mut self, series: &Series<'_>) -> Result<(), QueryError> {
        self.series.push(InnerSeries {
            name: Arc::from(series.name),
            tags: series.tags.to_vec(),
            times: Vec::new(),
            columns: (0..self.columns).map(|_| Arc::default()).collect(),
        });
        Ok(())
    }

    fn row(&mut self, values: &[Value]) -> Result<(), QueryError> {
        let Some(series) = self.series.last_mut() else { return Ok(()) };
        let Some((Value::Time(time), values)) = values.split_first() else { return Ok(()) };
        self.room
            .take(size_of::<i64>() + values.iter().map(|value| size_of::<Value>() + value.memory()).sum::<usize>())?;
        series.times.push(*time);
        for (column, value) in series.columns.iter_mut().zip(values) {
            Arc::make_mut(column).push(value.clone());
        }
        Ok(())
    }
}
