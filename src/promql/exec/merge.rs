//! Series that have come to bear the same labels.

use std::collections::HashMap;

use super::{
    context::Context,
    operator::{Op, Operator, RowError, Scratch, Series},
    row::Row,
};
use crate::{model::Labels, promql::QueryError};

/// The error for two samples with the same labels at the same time.
pub(crate) fn same_labelset() -> QueryError {
    QueryError::Execution("vector cannot contain metrics with the same labelset".to_owned())
}

/// Whether series with the same labels may take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overlap {
    /// They are one series as long as no two have a sample at the same step.
    Refuse,
    /// Two that have samples at all are too many: how Prometheus treats functions over windows.
    RefuseAll,
}

/// Joins the series of `inner` that bear the same labels.
struct Merge<'c> {
    inner: Op<'c>,
    groups: Vec<(Series, Vec<usize>)>,
    overlap: Overlap,
}

/// `inner` with every label set once.
///
/// `relabel` gives each series the labels it is to have. Nothing is looked up when the caller knows that no two can
/// have become equal.
pub(super) fn distinct<'c>(
    cx: &Context<'_>,
    inner: Op<'c>,
    overlap: Overlap,
    relabel: impl Fn(Series) -> Result<Series, QueryError>,
) -> Result<Op<'c>, QueryError> {
    let mut index: HashMap<Labels, usize> = HashMap::with_capacity(inner.len());
    let mut groups: Vec<(Series, Vec<usize>)> = Vec::with_capacity(inner.len());
    for i in 0..inner.len() {
        if i % 1024 == 0 {
            cx.budget.check()?;
        }
        let series = relabel(inner.series(i)?)?;
        let next = groups.len();
        let at = *index.entry(series.labels.clone()).or_insert(next);
        match groups.get_mut(at) {
            Some((_, members)) => members.push(i),
            None => {
                cx.budget.keep(&series.labels)?;
                groups.push((series, vec![i]));
            }
        }
    }
    Ok(Box::new(Merge { inner, groups, overlap }))
}

impl Operator for Merge<'_> {
    fn len(&self) -> usize {
        self.groups.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        self.groups.get(i).map_or_else(|| self.inner.series(i), |g| Ok(g.0.clone()))
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        let members = self.groups.get(i).map_or(&[][..], |g| &g.1);
        let Some((first, more)) = members.split_first() else { return Ok(()) };
        self.inner.row(*first, scratch, out)?;
        if more.is_empty() {
            return Ok(());
        }
        let mut other = scratch.take_row();
        for member in more {
            self.inner.row(*member, scratch, &mut other)?;
            let collision = match self.overlap {
                Overlap::Refuse => out.present.overlaps(&other.present),
                Overlap::RefuseAll => out.present.any() && other.present.any(),
            };
            if collision {
                return Err(same_labelset().into());
            }
            for step in other.present.ones() {
                if let Some(sample) = other.sample(step) {
                    out.put(step, sample);
                }
            }
        }
        scratch.give_row(other);
        Ok(())
    }
}
