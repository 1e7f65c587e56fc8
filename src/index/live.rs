//! The index as storage uses it: active head, sealed heads and segments behind one lock.

use std::{borrow::Cow, path::Path, sync::Arc};

use parking_lot::{Mutex, RwLock};
use roaring::RoaringBitmap;

use super::{
    Filter, IndexError, PageCache, Segment, SegmentSummary, cardinality, distinct::Distinct, filter::Glances,
    head::Head, ids::Ids, interruptible::Interruptible, names, part::Part, query, segment,
};
use crate::{
    model::{Labels, Matcher},
    seams::{
        append::SeriesId,
        env::Disk,
        interrupt::{Interrupt, Never, Ticks},
        memory_budget::MemoryBudget,
        select::{Limited, Projection},
        status::Cardinality,
    },
};

/// Damage that was worked around is remembered up to this many messages.
const DAMAGE_KEPT: usize = 100;

/// The series index. All methods can be called from any thread.
pub struct Index {
    state: RwLock<State>,
    pages: Arc<PageCache>,
    damage: Mutex<Vec<String>>,
}

struct State {
    active: Head,
    view: Arc<View>,
    /// Ids whose definition may not be in the write-ahead log yet.
    pending: RoaringBitmap,
    ids: Ids,
    /// Counts the changes of `view`: a lookup made without the lock is good while it stands.
    epoch: u64,
}

/// What doesn't change in place: readers take it along when they leave the lock.
#[derive(Clone, Default)]
struct View {
    sealed: Vec<Arc<Head>>,
    segments: Vec<Arc<Segment>>,
    /// Series of segments that labels resolve to no more.
    retired: Arc<RoaringBitmap>,
}

impl View {
    fn parts(&self) -> impl Iterator<Item = &dyn Part> {
        let sealed = self.sealed.iter().map(|head| &**head as &dyn Part);
        sealed.chain(self.segments.iter().map(|segment| &**segment as &dyn Part))
    }
}

/// A series' id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// The id.
    pub id: SeriesId,
    /// Whether its definition is surely on disk; if not, the batch must carry it.
    pub durable: bool,
}

/// The index in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IndexCounts {
    /// Series.
    pub series: u64,
    /// Label pairs, those of the head and of each segment counted for themselves.
    pub label_pairs: u64,
    /// Series not yet in a segment.
    pub head_series: u64,
    /// Bytes of memory that the head takes, about.
    pub head_bytes: u64,
    /// Bytes of the segments on disk.
    pub segment_bytes: u64,
    /// Number of segments.
    pub segments: u64,
}

/// Series that no segment held when it was taken.
pub struct Snapshot {
    heads: Vec<Arc<Head>>,
}

impl Snapshot {
    /// How many series there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.iter().map(|head| head.len()).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes a new segment of them, as [`Segment::write`] does; takes little memory besides.
    ///
    /// # Errors
    /// As [`Segment::write`].
    pub fn write(&self, disk: &dyn Disk, path: &Path) -> Result<SegmentSummary, IndexError> {
        let heads: Vec<&Head> = self.heads.iter().map(|head| &**head).collect();
        segment::write_heads(disk, path, &heads)
    }

    /// Ids and labels, by ascending id.
    #[cfg(test)]
    pub(super) fn series(&self) -> Vec<(SeriesId, Labels)> {
        let labels = |id| self.heads.iter().find_map(|head| head.labels(id)).unwrap();
        let ids = self.heads.iter().fold(RoaringBitmap::new(), |ids, head| ids | head.ids());
        ids.iter().map(|id| (SeriesId(id), labels(id))).collect()
    }
}

impl Index {
    /// An index of these segments. New ids start at `next_id`, or behind the largest id of a segment.
    #[must_use]
    pub fn new(segments: Vec<Arc<Segment>>, next_id: u64) -> Self {
        let behind = segments.iter().filter_map(|s| s.ids().max()).map(|id| u64::from(id) + 1).max();
        let state = State {
            active: Head::default(),
            view: Arc::new(View { segments, ..View::default() }),
            pending: RoaringBitmap::new(),
            ids: Ids::from(next_id.max(behind.unwrap_or(0))),
            epoch: 0,
        };
        Self { state: RwLock::new(state), pages: Arc::default(), damage: Mutex::default() }
    }

    /// The index with another cache, which its segments should have been opened with.
    #[must_use]
    pub fn with_pages(self, pages: Arc<PageCache>) -> Self {
        Self { pages, ..self }
    }

    /// The cache that a segment to be installed should be opened with.
    #[must_use]
    pub fn pages(&self) -> &Arc<PageCache> {
        &self.pages
    }

    /// No series has this id or a higher one.
    #[must_use]
    pub fn next_id(&self) -> u64 {
        self.state.read().ids.end()
    }

    /// The id of the series with these labels, a new one if there is none. `time` (ms) is about that of its first sample,
    /// if known; which id a new series gets depends on it.
    ///
    /// Damage in a segment's tables counts as "not there": the series gets a new id, and [`Index::damage`] tells.
    ///
    /// # Errors
    /// When a segment can't be read or no id is left.
    pub fn resolve(&self, labels: &Labels, time: Option<i64>) -> Result<Resolved, IndexError> {
        self.resolve_if(labels, time, &mut |_| true)?.ok_or(IndexError::Exhausted)
    }

    /// The same, where `admit` says whether there may be one more series. It is asked under the lock, before a series gets its id, and
    /// may ask how many there are. `None` where it says no.
    ///
    /// # Errors
    /// As [`Index::resolve`].
    pub fn resolve_if(
        &self,
        labels: &Labels,
        time: Option<i64>,
        admit: &mut dyn FnMut(&dyn Fn() -> u64) -> bool,
    ) -> Result<Option<Resolved>, IndexError> {
        loop {
            let (view, epoch) = {
                let state = self.state.read();
                if let Some(known) = state.known_in_head(labels) {
                    return Ok(Some(known));
                }
                (Arc::clone(&state.view), state.epoch)
            };
            if let Some(known) = self.find_stored(&view, labels)? {
                return Ok(Some(known));
            }
            let mut state = self.state.write();
            if state.epoch != epoch {
                continue;
            }
            if let Some(known) = state.known_in_head(labels) {
                return Ok(Some(known));
            }
            if !admit(&|| state.series()) {
                return Ok(None);
            }
            let id = state.ids.take(labels, time).ok_or(IndexError::Exhausted)?;
            state.active.insert(id, labels)?;
            state.pending.insert(id);
            return Ok(Some(Resolved { id: SeriesId(id), durable: false }));
        }
    }

    /// Looks in the segments, newest first, without the lock.
    fn find_stored(&self, view: &View, labels: &Labels) -> Result<Option<Resolved>, IndexError> {
        for segment in view.segments.iter().rev() {
            match segment.find_id(labels) {
                Ok(Some(id)) if !view.retired.contains(id.0) => return Ok(Some(Resolved { id, durable: true })),
                Ok(_) => {}
                // A damaged page must not stop every write that contains one of its series: their stored samples can't
                // be found by label any more, and new ones start under a new id.
                Err(error) if error.is_damage() => self.note_damage(&error),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn note_damage(&self, error: &IndexError) {
        let text = error.to_string();
        let mut damage = self.damage.lock();
        if damage.len() < DAMAGE_KEPT && !damage.contains(&text) {
            damage.push(text);
        }
    }

    /// What was found damaged and worked around.
    #[must_use]
    pub fn damage(&self) -> Vec<String> {
        self.damage.lock().clone()
    }

    /// Notes that the definitions of these series are on disk.
    pub fn mark_durable(&self, ids: impl IntoIterator<Item = SeriesId>) {
        let mut ids = ids.into_iter().peekable();
        if ids.peek().is_some() {
            let mut state = self.state.write();
            for id in ids {
                state.pending.remove(id.0);
            }
        }
    }

    /// Takes a definition that was read from the write-ahead log. Saying the same again changes nothing.
    ///
    /// The series counts as one whose definition may not be on disk: a record that could be read after a failed sync and
    /// a killed process may be gone after the next power cut, whatever is synced in between, so that the next batch that
    /// uses the series defines it again.
    ///
    /// # Errors
    /// When the head already has other labels under this id, or these labels under another id; the first stays.
    pub fn define(&self, id: SeriesId, labels: &Labels) -> Result<(), IndexError> {
        let State { active, view, pending, ids, .. } = &mut *self.state.write();
        ids.pass(id.0);
        if view.segments.iter().any(|segment| segment.ids().contains(id.0)) {
            return Ok(());
        }
        let conflict = |known| Err(IndexError::Conflict { id, labels: labels.to_string(), known });
        for head in view.sealed.iter().map(|head| &**head).chain([&*active]) {
            match (head.find_id(labels), head.labels(id.0)) {
                (Some(known), _) if known == id.0 => return Ok(()),
                (Some(known), _) => return conflict(format!("these are the labels of series {known}")),
                (None, Some(known)) => return conflict(format!("it is known as {known}")),
                (None, None) => {}
            }
        }
        active.insert(id.0, labels)?;
        pending.insert(id.0);
        Ok(())
    }

    /// Gives out no id up to this one any more: it names samples, even if its definition was lost to damage.
    pub fn reserve(&self, id: SeriesId) {
        self.state.write().ids.pass(id.0);
    }

    /// The series that pass all matchers. Series whose labels are lost to damage are left out.
    ///
    /// # Errors
    /// When a segment can't be read.
    pub fn find(&self, matchers: &[Matcher]) -> Result<RoaringBitmap, IndexError> {
        self.find_unless(matchers, &Never)
    }

    /// Finds the ids of series that pass all matchers, unless it is interrupted.
    ///
    /// # Errors
    /// When a segment can't be read, or by [`IndexError::Interrupted`].
    pub fn find_unless(&self, matchers: &[Matcher], interrupt: &dyn Interrupt) -> Result<RoaringBitmap, IndexError> {
        let mut found = RoaringBitmap::new();
        self.each_part(&mut |part| {
            let part = Interruptible::new(part, interrupt);
            found |= part.with_labels(query::find(&part, matchers)?)?;
            Ok(())
        })?;
        Ok(found)
    }

    /// The labels of a series; `None` when there is none with this id.
    ///
    /// # Errors
    /// When a segment can't be read or is damaged.
    pub fn labels(&self, id: SeriesId) -> Result<Option<Labels>, IndexError> {
        let view = {
            let state = self.state.read();
            if let Some(labels) = state.active.labels(id.0) {
                return Ok(Some(labels));
            }
            Arc::clone(&state.view)
        };
        if let Some(labels) = view.sealed.iter().find_map(|head| head.labels(id.0)) {
            return Ok(Some(labels));
        }
        for segment in &view.segments {
            if let Some(labels) = segment.labels(id)? {
                return Ok(Some(labels));
            }
        }
        Ok(None)
    }

    /// The labels of many series, in the order of `ids`; each page is decoded once.
    ///
    /// # Errors
    /// When there is no series with one of the ids, or a segment can't be read or is damaged.
    pub fn labels_of(&self, ids: &[u32]) -> Result<Vec<Labels>, IndexError> {
        if ids.is_sorted_by(|a, b| a < b) {
            return self.labels_of_ascending(ids);
        }
        let mut ascending = ids.to_vec();
        ascending.sort_unstable();
        ascending.dedup();
        let labels = self.labels_of_ascending(&ascending)?;
        let of = |id: &u32| labels.get(ascending.binary_search(id).ok()?).cloned();
        ids.iter().map(|id| of(id).ok_or(IndexError::Unknown(*id))).collect()
    }

    fn labels_of_ascending(&self, ids: &[u32]) -> Result<Vec<Labels>, IndexError> {
        let wanted: RoaringBitmap = ids.iter().copied().collect();
        let mut out: Vec<Option<Labels>> = vec![None; ids.len()];
        self.each_part(&mut |part| {
            // A part hands over its series by ascending id too.
            let mut rest = ids.iter().zip(&mut out);
            part.each_labels(&wanted, &mut |id, bytes| {
                if let Some((_, place)) = rest.find(|(wanted, _)| **wanted == id) {
                    *place = Some(Labels::from_canonical(bytes));
                }
            })
        })?;
        out.into_iter().zip(ids).map(|(labels, id)| labels.ok_or(IndexError::Unknown(*id))).collect()
    }

    /// Visits the canonical bytes of those labels that `projection` keeps, of those of `ids` that are here: of each part by
    /// ascending id, some perhaps twice.
    ///
    /// # Errors
    /// When a segment can't be read. Series whose labels are damaged are left out.
    pub fn each_projection(
        &self,
        ids: &RoaringBitmap,
        projection: &Projection<'_>,
        visit: &mut dyn FnMut(u32, &[u8]),
    ) -> Result<(), IndexError> {
        self.each_part(&mut |part| part.each_projection(ids, projection, visit))
    }

    /// Whether the labels of `ids` can be had without reading from disk.
    #[must_use]
    pub fn has_at_hand(&self, ids: &RoaringBitmap) -> bool {
        self.segments().iter().all(|segment| segment.has_at_hand(ids))
    }

    /// Sorted label names of the series in `filter`; the first `limit` of them, unless that is 0.
    ///
    /// # Errors
    /// When a segment can't be read or is damaged, or the names don't fit the `budget`.
    pub fn label_names(
        &self,
        filter: Filter<'_>,
        limit: usize,
        budget: &dyn MemoryBudget,
        interrupt: &dyn Interrupt,
    ) -> Result<Limited<String>, IndexError> {
        let mut out = Distinct::new(limit, budget);
        let glance = |part: &Interruptible<'_>, glances: &mut Glances<'_>, out: &mut Distinct<'_>| {
            names::glance_at_names(part, glances, out)
        };
        let look = |part: &Interruptible<'_>, series: Option<&RoaringBitmap>, out: &mut Distinct<'_>| {
            names::names(part, series, out)
        };
        self.gather(filter, interrupt, &mut out, glance, look)?;
        out.finish()
    }

    /// Sorted values of label `name` in the series in `filter`; the first `limit` of them, unless that is 0.
    ///
    /// # Errors
    /// When a segment can't be read or is damaged, or the values don't fit the `budget`.
    pub fn label_values(
        &self,
        name: &str,
        filter: Filter<'_>,
        limit: usize,
        budget: &dyn MemoryBudget,
        interrupt: &dyn Interrupt,
    ) -> Result<Limited<String>, IndexError> {
        let mut out = Distinct::new(limit, budget);
        let glance = |part: &Interruptible<'_>, glances: &mut Glances<'_>, out: &mut Distinct<'_>| {
            names::glance_at_values(part, name, glances, out)
        };
        let look = |part: &Interruptible<'_>, series: Option<&RoaringBitmap>, out: &mut Distinct<'_>| {
            names::values(part, name, series, out)
        };
        self.gather(filter, interrupt, &mut out, glance, look)?;
        out.finish()
    }

    /// Gathers in `out` what `look` finds in each part. Where the series are those that are present, a `glance` at each part goes
    /// first, and it is asked without the lock which of the series are present that this left open.
    fn gather<'b>(
        &self,
        filter: Filter<'_>,
        interrupt: &dyn Interrupt,
        out: &mut Distinct<'b>,
        glance: impl Fn(&Interruptible<'_>, &mut Glances<'_>, &mut Distinct<'b>) -> Result<(), IndexError>,
        look: impl Fn(&Interruptible<'_>, Option<&RoaringBitmap>, &mut Distinct<'b>) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        let present = match filter {
            Filter::All => return self.each_part(&mut |part| look(&Interruptible::new(part, interrupt), None, out)),
            Filter::Only(series) => Some(Cow::Borrowed(series)),
            Filter::Present(presence) => {
                let mut glances = Glances::new(presence);
                self.each_part(&mut |part| glance(&Interruptible::new(part, interrupt), &mut glances, out))?;
                glances.settle()?.map(Cow::Owned)
            }
        };
        let Some(present) = present else { return Ok(()) };
        self.each_part(&mut |part| look(&Interruptible::new(part, interrupt), Some(&present), out))
    }

    /// The names and pairs with most series, at most `limit` in each list.
    ///
    /// # Errors
    /// When a segment can't be read.
    pub fn cardinality(&self, limit: usize, interrupt: &dyn Interrupt) -> Result<Cardinality, IndexError> {
        let mut listed = Vec::new();
        let view = {
            let state = self.state.read();
            cardinality::list(&state.active, &mut listed)?;
            Arc::clone(&state.view)
        };
        view.sealed.iter().try_for_each(|head| cardinality::list(head, &mut listed))?;
        cardinality::summarize(&view.segments, cardinality::sum(listed), limit, &Ticks::of(interrupt))
    }

    /// From now on new series go to a new head: those so far no longer count as [`Index::active_head_bytes`].
    pub fn seal_head(&self) {
        let mut state = self.state.write();
        if state.active.len() > 0 {
            let sealed = Arc::new(std::mem::take(&mut state.active));
            state.change_view(|view| view.sealed.push(sealed));
        }
    }

    /// About how many bytes of memory the series take that came since the head was last sealed.
    #[must_use]
    pub fn active_head_bytes(&self) -> usize {
        self.state.read().active.bytes()
    }

    /// About how many bytes of memory the series take that no segment has.
    #[must_use]
    pub fn head_bytes(&self) -> usize {
        let state = self.state.read();
        state.view.sealed.iter().map(|head| &**head).chain([&state.active]).map(Head::bytes).sum()
    }

    /// The index in numbers.
    #[must_use]
    pub fn counts(&self) -> IndexCounts {
        let state = self.state.read();
        let mut counts = IndexCounts::default();
        for head in state.view.sealed.iter().map(|head| &**head).chain([&state.active]) {
            counts.head_series += head.len() as u64;
            counts.head_bytes += head.bytes() as u64;
            counts.label_pairs += head.pair_count() as u64;
        }
        counts.series = state.series();
        for summary in state.view.segments.iter().map(|segment| segment.summary()) {
            counts.label_pairs += summary.pairs;
            counts.segment_bytes += summary.bytes;
            counts.segments += 1;
        }
        counts
    }

    /// The ids of all series.
    #[must_use]
    pub fn ids(&self) -> RoaringBitmap {
        let state = self.state.read();
        state.view.parts().chain([&state.active as &dyn Part]).fold(RoaringBitmap::new(), |ids, part| ids | part.ids())
    }

    /// The segments, oldest first.
    #[must_use]
    pub fn segments(&self) -> Vec<Arc<Segment>> {
        self.state.read().view.segments.clone()
    }

    /// Seals the head and answers all series that no segment holds, to be written as one.
    ///
    /// The series stay findable in the sealed head until [`Index::install`] puts a segment in its place; when writing
    /// that fails, the next snapshot has them again. Series whose definition isn't in the write-ahead log yet are among
    /// them: a definition too many does no harm.
    #[must_use]
    pub fn head_snapshot(&self) -> Snapshot {
        self.seal_head();
        Snapshot { heads: self.state.read().view.sealed.clone() }
    }

    /// Adds a segment and drops the sealed heads that it holds wholly, in one step: readers see each series all along.
    pub fn install(&self, segment: Arc<Segment>) {
        let mut state = self.state.write();
        state.pending -= segment.ids();
        state.change_view(|view| {
            view.sealed.retain(|head| !head.ids().is_subset(segment.ids()));
            view.segments.push(segment);
        });
    }

    /// From now on labels no longer resolve to these series of segments, which are about to be left out of a merge; a
    /// series of the same labels gets a new id.
    pub fn retire(&self, ids: &RoaringBitmap) {
        self.state.write().change_view(|view| *Arc::make_mut(&mut view.retired) |= ids);
    }

    /// Puts a merged segment, or none if nothing was left, in the place of the segments it was made of, in one step.
    pub fn replace(&self, old: &[Arc<Segment>], new: Option<Arc<Segment>>) {
        let mut state = self.state.write();
        state.change_view(|view| {
            let is_old = |segment: &Arc<Segment>| old.iter().any(|other| Arc::ptr_eq(other, segment));
            let at = view.segments.iter().position(is_old).unwrap_or(view.segments.len());
            view.segments.retain(|segment| !is_old(segment));
            let at = at.min(view.segments.len());
            view.segments.splice(at..at, new);
            if !view.retired.is_empty() {
                let left = view.segments.iter().fold(RoaringBitmap::new(), |ids, segment| ids | segment.ids());
                *Arc::make_mut(&mut view.retired) &= left;
            }
        });
    }

    /// Asks every part: the active head under the lock, the others without it.
    fn each_part(&self, ask: &mut dyn FnMut(&dyn Part) -> Result<(), IndexError>) -> Result<(), IndexError> {
        let view = {
            let state = self.state.read();
            ask(&state.active)?;
            Arc::clone(&state.view)
        };
        view.parts().try_for_each(ask)
    }
}

impl State {
    /// How many series there are.
    fn series(&self) -> u64 {
        let heads = self.view.sealed.iter().map(|head| &**head).chain([&self.active]);
        let in_heads: u64 = heads.map(|head| head.len() as u64).sum();
        in_heads + self.view.segments.iter().map(|segment| segment.summary().series).sum::<u64>()
    }

    /// Looks in the active and the sealed heads.
    fn known_in_head(&self, labels: &Labels) -> Option<Resolved> {
        let heads = [&self.active].into_iter().chain(self.view.sealed.iter().map(|head| &**head));
        let id = heads.into_iter().find_map(|head| head.find_id(labels))?;
        Some(Resolved { id: SeriesId(id), durable: !self.pending.contains(id) })
    }

    fn change_view(&mut self, change: impl FnOnce(&mut View)) {
        change(Arc::make_mut(&mut self.view));
        self.epoch += 1;
    }
}
