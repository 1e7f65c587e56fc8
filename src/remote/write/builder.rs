//! One request being taken in: what both protocols do with a TimeSeries once they have walked its message.
//!
//! Everything that is kept from one TimeSeries to the next is memory to be reused: a known series with plain samples
//! allocates nothing but its share of the batch.

use std::collections::{HashMap, HashSet};

use super::{
    family,
    histogram::SentHistogram,
    labels::{LabelSource, Pair, describe, series_labels},
    refusals::Refusals,
    rule::{HISTOGRAM, Rule},
    written::Written,
};
use crate::{
    model::{Exemplar, Labels, Metadata, MetricType, admit, limits::HEAVY},
    remote::wire::{SentSample, WireError},
    seams::{
        append::{Append, Batch, Fingerprint, FloatSample, HistogramSample, SeriesId},
        batch_builder::{Allowance, BatchBuilder, BatchError, FLOAT_BYTES, HEAVY_BYTES, Held},
        memory_budget::MemoryBudget,
        prefetch::Prefetch,
    },
};

/// A TimeSeries with one sample takes about so many bytes in 1.0, more than half of them labels.
const SERIES_BYTES: usize = 160;
/// What a series that is new takes beside two copies of its labels: its places in the batch, and among those that this
/// request defines.
const NEW_BYTES: usize = 200;
/// A histogram's message up to this size is read before it is known how much memory that takes.
const SMALL_HISTOGRAM: usize = 4 << 10;
/// A byte of such a message becomes at most so many in memory: a bucket is a byte there, and eight in a list that grows.
const HISTOGRAM_GROWTH: usize = 24;

/// What a TimeSeries message holds besides its labels.
pub(super) struct Parts<'s> {
    allowance: Allowance<'s>,
    samples: Vec<SentSample>,
    histograms: Vec<SentHistogram>,
    exemplars: Vec<SentExemplar>,
}

/// An exemplar whose labels may be broken.
pub(super) struct SentExemplar {
    pub(super) labels: Result<Labels, Rule>,
    pub(super) value: f64,
    pub(super) time: i64,
}

/// Metadata that came with a series.
#[derive(Clone, Copy)]
pub(super) struct Described<'m> {
    pub(super) metric_type: MetricType,
    pub(super) help: &'m [u8],
    pub(super) unit: &'m [u8],
}

/// Why a request can't be taken in at all.
#[derive(Debug)]
pub(super) enum Stop {
    Malformed(WireError),
    Batch(BatchError),
}

impl From<BatchError> for Stop {
    fn from(error: BatchError) -> Self {
        Self::Batch(error)
    }
}

impl From<WireError> for Stop {
    fn from(error: WireError) -> Self {
        Self::Malformed(error)
    }
}

impl<'s> Parts<'s> {
    pub(super) fn new(budget: &'s dyn MemoryBudget) -> Self {
        let (samples, histograms, exemplars) = (Vec::new(), Vec::new(), Vec::new());
        Self { allowance: Allowance::new(budget), samples, histograms, exemplars }
    }

    #[inline]
    pub(super) fn sample(&mut self, sample: SentSample) -> Result<(), Stop> {
        self.spend(1)?;
        if self.samples.len() == self.samples.capacity() {
            self.grow()?;
        }
        self.samples.push(sample);
        Ok(())
    }

    /// Pays for twice as many samples as there is place for; while they move to it both places are taken.
    #[cold]
    fn grow(&mut self) -> Result<(), Stop> {
        let more = self.samples.capacity().max(4);
        self.allowance.pay(2 * more * size_of::<SentSample>())?;
        self.samples.reserve_exact(more);
        Ok(())
    }

    /// Takes what `decode` makes of a histogram's message.
    pub(super) fn histogram(
        &mut self,
        message: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<SentHistogram, WireError>,
    ) -> Result<(), Stop> {
        self.spend(HISTOGRAM)?;
        if message.len() > SMALL_HISTOGRAM {
            self.allowance.pay(HISTOGRAM_GROWTH * message.len())?;
        }
        let histogram = decode(message)?;
        if message.len() <= SMALL_HISTOGRAM {
            self.allowance.pay(2 * histogram.value.memory() + size_of::<HistogramSample>())?;
        }
        self.histograms.push(histogram);
        Ok(())
    }

    pub(super) fn exemplar(&mut self, exemplar: SentExemplar) -> Result<(), Stop> {
        self.spend(HEAVY)?;
        self.allowance.pay(HEAVY_BYTES + exemplar.labels.as_ref().map_or(0, |labels| 2 * labels.as_bytes().len()))?;
        self.exemplars.push(exemplar);
        Ok(())
    }

    /// Counts something that takes memory against what one request may hold.
    #[inline]
    pub(super) fn spend(&mut self, samples: usize) -> Result<(), Stop> {
        Ok(self.allowance.spend(samples)?)
    }

    pub(super) fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }

    /// Makes room for the next message; what was spent stays spent.
    pub(super) fn clear(&mut self) {
        self.samples.clear();
        self.histograms.clear();
        self.exemplars.clear();
    }

    fn len(&self) -> u64 {
        (self.samples.len() + self.histograms.len() + self.exemplars.len()) as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.histograms.is_empty() && self.exemplars.is_empty()
    }
}

/// Fills a batch, one TimeSeries at a time.
pub(super) struct WriteBuilder<'m, 's> {
    batch: BatchBuilder<'s>,
    allowance: Allowance<'s>,
    refusals: Refusals,
    /// The series before this one: senders often repeat it.
    previous: Option<(Fingerprint, SeriesId)>,
    prefetch: Prefetch,
    /// Series defined by this request; the store doesn't know them before the batch is on disk.
    defined: HashMap<Fingerprint, SeriesId>,
    described: HashSet<Metadata>,
    pairs: Vec<Pair<'m>>,
    broken: Broken,
}

/// What broke a rule under one label set.
#[derive(Default)]
struct Broken {
    first: Option<Rule>,
    count: u64,
}

impl Broken {
    fn add(&mut self, rule: Rule) {
        self.first.get_or_insert(rule);
        self.count += 1;
    }
}

impl<'m, 's> WriteBuilder<'m, 's> {
    pub(super) fn new(append: &'s dyn Append, latest: i64, budget: &'s dyn MemoryBudget) -> Self {
        Self {
            batch: BatchBuilder::new(append, latest),
            allowance: Allowance::new(budget),
            refusals: Refusals::default(),
            previous: None,
            prefetch: Prefetch::default(),
            defined: HashMap::new(),
            described: HashSet::new(),
            pairs: Vec::new(),
            broken: Broken::default(),
        }
    }

    /// Makes room for what a message of so many bytes has for most senders: a sample beside every label set.
    pub(super) fn expect(&mut self, bytes: usize) -> Result<(), Stop> {
        let floats = bytes / SERIES_BYTES;
        // They are paid for as they come, and this is there before.
        self.allowance.pay(floats * size_of::<FloatSample>())?;
        self.batch.reserve(floats);
        Ok(())
    }

    /// The budget, for what is read besides.
    pub(super) fn budget(&self) -> &'s dyn MemoryBudget {
        self.allowance.budget()
    }

    /// What is to be stored, how much that is, and what is not.
    pub(super) fn finish(mut self) -> (Batch, Written, Refusals) {
        let (batch, Held { floats: samples, histograms, exemplars, .. }) = self.batch.take();
        (batch, Written { samples, histograms, exemplars }, self.refusals)
    }

    /// Takes what stands under one label set. `fingerprint` is that of the labels and of `described`.
    #[inline]
    pub(super) fn series(
        &mut self,
        fingerprint: Fingerprint,
        source: &impl LabelSource<'m>,
        parts: &mut Parts<'_>,
        described: Option<Described<'m>>,
    ) -> Result<(), Stop> {
        let native = parts.has_histograms();
        self.leave_out_broken(parts);
        let series = match self.look_up(fingerprint) {
            Some(series) => Some(series),
            None => {
                let Some(labels) = self.check_labels(source)? else { return Ok(()) };
                self.describe(&labels, described, native)?;
                if parts.is_empty() { None } else { self.define(&labels, fingerprint, parts.len())? }
            }
        };
        if let Some(series) = series {
            self.previous = Some((fingerprint, series));
            self.allowance.pay(parts.samples.len() * FLOAT_BYTES)?;
            self.keep(series, parts);
        }
        self.refuse_broken(source)
    }

    /// Refuses everything under a label set that can't be read.
    pub(super) fn refuse(&mut self, source: &impl LabelSource<'m>, rule: Rule) -> Result<(), Stop> {
        self.broken = Broken { first: Some(rule), count: 1 };
        self.refuse_broken(source)
    }

    /// Takes metadata that names its family.
    pub(super) fn metadata(&mut self, metadata: Option<Metadata>) -> Result<(), Stop> {
        let Some(metadata) = metadata else { return Ok(()) };
        if !self.described.contains(&metadata) {
            let texts = metadata.family.len() + metadata.help.len() + metadata.unit.len();
            self.allowance.pay(HEAVY_BYTES + 3 * texts)?;
            self.described.insert(metadata.clone());
            self.batch.metadata(metadata);
        }
        Ok(())
    }

    /// The fingerprint that is likely to come next.
    #[inline]
    pub(super) fn likely(&mut self) -> Option<Fingerprint> {
        self.prefetch.likely(self.batch.append())
    }

    #[inline]
    fn look_up(&mut self, fingerprint: Fingerprint) -> Option<SeriesId> {
        if let Some((previous, series)) = self.previous
            && previous == fingerprint
        {
            return Some(series);
        }
        self.prefetch.find(self.batch.append(), fingerprint).or_else(|| self.defined.get(&fingerprint).copied())
    }

    /// The labels of a series that isn't known; `None` when they broke a rule, which is noted.
    fn check_labels(&mut self, source: &impl LabelSource<'m>) -> Result<Option<Labels>, Stop> {
        self.pairs.clear();
        let labels = source.pairs(&mut self.pairs)?.and_then(|()| series_labels(&self.pairs));
        match labels {
            Ok(labels) => Ok(Some(labels)),
            Err(rule) => {
                self.refusals.add(|| describe(&self.pairs), &rule, 1);
                Ok(None)
            }
        }
    }

    fn describe(&mut self, labels: &Labels, described: Option<Described<'m>>, native: bool) -> Result<(), Stop> {
        let (Some(Described { metric_type, help, unit }), Some(name)) = (described, labels.metric_name()) else {
            return Ok(());
        };
        self.metadata(family::metadata(family::family_of(name, metric_type, native), metric_type, help, unit))
    }

    /// Has the store make the series of so many parts; `None` when it makes no more, which is noted.
    fn define(&mut self, labels: &Labels, fingerprint: Fingerprint, parts: u64) -> Result<Option<SeriesId>, Stop> {
        self.allowance.pay(NEW_BYTES + 2 * labels.as_bytes().len())?;
        match self.batch.series(labels, Some(fingerprint))? {
            Ok(series) => {
                self.defined.insert(fingerprint, series);
                Ok(Some(series))
            }
            Err(why) => {
                self.refusals.add(|| describe(&self.pairs), &Rule::SeriesLimit(why), parts);
                Ok(None)
            }
        }
    }

    /// Moves what breaks a rule from `parts` to `broken`.
    #[inline]
    fn leave_out_broken(&mut self, parts: &mut Parts<'_>) {
        let Self { batch, broken, .. } = self;
        let latest = batch.latest();
        *broken = Broken::default();
        let mut too_late = |what, time| {
            let late = time > latest;
            if late {
                broken.add(Rule::Future { what, time, latest });
            }
            late
        };
        parts.samples.retain(|s| !too_late("sample", s.time));
        parts.histograms.retain(|h| !too_late("histogram", h.time));
        parts.exemplars.retain(|e| !too_late("exemplar", e.time));
        parts.histograms.retain_mut(|SentHistogram { time, value, .. }| match admit(value) {
            Ok(()) => true,
            Err(why) => {
                broken.add(Rule::Histogram { time: *time, why });
                false
            }
        });
        parts.exemplars.retain(|e| match exemplar_rule(e) {
            None => true,
            Some(rule) => {
                broken.add(rule);
                false
            }
        });
    }

    #[inline]
    fn keep(&mut self, series: SeriesId, parts: &mut Parts<'_>) {
        let float = |&SentSample { time, value, start }: &SentSample| FloatSample { series, time, value, start };
        self.batch.floats(parts.samples.iter().map(float));
        if !parts.histograms.is_empty() {
            let histogram = |SentHistogram { time, value, start }| HistogramSample { series, time, value, start };
            self.batch.histograms(parts.histograms.drain(..).map(histogram));
        }
        for SentExemplar { labels, value, time } in parts.exemplars.drain(..) {
            if let Ok(labels) = labels {
                self.batch.exemplar(series, Exemplar { labels, value, time });
            }
        }
    }

    /// Words what `broken` holds, under the labels of `source` as far as they can be read.
    #[inline]
    fn refuse_broken(&mut self, source: &impl LabelSource<'m>) -> Result<(), Stop> {
        let Broken { first: Some(rule), count } = &self.broken else { return Ok(()) };
        self.pairs.clear();
        // Broken labels are named by a rule in `broken` already, or the series would not be known.
        let _named = source.pairs(&mut self.pairs)?;
        self.refusals.add(|| describe(&self.pairs), rule, *count);
        Ok(())
    }
}

fn exemplar_rule(exemplar: &SentExemplar) -> Option<Rule> {
    let time = exemplar.time;
    match &exemplar.labels {
        Err(why @ Rule::LongExemplar { .. }) => Some(why.clone()),
        Err(why) => Some(Rule::Exemplar { time, why: Box::new(why.clone()) }),
        Ok(_) => None,
    }
}
