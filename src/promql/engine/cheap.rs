//! Telling the queries that take next to no time.
//!
//! Handing a query over to a thread that may wait, and its answer back, takes longer than evaluating most panels of a few
//! series. A cheap one may be evaluated where the request was read. Which ones are is told by their plan and by lookups
//! that are known to be quick; what isn't certain is not cheap.

use std::collections::HashMap;

use crate::{
    promql::{
        data::grid::Grid,
        exec::{Found, Subqueries, subquery_steps},
        plan::{Kind, Node, NodeId},
    },
    seams::select::{LookupCost, Select},
};

/// It reads so many series at most, each perhaps from a block that has to come from disk.
const MAX_SERIES: u64 = 64;
/// It looks at so many samples and steps at most, which takes a millisecond or two.
const MAX_WORK: u64 = 1 << 21;

/// Whether a plan may turn out to be cheap: it has no steps of its own, but those that are kept, and its series can be looked up at
/// once.
pub(super) fn may_be(plan: &Node, grid: &Grid, select: &dyn Select, subqueries: &Subqueries) -> bool {
    let (mut nodes, mut quick, mut kept) = (0u64, true, true);
    subquery_steps(plan, *grid, &mut |node, grid| kept &= subqueries.has_all(node, grid));
    plan.for_each(&mut |node| {
        nodes += 1;
        quick &= match &node.kind {
            Kind::Subquery(_) => kept,
            // It looks up series by labels that only its argument tells.
            Kind::Call(call) => !call.function.looks_up_labels,
            Kind::Select(selector) | Kind::Window(selector, _) => {
                select.cost(&selector.matchers) == LookupCost::Negligible
            }
            _ => true,
        };
    });
    quick && nodes.saturating_mul(grid.steps as u64) <= MAX_WORK
}

/// Whether a plan that [`may_be`] cheap is, with what its selectors have found.
pub(super) fn is(found: &HashMap<NodeId, Found>, grid: &Grid) -> bool {
    let sum = |number: fn(&Found) -> u64| found.values().map(number).fold(0, u64::saturating_add);
    let (series, samples) = (sum(|found| found.series), sum(|found| found.samples.unwrap_or(u64::MAX)));
    // At the worst each step looks at all samples.
    let work = series.saturating_add(samples).saturating_mul(grid.steps as u64);
    series <= MAX_SERIES && work <= MAX_WORK
}
