//! What a plan is going to cost, from the number of series and samples that its selectors find.
//!
//! Series of selectors are exact, samples come from the store's tables; what functions and operators make of them is
//! worked out where it follows from the plan, and guessed where it depends on labels and values: an aggregation by
//! labels makes the square root of its series, quantiles of classic buckets a tenth.

use std::collections::HashMap;

use crate::{
    model::Matcher,
    promql::{
        QueryError,
        ast::{BinaryOp, Cardinality, ValueType},
        data::grid::Grid,
        exec::{Found, children},
        plan::{Aggregate, Binary, Call, Kind, Node, NodeId, Select},
        signature::Output,
    },
};

/// A query is refused when it surely holds this many times as many samples as it may: estimates err.
const MARGIN: f64 = 2.0;
/// What a histogram's classic buckets are taken to be per series.
const BUCKETS: f64 = 10.0;

/// What is going to flow out of an operator.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Flow {
    /// Output series.
    pub(super) series: f64,
    /// Samples in their rows.
    pub(super) cells: f64,
    /// Samples read from storage for them, below included.
    pub(super) read: f64,
    /// Samples held in memory while its rows are asked for, below included.
    held: f64,
    /// Samples of the longest input row.
    row: f64,
    /// `cells` follows from the samples there are, not from their values or labels.
    certain: bool,
}

impl Flow {
    /// Samples held when all rows are kept.
    pub(super) fn peak(&self) -> f64 {
        self.held + self.row + self.cells
    }
}

/// What is known about a query before it runs.
pub(super) struct Estimator<'a> {
    pub(super) found: &'a HashMap<NodeId, Found>,
    /// In ms.
    pub(super) lookback: i64,
}

impl Estimator<'_> {
    pub(super) fn found(&self, select: &Select) -> Found {
        let found = select.id.and_then(|id| self.found.get(&id.node));
        found.copied().unwrap_or(Found { series: 0, samples: Some(0) })
    }

    /// What flows out of `node`.
    pub(super) fn flow(&self, node: &Node, grid: &Grid) -> Flow {
        let below: Vec<Flow> = children(node, grid).into_iter().map(|(child, grid)| self.flow(child, &grid)).collect();
        self.flow_of(node, grid, &below)
    }

    /// What flows out of `node` when this flows out of its children.
    pub(super) fn flow_of(&self, node: &Node, grid: &Grid, below: &[Flow]) -> Flow {
        let steps = grid.steps as f64;
        let inner = below.last().copied().unwrap_or_default();
        match &node.kind {
            Kind::Number(_) | Kind::Text(_) => Flow { row: steps, certain: true, ..Flow::default() },
            Kind::Select(select) => self.selected(select, self.lookback, grid),
            // The samples themselves; the function over the windows says what becomes of them.
            Kind::Window(select, _) => {
                let found = self.selected(select, 0, grid);
                Flow { cells: found.read, ..found }
            }
            Kind::Subquery(_) | Kind::Negate(_) => inner,
            Kind::Invariant(_) => Flow { cells: inner.cells * steps, row: inner.row.max(steps), ..inner },
            Kind::Call(call) => called(call, grid, below),
            Kind::Aggregate(a) => aggregated(a, grid, inner),
            Kind::Binary(b) => joined(b, below, steps),
        }
    }

    fn selected(&self, select: &Select, window: i64, grid: &Grid) -> Flow {
        let found = self.found(select);
        let (series, steps) = (found.series as f64, grid.steps as f64);
        let read = found.samples.map_or(series * steps, |samples| samples as f64);
        let cells = (series * steps).min(read * seen(window, grid));
        Flow { series, cells, read, held: 0.0, row: read / series.max(1.0) + steps, certain: true }
    }

    /// Refuses a plan whose answer can't fit `max_samples`.
    pub(super) fn judge(&self, node: &Node, grid: &Grid, max_samples: u64) -> Result<(), QueryError> {
        let flow = self.flow(node, grid);
        if !flow.certain || flow.cells <= MARGIN * max_samples as f64 {
            return Ok(());
        }
        let mut heaviest: Option<(&Select, Found)> = None;
        node.for_each(&mut |node| {
            let (Kind::Select(select) | Kind::Window(select, _)) = &node.kind else { return };
            let found = self.found(select);
            let weight = |found: &Found| (found.samples, found.series);
            if heaviest.is_none_or(|(_, other)| weight(&found) > weight(&other)) {
                heaviest = Some((select, found));
            }
        });
        let narrow = heaviest.map_or_else(String::new, |(select, found)| {
            let samples = found.samples.map_or_else(String::new, |samples| format!(" with about {samples} samples"));
            let selector = Matcher::shown(&select.matchers);
            format!("; most come from {selector}, {} series{samples}: narrow it", found.series)
        });
        Err(QueryError::Execution(format!(
            "query processing would load too many samples into memory in query execution (an estimated {:.0}, limit \
             {max_samples}{narrow}, or ask for a shorter range or larger step)",
            flow.peak(),
        )))
    }
}

/// At how many steps a sample is seen at most.
fn seen(window: i64, grid: &Grid) -> f64 {
    if grid.steps <= 1 { 1.0 } else { (window / grid.step.max(1)) as f64 + 1.0 }
}

fn called(call: &Call, grid: &Grid, below: &[Flow]) -> Flow {
    let steps = grid.steps as f64;
    let is = |kind: ValueType| call.args.iter().zip(below).find(move |(arg, _)| arg.value_type() == kind);
    let one = |flow: Flow| Flow { series: 1.0, cells: steps, certain: false, ..flow };
    if let Some((arg, flow)) = is(ValueType::Matrix) {
        let window = match &arg.kind {
            Kind::Window(_, window) => *window,
            Kind::Subquery(subquery) => subquery.range,
            _ => 0,
        };
        let cells = (flow.series * steps).min(flow.cells * seen(window, grid));
        return match call.function.output {
            Output::One => one(*flow),
            // Functions that want two samples leave steps with one out.
            output => Flow { cells, certain: flow.certain && output == Output::Same, ..*flow },
        };
    }
    let Some((_, flow)) = is(ValueType::Vector) else { return one(Flow::default()) };
    match call.function.output {
        Output::One => one(*flow),
        Output::OfBuckets => {
            Flow { series: flow.series / BUCKETS, cells: flow.cells / BUCKETS, certain: false, ..*flow }
        }
        Output::Fewer => Flow { certain: false, ..*flow },
        Output::Same => *flow,
    }
}

fn aggregated(a: &Aggregate, grid: &Grid, inner: Flow) -> Flow {
    let steps = grid.steps as f64;
    let one_group = !a.without && a.grouping.is_empty();
    let groups = if one_group { inner.series.min(1.0) } else { inner.series.sqrt().ceil() };
    let series = if a.op.has_one_row_a_group() { groups } else { inner.series };
    let cells = (series * steps).min(inner.cells);
    // Groups are held as they are filled, and nothing of the input but a row per thread.
    Flow { series, cells, held: inner.held + cells, certain: false, ..inner }
}

fn joined(b: &Binary, below: &[Flow], steps: f64) -> Flow {
    let [l, r] = below else { return Flow::default() };
    let (read, held, row) = (l.read + r.read, l.held + r.held, l.row.max(r.row));
    let scalar = |node: &Node| node.value_type() == ValueType::Scalar;
    let filters = b.op.is_comparison() && !b.return_bool;
    let with_scalar = |flow: &Flow| Flow { read, held, row, certain: flow.certain && !filters, ..*flow };
    match (scalar(&b.lhs), scalar(&b.rhs)) {
        (true, true) => Flow { read, held, row, cells: steps, series: 1.0, certain: false },
        (true, false) => with_scalar(r),
        (false, true) => with_scalar(l),
        (false, false) => {
            let (series, cells, kept) = match (b.op, b.matching.cardinality) {
                (BinaryOp::Or, _) => (l.series + r.series, l.cells + r.cells, l.cells + r.cells),
                (BinaryOp::And | BinaryOp::Unless, _) => (l.series, l.cells, r.cells),
                (_, Cardinality::ManyToOne) => (l.series, l.cells, r.cells),
                (_, Cardinality::OneToMany) => (r.series, r.cells, l.cells),
                _ => (l.series.min(r.series), l.cells.min(r.cells), 0.0),
            };
            Flow { series, cells, read, held: held + kept, row, certain: false }
        }
    }
}
