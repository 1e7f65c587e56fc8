//! `absent` and `absent_over_time`.

use super::{
    block::Block,
    context::Context,
    drive::for_each_row,
    grid::Grid,
    operator::{Op, Series},
    row::{Bits, Row},
};
use crate::{
    model::{Labels, METRIC_NAME, MatchOp, Matcher},
    promql::{
        QueryError,
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
    let mut block = Block::new(cx, grid.steps);
    if row.present.any() {
        block.push(Series::new(demanded_labels(selector)), &row)?;
    }
    Ok(Box::new(block))
}

/// The labels that a selector asks for with `=`, each once. A label with any second condition is left out.
fn demanded_labels(node: &Node) -> Labels {
    let matchers: &[Matcher] = match &node.kind {
        Kind::Select(select) | Kind::Window(select, _) => &select.matchers,
        Kind::Invariant(inner) => return demanded_labels(inner),
        _ => &[],
    };
    let is_alone = |m: &&Matcher| matchers.iter().filter(|other| other.name() == m.name()).count() == 1;
    let found = matchers.iter().filter(|m| m.name() != METRIC_NAME && m.op() == MatchOp::Equal).filter(is_alone);
    Labels::from_pairs(found.map(|m| (m.name(), m.value()))).unwrap_or_default()
}
