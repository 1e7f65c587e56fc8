//! The exposition format in protobuf, as client libraries push it and exporters answer it: `io.prometheus.client.MetricFamily`
//! messages, each behind its length.
//!
//! - The time of a metric is in ms; absent, it is the time of the request.
//! - A counter, gauge or untyped metric is one series with the family's name, a summary or classic histogram several, named
//!   as in the text format (`_bucket` with `le`, `_sum`, `_count`). Bounds and quantiles are written as Prometheus stores them,
//!   `1.0` not `1`. A `+Inf` bucket that is missing is added.
//! - A histogram with native buckets is a native histogram under the family's name; classic buckets beside them are stored too.
//! - Created timestamps are the start times of their samples, exemplars belong to their counter, bucket or native histogram.
//! - Values keep their bits.
//! - A fault says which metric of the body it is, counted from 1, in place of a line. What isn't a message at all ends the body:
//!   what follows can't be found.

mod bound;
mod metric;
mod proto;
mod walk;

use prost::Message as _;

use self::{
    proto::MetricType as SentType,
    walk::{Piece, Stop, Walk},
};
use super::{Declared, Format, ImportBuilder, ImportError, Unit, times::Times};
use crate::{
    model::{Metadata, MetricType},
    seams::batch_builder::BatchError,
};

/// The format in protobuf.
pub(super) struct Protobuf;

/// What the format is called.
const NAME: &str = "protobuf";
/// The media type of messages behind their lengths, by its parameters those of exporters.
const MEDIA: &str = "application/vnd.google.protobuf";
/// Parameters that the media type has to have, if it has any of the name.
const MEDIA_PARAMETERS: [(&str, &str); 2] = [("proto", "io.prometheus.client.metricfamily"), ("encoding", "delimited")];

/// The most bytes of a metric, which is held whole: twice what the labels of a series may have.
const MAX_METRIC: usize = 1 << 20;
/// A byte of a metric becomes at most so many in memory while it is taken: an empty bucket is two bytes there, and a message, a part and a
/// bound here.
const DECODED: usize = 160;

impl Format for Protobuf {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "the metric families in protobuf that client libraries push"
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/api/v1/import/protobuf"]
    }

    fn content_types(&self) -> &'static [&'static str] {
        &[MEDIA]
    }

    fn is_likely(&self, _: &[u8]) -> bool {
        // Nothing at the beginning tells it from other bytes; its senders name the media type.
        false
    }

    fn reader(&self, declared: &Declared) -> Result<Box<dyn super::Reader>, ImportError> {
        for (name, value) in MEDIA_PARAMETERS {
            if let Some(given) = media_parameter(&declared.content_type, name)
                && given != value
            {
                return Err(ImportError::Parameter(format!(
                    "the Content-Type has {name}={given}; expected proto=io.prometheus.client.MetricFamily and \
                     encoding=delimited"
                )));
            }
        }
        Ok(Box::new(Reader {
            times: Times::of(declared, Unit::Milliseconds, None),
            walk: Walk::default(),
            family: Metadata::default(),
            metrics: 0,
            begun: false,
            named: false,
            broken: false,
        }))
    }
}

/// A parameter of a media type, in lower case.
fn media_parameter(content_type: &str, name: &str) -> Option<String> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|one| one.split_once('='));
    let (_, value) = parameters.find(|(given, _)| given.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"').to_ascii_lowercase())
}

/// Reads a body.
struct Reader {
    times: Times,
    walk: Walk,
    /// The family that was begun last.
    family: Metadata,
    /// How many metrics were read.
    metrics: usize,
    /// Whether there was any family, and one with a name.
    begun: bool,
    named: bool,
    /// Whether what comes can't be told apart any more.
    broken: bool,
}

impl super::Reader for Reader {
    fn cut(&mut self, text: &[u8], most: usize) -> Option<usize> {
        if self.broken {
            return (!text.is_empty()).then(|| text.len().min(most));
        }
        let (mut walk, mut rest) = (self.walk, text);
        let mut end = 0;
        loop {
            match walk.next(&mut rest) {
                Ok(_) if end > 0 && text.len() - rest.len() > most => return Some(end),
                Ok(_) => end = text.len() - rest.len(),
                // What is no field is read to be refused.
                Err(Stop::Malformed(_)) => return Some(text.len().min(end.max(most))),
                Err(Stop::Unfinished) => return (end > 0).then_some(end),
            }
        }
    }

    fn growth(&self, bytes: usize) -> usize {
        DECODED * bytes + metric::MAX_GROWTH
    }

    fn max_record(&self) -> usize {
        MAX_METRIC
    }

    fn take(&mut self, text: &[u8], builder: &mut ImportBuilder<'_>) -> Result<(), BatchError> {
        let mut rest = text;
        while !rest.is_empty() && !self.broken {
            match self.walk.next(&mut rest) {
                Ok(piece) => self.piece(&piece, builder)?,
                Err(stop) => {
                    let why = match stop {
                        Stop::Unfinished => "the body ends inside it",
                        Stop::Malformed(why) => why,
                    };
                    self.give_up(why, builder);
                }
            }
        }
        Ok(())
    }

    fn end_part(&mut self, last: bool, builder: &mut ImportBuilder<'_>) -> Result<(), BatchError> {
        if last {
            if self.walk.is_inside() && !self.broken {
                self.give_up("the body ends inside it", builder);
            }
            self.describe(builder)?;
            if self.begun && !self.named && !self.broken {
                builder.refuse("the body has only families without a name");
            }
        }
        Ok(())
    }

    fn memory(&self) -> usize {
        self.family.family.len() + self.family.help.len() + self.family.unit.len()
    }

    fn line(&self) -> usize {
        self.metrics
    }
}

impl Reader {
    fn piece(&mut self, piece: &Piece<'_>, builder: &mut ImportBuilder<'_>) -> Result<(), BatchError> {
        match piece {
            Piece::Family(_) => {
                self.describe(builder)?;
                self.begun = true;
                self.family = Metadata { metric_type: MetricType::Counter, ..Metadata::default() };
            }
            Piece::Bytes(number @ (1 | 2 | 5), text) => match std::str::from_utf8(text) {
                Ok(text) => {
                    let place = match number {
                        1 => &mut self.family.family,
                        2 => &mut self.family.help,
                        _ => &mut self.family.unit,
                    };
                    text.clone_into(place);
                }
                Err(_) => self.give_up("its name, help or unit is not UTF-8", builder),
            },
            Piece::Number(3, number) => self.family.metric_type = metric_type(*number),
            Piece::Bytes(4, message) => self.metric(message, builder)?,
            Piece::Bytes(..) | Piece::Number(..) | Piece::Other => {}
        }
        Ok(())
    }

    fn metric(&mut self, message: &[u8], builder: &mut ImportBuilder<'_>) -> Result<(), BatchError> {
        self.metrics += 1;
        let family = &self.family;
        let taken = if family.family.is_empty() {
            Err("the family has no name before its metrics".to_owned())
        } else {
            match proto::Metric::decode(message) {
                Ok(metric) => {
                    metric::take(&family.family, family.metric_type, &metric, self.times, message.len(), builder)?
                }
                Err(error) => Err(error.to_string()),
            }
        };
        if let Err(why) = taken {
            builder.fault(
                self.metrics,
                1,
                &format!("metric {} of the body, of family {:?}: {why}", self.metrics, family.family),
            );
        }
        Ok(())
    }

    /// Refuses what is left of the body.
    fn give_up(&mut self, why: &str, builder: &mut ImportBuilder<'_>) {
        self.broken = true;
        let family = &self.family.family;
        builder.refuse(&format!(
            "the body is no metric families behind their lengths: in or behind family {family:?}, after {} metrics: {why}",
            self.metrics
        ));
    }

    /// Hands over what the family is.
    fn describe(&mut self, builder: &mut ImportBuilder<'_>) -> Result<(), BatchError> {
        let family = std::mem::take(&mut self.family);
        if family.family.is_empty() {
            return Ok(());
        }
        self.named = true;
        builder.metadata(family)
    }
}

fn metric_type(number: u64) -> MetricType {
    match i32::try_from(number).ok().and_then(|number| SentType::try_from(number).ok()) {
        Some(SentType::Counter) => MetricType::Counter,
        Some(SentType::Gauge) => MetricType::Gauge,
        Some(SentType::Summary) => MetricType::Summary,
        Some(SentType::Histogram) => MetricType::Histogram,
        Some(SentType::GaugeHistogram) => MetricType::GaugeHistogram,
        Some(SentType::Untyped) | None => MetricType::Unknown,
    }
}

#[cfg(test)]
mod tests;
