//! What a query is going to do, and when asked, what it has done.
//!
//! [`Engine::explain`](super::Engine::explain) plans a query, looks its selectors up as evaluation would, and answers
//! the plan as a tree of [`Step`]s: for every operator an [`Estimate`], for every selector how the index finds its series
//! ([`Selected`]). With `analyze` the query is evaluated as well, and every step has its [`Cost`].
//!
//! Every query goes through [`estimate`] before it runs: one whose answer surely doesn't fit is refused before it reads
//! a sample.

mod estimate;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, time::Duration};

use super::{
    QueryError, QueryStats,
    data::grid::Grid,
    exec::{Cost, Found, Profile, Subqueries, children, selectors},
    plan::{Kind, Node, NodeId},
};
use crate::{
    model::{Span, TimeRange},
    seams::{
        interrupt::Interrupt,
        select::{IndexPath, MatcherStep, Select},
    },
};
use estimate::Estimator;

/// A step shows at most this many characters of the query.
const SHOWN: usize = 200;

/// A plan, and what came of it.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The last step, whose rows are the answer.
    pub plan: Step,
    /// Estimated samples held at the worst moment.
    pub estimated_peak: u64,
    /// What evaluating it took, when it was.
    pub analyzed: Option<Analyzed>,
}

/// What evaluating took.
#[derive(Debug, Clone)]
pub struct Analyzed {
    /// Series and samples.
    pub stats: QueryStats,
    /// From the first lookup to the last row.
    pub time: Duration,
}

/// An operator.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it does.
    pub operator: String,
    /// The part of the query it comes from.
    pub text: String,
    /// Where that stands in the query.
    pub span: Span,
    /// How many steps in time it is evaluated at.
    pub steps: usize,
    /// What it is expected to cost.
    pub estimate: Estimate,
    /// For selectors, how their series are found.
    pub selected: Option<Selected>,
    /// What it has cost, if it was evaluated; numbers and strings cost nothing.
    pub actual: Option<Cost>,
    /// Samples read from storage, for selectors that were evaluated.
    pub read: Option<u64>,
    /// The operators it gets its rows from.
    pub inputs: Vec<Step>,
}

/// What an operator is expected to cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Output series.
    pub series: u64,
    /// Samples in their rows.
    pub samples: u64,
    /// Samples read from storage for it.
    pub read: u64,
}

/// How the series of a selector are found.
#[derive(Debug, Clone)]
pub struct Selected {
    /// Its matchers, in the order the index takes them.
    pub index: Vec<MatcherStep>,
    /// The times asked for.
    pub range: TimeRange,
    /// Series found.
    pub series: u64,
    /// Series there are.
    pub of: u64,
    /// Estimated samples in the range; `None` when nobody knows.
    pub samples: Option<u64>,
}

/// What is known about a query before it runs.
pub(super) struct Known<'a> {
    pub(super) found: &'a HashMap<NodeId, Found>,
    /// In ms.
    pub(super) lookback: i64,
}

impl Known<'_> {
    fn estimator(&self) -> Estimator<'_> {
        Estimator { found: self.found, lookback: self.lookback }
    }

    /// Refuses a plan whose answer can't fit `max_samples`.
    pub(super) fn judge(&self, node: &Node, grid: &Grid, max_samples: u64) -> Result<(), QueryError> {
        self.estimator().judge(node, grid, max_samples)
    }

    /// Estimated samples held at the worst moment.
    pub(super) fn peak(&self, node: &Node, grid: &Grid) -> u64 {
        self.estimator().flow(node, grid).peak().ceil() as u64
    }

    /// The plan as steps; how series are found is asked of `select`, unless that is interrupted.
    pub(super) fn steps(
        &self,
        node: &Node,
        grid: Grid,
        text: &str,
        (select, interrupt): (&dyn Select, &dyn Interrupt),
        profile: &Profile,
    ) -> Result<Step, QueryError> {
        let mut ranges = HashMap::new();
        selectors(node, grid, self.lookback, &Subqueries::default(), &mut |ask| {
            ranges.extend(ask.select.id.map(|id| (id.node, ask.range)));
        });
        let explainer = Explainer { estimator: self.estimator(), ranges, text, select, interrupt, profile };
        Ok(explainer.step(node, &grid)?.0)
    }
}

struct Explainer<'a> {
    estimator: Estimator<'a>,
    ranges: HashMap<NodeId, TimeRange>,
    text: &'a str,
    select: &'a dyn Select,
    interrupt: &'a dyn Interrupt,
    profile: &'a Profile,
}

impl Explainer<'_> {
    fn step(&self, node: &Node, grid: &Grid) -> Result<(Step, estimate::Flow), QueryError> {
        let mut below = Vec::new();
        let mut inputs = Vec::new();
        for (child, grid) in children(node, grid) {
            let (step, flow) = self.step(child, &grid)?;
            below.push(flow);
            inputs.push(step);
        }
        let flow = self.estimator.flow_of(node, grid, &below);
        let (selected, read) = match &node.kind {
            Kind::Select(select) | Kind::Window(select, _) => {
                let selected = self.ranges.get(&node.id).map(|range| {
                    let found = self.estimator.found(select);
                    let IndexPath { steps: index, series: of } =
                        self.select.explain(&select.matchers, self.interrupt)?;
                    Ok::<_, QueryError>(Selected {
                        index,
                        range: *range,
                        series: found.series,
                        of,
                        samples: found.samples,
                    })
                });
                (selected.transpose()?, self.profile.read(select))
            }
            _ => (None, None),
        };
        let step = Step {
            operator: operator(node),
            text: self.shown(node),
            span: node.span,
            steps: grid.steps,
            estimate: Estimate {
                series: flow.series.ceil() as u64,
                samples: flow.cells.ceil() as u64,
                read: flow.read.ceil() as u64,
            },
            selected,
            actual: self.profile.cost(node),
            read: read.map(|(_, samples)| samples),
            inputs,
        };
        Ok((step, flow))
    }

    fn shown(&self, node: &Node) -> String {
        let text = self.text.get(node.span.start as usize..node.span.end as usize).unwrap_or_default();
        let mut shown: String = text.chars().take(SHOWN).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        shown
    }
}

/// What a node does, in a few words.
fn operator(node: &Node) -> String {
    match &node.kind {
        Kind::Number(value) => format!("number {value}"),
        Kind::Text(_) => "string".to_owned(),
        Kind::Select(_) => "select".to_owned(),
        Kind::Window(_, window) => format!("select windows of {}", super::format_duration(*window)),
        Kind::Subquery(subquery) => {
            let [range, step] = [subquery.range, subquery.step].map(super::format_duration);
            format!("subquery over {range} every {step}")
        }
        Kind::Call(call) => format!("{}()", call.function.name),
        Kind::Aggregate(a) => {
            let by = match (a.without, a.grouping.is_empty()) {
                (false, true) => String::new(),
                (without, _) => format!(" {} ({})", if without { "without" } else { "by" }, a.grouping.join(", ")),
            };
            let shared = if a.shared.is_some() { ", computed once for all equal ones" } else { "" };
            format!("{}{by}{shared}", a.op)
        }
        Kind::Binary(b) => format!("{}{}{}", b.op, if b.return_bool { " bool" } else { "" }, b.matching),
        Kind::Negate(_) => "negate".to_owned(),
        Kind::Invariant(_) => "once for all steps".to_owned(),
    }
}
