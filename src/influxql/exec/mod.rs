//! Evaluating a plan, series by series of the answer.
//!
//! - [`gather`]: the tag sets that the sources have, sorted into the series of the answer.
//! - [`joined`]: rows of several queries inside, put together by time and tags.
//! - [`sheet`]: the points of one tag set: times, and a column for each name.
//! - [`fold`]: functions that need no points kept.
//! - [`collect`]: functions of all points of a bucket.
//! - [`rolling`]: both of them of buckets that roll.
//! - [`counters`]: what counters have grown by. [`pairs`], [`moments`]: functions of two fields.
//! - [`transform`], [`moving`], [`indicators`]: functions of one point after the other.
//! - [`slices`]: raw rows of a long time.
//! - [`fill`]: what stands in buckets without points.
//! - [`calls`]: a call, of whichever of these it consists.
//! - [`rows`]: what all calls gave, joined by time.
//! - [`cost`]: what it cost.

mod calls;
mod collect;
mod cost;
mod counters;
mod fill;
mod fold;
mod gather;
mod indicators;
mod inner;
mod joined;
mod moments;
mod moving;
mod pairs;
mod rolling;
mod rows;
mod sheet;
mod slices;
mod transform;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use jiff::tz::TimeZone;

pub(super) use self::{
    cost::{Cost, Operator},
    gather::asked,
};
use super::{error::QueryError, plan::Plan, value::Value};
use crate::seams::{interrupt::Interrupt, memory_budget::MemoryBudget, select::Select};

/// What evaluating needs beside the plan.
pub(super) struct Context<'c> {
    pub(super) select: &'c dyn Select,
    /// Gives room for memory; all of one is given back when it is dropped.
    pub(super) room: &'c dyn Fn() -> Arc<dyn MemoryBudget>,
    /// The most memory that it may take.
    pub(super) limits: Limits,
    pub(super) interrupt: Arc<dyn Interrupt>,
    pub(super) cost: Cost,
}

/// Bytes of memory that there are for queries.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For one query.
    pub query: u64,
    /// For all of them together.
    pub all: u64,
}

/// Room for memory, until dropped.
pub(super) struct Room<'c> {
    budget: Arc<dyn MemoryBudget>,
    limits: Limits,
    cost: &'c Cost,
    taken: AtomicU64,
}

/// What helps where there is too little memory.
const NARROW: &str =
    "ask for a shorter range or fewer series, or for mean, max and the like, which keep no points, with GROUP BY time";

impl Room<'_> {
    /// Takes bytes.
    pub(super) fn take(&self, bytes: usize) -> Result<(), QueryError> {
        let more = bytes as u64;
        self.taken.fetch_add(more, Ordering::Relaxed);
        let mine = self.cost.held.fetch_add(more, Ordering::Relaxed).saturating_add(more);
        self.cost.peak.fetch_max(mine, Ordering::Relaxed);
        let Limits { query, all } = self.limits;
        if mine > query {
            return Err(QueryError::Limit(format!(
                "the query needs more memory than there is for one (limit {query} bytes, of which a sample takes 16): {NARROW}"
            )));
        }
        if self.budget.take(bytes) {
            return Ok(());
        }
        if mine > all {
            return Err(QueryError::Limit(format!("the query needs more memory than there is for queries: {NARROW}")));
        }
        Err(QueryError::NoRoom(format!(
            "the query needs more memory than other queries leave (limit {all} bytes for all together): try again later, or {NARROW}"
        )))
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.cost.held.fetch_sub(*self.taken.get_mut(), Ordering::Relaxed);
    }
}

impl Context<'_> {
    pub(super) fn room(&self) -> Room<'_> {
        Room { budget: (self.room)(), limits: self.limits, cost: &self.cost, taken: AtomicU64::new(0) }
    }

    fn check(&self) -> Result<(), QueryError> {
        Ok(self.interrupt.check()?)
    }
}

/// A series of the answer.
#[derive(Debug, Clone)]
pub struct Series<'s> {
    /// The measurement, or what is listed; empty where there is no name.
    pub name: &'s str,
    /// The tags it is told apart by, with their values.
    pub tags: &'s [(String, Arc<str>)],
    /// The names of its columns.
    pub columns: &'s [String],
    /// The time zone that its times are shown in, if not UTC.
    pub zone: Option<&'s TimeZone>,
}

/// Takes the answer of a statement: series after series, and the rows of each.
pub trait Answer {
    /// A series begins.
    ///
    /// # Errors
    /// When nobody reads the answer any more.
    fn series(&mut self, series: &Series<'_>) -> Result<(), QueryError>;

    /// A row of it.
    ///
    /// # Errors
    /// When nobody reads the answer any more.
    fn row(&mut self, values: &[Value]) -> Result<(), QueryError>;
}

/// Passes an answer on, and knows whether any of it came.
pub struct Watched<'a> {
    answer: &'a mut dyn Answer,
    is_touched: bool,
}

impl<'a> Watched<'a> {
    /// Watches what comes for `answer` from now on.
    pub fn new(answer: &'a mut dyn Answer) -> Self {
        Self { answer, is_touched: false }
    }

    /// Whether a series or row came.
    #[must_use]
    pub fn is_touched(&self) -> bool {
        self.is_touched
    }
}

impl Answer for Watched<'_> {
    fn series(&mut self, series: &Series<'_>) -> Result<(), QueryError> {
        self.is_touched = true;
        self.answer.series(series)
    }

    fn row(&mut self, values: &[Value]) -> Result<(), QueryError> {
        self.is_touched = true;
        self.answer.row(values)
    }
}

/// Evaluates a plan.
pub(super) fn run(plan: &Plan, context: &Context<'_>, answer: &mut dyn Answer) -> Result<(), QueryError> {
    if !plan.has_values() || plan.start > plan.end {
        return Ok(());
    }
    let kept = context.room();
    let begun = Instant::now();
    let mut sets = gather::gather(plan, context, &kept)?;
    context.cost.spent(plan.id, Operator::Select, sets.len() as u64, begun);
    sets.sort_by(|a, b| a.key().cmp(&b.key()));
    let mut groups: Vec<&[gather::TagSet]> = sets.chunk_by(|a, b| a.key() == b.key()).collect();
    if plan.descending {
        groups.reverse();
    }
    let mut names = vec![plan.time_name.clone()];
    names.extend(plan.columns.iter().map(|column| column.name.clone()));
    for group in groups {
        context.check()?;
        let Some(first) = group.first() else { continue };
        let tags: Vec<(String, Arc<str>)> = plan.group.iter().cloned().zip(first.group.iter().cloned()).collect();
        let series = Series { name: &first.name, tags: &tags, columns: &names, zone: plan.zone.as_ref() };
        rows::answer(plan, context, group, &series, answer)?;
    }
    Ok(())
}

/// Answers a list: one series without tags.
pub(super) fn list<'v>(
    name: &str,
    columns: &[&str],
    rows: impl IntoIterator<Item = Vec<Value>> + 'v,
    answer: &mut dyn Answer,
) -> Result<(), QueryError> {
    let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
    answer.series(&Series { name, tags: &[], columns: &columns, zone: None })?;
    rows.into_iter().try_for_each(|row| answer.row(&row))
}
