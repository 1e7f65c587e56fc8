//! What a format found in a body, on its way into one batch, or several if the body is long.
//!
//! Everything that is kept is counted as it comes ([`ImportBuilder::memory`]), with what storing it takes besides, so that whoever
//! feeds the format can end a part before there is no more memory for it.

use std::{
    borrow::Cow,
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

use super::{
    Declared, Faults, ImportError, Imported, OnError, Spelling, prehashed::PrehashedState, push,
    series_names::SeriesNames,
};
use crate::{
    model::{
        Exemplar, FieldType, Histogram, Labels, METRIC_NAME, Metadata,
        limits::{HEAVY, MAX_EXEMPLAR, MAX_VALUE, check_labels},
    },
    seams::{
        append::{Append, Batch, Fingerprint, FloatSample, HistogramSample, SeriesId},
        batch_builder::{Allowance, BatchBuilder, BatchError, FLOAT_BYTES, HEAVY_BYTES, Held},
        catalog::{ClaimRefusal, Claimed, WantedField},
        memory_budget::Unlimited,
        prefetch::Prefetch,
    },
};
use roaring::RoaringBitmap;

/// What a name takes in the table of those of a part.
const NAME_BYTES: usize = 96;
/// What a series that is new to the store takes beside three copies of its labels: its places in the batch, in the index,
/// and in a memtable.
const SERIES_BYTES: usize = 400;
/// What a field that is new to the part takes beside two copies of its names.
const FIELD_BYTES: usize = 900;

/// Where a series is known by its fingerprint, beside this part.
enum Remember {
    /// In the store once the series is on disk, which may be now.
    Now(Fingerprint),
    /// In the store once the batch is on disk.
    Later(Fingerprint),
}

/// Why a field has no series.
pub enum FieldFault {
    /// The catalog has no place for it.
    Claim(ClaimRefusal),
    /// Its labels break a rule.
    Series(String),
}

/// A native histogram counts for so many samples.
const HISTOGRAM: usize = 16;
/// Why a sample is refused where none may have a time.
const TIMESTAMPS: &str = "pushed metrics must not have timestamps";
/// A label's name and value.
pub type Pair<'b> = (Cow<'b, str>, Cow<'b, str>);

/// Gathers what a format finds.
pub struct ImportBuilder<'s> {
    now: i64,
    batch: BatchBuilder<'s>,
    /// What the part may still hold, and the bytes that the batch and the names take, once stored too.
    allowance: Allowance<'s>,
    /// What was taken out before, and the series of that.
    stored: Imported,
    series: RoaringBitmap,
    /// About how many bytes those take.
    series_bytes: usize,
    names: SeriesNames,
    /// Series of this part that the store doesn't remember yet, by what names them.
    known: HashMap<Fingerprint, SeriesId, PrehashedState>,
    /// The series that the store remembers.
    remembered: Prefetch,
    /// Fields of this part by a hash of what names them.
    fields: HashMap<u64, Claimed>,
    field_names: RandomState,
    /// Values of this part that were left out, and that were rounded.
    texts: u64,
    rounded: u64,
    on_error: OnError,
    /// Whether samples with a time are refused.
    without_times: bool,
    /// The series of a body that must be one part, and may not have those of the server.
    named: Option<HashMap<SeriesId, Labels>>,
    /// Labels that each series gets.
    extra_labels: Vec<Pair<'static>>,
    faults: Faults,
    /// Why the body as a whole makes no sense.
    cause: Option<String>,
}

impl<'s> ImportBuilder<'s> {
    pub(super) fn new(append: &'s dyn Append, declared: &Declared, now: i64, latest: i64) -> Self {
        let owned = |(name, value): &(String, String)| (Cow::Owned(name.clone()), Cow::Owned(value.clone()));
        Self {
            now,
            batch: BatchBuilder::new(append, latest),
            allowance: Allowance::new(&Unlimited),
            stored: Imported::default(),
            series: RoaringBitmap::new(),
            series_bytes: 0,
            names: SeriesNames::new(&declared.extra_labels),
            known: HashMap::default(),
            remembered: Prefetch::default(),
            fields: HashMap::new(),
            field_names: RandomState::new(),
            texts: 0,
            rounded: 0,
            on_error: declared.on_error,
            without_times: declared.without_times,
            named: declared.whole.then(HashMap::new),
            extra_labels: declared.extra_labels.iter().map(owned).collect(),
            faults: Faults::default(),
            cause: None,
        }
    }

    /// Bytes of memory that what was found since the last part takes, and will take once it is stored.
    pub(super) fn memory(&self) -> usize {
        self.allowance.paid() + self.series_bytes
    }

    /// What was taken out so far.
    pub(super) fn stored(&self) -> Imported {
        self.stored
    }

    /// What is wrong so far.
    pub(super) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Takes out what is to be stored, unless there were faults.
    pub(super) fn take_part(&mut self) -> Result<Batch, ImportError> {
        self.sound()?;
        (self.allowance, self.known) = (Allowance::new(&Unlimited), HashMap::default());
        // What was fetched of the store may be gone when the next part ends.
        (self.fields, self.remembered) = (HashMap::new(), Prefetch::default());
        let (batch, Held { floats, histograms, exemplars, metadata }) = self.batch.take();
        // Samples of a series come in a row, and series in the order in which they were first sent.
        let runs = batch.floats.chunk_by(|a, b| b.series.0.wrapping_sub(a.series.0) <= 1);
        for (first, last) in runs.filter_map(|run| run.first().zip(run.last())) {
            match (first.series.0, last.series.0) {
                (first, last) if first == last => _ = self.series.insert(first),
                (first, last) => _ = self.series.insert_range(first..=last),
            }
        }
        self.series.extend(batch.histograms.iter().map(|sample| sample.series.0));
        self.series_bytes = self.series.serialized_size();
        self.stored = Imported {
            series: self.series.len(),
            samples: self.stored.samples + floats + histograms,
            exemplars: self.stored.exemplars + exemplars,
            metadata: self.stored.metadata + metadata,
            texts: self.stored.texts + std::mem::take(&mut self.texts),
            rounded: self.stored.rounded + std::mem::take(&mut self.rounded),
        };
        Ok(batch)
    }

    /// Fails when nothing may be stored.
    pub(super) fn sound(&self) -> Result<(), ImportError> {
        if !self.is_faulty() {
            return Ok(());
        }
        let begin = if self.stored == Imported::default() { "nothing was stored: " } else { "" };
        let faults = &self.faults;
        Err(ImportError::Faults(match &self.cause {
            Some(cause) if faults.count() == 0 => format!("{begin}{cause}"),
            Some(cause) => format!("{begin}{cause} ({faults})"),
            None => format!("{begin}{faults}"),
        }))
    }

    /// Whether nothing more will be stored, because something is wrong.
    pub(super) fn is_faulty(&self) -> bool {
        self.cause.is_some() || (self.faults.count() > 0 && self.on_error == OnError::Refuse)
    }

    /// Whether the body as a whole makes no sense.
    pub(super) fn has_cause(&self) -> bool {
        self.cause.is_some()
    }

    /// The time of samples that have none, in ms.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Notes what is wrong at a line and column, both from 1.
    pub fn fault(&mut self, line: usize, column: usize, why: &str) {
        self.forget_if_refused();
        self.faults.add(line, column, why);
    }

    /// Notes the same of a record that is well-formed and breaks a rule of the store.
    pub fn reject(&mut self, line: usize, column: usize, why: &str) {
        self.forget_if_refused();
        self.faults.reject(line, column, why);
    }

    /// Forgets what was found where one fault refuses all of it: from there on records are only looked at for what else is wrong.
    fn forget_if_refused(&mut self) {
        if self.on_error == OnError::Refuse && self.faults.count() == 0 {
            self.batch.take();
            self.known = HashMap::default();
            self.fields = HashMap::new();
            self.allowance.forget_paid();
        }
    }

    /// Notes values of a record that were left out because they are texts, and that were rounded.
    pub fn altered(&mut self, texts: u64, rounded: u64) {
        self.texts += texts;
        self.rounded += rounded;
    }

    /// Refuses the body as a whole, and says why beside what is wrong with its records.
    pub fn refuse(&mut self, why: &str) {
        self.cause.get_or_insert_with(|| why.to_owned());
    }

    /// The series that `text` named before, in this part or any other.
    #[must_use]
    #[inline]
    pub fn known(&mut self, spelling: Spelling, text: &str) -> Option<SeriesId> {
        self.remembered(self.names.fingerprint(spelling, text))
    }

    /// The series with these labels; `text` names it. `Err` says which rule the labels break.
    ///
    /// # Errors
    /// When the store can't answer.
    pub fn series(
        &mut self,
        spelling: Spelling,
        text: &str,
        pairs: &[Pair<'_>],
    ) -> Result<Result<SeriesId, String>, BatchError> {
        let name = self.names.fingerprint(spelling, text);
        match self.remembered(name) {
            Some(id) => Ok(Ok(id)),
            None => self.define(name, Remember::Now(name), pairs),
        }
    }

    /// The series that `fingerprint` named before, in this part or any other.
    #[must_use]
    #[inline]
    pub fn remembered(&mut self, fingerprint: Fingerprint) -> Option<SeriesId> {
        if !self.known.is_empty()
            && let Some(id) = self.known.get(&fingerprint)
        {
            return Some(*id);
        }
        if self.named.is_some() {
            // The labels of each series are needed.
            return None;
        }
        let append = self.batch.append();
        // Fetches what comes next, if need be.
        let _ = self.remembered.likely(append);
        self.remembered.find(append, fingerprint)
    }

    /// The series of a field with these labels and its metric as the name, which `fingerprint` names from now on.
    ///
    /// # Errors
    /// When the store can't answer.
    pub fn series_of_field(
        &mut self,
        fingerprint: Fingerprint,
        wanted: &WantedField<'_>,
        mut pairs: Vec<Pair<'_>>,
    ) -> Result<Result<SeriesId, FieldFault>, BatchError> {
        let catalog = self.batch.append().catalog();
        let WantedField { database, measurement, field, metric, field_type } = *wanted;
        let name = RandomState::hash_one(&self.field_names, (database, measurement, field, field_type));
        let (before, faulty) = (self.batch.catalog().len(), self.is_faulty());
        let claimed = match self.fields.get(&name) {
            Some(claimed) => Ok(claimed.clone()),
            None if faulty => catalog.claim(wanted, &mut Vec::new()),
            None => catalog.claim(wanted, self.batch.catalog()),
        };
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(refusal) => return Ok(Err(FieldFault::Claim(refusal))),
        };
        pairs.push((Cow::Borrowed(METRIC_NAME), Cow::Owned((*claimed.metric).to_owned())));
        // A fingerprint that the store remembers says that the catalog has the field, with this type: that is so once both are on
        // disk.
        let remember = if claimed.is_durable { Remember::Now(fingerprint) } else { Remember::Later(fingerprint) };
        let id = match self.define(fingerprint, remember, &pairs)? {
            Ok(id) => id,
            Err(why) => {
                self.batch.catalog().truncate(before);
                return Ok(Err(FieldFault::Series(why)));
            }
        };
        if !faulty && !self.fields.contains_key(&name) {
            let names = database.len() + 2 * measurement.len() + field.len() + metric.len();
            self.allowance.pay(FIELD_BYTES + 2 * names)?;
            self.fields.insert(name, claimed);
        }
        Ok(Ok(id))
    }

    /// Notes that there is a database, unless there is no place for one more.
    pub fn database(&mut self, name: &str) {
        if !self.is_faulty() {
            // That there is one, its samples say too.
            let _ = self.batch.append().catalog().claim_database(name, self.batch.catalog());
        }
    }

    /// The type of a field whose values are samples.
    #[must_use]
    pub fn field_type(&self, database: &str, measurement: &str, field: &str) -> Option<FieldType> {
        self.batch.append().catalog().field_type(database, measurement, field)
    }

    fn define(
        &mut self,
        name: u128,
        remember: Remember,
        pairs: &[Pair<'_>],
    ) -> Result<Result<SeriesId, String>, BatchError> {
        let labels = match check(&self.with_extra(pairs)) {
            Ok(labels) if labels.metric_name().is_some() => labels,
            Ok(_) => return Ok(Err("the series has no metric name".to_owned())),
            Err(why) => return Ok(Err(why)),
        };
        if self.is_faulty() {
            // Its samples go nowhere.
            return Ok(Ok(SeriesId(0)));
        }
        if self.named.is_some() && labels.metric_name().is_some_and(push::is_ours) {
            let name = labels.metric_name().unwrap_or_default();
            return Ok(Err(format!("{name} is written by the server at each push")));
        }
        let before = self.batch.defined();
        let defined = match remember {
            Remember::Later(_) => self.batch.series(&labels, None)?,
            Remember::Now(fingerprint) => self.batch.series(&labels, Some(fingerprint))?,
        };
        let id = match defined {
            Ok(id) => id,
            Err(why) => return Ok(Err(why)),
        };
        if let Remember::Later(fingerprint) = remember {
            self.batch.remember(fingerprint, id);
        }
        self.known.insert(name, id);
        if let Some(named) = &mut self.named {
            self.allowance.pay(NAME_BYTES + labels.as_bytes().len())?;
            named.insert(id, labels.clone());
        }
        let new = self.batch.defined() > before;
        self.allowance.pay(NAME_BYTES + if new { SERIES_BYTES + 3 * labels.as_bytes().len() } else { 0 })?;
        Ok(Ok(id))
    }

    /// The labels with those that each series gets.
    fn with_extra<'p>(&self, pairs: &'p [Pair<'p>]) -> Cow<'p, [Pair<'p>]> {
        if self.extra_labels.is_empty() {
            return Cow::Borrowed(pairs);
        }
        let stays = |pair: &&Pair<'_>| self.extra_labels.iter().all(|(name, _)| *name != pair.0);
        Cow::Owned(pairs.iter().filter(stays).chain(&self.extra_labels).cloned().collect())
    }

    /// Why a sample can't have this time, if so.
    #[must_use]
    pub fn time_fault(&self, time: i64) -> Option<String> {
        let latest = self.batch.latest();
        (time > latest)
            .then(|| format!("the time {time} ms lies too far in the future (the latest accepted now is {latest} ms)"))
    }

    /// The time of a sample that was sent with `sent`, or with none. `Err` says why it can't have it.
    ///
    /// # Errors
    /// In words.
    pub fn time_of(&self, sent: Option<i64>) -> Result<i64, String> {
        match sent {
            None => Ok(self.now),
            Some(_) if self.without_times => Err(TIMESTAMPS.to_owned()),
            Some(time) => self.time_fault(time).map_or(Ok(time), Err),
        }
    }

    /// A sample that counts from `start` on (0: not known), whose time was found right.
    ///
    /// # Errors
    /// When there are too many.
    pub fn sample_from(&mut self, series: SeriesId, time: i64, value: f64, start: i64) -> Result<(), BatchError> {
        self.allowance.spend(1)?;
        if !self.is_faulty() {
            self.allowance.pay(FLOAT_BYTES)?;
            self.batch.floats([FloatSample { series, time, value, start }].into_iter());
        }
        Ok(())
    }

    /// A native histogram that follows the rules and counts from `start` on (0: not known), whose time was found right.
    ///
    /// # Errors
    /// When there are too many.
    pub fn histogram(&mut self, series: SeriesId, time: i64, value: Histogram, start: i64) -> Result<(), BatchError> {
        self.allowance.spend(HISTOGRAM)?;
        if !self.is_faulty() {
            self.allowance.pay(2 * value.memory() + 2 * size_of::<HistogramSample>())?;
            self.batch.histograms([HistogramSample { series, time, value, start }].into_iter());
        }
        Ok(())
    }

    /// A sample, whose time was found right.
    ///
    /// # Errors
    /// When there are too many.
    pub fn sample(&mut self, series: SeriesId, time: i64, value: f64) -> Result<(), BatchError> {
        self.samples(series, &[time], &[value])
    }

    /// Samples, whose times were found right.
    ///
    /// # Errors
    /// When there are too many.
    pub fn samples(&mut self, series: SeriesId, times: &[i64], values: &[f64]) -> Result<(), BatchError> {
        self.allowance.spend(times.len())?;
        if !self.is_faulty() {
            self.allowance.pay(FLOAT_BYTES * times.len())?;
            let samples = times.iter().zip(values);
            self.batch.floats(samples.map(|(time, value)| FloatSample {
                series,
                time: *time,
                value: *value,
                start: 0,
            }));
        }
        Ok(())
    }

    /// Samples of several series at one time, which was found right.
    ///
    /// # Errors
    /// When there are too many.
    pub fn samples_at(&mut self, time: i64, samples: &[(SeriesId, f64)]) -> Result<(), BatchError> {
        self.allowance.spend(samples.len())?;
        if !self.is_faulty() {
            self.allowance.pay(FLOAT_BYTES * samples.len())?;
            let sample =
                |(series, value): &(SeriesId, f64)| FloatSample { series: *series, time, value: *value, start: 0 };
            self.batch.floats(samples.iter().map(sample));
        }
        Ok(())
    }

    /// How many more samples the part may have.
    pub(super) fn room(&self) -> usize {
        self.allowance.samples_left()
    }

    /// An exemplar. The inner `Err` says which rule it breaks.
    ///
    /// # Errors
    /// When there are too many.
    pub fn exemplar(
        &mut self,
        series: SeriesId,
        pairs: &[Pair<'_>],
        value: f64,
        time: i64,
    ) -> Result<Result<(), String>, BatchError> {
        self.allowance.spend(HEAVY)?;
        let chars: usize = pairs.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
        if chars > MAX_EXEMPLAR {
            return Ok(Err(format!("the exemplar's labels have {chars} characters, more than {MAX_EXEMPLAR}")));
        }
        let labels = match check(pairs) {
            Ok(labels) => labels,
            Err(why) => return Ok(Err(why)),
        };
        if !self.is_faulty() {
            self.allowance.pay(HEAVY_BYTES + 2 * labels.as_bytes().len())?;
            self.batch.exemplar(series, Exemplar { labels, value, time });
        }
        Ok(Ok(()))
    }

    /// All that was found without a time of its own is of `now`, in ms, instead of when the body began.
    pub fn retime(&mut self, now: i64) {
        let before = std::mem::replace(&mut self.now, now);
        self.batch.retime(before, now);
    }

    /// The labels of a body's series, if all of it is one part.
    pub fn named(&self) -> impl Iterator<Item = &Labels> {
        self.named.iter().flat_map(HashMap::values)
    }

    /// A series that has several samples, if all of the body is one part.
    #[must_use]
    pub fn repeated(&self) -> Option<&Labels> {
        let id = self.batch.repeated()?;
        self.named.as_ref()?.get(&id)
    }

    /// The series with these labels, none added. The inner `Err` says why there is none.
    ///
    /// # Errors
    /// When the store can't answer.
    pub fn series_with(&mut self, labels: &Labels) -> Result<Result<SeriesId, String>, BatchError> {
        self.allowance.pay(SERIES_BYTES + 3 * labels.as_bytes().len())?;
        self.batch.series(labels, None)
    }

    /// What a family is.
    ///
    /// # Errors
    /// When there are too many.
    pub fn metadata(&mut self, metadata: Metadata) -> Result<(), BatchError> {
        self.allowance.spend(HEAVY)?;
        // As in remote write, metadata is never a reason to refuse samples.
        let texts = [&metadata.family, &metadata.help, &metadata.unit];
        if texts.iter().all(|text| text.len() <= MAX_VALUE) && !self.is_faulty() {
            self.allowance.pay(HEAVY_BYTES + 2 * texts.iter().map(|text| text.len()).sum::<usize>())?;
            self.batch.metadata(metadata);
        }
        Ok(())
    }
}

fn check(pairs: &[Pair<'_>]) -> Result<Labels, String> {
    check_labels(pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
        .map_err(|error| error.to_string())?;
    Labels::from_pairs(pairs.iter().map(|(name, value)| (name, value))).map_err(|error| error.to_string())
}
