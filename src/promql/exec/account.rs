//! What a query reads, counted as Prometheus counts it, and for those who ask, operator by operator.
//!
//! A sample counts at every step whose window or lookback it is looked at in, so overlapping windows count it several
//! times. The points of a subquery count where a window looks at them, the samples they come from don't.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    grid::Grid,
    operator::{Op, Operator, Scratch, Series},
    row::Row,
};
use crate::promql::{QueryError, plan};

/// The counts of one running query, shared by its threads.
#[derive(Debug, Default)]
pub(crate) struct Account {
    queryable: AtomicU64,
    /// By step of the query, when asked for.
    per_step: Option<Vec<AtomicU64>>,
    /// When asked for.
    profile: Option<Profile>,
}

/// Plan nodes don't move while they are executed, so their addresses name them.
#[derive(Debug, Default)]
struct Profile {
    operators: Mutex<HashMap<usize, Arc<Spent>>>,
    selectors: Mutex<HashMap<usize, Arc<Read>>>,
}

/// What an operator has cost.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    series: AtomicU64,
    rows: AtomicU64,
    samples: AtomicU64,
    nanos: AtomicU64,
}

/// What a selector has found and read.
#[derive(Debug, Default)]
pub(crate) struct Read {
    series: AtomicU64,
    samples: AtomicU64,
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

impl Account {
    /// Counts by step, of which the query has this many.
    pub(crate) fn by_step(self, steps: usize) -> Self {
        Self { per_step: Some((0..steps).map(|_| AtomicU64::new(0)).collect()), ..self }
    }

    /// Counts by operator.
    pub(crate) fn by_operator(self) -> Self {
        Self { profile: Some(Profile::default()), ..self }
    }

    /// Counts the samples of an instant selector.
    pub(super) fn instant(&self, grid: &Grid, row: &Row) {
        if self.per_step.is_some() {
            row.present.ones().for_each(|step| self.at(grid, step, 1));
        }
        self.total(grid, row.present.count());
    }

    /// Counts `samples` looked at in all steps together.
    pub(super) fn total(&self, grid: &Grid, samples: usize) {
        add(&self.queryable, samples.saturating_mul(grid.weight));
    }

    /// Notes that `samples` of the total were looked at in one step.
    pub(super) fn at(&self, grid: &Grid, step: usize, samples: usize) {
        let Some(all) = &self.per_step else { return };
        match grid.weight {
            0 => {}
            1 => all.get(step).into_iter().for_each(|counter| add(counter, samples)),
            _ => all.iter().for_each(|counter| add(counter, samples)),
        }
    }

    /// Samples looked at, and those by step.
    pub(crate) fn samples(&self) -> (u64, Vec<u64>) {
        (get(&self.queryable), self.per_step.iter().flatten().map(get).collect())
    }

    fn spent(&self, node: &plan::Node) -> Option<Arc<Spent>> {
        let mut all = self.profile.as_ref()?.operators.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(all.entry(std::ptr::from_ref(node).addr()).or_default()))
    }

    /// Where a selector counts what it reads.
    pub(super) fn reader(&self, select: &plan::Select) -> Option<Arc<Read>> {
        let mut all = self.profile.as_ref()?.selectors.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(all.entry(std::ptr::from_ref(select).addr()).or_default()))
    }

    /// Builds the operator of `node` with `build`, and watches it if asked to.
    pub(super) fn watch<'c>(
        &self,
        node: &plan::Node,
        build: impl FnOnce() -> Result<Op<'c>, QueryError>,
    ) -> Result<Op<'c>, QueryError> {
        let Some(spent) = self.spent(node) else { return build() };
        let begun = Instant::now();
        let built = build();
        spent.took(begun.elapsed());
        let inner = built?;
        add(&spent.series, inner.len());
        Ok(Box::new(Watched { inner, spent }))
    }

    /// What the operator of `node` has cost, if there was one.
    pub(crate) fn cost(&self, node: &plan::Node) -> Option<Cost> {
        let operators = self.profile.as_ref()?.operators.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = operators.get(&std::ptr::from_ref(node).addr())?;
        Some(Cost {
            series: get(&spent.series),
            rows: get(&spent.rows),
            samples: get(&spent.samples),
            time: Duration::from_nanos(get(&spent.nanos)),
        })
    }

    /// Series that `select` has found, and samples read of them, if it was asked.
    pub(crate) fn read(&self, select: &plan::Select) -> Option<(u64, u64)> {
        let selectors = self.profile.as_ref()?.selectors.lock().unwrap_or_else(PoisonError::into_inner);
        let read = selectors.get(&std::ptr::from_ref(select).addr())?;
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

impl Spent {
    fn took(&self, time: Duration) {
        self.nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Read {
    pub(super) fn found(&self, series: usize) {
        add(&self.series, series);
    }

    pub(super) fn read(&self, samples: usize) {
        add(&self.samples, samples);
    }
}

struct Watched<'c> {
    inner: Op<'c>,
    spent: Arc<Spent>,
}

impl Operator for Watched<'_> {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        self.inner.series(i)
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), QueryError> {
        let begun = Instant::now();
        let done = self.inner.row(i, scratch, out);
        self.spent.took(begun.elapsed());
        add(&self.spent.rows, 1);
        add(&self.spent.samples, out.present.count());
        done
    }

    fn one_name(&self) -> bool {
        self.inner.one_name()
    }
}
