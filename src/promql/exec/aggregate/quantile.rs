//! The quantile of each group.

use super::{Groups, Input};
use crate::{
    model::{Labels, Span},
    promql::{
        QueryError,
        data::{annotations::AnnotationKind, row::Row},
        exec::{
            materialized::Materialized,
            operator::{Operator, Series},
            parallel::for_each_row,
            scalar::Numbers,
        },
        functions::quantile::quantile,
    },
};

pub(super) fn run<'c>(
    input: &Input<'_, 'c>,
    groups: &Groups,
    q: &Numbers,
    q_span: Span,
) -> Result<Box<dyn Operator + 'c>, QueryError> {
    let (cx, steps) = (input.cx, input.grid.steps);
    judge(q, steps, |annotation| cx.annotations.add_of(annotation, q_span, input.whole));
    // All values of a group are needed at once, so rows are kept; only one group's are laid out by step at a time.
    let mut rows = Materialized::new(cx, steps);
    cx.budget.keep_bytes(groups.len() * (size_of::<Vec<usize>>() + 1))?;
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups.len()];
    let mut drops_name = vec![false; groups.len()];
    for_each_row(cx, input.inner, steps, &mut |i, row| {
        if row.has_histograms() && row.drop_histograms() {
            input.annotate(AnnotationKind::HistogramIgnoredInAggregation("quantile"));
        }
        let group = groups.of(i);
        if let (true, Some(members), Some(drops)) =
            (row.present.any(), members.get_mut(group), drops_name.get_mut(group))
        {
            cx.budget.keep_bytes(2 * size_of::<usize>())?;
            members.push(rows.len());
            *drops |= groups.drops_name(i);
            rows.push(Series::new(Labels::empty()), row)?;
        }
        Ok(())
    })?;
    let mut materialized = Materialized::new(cx, steps);
    let mut row = Row::new(steps);
    let mut values: Vec<Vec<f64>> = vec![Vec::new(); steps];
    let mut order = Vec::new();
    for ((labels, members), drop_name) in groups.labels.iter().zip(members).zip(drops_name) {
        cx.budget.check()?;
        let first = members.first().copied().unwrap_or(usize::MAX);
        values.iter_mut().for_each(Vec::clear);
        for member in members {
            rows.copy(member, &mut row);
            for step in row.present.ones() {
                if let (Some(cell), Some(value)) = (values.get_mut(step), row.values.get(step)) {
                    cell.push(*value);
                }
            }
        }
        row.reset(steps);
        for (step, cell) in values.iter_mut().enumerate().filter(|(_, c)| !c.is_empty()) {
            // Sorting the values of a step may take longer than reading a series.
            cx.budget.check()?;
            row.set(step, quantile(q.at(step), cell));
        }
        if row.present.any() {
            materialized.push(Series { labels: labels.clone(), drop_name }, &row)?;
            order.push(first);
        }
    }
    materialized.arrange(&order);
    Ok(Box::new(materialized))
}

/// Annotates parameters outside 0 and 1: the outermost ones stand for all.
fn judge(q: &Numbers, steps: usize, mut annotate: impl FnMut(AnnotationKind)) {
    if q.iter(steps).any(f64::is_nan) {
        annotate(AnnotationKind::InvalidQuantile(f64::NAN));
        // Beside NaN only infinities are extremes.
        [f64::INFINITY, f64::NEG_INFINITY].into_iter().filter(|v| q.iter(steps).any(|q| q == *v)).for_each(|v| {
            annotate(AnnotationKind::InvalidQuantile(v));
        });
        return;
    }
    let max = q.iter(steps).fold(f64::NEG_INFINITY, f64::max);
    let min = q.iter(steps).fold(f64::INFINITY, f64::min);
    if max > 1.0 {
        annotate(AnnotationKind::InvalidQuantile(max));
    }
    if min < 0.0 {
        annotate(AnnotationKind::InvalidQuantile(min));
    }
}
