//! Which series are aggregated together.

use crate::{
    model::Labels,
    promql::{
        QueryError,
        exec::{
            context::Context,
            label_sets::{LabelSets, counts},
            operator::Operator,
        },
        plan::Aggregate,
    },
};

/// The groups of an aggregation.
pub(super) struct Groups {
    /// Labels of each group.
    pub(super) labels: Vec<Labels>,
    /// The group of each input series; empty when there is but one group.
    of_series: Vec<u32>,
    /// Input series whose metric name has to go at the end (only with delayed name removal).
    drops_name: Vec<bool>,
}

/// Whether the group that a series belongs to has its label of this name.
pub(super) fn in_group(name: &[u8], a: &Aggregate) -> bool {
    counts(name, &a.grouping, !a.without)
}

impl Groups {
    pub(super) fn new(cx: &Context<'_>, inner: &dyn Operator, a: &Aggregate) -> Result<Self, QueryError> {
        let delayed = cx.settings.delayed_name_removal;
        let mut groups = Self { labels: Vec::new(), of_series: Vec::new(), drops_name: Vec::new() };
        let one_group = !a.without && a.grouping.is_empty();
        if one_group && !delayed && cx.settings.optimise.prune_labels {
            // Nobody needs to know any labels.
            if inner.len() > 0 {
                groups.labels.push(Labels::empty());
            }
            return Ok(groups);
        }
        let mut sets = LabelSets::default();
        cx.budget.keep_bytes(inner.len() * (size_of::<u32>() + usize::from(delayed)))?;
        groups.of_series.reserve(inner.len());
        for i in 0..inner.len() {
            if i % 1024 == 0 {
                cx.budget.check()?;
            }
            let series = inner.series(i)?;
            let (group, new) = sets.number(&series.labels, |name| in_group(name, a));
            if let Some(labels) = new {
                cx.budget.keep(labels)?;
            }
            groups.of_series.push(group as u32);
            if delayed {
                groups.drops_name.push(series.drop_name);
            }
        }
        groups.labels = sets.into_sets();
        Ok(groups)
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// The group of input series `i`.
    pub(super) fn of(&self, i: usize) -> usize {
        self.of_series.get(i).map_or(0, |g| *g as usize)
    }

    pub(super) fn drops_name(&self, i: usize) -> bool {
        self.drops_name.get(i).copied().unwrap_or(false)
    }
}
