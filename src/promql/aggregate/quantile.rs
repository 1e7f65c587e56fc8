//! The quantile of each group.

use super::{Groups, Input};
use crate::{
    model::Span,
    promql::{
        QueryError,
        exec::{Block, Note, Numbers, Operator, Series, for_each_row, row::Row},
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
    judge(q, steps, |note| cx.notes.add(note, q_span));
    cx.budget.foresee(groups.len(), steps)?;
    // All values of each group and step: a quantile can't do with less.
    let mut values: Vec<Vec<f64>> = vec![Vec::new(); groups.len() * steps];
    let mut drops_name = vec![false; groups.len()];
    let mut held = 0;
    for_each_row(cx, input.inner, steps, &mut |i, row| {
        if row.has_histograms() && row.drop_histograms() {
            cx.notes.add(Note::HistogramIgnoredInAggregation("quantile"), input.span);
        }
        let count = row.present.count();
        cx.budget.hold(count)?;
        held += count;
        let group = groups.of(i);
        if let Some(drops) = drops_name.get_mut(group) {
            *drops |= groups.drops_name(i) && count > 0;
        }
        let cells = values.get_mut(group * steps..(group + 1) * steps).unwrap_or_default();
        for step in row.present.ones() {
            if let (Some(cell), Some(value)) = (cells.get_mut(step), row.values.get(step)) {
                cell.push(*value);
            }
        }
        Ok(())
    })?;
    let mut block = Block::new(cx, steps);
    let mut row = Row::new(steps);
    for (group, (labels, drop_name)) in groups.labels.iter().zip(drops_name).enumerate() {
        cx.budget.check()?;
        row.reset(steps);
        let cells = values.get_mut(group * steps..(group + 1) * steps).unwrap_or_default();
        for (step, cell) in cells.iter_mut().enumerate().filter(|(_, c)| !c.is_empty()) {
            row.set(step, quantile(q.at(step), cell));
        }
        if row.present.any() {
            block.push(Series { labels: labels.clone(), drop_name }, &row)?;
        }
    }
    cx.budget.release(held);
    Ok(Box::new(block))
}

/// Remarks on parameters outside 0 and 1: the outermost ones stand for all.
fn judge(q: &Numbers, steps: usize, mut remark: impl FnMut(Note)) {
    if q.iter(steps).any(f64::is_nan) {
        return remark(Note::InvalidQuantile(f64::NAN));
    }
    let max = q.iter(steps).fold(f64::NEG_INFINITY, f64::max);
    let min = q.iter(steps).fold(f64::INFINITY, f64::min);
    if max > 1.0 {
        remark(Note::InvalidQuantile(max));
    }
    if min < 0.0 {
        remark(Note::InvalidQuantile(min));
    }
}
