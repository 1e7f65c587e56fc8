//! One object: a series with samples.

use std::ops::Range;

use memchr::memchr;

use super::cursor::{Cursor, Fault};
use crate::{
    ingest::{ImportBuilder, Spelling, series_text::SeriesText, times::Times},
    model::{METRIC_NAME, parse_time},
    seams::{append::SeriesId, batch_builder::BatchError},
};

/// What an object says; kept from one to the next for its memory.
#[derive(Debug, Default)]
pub(super) struct Record {
    values: Vec<f64>,
    times: Vec<i64>,
    /// Where the greatest time stands that was read.
    latest_at: usize,
    labels: SeriesText,
    /// Where the object of labels stands, if it names the series alone.
    named: Option<Range<usize>>,
    /// The series, if the text of that object was known; the labels are not read then.
    known: Option<SeriesId>,
    /// Whether the samples had times.
    timed: bool,
}

impl Record {
    /// Reads the object that begins here.
    pub(super) fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        times: Times,
        builder: &mut ImportBuilder<'_>,
    ) -> Result<(), Fault> {
        let begin = cursor.at();
        (self.named, self.known) = (None, None);
        (self.latest_at, self.timed) = (0, false);
        self.values.clear();
        self.times.clear();
        self.labels.clear();
        let mut seen: [Option<usize>; 3] = [None; 3];
        let mut once = |cursor: &Cursor<'_>, which: usize, what: &str| match seen.get_mut(which) {
            Some(place) if place.is_none() => {
                *place = Some(cursor.at());
                Ok(())
            }
            _ => Err(cursor.fault(cursor.at(), format!("the object says its {what} a second time"))),
        };
        cursor.object(|cursor, name| match &*name {
            "metric" | "labels" => {
                once(cursor, 0, "labels")?;
                self.look_labels_up(cursor, builder)
            }
            "name" | METRIC_NAME => self.read_name(cursor),
            "values" | "value" => {
                once(cursor, 1, "values")?;
                self.read_values(cursor)
            }
            "timestamps" | "times" | "timestamp" | "time" => {
                once(cursor, 2, "times")?;
                self.timed = true;
                self.read_times(cursor, times, begin)
            }
            other => Err(cursor.fault(
                cursor.at(),
                format!("{other:?} means nothing here; metric, name, labels, value, values, time and timestamps do"),
            )),
        })?;
        self.check(cursor, begin, seen)
    }

    /// Whether what the object says fits together.
    fn check(&self, cursor: &Cursor<'_>, begin: usize, seen: [Option<usize>; 3]) -> Result<(), Fault> {
        let [_, values, times] = seen;
        let Some(values_at) = values else { return Err(cursor.fault(begin, "the object has no value")) };
        match times {
            None if self.values.len() == 1 => Ok(()),
            None => Err(cursor.fault(values_at, "a list of values needs as many timestamps")),
            Some(at) if self.values.len() != self.times.len() => {
                let (values, times) = (self.values.len(), self.times.len());
                Err(cursor.fault(at, format!("there are {times} times for {values} values")))
            }
            Some(_) => Ok(()),
        }
    }

    /// Passes over labels that name a known series, or reads them.
    fn look_labels_up(&mut self, cursor: &mut Cursor<'_>, builder: &mut ImportBuilder<'_>) -> Result<(), Fault> {
        let begin = cursor.at();
        let alone = self.labels.len() == 0;
        let rest = cursor.text().get(begin..).unwrap_or_default();
        // No object of JSON begins another one: a text that is known is all of it.
        let first = memchr(b'}', rest.as_bytes()).and_then(|end| rest.get(..=end)).filter(|_| alone);
        if let Some(text) = first
            && let Some(series) = builder.known(Spelling::Json, text)
        {
            self.known = Some(series);
            cursor.skip(text.len());
        } else {
            self.read_labels(cursor)?;
        }
        self.named = alone.then(|| begin..cursor.at());
        Ok(())
    }

    fn read_labels(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        cursor.object(|cursor, name| {
            let value = match cursor.peek() {
                Some(b'{' | b'[') => return Err(cursor.expected("a text as a label's value")),
                _ => cursor.word()?,
            };
            self.labels.add(&name, &value);
            Ok(())
        })
    }

    fn read_name(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        if let (Some(labels), Some(_)) = (self.named.take(), self.known.take()) {
            self.read_labels(&mut Cursor::at_byte(cursor.text(), labels.start))?;
        }
        let name = cursor.string()?;
        self.labels.add(METRIC_NAME, &name);
        Ok(())
    }

    fn read_values(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        if cursor.peek() != Some(b'[') {
            self.values.push(cursor.value()?);
            return Ok(());
        }
        cursor.array(|cursor| {
            self.values.push(cursor.value()?);
            Ok(())
        })
    }

    fn read_times(&mut self, cursor: &mut Cursor<'_>, times: Times, begin: usize) -> Result<(), Fault> {
        let mut latest = i64::MIN;
        let mut one = |cursor: &mut Cursor<'_>| {
            let at = cursor.at();
            let time = match cursor.integer() {
                Some(time) => times.whole(time).map_err(|why| cursor.fault(at, why))?,
                None => any_time(cursor, times)?,
            };
            if time > latest {
                (latest, self.latest_at) = (time, at - begin);
            }
            self.times.push(time);
            Ok(())
        };
        if cursor.peek() == Some(b'[') { cursor.array(one) } else { one(cursor) }
    }

    /// Hands over what was read. The inner `Err` says which rule is broken, and where, counted from the object's beginning.
    /// `text` is what the object was read from.
    pub(super) fn store(
        &mut self,
        text: &str,
        builder: &mut ImportBuilder<'_>,
    ) -> Result<Result<(), Fault>, BatchError> {
        if !self.timed {
            self.times.push(builder.now());
        }
        if let Some(why) = self.times.iter().max().and_then(|latest| builder.time_fault(*latest)) {
            return Ok(Err(Fault { at: self.latest_at, why }));
        }
        let found = match (self.known, self.named.clone().and_then(|labels| text.get(labels))) {
            (Some(series), _) => Ok(series),
            (None, Some(text)) => self.labels.series_named(Spelling::Json, text.trim_ascii_end(), builder)?,
            (None, None) => self.labels.series(builder)?,
        };
        let series = match found {
            Ok(series) => series,
            Err(why) => return Ok(Err(Fault { at: 0, why })),
        };
        builder.samples(series, &self.times, &self.values)?;
        Ok(Ok(()))
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        let lists = self.values.capacity() * size_of::<f64>() + self.times.capacity() * size_of::<i64>();
        lists + self.labels.memory()
    }
}

/// A time that is no whole number of a few digits.
fn any_time(cursor: &mut Cursor<'_>, times: Times) -> Result<i64, Fault> {
    let (at, quoted) = (cursor.at(), cursor.peek() == Some(b'"'));
    let word = cursor.word()?;
    match quoted.then(|| parse_time(&word)).flatten().filter(|_| word.contains('T')) {
        Some(time) => Ok(time),
        None => times.parse(&word).map_err(|why| cursor.fault(at, why)),
    }
}
