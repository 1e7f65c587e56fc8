//! Prometheus' text format, and OpenMetrics as far as it is the same.
//!
//! ```text
//! # HELP http_requests_total Requests served.
//! # TYPE http_requests_total counter
//! http_requests_total{method="post",code="200"} 1027 1395066363000
//! {"a.name with dots", method="post"} 1.5e-3
//! ```
//!
//! - A line is a sample, a comment (`#`, of which HELP, TYPE and UNIT say something), or blank; `\r\n` ends one too.
//! - A name or label name outside the classic alphabet is quoted; a quoted string alone among the labels is the name.
//! - In quotes `\\`, `\"` and `\n` are escapes, in help texts `\\` and `\n`; any other backslash stands for itself.
//! - The time is milliseconds, and seconds with fractions when the `Content-Type` is `application/openmetrics-text`, unless the
//!   sender says otherwise; absent, it is the time of the request, one for all lines. One that nobody said the unit of and that
//!   can hardly be in milliseconds is a fault.
//! - A value may be followed by an OpenMetrics exemplar, `# {trace_id="abc"} 0.67 1520879607.789`, whose time is always
//!   seconds and, when absent, that of its sample.
//! - `# EOF` may end the text; nothing follows it.
//! - Any NaN is stored as the ordinary one: the text can't say which it was.
//! - A body that isn't empty has a sample, or a comment that says something. Where it hasn't, [`silence`] guesses why.

mod line;
mod silence;

use std::{collections::BTreeMap, ops::Range};

use self::{
    line::{Fault, known_sample, sample, series_range, short_series_range},
    silence::Beginning,
};
use super::{Declared, Format, ImportBuilder, ImportError, Spelling, Unit, builder::Pair, times::Times};
use crate::{
    model::{Metadata, MetricType},
    seams::{append::SeriesId, batch_builder::BatchError},
};

/// The text format.
pub(super) struct Exposition;

impl Format for Exposition {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "the text format that exporters speak"
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/api/v1/import/prometheus"]
    }

    fn content_types(&self) -> &'static [&'static str] {
        &[OPEN_METRICS]
    }

    fn is_likely(&self, beginning: &[u8]) -> bool {
        let line = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        line.starts_with('#') || sample(line.trim_end(), Times::SECONDS, &mut Vec::new()).is_ok()
    }

    fn reader(&self, declared: &Declared) -> Result<Box<dyn super::Reader>, ImportError> {
        let open_metrics = declared.media() == OPEN_METRICS;
        Ok(Box::new(Reader {
            times: Times::of(declared, Unit::Milliseconds, open_metrics.then_some(Unit::Seconds)),
            media: declared.media(),
            beginning: Beginning::default(),
            line: 0,
            understood: false,
            ended: false,
            families: BTreeMap::new(),
            described: String::new(),
            bytes: 0,
        }))
    }
}

/// What the format is called.
const NAME: &str = "prometheus";
/// The media type of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text";

/// Reads a body.
struct Reader {
    times: Times,
    media: String,
    beginning: Beginning,
    line: usize,
    /// Whether the body has a sample, or a comment that says something.
    understood: bool,
    ended: bool,
    /// What was said of families and isn't handed over yet.
    families: BTreeMap<String, Metadata>,
    /// The family that was described last.
    described: String,
    /// About how many bytes the families take.
    bytes: usize,
}

/// What a family takes beside its texts.
const FAMILY_BYTES: usize = 160;

impl super::Reader for Reader {
    fn take(&mut self, text: &[u8], builder: &mut ImportBuilder<'_>) -> Result<(), BatchError> {
        self.beginning.note(text);
        let mut pairs = Vec::new();
        for bytes in text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n') {
            self.line += 1;
            let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
            if bytes.is_empty() {
                continue;
            }
            let text = match std::str::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => {
                    let good = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
                    builder.fault(self.line, good.chars().count() + 1, "this is not UTF-8");
                    continue;
                }
            };
            if text.trim().is_empty() {
                continue;
            }
            let taken = if self.ended {
                Err(Fault::at(0, "text after # EOF"))
            } else if let Some(comment) = text.trim_start().strip_prefix('#') {
                self.comment(comment).map_err(|why| Fault::at(0, why))
            } else {
                let taken = take_sample(text, self.times, &mut pairs, builder)?;
                self.understood |= taken.is_ok();
                taken
            };
            if let Err(Fault { at, why }) = taken {
                let column = text.get(..at).unwrap_or(text).chars().count() + 1;
                builder.fault(self.line, column, &why);
            }
        }
        Ok(())
    }

    fn end_part(&mut self, last: bool, builder: &mut ImportBuilder<'_>) -> Result<(), BatchError> {
        if last && let Some(why) = silence::cause(&self.beginning, &self.media, self.understood) {
            builder.refuse(&why);
        }
        // Of the family described last there may be more to come.
        let kept = if last { None } else { self.families.remove_entry(&self.described) };
        self.bytes = 0;
        std::mem::take(&mut self.families).into_values().try_for_each(|metadata| builder.metadata(metadata))?;
        self.families.extend(kept);
        Ok(())
    }

    fn memory(&self) -> usize {
        self.bytes
    }

    fn line(&self) -> usize {
        self.line
    }
}

impl Reader {
    /// Takes what stands behind a `#`.
    fn comment(&mut self, comment: &str) -> Result<(), String> {
        self.ended = comment.trim() == "EOF";
        let described = describe(comment, &mut self.families)?;
        self.understood |= self.ended || described.is_some();
        if let Some(family) = described {
            self.bytes += FAMILY_BYTES + comment.len();
            self.described = family;
        }
        Ok(())
    }
}

fn take_sample<'b>(
    text: &'b str,
    times: Times,
    pairs: &mut Vec<Pair<'b>>,
    builder: &mut ImportBuilder<'_>,
) -> Result<Result<(), Fault>, BatchError> {
    let known = known_series(text, builder);
    let found = match &known {
        Some((_, range)) => known_sample(text, range.clone(), times),
        None => sample(text, times, pairs),
    };
    let found = match found {
        Ok(found) => found,
        Err(fault) => return Ok(Err(fault)),
    };
    let series = match known {
        Some((series, _)) => series,
        None => match builder.series(Spelling::Exposition, found.series, pairs)? {
            Ok(series) => series,
            Err(why) => return Ok(Err(Fault::at(0, why))),
        },
    };
    let time = match builder.time_of(found.time) {
        Ok(time) => time,
        Err(why) => return Ok(Err(Fault::at(found.time_at, why))),
    };
    // The sample comes last: a line whose exemplar is wrong leaves nothing.
    if let Some(exemplar) = found.exemplar {
        let time = exemplar.time.unwrap_or(time);
        if let Err(why) = builder.exemplar(series, &exemplar.labels, exemplar.value, time)? {
            return Ok(Err(Fault::at(exemplar.at, why)));
        }
    }
    builder.sample(series, time, found.value)?;
    Ok(Ok(()))
}

/// The series that name and labels name as they stand, and where that is.
fn known_series(text: &str, builder: &mut ImportBuilder<'_>) -> Option<(SeriesId, Range<usize>)> {
    let mut known = |range: Range<usize>| Some((builder.known(Spelling::Exposition, text.get(range.clone())?)?, range));
    // No name with its labels begins another one: a text that is known is all of it.
    let short = short_series_range(text)?;
    known(short.clone()).or_else(|| series_range(text).filter(|range| *range != short).and_then(known))
}

/// Takes a comment that says what a family is, and names that.
fn describe(comment: &str, families: &mut BTreeMap<String, Metadata>) -> Result<Option<String>, String> {
    let mut words = comment.trim_start().splitn(3, [' ', '\t']);
    let keyword = words.next().unwrap_or_default();
    if !["HELP", "TYPE", "UNIT"].contains(&keyword) {
        return Ok(None);
    }
    let (Some(family), text) = (words.next().filter(|name| !name.is_empty()), words.next().unwrap_or_default()) else {
        return Err(format!("# {keyword} names no metric"));
    };
    let family = family.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(family);
    let metric_type = match (keyword, text.trim()) {
        ("TYPE", word) => Some(kind(word).ok_or_else(|| format!("{word:?} is no metric type"))?),
        _ => None,
    };
    let entry = families
        .entry(family.to_owned())
        .or_insert_with(|| Metadata { family: family.to_owned(), ..Metadata::default() });
    match (keyword, metric_type) {
        (_, Some(metric_type)) => entry.metric_type = metric_type,
        ("HELP", _) => entry.help = line::unescape(text, false).into_owned(),
        _ => text.trim().clone_into(&mut entry.unit),
    }
    Ok(Some(family.to_owned()))
}

fn kind(word: &str) -> Option<MetricType> {
    Some(match word {
        "untyped" | "unknown" => MetricType::Unknown,
        "counter" => MetricType::Counter,
        "gauge" => MetricType::Gauge,
        "histogram" => MetricType::Histogram,
        "gaugehistogram" => MetricType::GaugeHistogram,
        "summary" => MetricType::Summary,
        "info" => MetricType::Info,
        "stateset" => MetricType::StateSet,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
