//! What a format found in a body, on its way into one batch, or several if the body is long.
//!
//! Everything that is kept is counted as it comes ([`ImportBuilder::memory`]), with what storing it takes besides, so that whoever
//! feeds the format can end a part before there is no more memory for it.

use std::{
    borrow::Cow,
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::{ImportError, Imported};
use crate::{
    model::{
        Exemplar, Labels, Metadata,
        limits::{HEAVY, MAX_EXEMPLAR, MAX_VALUE, check_labels},
    },
    seams::{
        append::{Append, Batch, FloatSample, SeriesId},
        batch_builder::{Allowance, BatchBuilder, BatchError, FLOAT_BYTES, HEAVY_BYTES, Held},
        memory_budget::Unlimited,
    },
};

/// Faults of an import that an answer spells out; the others are counted.
const SPELLED_OUT: usize = 5;
/// Bytes that the wording of one fault may take.
const FAULT_BYTES: usize = 300;

/// What a name takes in the table of those of a part.
const NAME_BYTES: usize = 96;
/// What a series that is new to the store takes beside three copies of its labels: its places in the batch, in the index,
/// and in a memtable.
const SERIES_BYTES: usize = 400;
/// A label's name and value.
pub type Pair<'b> = (Cow<'b, str>, Cow<'b, str>);

/// Gathers what a format finds.
pub struct ImportBuilder<'s> {
    now: i64,
    batch: BatchBuilder<'s>,
    /// What the part may still hold, and the bytes that the batch and the names take, once stored too.
    allowance: Allowance<'s>,
    /// What was taken out before.
    stored: Imported,
    seed: u64,
    /// Series of this part by a hash of the text that names them.
    known: HashMap<u128, SeriesId>,
    faults: Vec<String>,
    fault_count: u64,
    /// Why the body as a whole makes no sense.
    cause: Option<&'static str>,
}

impl<'s> ImportBuilder<'s> {
    pub(super) fn new(append: &'s dyn Append, now: i64, latest: i64) -> Self {
        Self {
            now,
            batch: BatchBuilder::new(append, latest),
            allowance: Allowance::new(&Unlimited),
            stored: Imported::default(),
            // Nobody outside can tell which texts have the same hash.
            seed: RandomState::new().hash_one(0),
            known: HashMap::new(),
            faults: Vec::new(),
            fault_count: 0,
            cause: None,
        }
    }

    /// Bytes of memory that what was found since the last part takes, and will take once it is stored.
    pub(super) fn memory(&self) -> usize {
        self.allowance.paid()
    }

    /// What was taken out so far.
    pub(super) fn stored(&self) -> Imported {
        self.stored
    }

    /// Takes out what is to be stored, unless there were faults.
    pub(super) fn take_part(&mut self) -> Result<Batch, ImportError> {
        self.sound()?;
        (self.allowance, self.known) = (Allowance::new(&Unlimited), HashMap::new());
        let (batch, Held { floats: samples, exemplars, metadata, .. }) = self.batch.take();
        self.stored = self.stored.and(Imported { samples, exemplars, metadata });
        Ok(batch)
    }

    /// Fails when there were faults.
    fn sound(&self) -> Result<(), ImportError> {
        if !self.is_faulty() {
            return Ok(());
        }
        let more = self.fault_count - self.faults.len() as u64;
        let rest = if more > 0 { format!("; and {more} more lines") } else { String::new() };
        let lines = format!("{}{rest}", self.faults.join("; "));
        let begin = if self.stored == Imported::default() { "nothing was stored: " } else { "" };
        Err(ImportError::Faults(match self.cause {
            Some(cause) if lines.is_empty() => format!("{begin}{cause}"),
            Some(cause) => format!("{begin}{cause} ({lines})"),
            None => format!("{begin}{lines}"),
        }))
    }

    /// Whether nothing more will be stored, because something is wrong.
    pub(super) fn is_faulty(&self) -> bool {
        self.fault_count > 0 || self.cause.is_some()
    }

    /// The time of samples that have none, in ms.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Notes what is wrong at a line and column, both from 1.
    pub fn fault(&mut self, line: usize, column: usize, why: &str) {
        if self.fault_count == 0 {
            // From here on lines are only looked at for what else is wrong.
            self.batch.take();
            self.known = HashMap::new();
            self.allowance.forget_paid();
        }
        self.fault_count += 1;
        if self.faults.len() < SPELLED_OUT {
            let end = (0..=FAULT_BYTES.min(why.len())).rev().find(|&end| why.is_char_boundary(end)).unwrap_or(0);
            self.faults.push(format!("line {line}:{column}: {}", why.get(..end).unwrap_or_default()));
        }
    }

    /// Refuses the body as a whole, and says why beside what is wrong with its lines.
    pub fn refuse(&mut self, why: &'static str) {
        self.cause = Some(why);
    }

    /// The series with these labels; `text` names it within the body. `Err` says which rule the labels break.
    ///
    /// # Errors
    /// When the store can't answer.
    pub fn series(&mut self, text: &str, pairs: &[Pair<'_>]) -> Result<Result<SeriesId, String>, BatchError> {
        let name = xxh3_128_with_seed(text.as_bytes(), self.seed);
        if let Some(id) = self.known.get(&name) {
            return Ok(Ok(*id));
        }
        let labels = match check(pairs) {
            Ok(labels) if labels.metric_name().is_some() => labels,
            Ok(_) => return Ok(Err("the series has no metric name".to_owned())),
            Err(why) => return Ok(Err(why)),
        };
        if self.is_faulty() {
            // Its samples go nowhere.
            return Ok(Ok(SeriesId(0)));
        }
        let before = self.batch.defined();
        let id = self.batch.series(&labels, None)?;
        self.known.insert(name, id);
        let new = self.batch.defined() > before;
        self.allowance.pay(NAME_BYTES + if new { SERIES_BYTES + 3 * labels.as_bytes().len() } else { 0 })?;
        Ok(Ok(id))
    }

    /// A sample. The inner `Err` says which rule its time breaks.
    ///
    /// # Errors
    /// When there are too many.
    pub fn sample(&mut self, series: SeriesId, time: i64, value: f64) -> Result<Result<(), String>, BatchError> {
        self.allowance.spend(1)?;
        let latest = self.batch.latest();
        if time > latest {
            let why = format!("the time {time} ms lies too far in the future (the latest accepted now is {latest} ms)");
            return Ok(Err(why));
        }
        if self.is_faulty() {
            return Ok(Ok(()));
        }
        self.allowance.pay(FLOAT_BYTES)?;
        self.batch.floats(std::iter::once(FloatSample { series, time, value, start: 0 }));
        Ok(Ok(()))
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
