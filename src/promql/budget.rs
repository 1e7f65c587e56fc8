//! What a query may cost, and how it is stopped.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{QueryError, QueryStats, error::PLACE, value::SAMPLE_BYTES};
use crate::{
    model::{Labels, Matcher, SeriesBuf},
    seams::{
        interrupt::{Interrupt, Interrupted},
        memory_budget::{ITEM_BYTES, MemoryBudget},
        resident::Watermark,
    },
};

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

/// When work has to end: at some time, or when it is stopped from outside.
#[derive(Debug, Clone)]
pub struct Until {
    cancel: Cancel,
    deadline: Option<Instant>,
}

impl Until {
    /// From now on for `timeout`, unless `cancel` ends it before.
    #[must_use]
    pub fn new(cancel: &Cancel, timeout: Duration) -> Self {
        // A timeout beyond what the clock can express is none.
        Self { cancel: cancel.clone(), deadline: Instant::now().checked_add(timeout) }
    }

    /// What is left of the time.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

impl Interrupt for Until {
    fn check(&self) -> Result<(), Interrupted> {
        if self.cancel.is_canceled() {
            return Err(Interrupted::Canceled);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Interrupted::TimedOut),
            _ => Ok(()),
        }
    }
}

/// What labels take beside their bytes: counters, and what the allocator rounds up.
const SHARED_BYTES: usize = 24;

/// What all running queries together hold, in samples.
#[derive(Debug)]
pub(crate) struct Pool {
    limit: u64,
    held: AtomicU64,
    /// The end of the process' memory, if that is known.
    watermark: Option<Watermark>,
}

/// Where the process' memory is short, who holds less than this (samples, 1 MiB) still gets more: it is soon through.
const LITTLE: u64 = (1 << 20) / SAMPLE_BYTES;

impl Pool {
    pub(crate) fn new(limit: u64, watermark: Option<Watermark>) -> Self {
        Self { limit, held: AtomicU64::new(0), watermark }
    }

    /// Whether who holds so many samples is to take no more, as the process' memory is short.
    fn is_short_for(&self, mine: impl FnOnce() -> u64) -> bool {
        self.watermark.as_ref().is_some_and(Watermark::is_short) && mine() >= LITTLE
    }

    /// Samples held now, and the most there may be.
    pub(crate) fn usage(&self) -> (u64, u64) {
        (self.held.load(Ordering::Relaxed), self.limit)
    }

    /// Takes room, and says whether there was enough. The room is taken in any case.
    fn take(&self, samples: u64) -> bool {
        self.held.fetch_add(samples, Ordering::Relaxed).saturating_add(samples) <= self.limit
    }

    fn give(&self, samples: u64) {
        self.held.fetch_sub(samples, Ordering::Relaxed);
    }
}

/// What somebody who isn't a query holds of the [`Pool`] of all queries, until dropped.
#[derive(Debug)]
pub(crate) struct Share {
    pool: Arc<Pool>,
    taken: AtomicU64,
}

impl Share {
    pub(crate) fn new(pool: &Arc<Pool>) -> Self {
        Self { pool: Arc::clone(pool), taken: AtomicU64::new(0) }
    }
}

impl MemoryBudget for Share {
    fn take(&self, bytes: usize) -> bool {
        let samples = (bytes as u64).div_ceil(SAMPLE_BYTES);
        let before = self.taken.fetch_add(samples, Ordering::Relaxed);
        self.pool.take(samples) && !self.pool.is_short_for(|| before)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.pool.give(*self.taken.get_mut());
    }
}

/// The budget of one running query, shared by its threads.
///
/// Memory is counted in samples, as Prometheus does: what a thread has decoded of the series it works on, and every
/// cell of a row that stays in memory. Rows that are folded away as they come cost nothing. A histogram counts as the
/// samples that would take its memory. Labels that are kept, of an answer's series or to find those that belong together,
/// are memory too, but no samples: they count only in what all queries share. What a query holds it also takes from the [`Pool`] of all queries, and gives
/// back what is left when it ends.
#[derive(Debug)]
pub(crate) struct Budget<'q> {
    until: Until,
    pool: &'q Pool,
    max_samples: u64,
    held: AtomicU64,
    /// What kept labels take, in samples.
    labels: AtomicU64,
    /// The largest series read, which is what the buffers of the threads keep room for.
    largest: AtomicU64,
    threads: u64,
    peak: AtomicU64,
    series: AtomicU64,
    samples: AtomicU64,
    /// The selector that found most series, and how many: what to narrow when the query costs too much.
    heaviest: Mutex<(usize, Vec<Matcher>)>,
}

impl<'q> Budget<'q> {
    /// For a query on `threads` threads that may hold `max_samples`.
    pub(crate) fn new(cancel: &'q Cancel, pool: &'q Pool, timeout: Duration, max_samples: u64, threads: usize) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            until: Until::new(cancel, timeout),
            pool,
            max_samples,
            held: zero(),
            labels: zero(),
            largest: zero(),
            threads: threads as u64,
            peak: zero(),
            series: zero(),
            samples: zero(),
            heaviest: Mutex::default(),
        }
    }

    /// Fails when the query was stopped or its time is over. Called once per row.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        self.until.check().map_err(|interrupted| match interrupted {
            Interrupted::Canceled => QueryError::Canceled(PLACE),
            Interrupted::TimedOut => QueryError::Timeout(PLACE),
        })
    }

    /// The same for those below, who know no queries.
    pub(crate) fn interrupt(&self) -> Arc<dyn Interrupt> {
        Arc::new(self.until.clone())
    }

    /// Takes room for `samples` that stay in memory until [`Self::release`], or fails.
    pub(crate) fn hold(&self, samples: usize) -> Result<(), QueryError> {
        let now = self.held.fetch_add(samples as u64, Ordering::Relaxed).saturating_add(samples as u64);
        let shared = self.take(samples as u64);
        self.peak.fetch_max(now, Ordering::Relaxed);
        match (now > self.max_samples, shared) {
            (true, _) => Err(self.too_many_samples()),
            (false, false) => Err(self.others_hold_too_many()),
            (false, true) => Ok(()),
        }
    }

    /// Takes room for a series that is kept by its labels until the query ends, or fails.
    pub(crate) fn keep(&self, labels: &Labels) -> Result<(), QueryError> {
        self.keep_bytes(labels.as_bytes().len() + ITEM_BYTES)
    }

    /// Takes room for labels whose place in a list is paid for, until the query ends, or fails.
    pub(crate) fn keep_text(&self, labels: &Labels) -> Result<(), QueryError> {
        self.keep_bytes(labels.as_bytes().len() + SHARED_BYTES)
    }

    /// Takes room for `bytes` that are no samples and stay until the query ends, or fails.
    pub(crate) fn keep_bytes(&self, bytes: usize) -> Result<(), QueryError> {
        let samples = (bytes as u64).div_ceil(SAMPLE_BYTES);
        self.labels.fetch_add(samples, Ordering::Relaxed);
        if self.take(samples) { Ok(()) } else { Err(self.others_hold_too_many()) }
    }

    /// Takes room in what all queries share, and says whether there was enough. It is taken in any case.
    fn take(&self, samples: u64) -> bool {
        self.pool.take(samples) && !self.pool.is_short_for(|| self.mine())
    }

    /// Gives back room.
    pub(crate) fn release(&self, samples: usize) {
        self.held.fetch_sub(samples as u64, Ordering::Relaxed);
        self.pool.give(samples as u64);
    }

    /// Fails when `cells` more would pass the limit, before anything is allocated for them.
    pub(crate) fn foresee(&self, rows: usize, steps: usize) -> Result<(), QueryError> {
        let cells = (rows as u64).saturating_mul(steps as u64);
        let sum = self.held.load(Ordering::Relaxed).saturating_add(cells);
        if sum > self.max_samples { Err(self.too_many_samples()) } else { Ok(()) }
    }

    /// Notes the samples read of one series, which its thread keeps for a moment.
    pub(crate) fn read(&self, samples: &SeriesBuf) -> Result<(), QueryError> {
        self.samples.fetch_add(samples.len() as u64, Ordering::Relaxed);
        let histograms: u64 = samples.histograms.iter().map(|(_, h)| 1 + h.memory() as u64 / SAMPLE_BYTES).sum();
        // A start time is half of a sample.
        let starts = (samples.float_starts.len() + samples.histogram_starts.len()) as u64 / 2;
        let size = histograms.saturating_add(samples.times.len() as u64 + starts);
        // Looked at first: what all threads write to on each series keeps them waiting for each other.
        let is_larger = size > self.largest.load(Ordering::Relaxed);
        let before = if is_larger { self.largest.fetch_max(size, Ordering::Relaxed) } else { size };
        let shared = size <= before || self.take((size - before) * self.threads);
        let now = self.held.load(Ordering::Relaxed).saturating_add(size);
        if now > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(now, Ordering::Relaxed);
        }
        match (now > self.max_samples, shared) {
            (true, _) => Err(self.too_many_samples()),
            (false, false) => Err(self.others_hold_too_many()),
            (false, true) => Ok(()),
        }
    }

    /// Notes `series` found by a selector with these matchers.
    pub(crate) fn selected(&self, series: usize, matchers: &[Matcher]) {
        self.series.fetch_add(series as u64, Ordering::Relaxed);
        let mut heaviest = self.heaviest.lock();
        if series > heaviest.0 {
            *heaviest = (series, matchers.to_vec());
        }
    }

    /// Prometheus' words for it, and what helps.
    fn too_many_samples(&self) -> QueryError {
        QueryError::Execution(self.refused(&format!("limit {}", self.max_samples)))
    }

    /// What it has taken of what all queries share.
    fn mine(&self) -> u64 {
        let buffers = self.largest.load(Ordering::Relaxed).saturating_mul(self.threads);
        self.held.load(Ordering::Relaxed) + self.labels.load(Ordering::Relaxed) + buffers
    }

    /// The error of a query that lacks what other queries hold.
    fn others_hold_too_many(&self) -> QueryError {
        let (held, limit) = self.pool.usage();
        let mine = self.mine();
        if mine > limit {
            return QueryError::Execution(self.refused(&format!("limit {limit}")));
        }
        if self.pool.is_short_for(|| mine) {
            let limit = "of the memory of this server, which is short; try again later";
            return QueryError::NoRoom(self.refused(limit));
        }
        let others = held.saturating_sub(mine);
        let limit = format!("limit {limit} for all queries together, of which others hold {others}; try again later");
        QueryError::NoRoom(self.refused(&limit))
    }

    fn refused(&self, limit: &str) -> String {
        let (series, matchers) = self.heaviest.lock().clone();
        let narrow = if series > 0 {
            let selector = Matcher::shown(&matchers);
            format!("most series, {series}, come from {selector}: narrow it, or ask for a shorter range or larger step")
        } else {
            "ask for a shorter range or larger step".to_owned()
        };
        format!("query processing would load too many samples into memory in query execution ({limit}; {narrow})")
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

/// A query that has ended, however it did, holds nothing.
impl Drop for Budget<'_> {
    fn drop(&mut self) {
        self.pool.give(self.mine());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_samples_count_until_they_are_released() {
        let (cancel, pool) = (Cancel::default(), Pool::new(100, None));
        let budget = Budget::new(&cancel, &pool, Duration::from_secs(60), 10, 2);
        budget.hold(8).unwrap();
        assert!(budget.foresee(1, 3).is_err());
        assert!(budget.hold(3).unwrap_err().to_string().contains("too many samples"));
        budget.release(11);
        budget.hold(10).unwrap();
        assert_eq!(budget.stats().peak_samples, 11);
    }

    #[test]
    fn a_query_ends_when_canceled_or_late() {
        let (cancel, pool) = (Cancel::default(), Pool::new(100, None));
        let late = Budget::new(&cancel, &pool, Duration::ZERO, 10, 2);
        assert_eq!(late.check().unwrap_err().to_string(), "query timed out in expression evaluation");
        let budget = Budget::new(&cancel, &pool, Duration::from_secs(60), 10, 2);
        budget.check().unwrap();
        cancel.cancel();
        assert_eq!(budget.check().unwrap_err().to_string(), "query was canceled in expression evaluation");
    }

    #[test]
    fn queries_share_what_all_may_hold_and_give_it_back() {
        let (cancel, pool) = (Cancel::default(), Pool::new(100, None));
        let first = Budget::new(&cancel, &pool, Duration::from_secs(60), 90, 2);
        first.hold(70).unwrap();
        let mut series = SeriesBuf::default();
        (0..10).for_each(|t| series.push_float(t, 0.0));
        first.read(&series).unwrap();
        first.read(&series).unwrap();
        assert_eq!(pool.usage(), (90, 100), "each of two threads keeps a buffer for the largest series");
        let second = Budget::new(&cancel, &pool, Duration::from_secs(60), 90, 1);
        let refused = second.hold(20).unwrap_err().to_string();
        assert!(refused.contains("others hold 90"), "{refused}");
        drop((first, second));
        assert_eq!(pool.usage(), (0, 100));
    }

    #[test]
    fn lists_take_their_memory_from_what_queries_share() {
        let pool = Arc::new(Pool::new(100, None));
        let share = Share::new(&pool);
        assert!(share.take(800) && share.take(799) && !share.take(1));
        assert_eq!(pool.usage(), (101, 100), "what is refused counts until all is given back");
        drop(share);
        assert_eq!(pool.usage(), (0, 100));
    }

    #[test]
    fn labels_that_are_kept_count_in_what_all_queries_share() {
        let (cancel, pool) = (Cancel::default(), Pool::new(20, None));
        let budget = Budget::new(&cancel, &pool, Duration::from_secs(60), 10, 1);
        let labels = Labels::from_pairs([("instance", "a".repeat(102))]).unwrap();
        budget.keep(&labels).unwrap();
        assert_eq!(pool.usage(), (10, 20), "{}", labels.as_bytes().len());
        budget.hold(10).unwrap();
        let refused = budget.keep(&labels).unwrap_err().to_string();
        assert!(refused.contains("(limit 20; "), "{refused}");
        drop(budget);
        assert_eq!(pool.usage(), (0, 20));
    }

    #[test]
    fn a_histogram_counts_by_its_memory() {
        let (cancel, pool) = (Cancel::default(), Pool::new(100, None));
        let budget = Budget::new(&cancel, &pool, Duration::from_secs(60), 100, 1);
        let series =
            SeriesBuf { histograms: vec![(1, Arc::new(crate::model::Histogram::stale()))], ..SeriesBuf::default() };
        budget.read(&series).unwrap();
        assert!(pool.usage().0 > 5 && budget.stats().samples == 1, "{pool:?}");
    }

    #[test]
    fn where_the_process_memory_is_short_who_holds_much_gets_no_more() {
        let (cancel, pool) = (Cancel::default(), Pool::new(1 << 30, Some(Watermark::new(1 << 20))));
        let budget = Budget::new(&cancel, &pool, Duration::from_secs(60), 1 << 30, 1);
        budget.hold(LITTLE as usize - 2).unwrap();
        budget.hold(1).unwrap();
        let refused = budget.hold(1).unwrap_err();
        assert!(matches!(&refused, QueryError::NoRoom(text) if text.contains("which is short")), "{refused}");
    }
}
