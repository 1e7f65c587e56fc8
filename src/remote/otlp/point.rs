//! Points: what each becomes.
//!
//! ```text
//! NumberDataPoint     2 start  3 time  4 double | 6 sfixed64  5 exemplars  7 attributes  8 flags
//! HistogramDataPoint  2 start  3 time  4 count  5 sum  6 counts  7 bounds  8 exemplars  9 attributes  10 flags
//! ExponentialHistogramDataPoint
//!                     1 attributes  2 start  3 time  4 count  5 sum  6 scale  7 zero count  8 positive  9 negative
//!                     10 flags  11 exemplars
//! SummaryDataPoint    2 start  3 time  4 count  5 sum  6 {1 quantile, 2 value} …  7 attributes  8 flags
//! ```

use std::cell::OnceCell;

use super::{
    Stop,
    builder::{PointBuilder, Reason, hash, label_set},
    exemplars,
    labels::{Attributes, collect, of_point},
    metric::Metric,
    native,
    request::{Place, Refused, Span},
    settings::OtlpSettings,
    value::fixed64,
};
use crate::{
    model::{Labels, METRIC_NAME, MetricType, STALE_NAN},
    remote::wire::{Fields, WireError},
    seams::append::{FloatSample, SeriesId},
};

/// Reads a kind of points.
pub(super) type Read = for<'m> fn(&'m [u8], &mut Point<'m, '_, '_>) -> Result<Result<(), Refused>, Stop>;

/// A point that is being taken in.
pub(super) struct Point<'m, 'p, 's> {
    pub(super) metric: &'p Metric<'m>,
    place: &'p Place<'p>,
    pub(super) settings: &'p OtlpSettings,
    pub(super) builder: &'p mut PointBuilder<'s>,
    /// Its KeyValue messages.
    attributes: Vec<&'m [u8]>,
    /// A hash of all that its series have in common.
    name: u128,
    labels: OnceCell<Attributes>,
    pub(super) time: i64,
    /// 0: not known.
    pub(super) start: i64,
    pub(super) stale: bool,
}

/// A label that one of several series of a point has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Own {
    None,
    /// The upper bound of a bucket.
    Bound(f64),
    Quantile(f64),
}

/// Takes in one point. The inner `Err` says why it isn't stored.
pub(super) fn take<'m>(
    message: &'m [u8],
    read: Read,
    metric: &Metric<'m>,
    place: &Place<'_>,
    settings: &OtlpSettings,
    span: &mut Span,
    builder: &mut PointBuilder<'_>,
) -> Result<Result<(), Refused>, Stop> {
    let head = Head::read(message, metric)?;
    if head.time != 0 && head.time <= builder.latest() {
        span.add(head.time);
    }
    if let Err((reason, why)) = &metric.built {
        return Ok(Err((*reason, why.clone())));
    }
    if head.time == 0 {
        return Ok(Err((Reason::Time, "a point has no time".to_owned())));
    }
    if head.time > builder.latest() {
        builder.ahead(head.time);
        let latest = builder.latest();
        return Ok(Err((
            Reason::Future,
            format!("a point at {} ms lies behind {latest} ms, too far in the future", head.time),
        )));
    }
    let mut attributes = Vec::new();
    collect(message, head.attributes_field, &mut attributes)?;
    let mut named = Vec::with_capacity(32 + 16 * attributes.len());
    named.extend(place.hash.to_le_bytes());
    named.extend(metric.hash.to_le_bytes());
    for attribute in &attributes {
        named.extend(hash(attribute).to_le_bytes());
    }
    let mut point = Point {
        metric,
        place,
        settings,
        builder,
        attributes,
        name: hash(&named),
        labels: OnceCell::new(),
        time: head.time,
        start: head.start,
        stale: head.flags & 1 != 0,
    };
    read(message, &mut point)
}

/// What all kinds of points have.
struct Head {
    time: i64,
    start: i64,
    flags: u64,
    attributes_field: u32,
}

impl Head {
    fn read(message: &[u8], metric: &Metric<'_>) -> Result<Self, WireError> {
        use super::metric::Data;
        let (attributes_field, flags_field) = match metric.data {
            Data::Histograms(_) => (9, 10),
            Data::Exponentials(_) => (1, 10),
            Data::Numbers(_) | Data::Summaries(_) | Data::None => (7, 8),
        };
        let (mut start, mut time, mut flags) = (0, 0, 0);
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                2 => start = milliseconds(fixed64(value, 2)?),
                3 => time = milliseconds(fixed64(value, 3)?),
                _ if number == flags_field => flags = value.varint(number)?,
                _ => {}
            }
        }
        // One behind the point can't be meant.
        Ok(Self { time, start: if start > time { 0 } else { start }, flags, attributes_field })
    }
}

pub(super) fn milliseconds(ns: u64) -> i64 {
    (ns / 1_000_000) as i64
}

impl Point<'_, '_, '_> {
    /// The series of the metric with `suffix` behind its name and a label of its own.
    pub(super) fn series(&mut self, suffix: &str, own: Own) -> Result<Result<SeriesId, Refused>, Stop> {
        let bits = match own {
            Own::None => [0, 0],
            Own::Bound(bound) => [1, bound.to_bits()],
            Own::Quantile(quantile) => [2, quantile.to_bits()],
        };
        let mut named = [0; 32];
        let (before, behind) = named.split_at_mut(16);
        before.copy_from_slice(&self.name.to_le_bytes());
        behind.copy_from_slice(bits.map(u64::to_le_bytes).as_flattened());
        let name = hash(&[&named, suffix.as_bytes()].concat());
        let mut stop = None;
        let (place, metric, settings, attributes, base) =
            (self.place, self.metric, self.settings, &self.attributes, &self.labels);
        let labels = || {
            if base.get().is_none() {
                let more = type_and_unit(metric, settings);
                match of_point(attributes, place.resource, &place.scope, &more, settings) {
                    Ok(Ok(read)) => drop(base.set(read)),
                    Ok(Err(why)) => return Err(why),
                    Err(malformed) => {
                        stop = Some(malformed);
                        return Err(String::new());
                    }
                }
            }
            labels_of(base.get().cloned().unwrap_or_default(), metric, suffix, own)
        };
        let series = self.builder.series(name, labels, || metric.metadata())?;
        match stop {
            Some(stop) => Err(stop),
            None => Ok(series),
        }
    }

    /// Stores a value for each of some series, or a stale marker for each.
    fn store(&mut self, found: &[(SeriesId, f64)]) -> Result<(), Stop> {
        let (time, start, stale) = (self.time, self.start, self.stale);
        self.builder.floats(found.iter().map(|&(series, value)| FloatSample {
            series,
            time,
            value: if stale { STALE_NAN } else { value },
            start,
        }))
    }
}

fn labels_of(mut labels: Attributes, metric: &Metric<'_>, suffix: &str, own: Own) -> Result<Labels, String> {
    let family = metric.built.as_ref().map(|built| built.family.as_str()).unwrap_or_default();
    labels.insert(METRIC_NAME.to_owned(), format!("{family}{suffix}"));
    match own {
        Own::None => {}
        Own::Bound(bound) => drop(labels.insert("le".to_owned(), decimal(bound))),
        Own::Quantile(quantile) => drop(labels.insert("quantile".to_owned(), decimal(quantile))),
    }
    label_set(&labels)
}

/// The shortest digits, never with an exponent.
fn decimal(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => value.to_string(),
    }
}

fn type_and_unit(metric: &Metric<'_>, settings: &OtlpSettings) -> Vec<(&'static str, String)> {
    let Some(built) = metric.built.as_ref().ok().filter(|_| settings.type_and_unit) else { return Vec::new() };
    let mut labels = Vec::new();
    if built.metric_type != MetricType::Unknown {
        labels.push(("__type__", built.metric_type.as_str().to_owned()));
    }
    if !built.unit.is_empty() {
        labels.push(("__unit__", built.unit.clone()));
    }
    labels
}

/// What `?` does, for the inner of two results.
macro_rules! taken {
    ($read:expr) => {
        match $read? {
            Ok(taken) => taken,
            Err(refused) => return Ok(Err(refused)),
        }
    };
}

/// A gauge or a sum.
pub(super) fn number(message: &[u8], point: &mut Point<'_, '_, '_>) -> Result<Result<(), Refused>, Stop> {
    let mut sent = 0.0;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            4 => sent = value.double(4)?,
            6 => sent = fixed64(value, 6)? as i64 as f64,
            _ => {}
        }
    }
    let series = taken!(point.series("", Own::None));
    point.store(&[(series, sent)])?;
    if point.metric.built.as_ref().is_ok_and(|built| built.grows) {
        exemplars::take(message, 5, &[(f64::INFINITY, series)], point)?;
    }
    Ok(Ok(()))
}

/// A histogram with explicit bounds.
pub(super) fn histogram(message: &[u8], point: &mut Point<'_, '_, '_>) -> Result<Result<(), Refused>, Stop> {
    let (mut count, mut sum) = (0, None);
    let (mut counts, mut bounds) = (Vec::new(), Vec::new());
    // Both lists may be as long as the message.
    point.builder.allowance.pay(2 * message.len())?;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            4 => count = fixed64(value, 4)?,
            5 => sum = Some(value.double(5)?),
            6 => value.doubles(6, &mut counts)?,
            7 => value.doubles(7, &mut bounds)?,
            _ => {}
        }
    }
    let counts: Vec<u64> = counts.into_iter().map(f64::to_bits).collect();
    if point.settings.custom_buckets {
        let value = native::custom(count, sum, &counts, &bounds, point.metric);
        return native_histogram(message, 8, value, point);
    }
    let mut found = Vec::with_capacity(bounds.len().min(counts.len()) + 3);
    if let Some(sum) = sum {
        found.push((taken!(point.series("_sum", Own::None)), sum));
    }
    found.push((taken!(point.series("_count", Own::None)), count as f64));
    let mut buckets = Vec::with_capacity(bounds.len().min(counts.len()) + 1);
    let mut total = 0_u64;
    for (bound, in_bucket) in bounds.iter().zip(&counts) {
        total = total.wrapping_add(*in_bucket);
        let series = taken!(point.series("_bucket", Own::Bound(*bound)));
        buckets.push((*bound, series));
        found.push((series, total as f64));
    }
    let last = taken!(point.series("_bucket", Own::Bound(f64::INFINITY)));
    buckets.push((f64::INFINITY, last));
    found.push((last, count as f64));
    point.store(&found)?;
    exemplars::take(message, 8, &buckets, point)?;
    Ok(Ok(()))
}

/// An exponential histogram.
pub(super) fn exponential(message: &[u8], point: &mut Point<'_, '_, '_>) -> Result<Result<(), Refused>, Stop> {
    let value = native::exponential(message, point)?;
    native_histogram(message, 11, value, point)
}

fn native_histogram(
    message: &[u8],
    exemplars_field: u32,
    value: Result<crate::model::Histogram, Refused>,
    point: &mut Point<'_, '_, '_>,
) -> Result<Result<(), Refused>, Stop> {
    let value = match value {
        _ if point.stale => crate::model::Histogram::stale(),
        Ok(value) => value,
        Err(refused) => return Ok(Err(refused)),
    };
    let series = taken!(point.series("", Own::None));
    point.builder.histogram(series, point.time, value, point.start)?;
    exemplars::take(message, exemplars_field, &[(f64::INFINITY, series)], point)?;
    Ok(Ok(()))
}

/// A summary.
pub(super) fn summary(message: &[u8], point: &mut Point<'_, '_, '_>) -> Result<Result<(), Refused>, Stop> {
    let (mut count, mut sum) = (0, 0.0);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            4 => count = fixed64(value, 4)?,
            5 => sum = value.double(5)?,
            _ => {}
        }
    }
    let mut found =
        vec![(taken!(point.series("_sum", Own::None)), sum), (taken!(point.series("_count", Own::None)), count as f64)];
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        if number != 6 {
            continue;
        }
        let (mut quantile, mut at) = (0.0, 0.0);
        let mut parts = Fields::new(value.bytes(6)?);
        while let Some((number, value)) = parts.next()? {
            match number {
                1 => quantile = value.double(1)?,
                2 => at = value.double(2)?,
                _ => {}
            }
        }
        found.push((taken!(point.series("", Own::Quantile(quantile))), at));
    }
    point.store(&found)?;
    Ok(Ok(()))
}
