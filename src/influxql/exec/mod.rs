//! Evaluating a plan, series by series of the answer.
//!
//! - [`gather`]: the tag sets that the sources have, sorted into the series of the answer.
//! - [`sheet`]: the points of one tag set: times, and a column for each name.
//! - [`fold`]: functions that need no points kept.
//! - [`collect`]: functions of all points of a bucket.
//! - [`transform`], [`indicators`]: functions of one point after the other.
//! - [`fill`]: what stands in buckets without points.
//! - [`calls`]: a call, of whichever of these it consists.
//! - [`rows`]: what all calls gave, joined by time.

mod calls;
mod collect;
mod fill;
mod fold;
mod gather;
mod indicators;
mod inner;
mod rows;
mod sheet;
mod transform;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use jiff::tz::TimeZone;

use super::{error::QueryError, plan::Plan, value::Value};
use crate::seams::{interrupt::Interrupt, memory_budget::MemoryBudget, select::Select};

/// What evaluating needs beside the plan.
pub(super) struct Context<'c> {
    pub(super) select: &'c dyn Select,
    /// Gives room for memory; all of one is given back when it is dropped.
    pub(super) room: &'c dyn Fn() -> Arc<dyn MemoryBudget>,
    pub(super) interrupt: Arc<dyn Interrupt>,
    pub(super) cost: Cost,
}

/// What a query cost.
#[derive(Debug, Default)]
pub(super) struct Cost {
    pub(super) series: AtomicU64,
    pub(super) samples: AtomicU64,
    pub(super) rows: AtomicU64,
}

impl Cost {
    fn add(counter: &AtomicU64, more: usize) {
        counter.fetch_add(more as u64, Ordering::Relaxed);
    }
}

/// Room for memory, until dropped.
pub(super) struct Room(Arc<dyn MemoryBudget>);

impl Room {
    /// Takes bytes.
    pub(super) fn take(&self, bytes: usize) -> Result<(), QueryError> {
        if self.0.take(bytes) {
            return Ok(());
        }
        Err(QueryError::Limit(
            "the query needs more memory than there is for queries: ask for a shorter range or fewer series, or for mean, \
             max and the like, which keep no points, with GROUP BY time"
                .to_owned(),
        ))
    }
}

impl Context<'_> {
    pub(super) fn room(&self) -> Room {
        Room((self.room)())
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

/// Evaluates a plan.
pub(super) fn run(plan: &Plan, context: &Context<'_>, answer: &mut dyn Answer) -> Result<(), QueryError> {
    if !plan.has_values() || plan.start > plan.end {
        return Ok(());
    }
    let kept = context.room();
    let mut sets = gather::gather(plan, context, &kept)?;
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
