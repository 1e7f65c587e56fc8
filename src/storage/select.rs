//! The store's reading side.

use std::{
    ops::ControlFlow,
    sync::{Arc, atomic::Ordering},
};

use parking_lot::Mutex;
use roaring::RoaringBitmap;

use super::{present::InRange, state::Shared, store::Storage, version::View};
use crate::{
    index::{Filter, IndexError, Segment, in_order, looks_up, path},
    model::{Labels, Matcher, Metadata, SeriesBuf, TimeRange, sort_by_labels},
    seams::{
        append::SeriesId,
        cause::Cause,
        interrupt::Interrupt,
        memory_budget::{ITEM_BYTES, MemoryBudget},
        select::{
            IndexPath, Limited, Listing, Lookup, LookupCost, MatcherStep, Projection, ProjectionVisitor, Select,
            SelectError, SelectExemplars, SelectHints, SelectLabels, SelectMetadata, SeriesExemplars, SeriesSet,
        },
    },
    sst::{Pass, SstError},
};

impl From<IndexError> for SelectError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::NoRoom => Self::Limit(error.to_string()),
            IndexError::Interrupted(interrupted) => Self::Interrupted(interrupted),
            IndexError::Presence(error) => error,
            error => Self::Storage(Cause::new(error)),
        }
    }
}

impl From<SstError> for SelectError {
    fn from(error: SstError) -> Self {
        Self::Storage(Cause::new(error))
    }
}

/// Series found, with the view they were found in.
struct StoredSeries {
    shared: Arc<Shared>,
    view: Arc<View>,
    /// The index segments of that moment: series may leave the index while their labels are still asked for.
    segments: Vec<Arc<Segment>>,
    range: TimeRange,
    pass: Pass,
    ids: Vec<u32>,
    /// Labels by position, where they had to be loaded for sorting anyway.
    labels: Option<Vec<Labels>>,
    prefetched: Mutex<LabelPrefetch>,
}

/// Labels fetched before somebody asked. Looking up neighbours together costs much less than one by one, and most readers
/// go through a set in order; whoever picks a few series doesn't pay for others.
#[derive(Default)]
struct LabelPrefetch {
    /// The position of the first.
    from: usize,
    labels: Vec<Labels>,
}

/// Searching all values of so many label pairs takes next to no time.
const FEW_PAIRS: u64 = 4096;

/// Looking so many selectors up takes next to no time if each of them does.
const FEW_SELECTORS: usize = 8;

/// Gathering and sorting so many label sets takes a millisecond.
const FEW_SERIES: u64 = 2048;

/// Labels of so many series are projected at once: as long as the head is locked for some hundreds of whole label sets.
const MOST_PROJECTED: usize = 2048;

/// At most so many labels are fetched in advance.
const MOST_PREFETCHED: usize = 512;

impl LabelPrefetch {
    fn get(&self, i: usize) -> Option<&Labels> {
        self.labels.get(i.checked_sub(self.from)?)
    }

    /// How many to fetch from `i` on: twice as many as last time where that was of use.
    fn next_len(&self, i: usize) -> usize {
        if i == self.from + self.labels.len() { (self.labels.len() * 2).clamp(1, MOST_PREFETCHED) } else { 1 }
    }
}

impl SeriesSet for StoredSeries {
    fn len(&self) -> usize {
        self.ids.len()
    }

    fn labels(&self, i: usize) -> Result<Labels, SelectError> {
        if let Some(labels) = self.labels.as_ref().and_then(|all| all.get(i)) {
            return Ok(labels.clone());
        }
        let mut prefetched = self.prefetched.lock();
        if let Some(labels) = prefetched.get(i) {
            return Ok(labels.clone());
        }
        let end = self.ids.len().min(i.saturating_add(prefetched.next_len(i)));
        let ids = self.ids.get(i..end).unwrap_or_default();
        *prefetched = LabelPrefetch { from: i, labels: self.shared.labels_of(ids, &self.segments)? };
        match prefetched.get(i) {
            Some(labels) => Ok(labels.clone()),
            None => Err(SelectError::Storage(format!("no series at position {i}").into())),
        }
    }

    fn each_projection(
        &self,
        projection: &Projection<'_>,
        visit: &mut ProjectionVisitor<'_>,
    ) -> Result<(), SelectError> {
        let mut bytes = Vec::new();
        if let Some(labels) = &self.labels {
            // They are here, and in another order than by id.
            for (i, labels) in labels.iter().enumerate() {
                labels.filter_into(|name| projection.keeps(name), &mut bytes);
                if visit(i, &bytes).is_break() {
                    break;
                }
            }
            return Ok(());
        }
        // Not all at once, because the head is locked meanwhile.
        for (n, ids) in self.ids.chunks(MOST_PROJECTED).enumerate() {
            let mut run = Run {
                first: n * MOST_PROJECTED,
                ids,
                at: 0,
                seen: vec![false; ids.len()],
                flow: ControlFlow::Continue(()),
            };
            let wanted: RoaringBitmap = ids.iter().copied().collect();
            self.shared.index.each_projection(&wanted, projection, &mut |id, bytes| run.take(id, bytes, visit))?;
            // Series that have left the index since they were found.
            for id in run.missing() {
                let labels = self.shared.labels(SeriesId(id), &self.segments)?;
                labels.filter_into(|name| projection.keeps(name), &mut bytes);
                run.take(id, &bytes, visit);
            }
            if run.flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn read(&self, i: usize, out: &mut SeriesBuf) -> Result<(), SelectError> {
        Ok(self.view.read(self.id(i)?, self.range, self.pass, out)?)
    }

    fn read_newest(&self, i: usize, out: &mut SeriesBuf) -> Result<(), SelectError> {
        Ok(self.view.read_newest(self.id(i)?, self.range, self.pass, out)?)
    }

    fn samples(&self) -> Option<u64> {
        let mut ids: Vec<u32> = self.ids.clone();
        ids.sort_unstable();
        let ids = RoaringBitmap::from_sorted_iter(ids).ok()?;
        Some(self.view.estimate(&ids, self.range))
    }

    fn warnings(&self) -> Vec<String> {
        if self.view.tables.iter().all(|live| live.table.is_whole()) {
            return Vec::new();
        }
        let mut ids = self.ids.clone();
        ids.sort_unstable();
        self.view.warnings(&ids, self.range)
    }
}

/// Series whose labels are visited together.
struct Run<'r> {
    /// The position of the first.
    first: usize,
    /// Ascending.
    ids: &'r [u32],
    /// Where the last one visited stands.
    at: usize,
    seen: Vec<bool>,
    flow: ControlFlow<()>,
}

impl Run<'_> {
    /// Visits a series, unless it was visited before or nobody wants to go on.
    fn take(&mut self, id: u32, bytes: &[u8], visit: &mut ProjectionVisitor<'_>) {
        if self.ids.get(self.at).is_none_or(|last| *last > id) {
            self.at = 0;
        }
        while self.ids.get(self.at).is_some_and(|other| *other < id) {
            self.at += 1;
        }
        if self.ids.get(self.at) == Some(&id)
            && let Some(seen @ false) = self.seen.get_mut(self.at)
            && self.flow.is_continue()
        {
            *seen = true;
            self.flow = visit(self.first + self.at, bytes);
        }
    }

    fn missing(&self) -> Vec<u32> {
        let wanted = self.flow.is_continue();
        self.ids.iter().zip(&self.seen).filter(|(_, seen)| wanted && !**seen).map(|(id, _)| *id).collect()
    }
}

impl StoredSeries {
    fn id(&self, i: usize) -> Result<SeriesId, SelectError> {
        let id = self.ids.get(i).ok_or_else(|| SelectError::Storage(format!("no series at position {i}").into()))?;
        Ok(SeriesId(*id))
    }
}

impl Shared {
    /// Labels of a series, be it in the index or only in these former segments of it.
    fn labels(&self, id: SeriesId, former: &[Arc<Segment>]) -> Result<Labels, SelectError> {
        if let Some(labels) = self.index.labels(id)? {
            return Ok(labels);
        }
        for segment in former {
            if let Some(labels) = segment.labels(id)? {
                return Ok(labels);
            }
        }
        Err(SelectError::Storage(format!("series {} has no labels in the index", id.0).into()))
    }

    /// Labels of many series, in the order of `ids`, be they in the index or only in these former segments of it.
    fn labels_of(&self, ids: &[u32], former: &[Arc<Segment>]) -> Result<Vec<Labels>, SelectError> {
        match self.index.labels_of(ids) {
            Err(IndexError::Unknown(_)) => ids.iter().map(|id| self.labels(SeriesId(*id), former)).collect(),
            answer => Ok(answer?),
        }
    }

    /// Labels of many series within `budget`: page by page, so that too many are refused before they are there.
    fn labels_in(
        &self,
        ids: &[u32],
        former: &[Arc<Segment>],
        budget: &dyn MemoryBudget,
        interrupt: &dyn Interrupt,
    ) -> Result<Vec<Labels>, SelectError> {
        let mut all = Vec::new();
        for some in ids.chunks(MOST_PREFETCHED) {
            interrupt.check()?;
            let labels = self.labels_of(some, former)?;
            let bytes = labels.iter().map(|labels| labels.as_bytes().len() + ITEM_BYTES).sum();
            if !budget.take(bytes) {
                return Err(IndexError::NoRoom.into());
            }
            all.extend(labels);
        }
        Ok(all)
    }

    /// Whether the index may have series without samples to show.
    fn has_ghosts(&self, view: &View) -> bool {
        self.ghosts.load(Ordering::Relaxed) || !view.deletes.tombstones.is_empty() || self.shown_cutoff() > i64::MIN
    }

    /// Whether looking through all label pairs takes next to no time.
    fn has_few_pairs(&self) -> bool {
        self.index.counts().label_pairs <= FEW_PAIRS
    }

    /// Whether it is known without a look at stored samples which series have some in `range`.
    fn is_known_in(&self, range: TimeRange) -> bool {
        let view = self.view();
        (range == TimeRange::ALL && !self.has_ghosts(&view)) || view.knows(self.visible(range))
    }

    /// The series that pass any of `selectors`.
    pub(super) fn find_any(
        &self,
        selectors: &[Vec<Matcher>],
        interrupt: &dyn Interrupt,
    ) -> Result<RoaringBitmap, IndexError> {
        let mut any = RoaringBitmap::new();
        for selector in selectors {
            any |= self.index.find_unless(selector, interrupt)?;
        }
        Ok(any)
    }

    /// Lists with `list` what the series that `ask` asks for have. Where these are all that are present, and block indexes don't tell
    /// which they are, it isn't settled first: a few of each label mostly tell.
    fn list<T>(
        &self,
        ask: &Lookup,
        list: impl Fn(Filter<'_>) -> Result<Limited<T>, IndexError>,
    ) -> Result<Limited<T>, SelectError> {
        if !ask.selectors.is_empty() {
            let found = self.found(&ask.selectors, ask.range, &*ask.interrupt)?;
            return Ok(list(found.as_ref().map_or(Filter::All, Filter::Only))?);
        }
        let view = self.view();
        if ask.range == TimeRange::ALL && !self.has_ghosts(&view) {
            return Ok(list(Filter::All)?);
        }
        let range = self.visible(ask.range);
        if view.tells_at_once(range) {
            return Ok(list(Filter::Only(&view.present(None, range, &*ask.interrupt)?))?);
        }
        Ok(list(Filter::Present(&InRange::new(&view, range, &*ask.interrupt)))?)
    }

    /// The series that pass any of `selectors` and have samples in `range`; `None` for "all of the index".
    fn found(
        &self,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
        interrupt: &dyn Interrupt,
    ) -> Result<Option<RoaringBitmap>, SelectError> {
        let matched = if selectors.is_empty() { None } else { Some(self.find_any(selectors, interrupt)?) };
        let view = self.view();
        if range == TimeRange::ALL && !self.has_ghosts(&view) {
            return Ok(matched);
        }
        Ok(Some(view.present(matched.as_ref(), self.visible(range), interrupt)?))
    }
}

impl Select for Storage {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: &SelectHints,
    ) -> Result<Arc<dyn SeriesSet>, SelectError> {
        let segments = self.shared.index.segments();
        let view = self.shared.versions.keep_view();
        let range = self.shared.visible(range);
        let found = view.candidates_in(&self.shared.index.find_unless(matchers, hints.interrupt())?, range);
        let mut ids: Vec<u32> = found.iter().collect();
        let mut labels = None;
        if let Some(budget) = &hints.sorted {
            let all = self.shared.labels_in(&ids, &segments, &**budget, hints.interrupt())?;
            let pairs: Vec<(Labels, u32)> = all.into_iter().zip(ids).collect();
            let (sorted, by_labels) = sort_by_labels(pairs, |pair| &pair.0).into_iter().unzip();
            (labels, ids) = (Some(sorted), by_labels);
        }
        let (shared, pass) = (self.shared.clone(), Pass::new());
        Ok(Arc::new(StoredSeries { shared, view, segments, range, pass, ids, labels, prefetched: Mutex::default() }))
    }

    fn cost(&self, matchers: &[Matcher]) -> LookupCost {
        if looks_up(matchers) || self.shared.has_few_pairs() { LookupCost::Negligible } else { LookupCost::Unknown }
    }

    fn explain(&self, matchers: &[Matcher], interrupt: &dyn Interrupt) -> Result<IndexPath, SelectError> {
        let index = &self.shared.index;
        let alone = |matcher| index.find_unless(std::slice::from_ref(matcher), interrupt);
        let found = matchers.iter().map(|matcher| Ok((matcher, alone(matcher)?.len())));
        let found = found.collect::<Result<Vec<_>, SelectError>>()?;
        let series = |matcher: &Matcher| found.iter().find(|(m, _)| *m == matcher).map_or(0, |(_, series)| *series);
        let step = |m: &Matcher| MatcherStep { matcher: m.to_string(), path: path(m), series: series(m) };
        let steps = in_order(matchers, series).into_iter().map(step).collect();
        Ok(IndexPath { steps, series: index.counts().series })
    }
}

impl SelectLabels for Storage {
    fn series(&self, ask: &Lookup) -> Result<Limited<Labels>, SelectError> {
        let segments = self.shared.index.segments();
        let found = match self.shared.found(&ask.selectors, ask.range, &*ask.interrupt)? {
            Some(found) => found,
            None => self.shared.index.find(&[])?,
        };
        let limit = if ask.limit == 0 { usize::MAX } else { ask.limit };
        let ids: Vec<u32> = found.iter().take(limit).collect();
        let items = self.shared.labels_in(&ids, &segments, &*ask.budget, &*ask.interrupt)?;
        let items = sort_by_labels(items, |labels| labels);
        Ok(Limited { items, truncated: found.len() > ids.len() as u64 })
    }

    fn label_names(&self, ask: &Lookup) -> Result<Limited<String>, SelectError> {
        let (index, limit, budget, interrupt) = (&self.shared.index, ask.limit, &*ask.budget, &*ask.interrupt);
        self.shared.list(ask, |series| index.label_names(series, limit, budget, interrupt))
    }

    fn label_values(&self, name: &str, ask: &Lookup) -> Result<Limited<String>, SelectError> {
        let (index, limit, budget, interrupt) = (&self.shared.index, ask.limit, &*ask.budget, &*ask.interrupt);
        self.shared.list(ask, |series| index.label_values(name, series, limit, budget, interrupt))
    }

    fn cost(&self, listing: Listing, ask: &Lookup) -> Result<LookupCost, SelectError> {
        let shared = &self.shared;
        let is_negligible = shared.is_known_in(ask.range)
            && match listing {
                Listing::Strings => shared.has_few_pairs(),
                Listing::Series => {
                    ask.selectors.len() <= FEW_SELECTORS
                        && ask.selectors.iter().all(|matchers| Select::cost(self, matchers) == LookupCost::Negligible)
                        && shared
                            .found(&ask.selectors, ask.range, &*ask.interrupt)?
                            .is_some_and(|ids| ids.len() <= FEW_SERIES && shared.index.has_at_hand(&ids))
                }
            };
        Ok(if is_negligible { LookupCost::Negligible } else { LookupCost::Unknown })
    }
}

impl SelectExemplars for Storage {
    fn exemplars(
        &self,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
        interrupt: &dyn Interrupt,
    ) -> Result<Vec<SeriesExemplars>, SelectError> {
        let segments = self.shared.index.segments();
        let matched = self.shared.find_any(selectors, interrupt)?;
        let found = self.shared.exemplars.lock().find(self.shared.visible(range), |series| matched.contains(series.0));
        let ids: Vec<u32> = found.keys().map(|id| id.0).collect();
        let labels = self.shared.labels_of(&ids, &segments)?;
        let answer: Vec<_> = labels.into_iter().zip(found.into_values()).collect();
        Ok(sort_by_labels(answer, |series| &series.0))
    }
}

impl SelectMetadata for Storage {
    fn metadata(&self, family: Option<&str>) -> Vec<Metadata> {
        self.shared.metadata.lock().get(family)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::{
        model::MatchOp,
        seams::{
            append::{Append, Batch, FloatSample},
            env::{SimDisk, TestClock},
            interrupt::{Never, fake::After},
        },
        storage::{StorageOptions, Threads},
    };

    fn open(disk: &SimDisk) -> Storage {
        let options = StorageOptions { threads: Threads::Manual, ..StorageOptions::default() };
        Storage::open(Arc::new(disk.clone()), Arc::new(TestClock::at(0)), options).unwrap()
    }

    fn write(storage: &Storage, name: &str, series: u64) {
        let mut batch = Batch::default();
        for i in 0..series {
            let labels = Labels::from_pairs([("__name__", name), ("i", &i.to_string())]).unwrap();
            let series = Append::series(storage, &labels, None, &mut batch).unwrap();
            batch.floats.push(FloatSample { series, time: 0, value: 1.0, start: 0 });
        }
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(storage.append(batch)).unwrap();
    }

    #[test]
    fn every_search_heeds_who_interrupts_it_in_memory_and_on_disk() {
        let storage = open(&SimDisk::new());
        write(&storage, "interrupted", 2_000);
        let matcher = |op, name, value| vec![Matcher::new(op, name, value).unwrap()];
        let slow = || matcher(MatchOp::Regex, "i", ".*[13579].*[02468].*[13579]");
        for flushed in [false, true] {
            if flushed {
                storage.flush().unwrap();
            }
            let heeds = |what: &str, search: &dyn Fn(Arc<dyn Interrupt>) -> Result<usize, SelectError>| {
                assert!(search(Arc::new(Never)).is_ok(), "{what}, flushed: {flushed}");
                for checks in [0, 1, 2] {
                    let interrupt = Arc::new(After(AtomicUsize::new(checks)));
                    let ended = search(interrupt.clone());
                    let left = interrupt.0.load(Ordering::Relaxed);
                    assert!(matches!(ended, Err(SelectError::Interrupted(_))), "{what} after {checks}: {ended:?}");
                    assert_eq!(left, 0, "{what}, flushed: {flushed}");
                }
            };
            let ask = |selectors: Vec<Vec<Matcher>>, interrupt| Lookup { interrupt, ..Lookup::all(selectors) };
            let some = |interrupt| ask(vec![slow(), slow(), slow()], interrupt);
            heeds("series", &|interrupt| Ok(SelectLabels::series(&storage, &some(interrupt))?.items.len()));
            heeds("names", &|interrupt| Ok(storage.label_names(&some(interrupt))?.items.len()));
            heeds("values", &|interrupt| Ok(storage.label_values("i", &some(interrupt))?.items.len()));
            heeds("exemplars", &|interrupt| {
                Ok(storage.exemplars(&[slow(), slow(), slow()], TimeRange::ALL, &*interrupt)?.len())
            });
            heeds("explaining", &|interrupt| {
                Ok(Select::explain(&storage, &[slow(), slow(), slow()].concat(), &*interrupt)?.steps.len())
            });
            heeds("selecting", &|interrupt| {
                let hints = SelectHints { interrupt: Some(interrupt), ..SelectHints::default() };
                Ok(storage.select(&[slow(), slow(), slow()].concat(), TimeRange::ALL, &hints)?.len())
            });
        }
    }

    #[test]
    fn few_series_are_listed_at_once_when_nothing_has_to_be_read_from_disk() {
        let disk = SimDisk::new();
        let storage = open(&disk);
        write(&storage, "few", FEW_SERIES);
        write(&storage, "many", FEW_SERIES + 1);
        let ask = |name| Lookup::all(vec![vec![Matcher::new(MatchOp::Equal, "__name__", name).unwrap()]]);
        let at_once = |storage: &Storage, name| {
            SelectLabels::cost(storage, Listing::Series, &ask(name)).unwrap() == LookupCost::Negligible
        };
        assert!(at_once(&storage, "few") && !at_once(&storage, "many"));

        storage.flush().unwrap();
        drop(storage);
        let storage = open(&disk);
        assert!(!at_once(&storage, "few"), "its pages are on disk");
        assert_eq!(SelectLabels::series(&storage, &ask("few")).unwrap().items.len() as u64, FEW_SERIES);
        assert!(at_once(&storage, "few"));
    }

    #[test]
    fn samples_are_estimated_by_what_each_series_has_in_memory_and_on_disk() {
        let storage = open(&SimDisk::new());
        let mut batch = Batch::default();
        let mut series = |name: &str, i: u64, samples: i64| {
            let labels = Labels::from_pairs([("__name__", name), ("i", &i.to_string())]).unwrap();
            let series = Append::series(&storage, &labels, None, &mut batch).unwrap();
            // Values that no encoding makes small: what lies in one block shares its samples evenly.
            let mut random = i;
            batch.floats.extend((0..samples).map(|time| {
                random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                let value = f64::from_bits(random >> 12 | 0x3ff0_0000_0000_0000);
                FloatSample { series, time: time * 1_000, value, start: 0 }
            }));
        };
        (0..100).for_each(|i| series("often", i, 1_000));
        (0..10_000).for_each(|i| series("once", i, 1));
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(storage.append(batch)).unwrap();
        for flushed in [false, true] {
            if flushed {
                storage.flush().unwrap();
            }
            for (selector, range, samples) in [
                (vec![("__name__", "often")], TimeRange::ALL, 100_000),
                (vec![("__name__", "once")], TimeRange::ALL, 10_000),
                (vec![("__name__", "o.*")], TimeRange::ALL, 110_000),
                (vec![("__name__", "often"), ("i", "7")], TimeRange::ALL, 1_000),
                (vec![("__name__", "once"), ("i", "7.*")], TimeRange::ALL, 1_111),
                (vec![("__name__", "often")], TimeRange::new(500_000, 749_999), 25_000),
                (vec![("__name__", "once")], TimeRange::new(500_000, 749_999), 0),
            ] {
                let matcher = |(name, value): &(&str, &str)| Matcher::new(MatchOp::Regex, *name, *value).unwrap();
                let matchers: Vec<Matcher> = selector.iter().map(matcher).collect();
                let told = storage.select(&matchers, range, &SelectHints::default()).unwrap().samples().unwrap();
                // A block that has series of both kinds has 1,000 samples or so.
                let shared = if flushed { 1_000 } else { 0 };
                let close = told >= samples / 2 && told <= samples * 2 + shared;
                assert!(close, "{told} instead of {samples} of {selector:?} in {range:?}, flushed: {flushed}");
            }
        }
    }
}
