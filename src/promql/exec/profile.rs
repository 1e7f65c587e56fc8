//! What a query reads, and for those who ask, operator by operator. How samples are counted `sample_count` says.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{
    operator::{Op, Operator, RowError, Scratch, Series},
    sample_count::Readers,
};
use crate::promql::{
    QueryError,
    data::{grid::Grid, row::Row},
    plan::{self, NodeId},
};

/// The counts of one running query, shared by its threads.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    queryable: AtomicU64,
    read: AtomicU64,
    /// By step of the query, when asked for: samples looked at, and read.
    per_step: Option<Vec<[AtomicU64; 2]>>,
    /// Who reads the steps of subqueries; a grid has the number behind.
    readers: Mutex<Vec<Arc<Readers>>>,
    /// When asked for.
    nodes: Option<Nodes>,
}

/// Counts by plan node.
#[derive(Debug, Default)]
struct Nodes {
    operators: Mutex<HashMap<NodeId, Arc<OperatorCost>>>,
    selectors: Mutex<HashMap<NodeId, Arc<SelectorCost>>>,
}

/// What an operator has cost.
#[derive(Debug, Default)]
pub(crate) struct OperatorCost {
    series: AtomicU64,
    rows: AtomicU64,
    samples: AtomicU64,
    nanos: AtomicU64,
}

/// What a selector has found and read.
#[derive(Debug, Default)]
pub(crate) struct SelectorCost {
    series: AtomicU64,
    samples: AtomicU64,
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

impl Profile {
    /// Counts by step, of which the query has this many.
    pub(crate) fn by_step(self, steps: usize) -> Self {
        Self { per_step: Some((0..steps).map(|_| Default::default()).collect()), ..self }
    }

    /// Counts by operator.
    pub(crate) fn by_operator(self) -> Self {
        Self { nodes: Some(Nodes::default()), ..self }
    }

    /// Whether samples are counted by step.
    pub(super) fn is_by_step(&self) -> bool {
        self.per_step.is_some()
    }

    /// Who reads the steps of `grid`, where that isn't each step itself.
    pub(super) fn readers(&self, grid: &Grid) -> Option<Arc<Readers>> {
        let number = (grid.reads as usize).checked_sub(1)?;
        self.readers.lock().get(number).cloned()
    }

    /// The grid of a subquery with who reads its steps: those of `outer` look at it in windows of `range` ms, `offset` ms
    /// back, or without a range at all of it.
    pub(super) fn for_subquery(&self, inner: Grid, (offset, range): (i64, i64), outer: &Grid) -> Grid {
        let readers = Readers::of_subquery(&inner, (offset, range), outer, self.readers(outer).as_deref());
        let mut all = self.readers.lock();
        let known = all.iter().position(|known| **known == readers);
        let number = known.unwrap_or_else(|| {
            all.push(Arc::new(readers));
            all.len() - 1
        });
        Grid { reads: u32::try_from(number + 1).unwrap_or(0), ..inner }
    }

    /// Counts samples looked at, and those read, in all steps together.
    pub(super) fn total(&self, grid: &Grid, looked_at: usize, read: usize) {
        add(&self.queryable, looked_at.saturating_mul(grid.weight));
        add(&self.read, read);
    }

    /// Counts in which step some of them were looked at, and in which some were read.
    pub(super) fn at(&self, grid: &Grid, (step, looked_at): (usize, usize), (reader, read): (usize, usize)) {
        let Some(all) = &self.per_step else { return };
        match (grid.weight, all.as_slice()) {
            (0, _) => {}
            (weight, [[counter, _]]) => add(counter, looked_at.saturating_mul(weight)),
            (1, _) => all.get(step).into_iter().for_each(|[counter, _]| add(counter, looked_at)),
            _ => all.iter().for_each(|[counter, _]| add(counter, looked_at)),
        }
        all.get(reader).into_iter().for_each(|[_, counter]| add(counter, read));
    }

    /// Samples looked at, samples read, and both by step.
    pub(crate) fn samples(&self) -> (u64, u64, Vec<[u64; 2]>) {
        let by_step = self.per_step.iter().flatten().map(|both| both.each_ref().map(get)).collect();
        (get(&self.queryable), get(&self.read), by_step)
    }

    fn counters(&self, node: &plan::Node) -> Option<Arc<OperatorCost>> {
        let mut all = self.nodes.as_ref()?.operators.lock();
        Some(Arc::clone(all.entry(node.id).or_default()))
    }

    /// Where a selector counts what it reads.
    pub(super) fn reader(&self, select: &plan::Select) -> Option<Arc<SelectorCost>> {
        let id = select.id?.node;
        let mut all = self.nodes.as_ref()?.selectors.lock();
        Some(Arc::clone(all.entry(id).or_default()))
    }

    /// Builds the operator of `node` with `build`, and watches it if asked to.
    pub(super) fn watch<'c>(
        &self,
        node: &plan::Node,
        build: impl FnOnce() -> Result<Op<'c>, QueryError>,
    ) -> Result<Op<'c>, QueryError> {
        let Some(cost) = self.counters(node) else { return build() };
        let begun = Instant::now();
        let built = build();
        cost.took(begun.elapsed());
        let inner = built?;
        add(&cost.series, inner.len());
        Ok(Box::new(Timed { inner, cost }))
    }

    /// What the operator of `node` has cost, if there was one.
    pub(crate) fn cost(&self, node: &plan::Node) -> Option<Cost> {
        let operators = self.nodes.as_ref()?.operators.lock();
        let cost = operators.get(&node.id)?;
        Some(Cost {
            series: get(&cost.series),
            rows: get(&cost.rows),
            samples: get(&cost.samples),
            time: Duration::from_nanos(get(&cost.nanos)),
        })
    }

    /// Series that `select` has found, and samples read of them, if it was asked.
    pub(crate) fn read(&self, select: &plan::Select) -> Option<(u64, u64)> {
        let selectors = self.nodes.as_ref()?.selectors.lock();
        let read = selectors.get(&select.id?.node)?;
        Some((get(&read.series), get(&read.samples)))
    }
}

/// What an operator has cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Output series.
    pub series: u64,
    /// Rows computed: of some series none, of others several, as those above it asked.
    pub rows: u64,
    /// Samples in those rows.
    pub samples: u64,
    /// Time spent on it and what is below it, by all threads together.
    pub time: Duration,
}

impl OperatorCost {
    fn took(&self, time: Duration) {
        self.nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl SelectorCost {
    pub(super) fn found(&self, series: usize) {
        add(&self.series, series);
    }

    pub(super) fn read(&self, samples: usize) {
        add(&self.samples, samples);
    }
}

struct Timed<'c> {
    inner: Op<'c>,
    cost: Arc<OperatorCost>,
}

impl Operator for Timed<'_> {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        self.inner.series(i)
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        let begun = Instant::now();
        let done = self.inner.row(i, scratch, out);
        self.cost.took(begun.elapsed());
        add(&self.cost.rows, 1);
        add(&self.cost.samples, out.present.count());
        done
    }

    fn one_name(&self) -> bool {
        self.inner.one_name()
    }
}
