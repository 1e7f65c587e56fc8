//! One request being taken in: series, samples and refusals.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::{Stop, request::Refused};
use crate::{
    model::{
        Exemplar, Histogram, Labels, Metadata,
        limits::{HEAVY, MAX_VALUE, check_labels},
    },
    seams::{
        append::{Append, Batch, Fingerprint, FloatSample, HistogramSample, SeriesCursor, SeriesId},
        batch_builder::{Allowance, BatchBuilder, FLOAT_BYTES, HEAVY_BYTES, Held},
        memory_budget::MemoryBudget,
    },
};

/// Seeds the hashes of this process, so that nobody outside can aim for a collision.
static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one("otlp"));
/// The highest 16 bits of a fingerprint differ from those of other protocols, and its lowest one is set.
const MARK: Fingerprint = 0xfffe << 112 | 1;
const HASH: Fingerprint = (1 << 112) - 1;
/// What a series that is new takes beside two copies of its labels: its places in the batch, and among those that this
/// request defines.
const NEW_BYTES: usize = 200;
/// A native histogram counts for so many samples.
const HISTOGRAM: usize = 8;

/// A hash of bytes, under this process' seed.
pub(super) fn hash(bytes: &[u8]) -> u128 {
    xxh3_128_with_seed(bytes, *SEED)
}

/// Why a point is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Deltas, which are not taken.
    Delta,
    /// It isn't said whether values are totals or deltas.
    Temporality,
    /// Nothing is left of the metric's name.
    Name,
    /// An exponential histogram is coarser than any that can be stored.
    Scale,
    /// The counts of a histogram contradict each other.
    Histogram,
    /// Its labels break a rule.
    Label,
    /// It would be a new series too many.
    Series,
    /// It has no time.
    Time,
    /// It lies too far ahead of now.
    Future,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Delta,
        Self::Temporality,
        Self::Name,
        Self::Scale,
        Self::Histogram,
        Self::Label,
        Self::Series,
        Self::Time,
        Self::Future,
    ];

    /// One word for it, in answers and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Delta => "delta",
            Self::Temporality => "temporality",
            Self::Name => "name",
            Self::Scale => "scale",
            Self::Histogram => "histogram",
            Self::Label => "label",
            Self::Series => "series",
            Self::Time => "time",
            Self::Future => "future",
        }
    }
}

/// What a request held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Received {
    /// Points that are stored.
    pub points: u64,
    /// Float samples of them.
    pub floats: u64,
    /// Native histograms of them.
    pub histograms: u64,
    /// Exemplars.
    pub exemplars: u64,
    /// How many points are not stored, by reason.
    pub refused: BTreeMap<Reason, u64>,
    /// What is wrong with the first of them, or what else is to be remarked.
    pub remark: Option<String>,
    /// The earliest time (ms) of what lies too far in the future, if anything does.
    pub future: Option<i64>,
}

impl Received {
    /// How many points are not stored.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.refused.values().sum()
    }

    /// What the answer says beside the number of them.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        let remark = self.remark.as_ref()?;
        if self.refused.is_empty() {
            return Some(remark.clone());
        }
        let counts: Vec<String> = self.refused.iter().map(|(why, count)| format!("{}: {count}", why.name())).collect();
        Some(format!("{remark} (points refused by reason: {})", counts.join(", ")))
    }
}

/// Fills a batch.
pub(super) struct PointBuilder<'s> {
    batch: BatchBuilder<'s>,
    pub(super) allowance: Allowance<'s>,
    cursor: SeriesCursor,
    /// Series defined by this request; the store doesn't know them before the batch is on disk.
    defined: HashMap<Fingerprint, SeriesId>,
    described: HashSet<Metadata>,
    received: Received,
}

impl<'s> PointBuilder<'s> {
    pub(super) fn new(append: &'s dyn Append, latest: i64, budget: &'s dyn MemoryBudget) -> Self {
        Self {
            batch: BatchBuilder::new(append, latest),
            allowance: Allowance::new(budget),
            cursor: SeriesCursor::default(),
            defined: HashMap::new(),
            described: HashSet::new(),
            received: Received::default(),
        }
    }

    /// The latest time that a point may have, in ms.
    pub(super) fn latest(&self) -> i64 {
        self.batch.latest()
    }

    /// What is to be stored, and what became of the points.
    pub(super) fn finish(mut self) -> (Batch, Received) {
        let (batch, Held { floats, histograms, exemplars, .. }) = self.batch.take();
        (batch, Received { floats, histograms, exemplars, ..self.received })
    }

    /// The series that the hash of what names it is known by; another one if need be, with the labels that `labels` makes, whose
    /// `Err` says which rule they break, and the description that `metadata` makes.
    pub(super) fn series(
        &mut self,
        name: u128,
        labels: impl FnOnce() -> Result<Labels, String>,
        metadata: impl FnOnce() -> Option<Metadata>,
    ) -> Result<Result<SeriesId, Refused>, Stop> {
        let fingerprint = name & HASH | MARK;
        let known = self.batch.append().known(fingerprint, &mut self.cursor);
        if let Some(series) = known.or_else(|| self.defined.get(&fingerprint).copied()) {
            return Ok(Ok(series));
        }
        let labels = match labels() {
            Ok(labels) => labels,
            Err(why) => return Ok(Err((Reason::Label, why))),
        };
        if let Some(metadata) = metadata() {
            self.describe(metadata)?;
        }
        self.allowance.pay(NEW_BYTES + 2 * labels.as_bytes().len())?;
        let series = match self.batch.series(&labels, Some(fingerprint))? {
            Ok(series) => series,
            Err(why) => return Ok(Err((Reason::Series, why))),
        };
        self.defined.insert(fingerprint, series);
        Ok(Ok(series))
    }

    fn describe(&mut self, metadata: Metadata) -> Result<(), Stop> {
        if self.described.contains(&metadata) || metadata.help.len() > MAX_VALUE {
            return Ok(());
        }
        self.allowance.spend(HEAVY)?;
        let texts = metadata.family.len() + metadata.help.len() + metadata.unit.len();
        self.allowance.pay(HEAVY_BYTES + 3 * texts)?;
        self.described.insert(metadata.clone());
        self.batch.metadata(metadata);
        Ok(())
    }

    /// Adds floats.
    pub(super) fn floats(&mut self, floats: impl ExactSizeIterator<Item = FloatSample>) -> Result<(), Stop> {
        self.allowance.spend(floats.len())?;
        self.allowance.pay(floats.len() * FLOAT_BYTES)?;
        self.batch.floats(floats);
        Ok(())
    }

    /// Adds a native histogram.
    pub(super) fn histogram(&mut self, series: SeriesId, time: i64, value: Histogram, start: i64) -> Result<(), Stop> {
        self.allowance.spend(HISTOGRAM)?;
        self.allowance.pay(2 * value.memory() + 2 * size_of::<HistogramSample>())?;
        self.batch.histograms(std::iter::once(HistogramSample { series, time, value, start }));
        Ok(())
    }

    /// Adds an exemplar.
    pub(super) fn exemplar(&mut self, series: SeriesId, exemplar: Exemplar) -> Result<(), Stop> {
        self.allowance.spend(HEAVY)?;
        self.allowance.pay(HEAVY_BYTES + 2 * exemplar.labels.as_bytes().len())?;
        self.batch.exemplar(series, exemplar);
        Ok(())
    }

    /// Counts a point that is stored.
    pub(super) fn taken(&mut self) {
        self.received.points += 1;
    }

    /// Counts a point that is not.
    pub(super) fn refuse(&mut self, reason: Reason, why: impl FnOnce() -> String) {
        *self.received.refused.entry(reason).or_default() += 1;
        if self.received.remark.is_none() || self.received.rejected() == 1 {
            self.received.remark = Some(why());
        }
    }

    /// Notes the time of a point that lies too far ahead.
    pub(super) fn ahead(&mut self, time: i64) {
        let earliest = self.received.future.map_or(time, |before| before.min(time));
        self.received.future = Some(earliest);
    }

    /// Remarks something that is no refusal.
    pub(super) fn remark(&mut self, text: impl FnOnce() -> String) {
        self.received.remark.get_or_insert_with(text);
    }
}

/// A label set that keeps the limits of the store.
pub(super) fn label_set(pairs: &BTreeMap<String, String>) -> Result<Labels, String> {
    // A label with an empty value is no label.
    let given: Vec<(&str, &str)> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    check_labels(given.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))).map_err(|e| e.to_string())?;
    Labels::from_pairs(given).map_err(|error| error.to_string())
}
