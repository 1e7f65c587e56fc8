//! Aggregations: many series become one per group.
//!
//! - [`group`]: which series belong together,
//! - [`fold`]: what folds value by value (`sum`, `avg`, `max`, …),
//! - [`natives`]: the same for native histograms,
//! - [`quantile`]: what needs all values of a step at once,
//! - [`top`]: what picks some of the series (`topk`, `limitk`, …),
//! - [`count_values`]: what makes labels of values.
//!
//! All run through the rows of their input once, in series order, and keep groups only.

mod count_values;
mod fold;
mod group;
mod natives;
mod quantile;
mod top;

use super::{
    build::build_within,
    context::Context,
    operator::Operator,
    relabel::is_label_name,
    scalar::{Numbers, numbers},
};
use crate::{
    model::Span,
    promql::{
        QueryError,
        ast::AggregateOp,
        data::{annotations::AnnotationKind, grid::Grid},
        plan::{Aggregate, Kind},
    },
};
use group::Groups;

/// The operator for an aggregation. `span` is that of the whole aggregation.
pub(crate) fn aggregate<'c>(
    cx: &'c Context<'c>,
    a: &Aggregate,
    span: Span,
    grid: Grid,
) -> Result<Box<dyn Operator + 'c>, QueryError> {
    let param = match &a.param {
        Some(node) if a.op != AggregateOp::CountValues => numbers(cx, node, grid)?,
        _ => Numbers::Same(f64::NAN),
    };
    let value_label = match (a.op, a.param.as_ref().map(|p| &p.kind)) {
        (AggregateOp::CountValues, Some(Kind::Text(label))) if !is_label_name(label) => {
            return Err(QueryError::Execution(format!("invalid label name {label:?}")));
        }
        (AggregateOp::CountValues, Some(Kind::Text(label))) => label.as_str(),
        _ => "",
    };
    let inner = build_within(cx, &a.expr, grid, a.op.as_str())?;
    let param_span = a.param.as_ref().map_or(span, |p| p.span);
    let input = Input { cx, inner: &*inner, span: a.expr_span, whole: span, grid, quiet: a.expr.is_quiet() };
    match a.op {
        AggregateOp::CountValues => count_values::run(&input, a, value_label),
        AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio => {
            let groups = Groups::new(cx, &*inner, a)?;
            top::run(&input, a.op, &groups, &param, param_span)
        }
        AggregateOp::Quantile => {
            let groups = Groups::new(cx, &*inner, a)?;
            quantile::run(&input, &groups, &param, param_span)
        }
        op => {
            let groups = Groups::new(cx, &*inner, a)?;
            fold::run(&input, op, &groups)
        }
    }
}

/// What is aggregated.
struct Input<'a, 'c> {
    cx: &'c Context<'c>,
    inner: &'a (dyn Operator + 'c),
    /// Where it stands in the query.
    span: Span,
    /// Where the whole aggregation does.
    whole: Span,
    grid: Grid,
    /// Computing it can bring nothing but its rows.
    quiet: bool,
}

impl Input<'_, '_> {
    /// Annotates what is aggregated, after all annotations inside of it.
    fn annotate(&self, annotation: AnnotationKind) {
        self.cx.annotations.add_of(annotation, self.span, self.whole);
    }
}
