//! What a query may cost, and how it is stopped.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{QueryError, QueryStats};
use crate::model::Matcher;

/// Where a query was when it ran out of time or was stopped, in Prometheus' words.
const PLACE: &str = "expression evaluation";

/// Stops a query from outside; clones share the switch.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the query to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to stop.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The budget of one running query, shared by its threads.
///
/// Memory is counted in samples, as Prometheus does: what a thread has decoded of the series it works on, and every
/// cell of a row that stays in memory. Rows that are folded away as they come cost nothing.
#[derive(Debug)]
pub(crate) struct Budget<'q> {
    cancel: &'q Cancel,
    deadline: Option<Instant>,
    max_samples: u64,
    held: AtomicU64,
    peak: AtomicU64,
    series: AtomicU64,
    samples: AtomicU64,
    /// The selector that found most series, and how many: what to narrow when the query costs too much.
    heaviest: Mutex<(usize, String)>,
}

impl<'q> Budget<'q> {
    pub(crate) fn new(cancel: &'q Cancel, timeout: Duration, max_samples: u64) -> Self {
        let zero = || AtomicU64::new(0);
        // A timeout beyond what the clock can express is none.
        let deadline = Instant::now().checked_add(timeout);
        let heaviest = Mutex::default();
        Self { cancel, deadline, max_samples, held: zero(), peak: zero(), series: zero(), samples: zero(), heaviest }
    }

    /// Fails when the query was stopped or its time is over. Called once per row.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        if self.cancel.is_canceled() {
            return Err(QueryError::Canceled(PLACE));
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(QueryError::Timeout(PLACE)),
            _ => Ok(()),
        }
    }

    /// Takes room for `samples` that stay in memory until [`Self::release`], or fails.
    pub(crate) fn hold(&self, samples: usize) -> Result<(), QueryError> {
        let now = self.held.fetch_add(samples as u64, Ordering::Relaxed).saturating_add(samples as u64);
        self.peak.fetch_max(now, Ordering::Relaxed);
        if now > self.max_samples { Err(self.too_many_samples()) } else { Ok(()) }
    }

    /// Gives back room.
    pub(crate) fn release(&self, samples: usize) {
        self.held.fetch_sub(samples as u64, Ordering::Relaxed);
    }

    /// Fails when `cells` more would pass the limit, before anything is allocated for them.
    pub(crate) fn foresee(&self, rows: usize, steps: usize) -> Result<(), QueryError> {
        let cells = (rows as u64).saturating_mul(steps as u64);
        let sum = self.held.load(Ordering::Relaxed).saturating_add(cells);
        if sum > self.max_samples { Err(self.too_many_samples()) } else { Ok(()) }
    }

    /// Notes `samples` read for one series, which its thread keeps for a moment.
    pub(crate) fn read(&self, samples: usize) -> Result<(), QueryError> {
        self.samples.fetch_add(samples as u64, Ordering::Relaxed);
        let now = self.held.load(Ordering::Relaxed).saturating_add(samples as u64);
        self.peak.fetch_max(now, Ordering::Relaxed);
        if now > self.max_samples { Err(self.too_many_samples()) } else { Ok(()) }
    }

    /// Notes `series` found by a selector with these matchers.
    pub(crate) fn selected(&self, series: usize, matchers: &[Matcher]) {
        self.series.fetch_add(series as u64, Ordering::Relaxed);
        let mut heaviest = self.heaviest.lock();
        if series > heaviest.0 {
            let matchers: Vec<String> = matchers.iter().map(ToString::to_string).collect();
            *heaviest = (series, format!("{{{}}}", matchers.join(",")));
        }
    }

    /// Prometheus' words for it, and what helps.
    fn too_many_samples(&self) -> QueryError {
        let (series, selector) = self.heaviest.lock().clone();
        let narrow = if series > 0 {
            format!(
                "; most series, {series}, come from {selector}: narrow it, or ask for a shorter range or larger step"
            )
        } else {
            "; ask for a shorter range or larger step".to_owned()
        };
        QueryError::Execution(format!(
            "query processing would load too many samples into memory in query execution (limit {}{narrow})",
            self.max_samples
        ))
    }

    /// What it cost so far.
    pub(crate) fn stats(&self) -> QueryStats {
        QueryStats {
            series: self.series.load(Ordering::Relaxed),
            samples: self.samples.load(Ordering::Relaxed),
            peak_samples: self.peak.load(Ordering::Relaxed),
            ..QueryStats::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_samples_count_until_they_are_released() {
        let cancel = Cancel::default();
        let budget = Budget::new(&cancel, Duration::from_secs(60), 10);
        budget.hold(8).unwrap();
        assert!(budget.foresee(1, 3).is_err());
        assert!(budget.hold(3).unwrap_err().to_string().contains("too many samples"));
        budget.release(11);
        budget.hold(10).unwrap();
        assert_eq!(budget.stats().peak_samples, 11);
    }

    #[test]
    fn a_query_ends_when_canceled_or_late() {
        let cancel = Cancel::default();
        let late = Budget::new(&cancel, Duration::ZERO, 10);
        assert_eq!(late.check().unwrap_err().to_string(), "query timed out in expression evaluation");
        let budget = Budget::new(&cancel, Duration::from_secs(60), 10);
        budget.check().unwrap();
        cancel.cancel();
        assert_eq!(budget.check().unwrap_err().to_string(), "query was canceled in expression evaluation");
    }
}
