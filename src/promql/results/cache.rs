//! The cache itself: which steps can be reused, and which answers are kept.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use parking_lot::Mutex;

use crate::{
    model::{Annotations, DependsOn, TimeRange},
    promql::{
        Cancel, Engine, MatrixSeries, Prepared, Query, QueryAnswer, QueryError, QueryStats, Value,
        data::annotations::NameAnnotation,
        exec::{FreshRows, KeptRows, Subqueries, cut, join},
        plan::{NodeId, TimeDependency},
    },
    seams::{changes::Changes, select::Select},
};

/// One answer takes at most this share of the cache: one panel with thousands of series shouldn't empty it.
const LARGEST_SHARE: usize = 8;
/// Less than this share of a query's steps isn't worth evaluating it in pieces.
const LEAST_REUSED_SHARE: usize = 4;

/// Whose steps are the same steps.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    text: String,
    step: i64,
    /// Where between two multiples of the step the steps lie.
    phase: i64,
    lookback: i64,
    /// The subquery of the text whose rows these are, and the step of the query, which the text may name; none for its answer.
    subquery: Option<(NodeId, i64)>,
}

/// Rows that were better not kept are not tried to be for so many questions.
const UNFIT_FOR: u32 = 32;

/// A kept answer, or rows of a subquery.
#[derive(Debug)]
struct Entry {
    /// First and last step in ms.
    steps: TimeRange,
    series: Arc<Vec<MatrixSeries>>,
    /// For how many questions more there is nothing to be kept here.
    unfit_for: AtomicU32,
    /// Of the whole answer: nobody knows of which steps.
    annotations: Annotations,
    /// The same of rows of a subquery.
    of_names: Vec<NameAnnotation>,
    /// The store's version before the oldest of its steps was evaluated.
    version: u64,
    bytes: usize,
}

/// What is worth keeping of an answer, until [`ResultCache::keep`] is told that it is whole.
#[derive(Debug)]
pub struct Fresh {
    answer: Option<FreshAnswer>,
    rows: Vec<(Key, Entry)>,
}

/// An answer worth keeping.
#[derive(Debug)]
struct FreshAnswer {
    key: Key,
    steps: TimeRange,
    version: u64,
    annotations: Annotations,
}

/// An answer, and what is to be done with it.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub answer: QueryAnswer,
    /// Given when something of it may be kept.
    pub fresh: Option<Fresh>,
    /// How many of its steps were taken from the cache.
    pub reused: usize,
}

/// How a query is going to be answered: which of its steps are taken from a kept answer.
#[derive(Debug)]
pub struct Reuse {
    /// All steps of the query.
    steps: TimeRange,
    /// In ms.
    step: i64,
    /// An entry and which of its steps are still right.
    kept: Option<(Arc<Entry>, TimeRange)>,
    /// What the answer may be kept as, and the store's version before anything was selected for it.
    keep_as: Option<(Key, u64)>,
    /// The subqueries whose rows may be kept, and as what.
    subqueries: Arc<Subqueries>,
    rows: HashMap<NodeId, (Key, u64)>,
}

impl Reuse {
    /// Evaluates all of it and keeps nothing.
    #[must_use]
    pub fn nothing(query: &Prepared) -> Self {
        let (steps, subqueries, rows) = (query.steps(), Arc::default(), HashMap::new());
        Self { steps, step: 0, kept: None, keep_as: None, subqueries, rows }
    }

    /// Whether answering `query` takes next to no time; what isn't certain isn't cheap. It is to be answered at once then, and with the
    /// same `select`.
    pub fn is_cheap(&self, query: &Prepared, select: &dyn Select) -> bool {
        query.is_cheap_with(select, &self.to_evaluate(), &self.subqueries)
    }

    /// The steps that have to be evaluated, as runs from a first to a last step.
    fn to_evaluate(&self) -> Vec<TimeRange> {
        let Some((_, good)) = &self.kept else { return vec![self.steps] };
        let mut pieces = self.around(*good).to_vec();
        pieces.retain(|piece| piece.start <= piece.end);
        pieces
    }

    /// The steps before and after `good`; ranges that end before they start where there are none.
    fn around(&self, good: TimeRange) -> [TimeRange; 2] {
        let before = TimeRange::new(self.steps.start, good.start.saturating_sub(self.step));
        let after = TimeRange::new(good.end.saturating_add(self.step), self.steps.end);
        [before, after]
    }

    /// Answers `query`.
    ///
    /// # Errors
    /// As [`Prepared::run`].
    pub fn run(self, query: &Prepared, select: &dyn Select, cancel: &Cancel) -> Result<Answered, QueryError> {
        let pieced = match &self.kept {
            Some((entry, good)) => self.evaluate_around(query, select, cancel, (entry, *good))?,
            None => None,
        };
        let (mut answer, reused) = match pieced {
            Some(pieced) => pieced,
            None => (query.run_piece(select, query.steps(), &self.subqueries, cancel)?, 0),
        };
        let rows = self.fresh_rows();
        let Some((key, version)) = self.keep_as else {
            let fresh = (!rows.is_empty()).then_some(Fresh { answer: None, rows });
            return Ok(Answered { answer, fresh, reused });
        };
        if let Value::Matrix(series) = &mut answer.value {
            series.sort_by(|a, b| a.labels.cmp(&b.labels));
        }
        let fresh = answer.annotations.iter().all(|one| one.depends_on == DependsOn::Name).then(|| {
            let annotations = answer.annotations.clone();
            FreshAnswer { key, steps: self.steps, version, annotations }
        });
        let fresh = (fresh.is_some() || !rows.is_empty()).then_some(Fresh { answer: fresh, rows });
        Ok(Answered { answer, fresh, reused })
    }

    /// The rows of subqueries that were evaluated, as they may be kept.
    fn fresh_rows(&self) -> Vec<(Key, Entry)> {
        let keep = |rows: FreshRows| {
            let (key, version) = self.rows.get(&rows.node)?;
            let unfit_for = AtomicU32::new(if rows.series.is_none() { UNFIT_FOR } else { 0 });
            let (series, of_names) = rows.series.unwrap_or_default();
            let (steps, version) = (rows.steps, *version);
            let entry = Entry { of_names, unfit_for, ..Entry::new(steps, series, version) };
            Some((key.clone(), entry))
        };
        self.subqueries.take_fresh().into_iter().filter_map(keep).collect()
    }

    /// The steps of `good` from the entry, those before and after it evaluated. `None` if that can't tell which annotations
    /// belong to the answer.
    fn evaluate_around(
        &self,
        query: &Prepared,
        select: &dyn Select,
        cancel: &Cancel,
        (entry, good): (&Entry, TimeRange),
    ) -> Result<Option<(QueryAnswer, usize)>, QueryError> {
        let (mut series, mut annotations, mut stats) = (Vec::new(), Annotations::default(), QueryStats::default());
        let [before, after] = self.around(good);
        for (range, from_entry) in [(before, false), (good, true), (after, false)] {
            if range.start > range.end {
                continue;
            }
            if from_entry {
                series = join(series, cut(&entry.series, good));
                continue;
            }
            let piece = query.run_piece(select, range, &self.subqueries, cancel)?;
            annotations.merge(piece.annotations);
            stats.add(piece.stats);
            if let Value::Matrix(mut piece) = piece.value {
                piece.sort_by(|a, b| a.labels.cmp(&b.labels));
                series = join(series, piece);
            }
        }
        if good == entry.steps {
            annotations.merge(entry.annotations.clone());
        } else if !entry.annotations.iter().all(|kept| annotations.iter().any(|new| new == kept)) {
            // What the annotation was about may have been in a step that isn't asked for any more.
            return Ok(None);
        }
        let answer = QueryAnswer { value: Value::Matrix(series), annotations, stats, samples_by_step: Vec::new() };
        Ok(Some((answer, count(good, self.step))))
    }
}

/// Keeps answers of range queries within a number of bytes; the longest unused go first.
#[derive(Debug)]
pub struct ResultCache {
    bytes: usize,
    kept: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    entries: HashMap<Key, (Arc<Entry>, u64)>,
    /// Keys by the moment of their last use.
    by_use: BTreeMap<u64, Key>,
    moment: u64,
    bytes: usize,
}

impl ResultCache {
    /// A cache that takes about `bytes` of memory; 0 keeps nothing.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { bytes, kept: Mutex::default() }
    }

    /// Bytes that kept answers take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.kept.lock().bytes
    }

    /// Bytes that they may take.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.bytes
    }

    /// Answers `query` as `engine` would, with steps from kept answers where they are still right.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn run(
        &self,
        engine: &Engine,
        select: &dyn Select,
        changes: &dyn Changes,
        query: &Query<'_>,
        cancel: &Cancel,
    ) -> Result<Answered, QueryError> {
        let prepared = engine.prepare(query)?;
        self.look_up(&prepared, changes).run(&prepared, select, cancel)
    }

    /// Which steps of a query can be taken from a kept answer. What changes from here on is noted under a later version, so
    /// this comes before anything is selected.
    pub fn look_up(&self, query: &Prepared, changes: &dyn Changes) -> Reuse {
        if self.bytes == 0 {
            return Reuse::nothing(query);
        }
        let version = changes.version();
        let (subqueries, rows) = self.look_up_rows(query, changes, version);
        let nothing = Reuse { subqueries: Arc::new(subqueries), rows, ..Reuse::nothing(query) };
        let (grid, steps) = (query.grid(), query.steps());
        let dependency = match query.time_dependency() {
            // An order of series means something where there is one step only.
            Some(dependency) if grid.steps > 1 => dependency,
            _ => return nothing,
        };
        let key = Key {
            text: query.text().to_owned(),
            step: grid.step,
            phase: grid.start.rem_euclid(grid.step),
            lookback: query.lookback(),
            subquery: None,
        };
        let kept = self.kept.lock().find(&key);
        let kept = kept.and_then(|entry| {
            let good = still_good(&entry, dependency, steps, grid.step, changes)?;
            Some((entry, good))
        });
        Reuse { step: grid.step, kept, keep_as: Some((key, version)), ..nothing }
    }

    /// The subqueries of a query whose rows may be kept, what is kept of each, and what they may be kept as.
    fn look_up_rows(
        &self,
        query: &Prepared,
        changes: &dyn Changes,
        version: u64,
    ) -> (Subqueries, HashMap<NodeId, (Key, u64)>) {
        let (mut kept, mut rows) = (HashMap::new(), HashMap::new());
        for (subquery, steps) in query.keepable_subqueries() {
            let key = Key {
                text: query.text().to_owned(),
                step: subquery.step,
                phase: steps.start.rem_euclid(subquery.step),
                lookback: query.lookback(),
                subquery: Some((subquery.node, query.step())),
            };
            let entry = self.kept.lock().find(&key);
            if entry.as_ref().is_some_and(|entry| entry.is_unfit()) {
                continue;
            }
            let good = entry.and_then(|entry| {
                let steps = still_good(&entry, &subquery.dependency, steps, subquery.step, changes)?;
                let (series, annotations) = (Arc::clone(&entry.series), entry.of_names.clone());
                Some(KeptRows { steps, all_steps: entry.steps, series, annotations })
            });
            kept.insert(subquery.node, good);
            rows.insert(subquery.node, (key, version));
        }
        (Subqueries::new(kept, self.bytes / LARGEST_SHARE), rows)
    }

    /// Keeps an answer that turned out to be whole.
    pub fn keep(&self, fresh: Fresh, answer: &Value) {
        for (key, entry) in fresh.rows {
            self.insert(key, entry);
        }
        let (Some(fresh), Value::Matrix(series)) = (fresh.answer, answer) else { return };
        if series.iter().any(|one| !one.samples.histograms.is_empty()) {
            return;
        }
        let FreshAnswer { key, steps, version, annotations } = fresh;
        if bytes(&key, series) <= self.bytes / LARGEST_SHARE {
            self.insert(key, Entry { annotations, ..Entry::new(steps, series.clone(), version) });
        }
    }

    fn insert(&self, key: Key, entry: Entry) {
        let bytes = bytes(&key, &entry.series);
        if bytes <= self.bytes / LARGEST_SHARE {
            self.kept.lock().insert(key, Entry { bytes, ..entry }, self.bytes);
        }
    }
}

/// What an entry takes.
fn bytes(key: &Key, series: &[MatrixSeries]) -> usize {
    let held: usize = series.iter().map(MatrixSeries::memory).sum();
    size_of::<Entry>() + 2 * (size_of::<Key>() + key.text.len()) + held
}

impl Entry {
    /// These without annotations.
    fn new(steps: TimeRange, series: Vec<MatrixSeries>, version: u64) -> Self {
        let (annotations, of_names, unfit_for) = (Annotations::default(), Vec::new(), AtomicU32::new(0));
        Self { steps, series: Arc::new(series), unfit_for, annotations, of_names, version, bytes: 0 }
    }

    /// Whether rows are better not kept here, for now; counts down the questions that ask.
    fn is_unfit(&self) -> bool {
        let down = |left: u32| left.checked_sub(1);
        self.unfit_for.fetch_update(Ordering::Relaxed, Ordering::Relaxed, down).is_ok()
    }
}

impl Entries {
    fn find(&mut self, key: &Key) -> Option<Arc<Entry>> {
        self.moment += 1;
        let (entry, used) = self.entries.get_mut(key)?;
        let key = self.by_use.remove(used)?;
        *used = self.moment;
        self.by_use.insert(self.moment, key);
        Some(entry.clone())
    }

    fn insert(&mut self, key: Key, entry: Entry, limit: usize) {
        self.moment += 1;
        self.bytes += entry.bytes;
        self.by_use.insert(self.moment, key.clone());
        if let Some((old, used)) = self.entries.insert(key, (Arc::new(entry), self.moment)) {
            self.bytes -= old.bytes;
            self.by_use.remove(&used);
        }
        while self.bytes > limit {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            if let Some((gone, _)) = self.entries.remove(&oldest) {
                self.bytes -= gone.bytes;
            }
        }
    }
}

/// How many steps there are in `range`, whose ends are steps.
fn count(range: TimeRange, step: i64) -> usize {
    usize::try_from(range.end.saturating_sub(range.start) / step + 1).unwrap_or(usize::MAX)
}

/// The longest run of steps that `entry` has, `asked` wants, and no change has touched; `None` if it isn't worth it.
fn still_good(
    entry: &Entry,
    dependency: &TimeDependency,
    asked: TimeRange,
    step: i64,
    changes: &dyn Changes,
) -> Option<TimeRange> {
    let both = TimeRange::new(entry.steps.start.max(asked.start), entry.steps.end.min(asked.end));
    if both.start > both.end {
        return None;
    }
    if dependency.fixed().is_some_and(|fixed| !changes.changed_since(entry.version, fixed).is_empty()) {
        return None;
    }
    let mut touched: Vec<TimeRange> = changes
        .changed_since(entry.version, dependency.over(both))
        .into_iter()
        .map(|t| dependency.touched(t))
        .collect();
    touched.sort_unstable_by_key(|range| range.start);
    let mut best: Option<TimeRange> = None;
    let mut start = both.start;
    for bad in touched.into_iter().chain([TimeRange::new(both.end.saturating_add(1), i64::MAX)]) {
        // The last step before the change.
        let end = (bad.start.saturating_sub(1)).min(both.end);
        if end >= start {
            let run = TimeRange::new(start, end - (end - start) % step);
            if best.is_none_or(|b| run.end - run.start > b.end - b.start) {
                best = Some(run);
            }
        }
        // The first step behind it.
        let behind = bad.end.saturating_add(1).max(start);
        let missed = behind.saturating_sub(both.start);
        start = both.start.saturating_add(missed.saturating_add(step - 1) / step * step);
        if start > both.end {
            break;
        }
    }
    best.filter(|run| count(*run, step) >= count(asked, step) / LEAST_REUSED_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changes at these times, whatever the version.
    struct Changed(Vec<TimeRange>);

    impl Changes for Changed {
        fn version(&self) -> u64 {
            1
        }

        fn changed_since(&self, _: u64, range: TimeRange) -> Vec<TimeRange> {
            self.0.iter().copied().filter(|changed| changed.overlaps(range)).collect()
        }
    }

    fn entry(start: i64, end: i64) -> Entry {
        Entry::new(TimeRange::new(start, end), Vec::new(), 0)
    }

    fn dependency(text: &str) -> TimeDependency {
        let engine = Engine::new(crate::promql::EngineOptions { lookback: 20, ..Default::default() });
        let query = Query { text, start: 0, end: 1_000, step: 10, lookback: None, timeout: None, per_step: false };
        *engine.prepare(&query).unwrap().time_dependency().unwrap()
    }

    #[test]
    fn steps_that_reach_a_change_are_left_out() {
        let good = |changed: &[(i64, i64)], asked: (i64, i64)| {
            let changes = Changed(changed.iter().map(|(a, b)| TimeRange::new(*a, *b)).collect());
            still_good(&entry(0, 100), &dependency("x"), TimeRange::new(asked.0, asked.1), 10, &changes)
                .map(|run| (run.start, run.end))
        };
        assert_eq!(good(&[], (0, 100)), Some((0, 100)));
        assert_eq!(good(&[], (20, 140)), Some((20, 100)));
        assert_eq!(good(&[(95, 200)], (20, 140)), Some((20, 90)), "a sample at 95 is seen from 95 on");
        assert_eq!(good(&[(0, 5)], (0, 100)), Some((30, 100)), "a sample at 5 is seen up to 25");
        assert_eq!(good(&[(30, 30)], (0, 100)), Some((60, 100)), "the longer of two runs");
        assert_eq!(good(&[(60, 60)], (0, 100)), Some((0, 50)));
        assert_eq!(good(&[(-1_000, 1_000)], (0, 100)), None);
        assert_eq!(good(&[], (110, 200)), None);
        assert_eq!(good(&[], (90, 1_000)), None, "too little to be worth it");
    }

    #[test]
    fn a_change_at_a_fixed_time_spoils_every_step() {
        let changes = Changed(vec![TimeRange::new(990, 990)]);
        let fixed = |text| still_good(&entry(0, 100), &dependency(text), TimeRange::new(0, 100), 10, &changes);
        assert_eq!(fixed("x + y @ 1"), None);
        assert_eq!(fixed("x + y @ 2"), Some(TimeRange::new(0, 100)));
    }

    #[test]
    fn the_longest_unused_answers_go_first_and_bytes_are_counted() {
        let mut kept = Entries::default();
        let key = |n: i64| Key { text: String::new(), step: n, phase: 0, lookback: 0, subquery: None };
        let sized = |bytes| Entry { bytes, ..entry(0, 0) };
        kept.insert(key(1), sized(40), 100);
        kept.insert(key(2), sized(40), 100);
        assert!(kept.find(&key(1)).is_some());
        kept.insert(key(3), sized(40), 100);
        assert_eq!((kept.bytes, kept.entries.len(), kept.by_use.len()), (80, 2, 2));
        assert!(kept.find(&key(2)).is_none() && kept.find(&key(1)).is_some());
        kept.insert(key(1), sized(10), 100);
        assert_eq!((kept.bytes, kept.entries.len(), kept.by_use.len()), (50, 2, 2));
    }
}
