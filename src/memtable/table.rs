//! The table: shards, a bitmap of its series, and its numbers.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use parking_lot::RwLock;
use roaring::RoaringBitmap;

use super::{
    map::GROUP,
    series::{Newest, Series},
    shard::{Change, Shard},
};
use crate::{
    model::{SeriesBuf, TimeRange},
    seams::append::{FloatSample, HistogramSample, SeriesId},
};

/// Samples that are applied under one locking. A series and its newest bytes lie anywhere in memory, and waiting for them
/// is most of the work: all are touched before the first is applied, as loads that don't depend on each other are waited
/// for together.
const AT_ONCE: usize = 128;

/// The most series that are looked at to tell how many samples some have: a fraction of what finding them has taken.
const COUNTED: usize = 2048;

/// Samples in memory. One thread writes a series, any number read.
#[derive(Debug)]
pub struct Memtable {
    shards: Vec<RwLock<Shard>>,
    series: RwLock<RoaringBitmap>,
    bytes: AtomicUsize,
    samples: AtomicU64,
    /// First time; above `end` as long as there is no sample.
    start: AtomicI64,
    end: AtomicI64,
}

impl Default for Memtable {
    fn default() -> Self {
        Self::new()
    }
}

impl Memtable {
    /// Number of shards; the more, the less a reader and the writer meet. A group of neighbouring ids shares one.
    pub const SHARDS: usize = 64;

    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shards: (0..Self::SHARDS).map(|_| RwLock::default()).collect(),
            series: RwLock::default(),
            bytes: AtomicUsize::new(size_of::<Self>() + Self::SHARDS * size_of::<RwLock<Shard>>()),
            samples: AtomicU64::new(0),
            start: AtomicI64::new(i64::MAX),
            end: AtomicI64::new(i64::MIN),
        }
    }

    /// The number of the shard that holds series `id`, below [`Self::SHARDS`]. Two threads that apply samples of different
    /// shards never wait for each other, and one that applies many of one shard at once finds them near to each other.
    #[must_use]
    pub fn shard_of(id: SeriesId) -> usize {
        (id.0 >> GROUP) as usize % Self::SHARDS
    }

    fn shard(&self, id: SeriesId) -> Option<&RwLock<Shard>> {
        self.shards.get(Self::shard_of(id))
    }

    /// Stores samples, floats first. At equal series and time the later sample wins, be it float or histogram.
    ///
    /// Batches with samples of the same series must come one after the other: the order of two calls at the same time would
    /// be left to chance.
    pub fn apply(&self, floats: &[FloatSample], histograms: &[HistogramSample]) {
        let push_float = |series: &mut Series, s: &FloatSample| series.push_float(s.time, s.value, s.start);
        floats.chunks(AT_ONCE).for_each(|some| self.apply_some(some, |s| (s.series, s.time), push_float));
        let push = |series: &mut Series, s: &HistogramSample| series.push_histogram(s.time, s.value.clone(), s.start);
        histograms.chunks(AT_ONCE).for_each(|some| self.apply_some(some, |s| (s.series, s.time), push));
    }

    /// Applies samples with all the locks that they need.
    fn apply_some<T>(&self, some: &[T], place: impl Fn(&T) -> (SeriesId, i64), push: impl Fn(&mut Series, &T)) {
        let number = |sample: &T| Self::shard_of(place(sample).0);
        let needed = some.iter().fold(0u64, |needed, sample| needed | 1 << number(sample));
        // Whoever takes several takes them in this order, so that nobody waits for one who waits for him.
        let lock = |(number, shard)| (needed >> number & 1 == 1).then(|| RwLock::write(shard));
        let mut shards: Vec<_> = (0u32..).zip(&self.shards).map(lock).collect();
        let group = |sample: &T| place(sample).0.0 >> GROUP;
        let runs = || some.chunk_by(|a, b| group(a) == group(b));
        let mut known = Vec::with_capacity(some.len());
        for run in runs() {
            if let Some(Some(shard)) = run.first().and_then(|first| shards.get(number(first))) {
                let series = run.chunk_by(|a, b| place(a).0 == place(b).0).filter_map(<[T]>::first);
                shard.known(series.map(|sample| place(sample).0), &mut known);
            }
        }
        std::hint::black_box(Series::touch(&known));
        let mut total = Change::default();
        for run in runs() {
            if let Some(Some(shard)) = run.first().and_then(|first| shards.get_mut(number(first))) {
                shard.apply(run, &place, &push, &mut total);
            }
        }
        drop(shards);
        self.book(total);
    }

    fn book(&self, change: Change) {
        if !change.new.is_empty() {
            self.series.write().extend(change.new);
        }
        if let Some(times) = change.times {
            self.start.fetch_min(times.start, Ordering::Relaxed);
            self.end.fetch_max(times.end, Ordering::Relaxed);
        }
        // Wrapping addition of a negative number takes away.
        self.bytes.fetch_add(change.bytes as usize, Ordering::Relaxed);
        self.samples.fetch_add(change.samples as u64, Ordering::Relaxed);
    }

    /// Bytes of memory, maps and spare room included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Number of samples; one that replaced another may be counted twice for a while.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples.load(Ordering::Relaxed)
    }

    /// Times of the first and the last sample.
    #[must_use]
    pub fn times(&self) -> Option<TimeRange> {
        let range = TimeRange::new(self.start.load(Ordering::Relaxed), self.end.load(Ordering::Relaxed));
        (range.start <= range.end).then_some(range)
    }

    /// Whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.read().is_empty()
    }

    /// The ids of all series.
    #[must_use]
    pub fn series(&self) -> RoaringBitmap {
        self.series.read().clone()
    }

    /// How many series there are.
    #[must_use]
    pub fn series_count(&self) -> u64 {
        self.series.read().len()
    }

    /// Whether the series has samples and its first and last reach into `range`.
    #[must_use]
    pub fn reaches_into(&self, id: SeriesId, range: TimeRange) -> bool {
        let Some(shard) = self.shard(id).map(RwLock::read) else { return false };
        let Some(group) = shard.map.group(id.0) else { return false };
        group.get(id.0).is_some_and(|series| series.reaches_into(range, group.has_begun_by(range.end)))
    }

    /// The ids of the series whose first and last sample reach into `range`. Looks at every series.
    #[must_use]
    pub fn series_in(&self, range: TimeRange) -> RoaringBitmap {
        if self.times().is_none_or(|times| !times.overlaps(range)) {
            return RoaringBitmap::new();
        }
        let mut inside = RoaringBitmap::new();
        for shard in &self.shards {
            let shard = shard.read();
            let series = shard.map.iter().filter(|(_, s)| s.times().is_some_and(|times| times.overlaps(range)));
            inside.extend(series.map(|(id, _)| id));
        }
        inside
    }

    /// Those of `candidates` whose first and last sample reach into `range`. Looks at the candidates only.
    #[must_use]
    pub fn candidates_in(&self, candidates: &RoaringBitmap, range: TimeRange) -> RoaringBitmap {
        if self.times().is_none_or(|times| !times.overlaps(range)) {
            return RoaringBitmap::new();
        }
        let here: Vec<u32> = (candidates & &*self.series.read()).into_iter().collect();
        let mut inside = Vec::with_capacity(here.len());
        for run in here.chunk_by(|a, b| a >> GROUP == b >> GROUP) {
            let Some(first) = run.first() else { continue };
            let Some(shard) = self.shard(SeriesId(*first)).map(RwLock::read) else { continue };
            let Some(group) = shard.map.group(*first) else { continue };
            let reaches = |id: &u32| {
                group.get(*id).is_some_and(|series| series.reaches_into(range, group.has_begun_by(range.end)))
            };
            inside.extend(run.iter().copied().filter(reaches));
        }
        RoaringBitmap::from_sorted_iter(inside).unwrap_or_default()
    }

    /// About how many samples those of `series` that are here have in `range`. Of many series some are looked at, for all.
    #[must_use]
    pub fn samples_in(&self, series: &RoaringBitmap, range: TimeRange) -> f64 {
        let Some(times) = self.times().filter(|times| times.overlaps(range)) else { return 0.0 };
        let here: Vec<u32> = {
            let all = self.series.read();
            let here = series & &*all;
            if here.len() == all.len() && range.covers(times) {
                return self.samples() as f64;
            }
            here.iter().collect()
        };
        // One of each stride, another one each time: ids that differ by a power of two have much in common.
        let stride = here.len().div_ceil(COUNTED).max(1);
        let strides = here.chunks(stride).enumerate();
        let one = strides.filter_map(|(n, some)| some.get((n.wrapping_mul(0x9e37_79b9) >> 7) % some.len()).copied());
        let (mut sum, mut counted) = (0.0, 0usize);
        let mut looked_at: Vec<u32> = one.collect();
        looked_at.sort_unstable_by_key(|id| Self::shard_of(SeriesId(*id)));
        for run in looked_at.chunk_by(|a, b| Self::shard_of(SeriesId(*a)) == Self::shard_of(SeriesId(*b))) {
            let Some(shard) = run.first().and_then(|id| self.shard(SeriesId(*id))) else { continue };
            let shard = shard.read();
            sum += run.iter().filter_map(|id| shard.map.get(*id)).map(|series| series.samples_in(range)).sum::<f64>();
            counted += run.len();
        }
        if counted == 0 { 0.0 } else { sum * here.len() as f64 / counted as f64 }
    }

    /// Whether the series has a sample.
    #[must_use]
    pub fn contains(&self, id: SeriesId) -> bool {
        self.shard(id).is_some_and(|shard| shard.read().map.contains(id.0))
    }

    /// The ids of all series, ascending.
    #[must_use]
    pub fn ids(&self) -> Vec<SeriesId> {
        self.series.read().iter().map(SeriesId).collect()
    }

    /// Replaces what `out` holds by the samples of series `id` in `range`.
    pub fn read(&self, id: SeriesId, range: TimeRange, out: &mut SeriesBuf) {
        out.clear();
        let Some(shard) = self.shard(id) else { return };
        let snapshot = shard.read().map.get(id.0).map(|series| series.snapshot(range));
        if let Some(snapshot) = snapshot {
            snapshot.decode(range, out);
        }
    }

    /// The newest sample of series `id` in `range`, where it can be had without decoding anything.
    #[must_use]
    pub fn newest(&self, id: SeriesId, range: TimeRange) -> Newest {
        let Some(shard) = self.shard(id) else { return Newest::None };
        shard.read().map.get(id.0).map_or(Newest::None, |series| series.newest(range))
    }

    /// Bytes and samples counted anew, to hold the running numbers against.
    #[cfg(test)]
    pub(super) fn recount(&self) -> (usize, u64) {
        let mut bytes = size_of::<Self>() + Self::SHARDS * size_of::<RwLock<Shard>>();
        let mut samples = 0;
        for shard in &self.shards {
            let shard = shard.read();
            bytes += shard.map.memory() + shard.map.iter().map(|(_, series)| series.heap()).sum::<usize>();
            samples += shard.map.iter().map(|(_, series)| series.samples() as u64).sum::<u64>();
        }
        (bytes, samples)
    }
}
