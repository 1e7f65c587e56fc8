//! What a format found in a body, on its way into one batch.

use std::{borrow::Cow, collections::HashMap};

use super::{ImportError, Imported};
use crate::{
    model::{
        Exemplar, Labels, Metadata,
        limits::{HEAVY, MAX_EXEMPLAR, MAX_SAMPLES, MAX_VALUE, check_labels},
    },
    seams::append::{Append, AppendError, Batch, FloatSample, SeriesId},
};

/// So many faults are spelled out; the others are counted.
const SPELLED_OUT: usize = 5;
/// Bytes that the wording of one fault may take.
const FAULT_BYTES: usize = 300;

/// A label's name and value.
pub type Pair<'b> = (Cow<'b, str>, Cow<'b, str>);

/// Why a body is given up.
#[derive(Debug)]
pub enum Stop {
    /// It holds too much.
    TooMany,
    /// The store can't say which series is meant.
    Store(AppendError),
}

/// Gathers what a format finds.
pub struct Intake<'b, 's> {
    append: &'s dyn Append,
    now: i64,
    latest: i64,
    batch: Batch,
    imported: Imported,
    left: usize,
    /// Series of this body by the text that names them.
    known: HashMap<&'b str, SeriesId>,
    faults: Vec<String>,
    fault_count: u64,
    /// Why the body as a whole makes no sense.
    cause: Option<&'static str>,
}

impl<'b, 's> Intake<'b, 's> {
    pub(super) fn new(append: &'s dyn Append, now: i64, latest: i64) -> Self {
        Self {
            append,
            now,
            latest,
            batch: Batch::default(),
            imported: Imported::default(),
            left: MAX_SAMPLES,
            known: HashMap::new(),
            faults: Vec::new(),
            fault_count: 0,
            cause: None,
        }
    }

    /// What is to be stored, unless there were faults.
    pub(super) fn finish(self) -> Result<(Batch, Imported), ImportError> {
        if self.fault_count == 0 && self.cause.is_none() {
            return Ok((self.batch, self.imported));
        }
        let more = self.fault_count - self.faults.len() as u64;
        let rest = if more > 0 { format!("; and {more} more lines") } else { String::new() };
        let lines = format!("{}{rest}", self.faults.join("; "));
        Err(ImportError::Faults(match self.cause {
            Some(cause) if lines.is_empty() => cause.to_owned(),
            Some(cause) => format!("{cause} ({lines})"),
            None => lines,
        }))
    }

    /// The time of samples that have none, in ms.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Notes what is wrong at a line and column, both from 1.
    pub fn fault(&mut self, line: usize, column: usize, why: &str) {
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
    pub fn series(&mut self, text: &'b str, pairs: &[Pair<'b>]) -> Result<Result<SeriesId, String>, Stop> {
        if let Some(id) = self.known.get(text) {
            return Ok(Ok(*id));
        }
        let labels = match check(pairs) {
            Ok(labels) if labels.metric_name().is_some() => labels,
            Ok(_) => return Ok(Err("the series has no metric name".to_owned())),
            Err(why) => return Ok(Err(why)),
        };
        let id = self.append.series(&labels, None, &mut self.batch).map_err(Stop::Store)?;
        self.known.insert(text, id);
        Ok(Ok(id))
    }

    /// A sample. The inner `Err` says which rule its time breaks.
    ///
    /// # Errors
    /// When there are too many.
    pub fn sample(&mut self, series: SeriesId, time: i64, value: f64) -> Result<Result<(), String>, Stop> {
        self.spend(1)?;
        if time > self.latest {
            let latest = self.latest;
            let why = format!("the time {time} ms lies too far in the future (the latest accepted now is {latest} ms)");
            return Ok(Err(why));
        }
        self.imported.samples += 1;
        self.batch.floats.push(FloatSample { series, time, value, start: 0 });
        Ok(Ok(()))
    }

    /// An exemplar. The inner `Err` says which rule it breaks.
    ///
    /// # Errors
    /// When there are too many.
    pub fn exemplar(
        &mut self,
        series: SeriesId,
        pairs: &[Pair<'b>],
        value: f64,
        time: i64,
    ) -> Result<Result<(), String>, Stop> {
        self.spend(HEAVY)?;
        let chars: usize = pairs.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
        if chars > MAX_EXEMPLAR {
            return Ok(Err(format!("the exemplar's labels have {chars} characters, more than {MAX_EXEMPLAR}")));
        }
        Ok(check(pairs).map(|labels| {
            self.imported.exemplars += 1;
            self.batch.exemplars.push((series, Exemplar { labels, value, time }));
        }))
    }

    /// What a family is.
    ///
    /// # Errors
    /// When there are too many.
    pub fn metadata(&mut self, metadata: Metadata) -> Result<(), Stop> {
        self.spend(HEAVY)?;
        // As in remote write, metadata is never a reason to refuse samples.
        if [&metadata.family, &metadata.help, &metadata.unit].iter().all(|text| text.len() <= MAX_VALUE) {
            self.imported.metadata += 1;
            self.batch.metadata.push(metadata);
        }
        Ok(())
    }

    fn spend(&mut self, samples: usize) -> Result<(), Stop> {
        self.left = self.left.checked_sub(samples).ok_or(Stop::TooMany)?;
        Ok(())
    }
}

fn check(pairs: &[Pair<'_>]) -> Result<Labels, String> {
    check_labels(pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
        .map_err(|error| error.to_string())?;
    Labels::from_pairs(pairs.iter().map(|(name, value)| (name, value))).map_err(|error| error.to_string())
}
