//! One metric: the series and samples that its message stands for.

use std::borrow::Cow;

use super::{bound, proto};
use crate::{
    ingest::{ImportBuilder, Pair, series_text::SeriesText, times::Times},
    model::{
        BUCKET_LABEL, BucketCounts, BucketSpan, Histogram, METRIC_NAME, MetricType, QUANTILE_LABEL, ResetHint, admit,
    },
    seams::batch_builder::BatchError,
};

/// Bytes of memory that the series of one metric may take beside what its message may ([`super::DECODED`]).
pub(super) const MAX_GROWTH: usize = 1 << 20;
/// What a series takes in a batch beside three copies of its labels.
const SERIES_BYTES: usize = 640;

/// What a metric stands for: its samples, each under a series of its own.
struct Parts<'m> {
    floats: Vec<Part<'m>>,
    native: Option<(Histogram, &'m [proto::Exemplar])>,
    start: i64,
}

/// A float under the family's name and `suffix`.
struct Part<'m> {
    suffix: &'static str,
    /// A label besides the metric's own.
    label: Option<(&'static str, String)>,
    value: f64,
    /// Whether it counts from the start time on.
    counts: bool,
    exemplar: Option<&'m proto::Exemplar>,
}

impl Part<'_> {
    fn plain(suffix: &'static str, value: f64, counts: bool) -> Self {
        Self { suffix, label: None, value, counts, exemplar: None }
    }
}

/// Takes a metric of a family, whose message has so many bytes; the inner `Err` says why nothing of it was taken.
pub(super) fn take(
    name: &str,
    metric_type: MetricType,
    metric: &proto::Metric,
    times: Times,
    bytes: usize,
    builder: &mut ImportBuilder<'_>,
) -> Result<Result<(), String>, BatchError> {
    let parts = match parts(metric_type, metric) {
        Ok(parts) => parts,
        Err(why) => return Ok(Err(why)),
    };
    let labels: usize = name.len() + metric.label.iter().map(|pair| pair.name.len() + pair.value.len()).sum::<usize>();
    if parts.floats.len().saturating_mul(3 * labels + SERIES_BYTES) > MAX_GROWTH + super::DECODED * bytes {
        return Ok(Err(format!(
            "it has {} buckets or quantiles, too many for labels of {labels} bytes",
            parts.floats.len()
        )));
    }
    let sent = metric.timestamp_ms.map(|time| times.milliseconds(time)).transpose();
    let time = match sent.and_then(|time| builder.time_of(time)) {
        Ok(time) => time,
        Err(why) => return Ok(Err(why)),
    };
    let mut text = SeriesText::default();
    let mut series_of = |suffix: &str, label: Option<(&str, &str)>, builder: &mut ImportBuilder<'_>| {
        text.clear();
        text.add(METRIC_NAME, &[name, suffix].concat());
        metric.label.iter().for_each(|pair| text.add(&pair.name, &pair.value));
        label.into_iter().for_each(|(name, value)| text.add(name, value));
        text.series(builder)
    };
    let mut floats = Vec::with_capacity(parts.floats.len());
    for part in &parts.floats {
        let label = part.label.as_ref().map(|(name, value)| (*name, value.as_str()));
        match series_of(part.suffix, label, builder)? {
            Ok(series) => floats.push((series, part)),
            Err(why) => return Ok(Err(why)),
        }
    }
    let native = match &parts.native {
        None => None,
        Some((value, exemplars)) => match series_of("", None, builder)? {
            Ok(series) => Some((series, value, *exemplars)),
            Err(why) => return Ok(Err(why)),
        },
    };
    let of_floats = floats.iter().filter_map(|(series, part)| Some((*series, part.exemplar?)));
    let of_native = native.iter().flat_map(|(series, _, exemplars)| exemplars.iter().map(move |one| (*series, one)));
    // Samples come last: a metric with a wrong exemplar leaves none.
    for (series, exemplar) in of_floats.chain(of_native) {
        let labels: Vec<Pair<'_>> =
            exemplar.label.iter().map(|pair| (Cow::Borrowed(&*pair.name), Cow::Borrowed(&*pair.value))).collect();
        let at = exemplar.timestamp.as_ref().map_or(time, milliseconds);
        if let Err(why) = builder.exemplar(series, &labels, exemplar.value, at)? {
            return Ok(Err(why));
        }
    }
    for (series, part) in floats {
        builder.sample_from(series, time, part.value, if part.counts { parts.start } else { 0 })?;
    }
    if let Some((series, value, _)) = native {
        builder.histogram(series, time, value.clone(), parts.start)?;
    }
    Ok(Ok(()))
}

/// The samples of a metric, by the value that it has.
fn parts(metric_type: MetricType, metric: &proto::Metric) -> Result<Parts<'_>, String> {
    let proto::Metric { gauge, counter, summary, untyped, histogram, .. } = metric;
    let float = |value| Parts { floats: vec![Part::plain("", value, false)], native: None, start: 0 };
    if let Some(counter) = counter {
        let part = Part { exemplar: counter.exemplar.as_ref(), ..Part::plain("", counter.value, true) };
        Ok(Parts { floats: vec![part], native: None, start: start(counter.created_timestamp.as_ref()) })
    } else if let Some(gauge) = gauge.as_ref().or(untyped.as_ref()) {
        Ok(float(gauge.value))
    } else if let Some(summary) = summary {
        let quantile = |one: &proto::Quantile| Part {
            label: Some((QUANTILE_LABEL, bound::text(one.quantile))),
            ..Part::plain("", one.value, false)
        };
        let mut floats: Vec<Part<'_>> = summary.quantile.iter().map(quantile).collect();
        floats.push(Part::plain("_sum", summary.sample_sum, true));
        floats.push(Part::plain("_count", summary.sample_count as f64, true));
        Ok(Parts { floats, native: None, start: start(summary.created_timestamp.as_ref()) })
    } else if let Some(sent) = histogram {
        histogram_parts(sent, metric_type == MetricType::GaugeHistogram)
    } else {
        Err("it has no value".to_owned())
    }
}

fn histogram_parts(sent: &proto::Histogram, is_gauge: bool) -> Result<Parts<'_>, String> {
    let native = if is_native(sent) {
        let mut histogram = native(sent, is_gauge);
        admit(&mut histogram).map_err(|error| error.to_string())?;
        Some((histogram, &*sent.exemplars))
    } else {
        None
    };
    let mut floats = Vec::new();
    // Native buckets alone have no classic series.
    if native.is_none() || !sent.bucket.is_empty() {
        let count = float_or(sent.sample_count_float, sent.sample_count);
        let bucket = |bound, value, exemplar| Part {
            label: Some((BUCKET_LABEL, bound::text(bound))),
            exemplar,
            ..Part::plain("_bucket", value, !is_gauge)
        };
        let of = |one: &'_ proto::Bucket| float_or(one.cumulative_count_float, one.cumulative_count);
        floats.extend(sent.bucket.iter().map(|one| bucket(one.upper_bound, of(one), one.exemplar.as_ref())));
        if sent.bucket.last().is_none_or(|one| one.upper_bound != f64::INFINITY) {
            floats.push(bucket(f64::INFINITY, count, None));
        }
        floats.push(Part::plain("_sum", sent.sample_sum, !is_gauge));
        floats.push(Part::plain("_count", count, !is_gauge));
    }
    Ok(Parts { floats, native, start: start(sent.created_timestamp.as_ref()) })
}

/// Whether it has native buckets. One without any observation has a span of no buckets, so that it can be told.
fn is_native(sent: &proto::Histogram) -> bool {
    !sent.positive_span.is_empty()
        || !sent.negative_span.is_empty()
        || sent.zero_threshold > 0.0
        || sent.zero_count > 0
        || sent.zero_count_float > 0.0
}

fn native(sent: &proto::Histogram, is_gauge: bool) -> Histogram {
    let spans = |spans: &[proto::BucketSpan]| {
        spans.iter().map(|span| BucketSpan { offset: span.offset, length: span.length }).collect::<Vec<_>>()
    };
    let is_float = sent.sample_count_float > 0.0
        || sent.zero_count_float > 0.0
        || !sent.positive_count.is_empty()
        || !sent.negative_count.is_empty();
    let counts = if is_float {
        BucketCounts::Float {
            count: float_or(sent.sample_count_float, sent.sample_count),
            zero: float_or(sent.zero_count_float, sent.zero_count),
            positive: sent.positive_count.clone(),
            negative: sent.negative_count.clone(),
        }
    } else {
        BucketCounts::Integer {
            count: sent.sample_count,
            zero: sent.zero_count,
            positive: sent.positive_delta.clone(),
            negative: sent.negative_delta.clone(),
        }
    };
    Histogram {
        reset_hint: if is_gauge { ResetHint::Gauge } else { ResetHint::Unknown },
        schema: sent.schema,
        zero_threshold: sent.zero_threshold,
        sum: sent.sample_sum,
        positive_spans: spans(&sent.positive_span),
        negative_spans: spans(&sent.negative_span),
        custom_values: Vec::new(),
        counts,
    }
}

fn float_or(float: f64, integer: u64) -> f64 {
    if float > 0.0 { float } else { integer as f64 }
}

fn start(created: Option<&proto::Moment>) -> i64 {
    created.map_or(0, milliseconds)
}

/// A moment in ms.
fn milliseconds(moment: &proto::Moment) -> i64 {
    moment.seconds.saturating_mul(1_000).saturating_add(i64::from(moment.nanos) / 1_000_000)
}
