//! `absent` and `absent_over_time`.

use std::collections::HashSet;

use super::{
    context::Context,
    materialized::Materialized,
    operator::{Op, Series},
    parallel::for_each_row,
};
use crate::{
    model::{Labels, METRIC_NAME, MatchOp, Matcher},
    promql::{
        QueryError,
        data::{
            grid::Grid,
            row::{Bits, Row},
        },
        plan::{Kind, Node},
    },
};

/// 1 at every step where `inner` has no sample, with the labels that `selector` demands.
pub(super) fn absent<'c>(
    cx: &'c Context<'c>,
    inner: &Op<'c>,
    selector: &Node,
    grid: Grid,
) -> Result<Op<'c>, QueryError> {
    let mut present = Bits::new(grid.steps);
    for_each_row(cx, &**inner, grid.steps, &mut |_, row| {
        present.or(&row.present);
        Ok(())
    })?;
    let mut row = Row::new(grid.steps);
    row.values.fill(1.0);
    row.present.fill();
    row.present.and_not(&present);
    let mut materialized = Materialized::new(cx, grid.steps);
    if row.present.any() {
        materialized.push(Series::new(demanded_labels(selector)), &row)?;
    }
    Ok(Box::new(materialized))
}

/// The labels that a selector asks for with `=`. A label with any later condition is left out, and so is one that was left
/// out for a second `=`; an earlier condition of another kind doesn't count.
fn demanded_labels(node: &Node) -> Labels {
    let matchers: &[Matcher] = match &node.kind {
        Kind::Select(select) | Kind::Window(select, _) => &select.matchers,
        Kind::Invariant(inner) => return demanded_labels(inner),
        _ => &[],
    };
    let mut labels = Labels::empty().builder();
    let mut demanded = HashSet::new();
    for matcher in matchers.iter().filter(|m| m.name() != METRIC_NAME) {
        let is_first = matcher.op() == MatchOp::Equal && demanded.insert(matcher.name());
        labels.set(matcher.name(), if is_first { matcher.value() } else { "" });
    }
    labels.build()
}
