//! Series that have come to bear the same labels.

use super::{
    context::Context,
    label_sets::LabelSets,
    operator::{Op, Operator, RowError, Scratch, Series},
};
use crate::{
    model::Labels,
    promql::{QueryError, data::row::Row},
};

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
struct Dedup<'c> {
    inner: Op<'c>,
    labels: Vec<Labels>,
    /// Of each label set, whether its name has to go at the end.
    drops_name: Vec<bool>,
    members: Members,
    overlap: Overlap,
}

/// The series of each label set.
enum Members {
    /// No two are equal: that of the same number.
    Same,
    /// Those of set `i` stand in `series` from `starts[i]` to `starts[i + 1]`.
    Listed { starts: Vec<u32>, series: Vec<u32> },
}

impl Members {
    /// From the number of the label set of each series.
    fn new(sets: usize, set_of: &[u32]) -> Self {
        if sets == set_of.len() {
            return Self::Same;
        }
        let mut starts = vec![0u32; sets + 1];
        for set in set_of {
            starts.iter_mut().skip(*set as usize + 1).take(1).for_each(|count| *count += 1);
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut series = vec![0; set_of.len()];
        for (i, set) in set_of.iter().enumerate() {
            if let Some(at) = next.get_mut(*set as usize) {
                series.iter_mut().skip(*at as usize).take(1).for_each(|place| *place = i as u32);
                *at += 1;
            }
        }
        Self::Listed { starts, series }
    }

    /// The first series of set `i`, and the others.
    fn of(&self, i: usize) -> (usize, &[u32]) {
        match self {
            Self::Same => (i, &[]),
            Self::Listed { starts, series } => {
                let place = |i: usize| starts.get(i).map_or(0, |start| *start as usize);
                let all = series.get(place(i)..place(i + 1)).unwrap_or_default();
                all.split_first().map_or((i, &[][..]), |(first, more)| (*first as usize, more))
            }
        }
    }
}

/// Memory that a series takes beside its labels while they are told apart, in bytes: the number of its label set, and its
/// place among the members of it.
const SERIES_BYTES: usize = 13;

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
    cx.budget.keep_bytes(inner.len() * SERIES_BYTES)?;
    let mut sets = LabelSets::default();
    let mut drops_name = Vec::with_capacity(inner.len());
    let mut set_of = Vec::with_capacity(inner.len());
    for i in 0..inner.len() {
        if i % 1024 == 0 {
            cx.budget.check()?;
        }
        let series = relabel(inner.series(i)?)?;
        let (set, is_new) = sets.number_of(&series.labels);
        if is_new {
            cx.budget.keep(&series.labels)?;
            drops_name.push(series.drop_name);
        }
        set_of.push(set as u32);
    }
    let labels = sets.into_sets();
    let members = Members::new(labels.len(), &set_of);
    Ok(Box::new(Dedup { inner, labels, drops_name, members, overlap }))
}

impl Operator for Dedup<'_> {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        let drop_name = self.drops_name.get(i).copied().unwrap_or_default();
        self.labels
            .get(i)
            .map_or_else(|| self.inner.series(i), |labels| Ok(Series { labels: labels.clone(), drop_name }))
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        let (first, more) = self.members.of(i);
        self.inner.row(first, scratch, out)?;
        if more.is_empty() {
            return Ok(());
        }
        let mut other = scratch.take_row();
        for member in more {
            self.inner.row(*member as usize, scratch, &mut other)?;
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
