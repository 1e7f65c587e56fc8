//! Which series are aggregated together.

use std::ops::ControlFlow;

use crate::{
    model::{Labels, METRIC_NAME},
    promql::{
        QueryError,
        exec::{
            context::Context,
            label_sets::{LabelSets, counts},
            operator::Operator,
        },
        plan::Aggregate,
    },
    seams::select::Projection,
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

/// The group of each input series, told by nothing but the labels that the groups have.
fn of_projection(
    cx: &Context<'_>,
    inner: &dyn Operator,
    a: &Aggregate,
    sets: &mut LabelSets,
) -> Result<Vec<u32>, QueryError> {
    let names = a.grouping.iter().map(String::as_str);
    let projection = if a.without { Projection::all_but(names.chain([METRIC_NAME])) } else { Projection::of(names) };
    let mut of_series = vec![0; inner.len()];
    let mut visited = 0usize;
    let mut refused = Ok(());
    inner.each_projection(&projection, &mut |i, bytes| {
        let (group, new) = sets.number_bytes(bytes);
        if let Some(of_series) = of_series.get_mut(i) {
            *of_series = group as u32;
        }
        if let Some(labels) = new {
            refused = cx.budget.keep(labels);
        }
        if visited.is_multiple_of(1024) && refused.is_ok() {
            refused = cx.budget.check();
        }
        visited += 1;
        if refused.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    refused.map(|()| of_series)
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
        if !delayed {
            groups.of_series = of_projection(cx, inner, a, &mut sets)?;
            groups.labels = sets.into_sets();
            groups.arrange();
            return Ok(groups);
        }
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
            groups.drops_name.push(series.drop_name);
        }
        groups.labels = sets.into_sets();
        Ok(groups)
    }

    /// Numbers the groups in the order of their first series.
    fn arrange(&mut self) {
        let mut first: Vec<usize> = vec![usize::MAX; self.labels.len()];
        for (i, group) in self.of_series.iter().enumerate().rev() {
            first.iter_mut().skip(*group as usize).take(1).for_each(|first| *first = i);
        }
        if first.is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..self.labels.len()).collect();
        order.sort_by_key(|group| first.get(*group).copied());
        let mut renamed = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            renamed.iter_mut().skip(*old).take(1).for_each(|place| *place = new as u32);
        }
        self.of_series.iter_mut().for_each(|group| *group = renamed.get(*group as usize).copied().unwrap_or_default());
        self.labels = order.iter().filter_map(|old| self.labels.get(*old).cloned()).collect();
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
