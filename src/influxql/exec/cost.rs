//! What a query cost: what it read, and how long each of its operators took.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// What a query cost.
#[derive(Debug, Default)]
pub(in crate::influxql) struct Cost {
    pub(in crate::influxql) series: AtomicU64,
    pub(in crate::influxql) samples: AtomicU64,
    pub(in crate::influxql) rows: AtomicU64,
    /// Bytes of memory taken now, and the most that were.
    pub(super) held: AtomicU64,
    pub(in crate::influxql) peak: AtomicU64,
    /// What each operator of each plan did, by the plan's number.
    operators: Mutex<Vec<[Work; 4]>>,
}

/// An operator of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::influxql) enum Operator {
    /// Finds series; of a query inside, all that this does.
    Select,
    /// Reads points.
    Read,
    /// Applies functions.
    Compute,
    /// Makes rows.
    Rows,
}

/// What an operator did.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::influxql) struct Work {
    /// Series, points or rows.
    pub(in crate::influxql) items: u64,
    pub(in crate::influxql) time: Duration,
}

impl Cost {
    pub(super) fn add(counter: &AtomicU64, more: usize) {
        counter.fetch_add(more as u64, Ordering::Relaxed);
    }

    /// Notes that an operator of a plan made so many items since `begun`.
    pub(super) fn spent(&self, plan: usize, operator: Operator, items: u64, begun: Instant) {
        let mut operators = self.operators.lock();
        if operators.len() <= plan {
            operators.resize(plan + 1, <[Work; 4]>::default());
        }
        if let Some(work) = operators.get_mut(plan).and_then(|all| all.get_mut(operator as usize)) {
            work.items += items;
            work.time += begun.elapsed();
        }
    }

    /// What an operator of a plan did.
    pub(in crate::influxql) fn work(&self, plan: usize, operator: Operator) -> Work {
        let operators = self.operators.lock();
        operators.get(plan).and_then(|all| all.get(operator as usize)).copied().unwrap_or_default()
    }
}
