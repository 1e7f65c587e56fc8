//! The walk over a request: resources, their scopes, their metrics.
//!
//! ```text
//! ExportMetricsServiceRequest  1 ResourceMetrics …
//! ResourceMetrics              1 Resource {1 attributes}  2 ScopeMetrics …  3 schema
//! ScopeMetrics                 1 Scope {1 name, 2 version, 3 attributes}  2 Metric …  3 schema
//! Metric                       1 name  2 description  3 unit  5 gauge | 7 sum | 9 histogram | 10 exponential | 11 summary
//! ```
//!
//! Fields may come in any order, attributes behind the points that need them: a message is walked once for what is about it, and
//! again for what is in it. Nothing is copied.

use super::{
    Stop,
    builder::{PointBuilder, Reason, hash, label_set},
    labels::{Attributes, Resource, scope},
    metric::{Data, Metric},
    point,
    settings::OtlpSettings,
};
use crate::{
    model::{METRIC_NAME, Metadata, MetricType},
    remote::wire::Fields,
    seams::append::FloatSample,
};

/// A resource whose points lie far apart has so many samples of `target_info` at most.
const MAX_TARGET_INFO: i64 = 10_000;

/// What the points of a scope have in common.
pub(super) struct Place<'r> {
    pub(super) resource: &'r Resource,
    pub(super) scope: Result<Attributes, String>,
    /// A hash of both.
    pub(super) hash: u128,
}

/// The first and the last time (ms) of a resource's points.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span(Option<(i64, i64)>);

impl Span {
    pub(super) fn add(&mut self, time: i64) {
        let (first, last) = self.0.unwrap_or((time, time));
        self.0 = Some((first.min(time), last.max(time)));
    }
}

/// Takes in a request; an error names the position of the resource that it is in.
pub(super) fn take(
    message: &[u8],
    settings: &OtlpSettings,
    builder: &mut PointBuilder<'_>,
) -> Result<(), (usize, Stop)> {
    let mut fields = Fields::new(message);
    let mut position = 0;
    loop {
        let at = |stop: Stop| (position, stop);
        let Some((number, value)) = fields.next().map_err(|error| at(error.into()))? else { return Ok(()) };
        if number == 1 {
            let message = value.bytes(1).map_err(|error| at(error.into()))?;
            resource_metrics(message, settings, builder).map_err(at)?;
        }
        position += 1;
    }
}

fn resource_metrics(message: &[u8], settings: &OtlpSettings, builder: &mut PointBuilder<'_>) -> Result<(), Stop> {
    let mut about: &[u8] = &[];
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            about = value.bytes(1)?;
        }
    }
    let resource = Resource::read(about, settings)?;
    let mut span = Span::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        if number == 2 {
            scope_metrics(value.bytes(2)?, (&resource, about), settings, &mut span, builder)?;
        }
    }
    target_info(&resource, span, settings.target_info_step, builder)
}

fn scope_metrics(
    message: &[u8],
    (resource, resource_bytes): (&Resource, &[u8]),
    settings: &OtlpSettings,
    span: &mut Span,
    builder: &mut PointBuilder<'_>,
) -> Result<(), Stop> {
    let (mut about, mut schema): (&[u8], &[u8]) = (&[], &[]);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => about = value.bytes(1)?,
            3 => schema = value.bytes(3)?,
            _ => {}
        }
    }
    let named = if settings.promote_scope { [hash(about), hash(schema)] } else { [0, 0] };
    let parts = [hash(resource_bytes), named[0], named[1]].map(u128::to_le_bytes);
    let place = Place { resource, scope: scope(about, schema, settings)?, hash: hash(parts.as_flattened()) };
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        if number == 2 {
            metric(value.bytes(2)?, &place, settings, span, builder)?;
        }
    }
    Ok(())
}

fn metric(
    message: &[u8],
    place: &Place<'_>,
    settings: &OtlpSettings,
    span: &mut Span,
    builder: &mut PointBuilder<'_>,
) -> Result<(), Stop> {
    let metric = Metric::read(message, settings)?;
    let (points, read) = match metric.data {
        Data::None => {
            builder.remark(|| format!("metric {:?} is of an unknown kind", metric.shown()));
            return Ok(());
        }
        Data::Numbers(points) => (points, point::number as point::Read),
        Data::Histograms(points) => (points, point::histogram as point::Read),
        Data::Exponentials(points) => (points, point::exponential as point::Read),
        Data::Summaries(points) => (points, point::summary as point::Read),
    };
    let mut fields = Fields::new(points);
    while let Some((number, value)) = fields.next()? {
        if number != 1 {
            continue;
        }
        let message = value.bytes(1)?;
        let taken = point::take(message, read, &metric, place, settings, span, builder)?;
        match taken {
            Ok(()) => builder.taken(),
            Err((reason, why)) => builder.refuse(reason, || format!("metric {:?}: {why}", metric.shown())),
        }
    }
    Ok(())
}

/// Writes the resource's attributes as a series, from its first point to its last.
fn target_info(resource: &Resource, span: Span, step: i64, builder: &mut PointBuilder<'_>) -> Result<(), Stop> {
    let (Ok(labels), Some((first, last))) = (&resource.labels, span.0) else { return Ok(()) };
    if labels.target_info.is_empty() {
        return Ok(());
    }
    let named: Vec<u8> = labels
        .target_info
        .iter()
        .flat_map(|(name, value)| [hash(name.as_bytes()).to_le_bytes(), hash(value.as_bytes()).to_le_bytes()].concat())
        .collect();
    let metadata = || {
        Some(Metadata {
            family: labels.target_info.get(METRIC_NAME).cloned().unwrap_or_default(),
            metric_type: MetricType::Gauge,
            help: "Target metadata".to_owned(),
            unit: String::new(),
        })
    };
    let series = match builder.series(hash(&named), || label_set(&labels.target_info), metadata)? {
        Ok(series) => series,
        Err((_, why)) => {
            builder.remark(|| format!("target_info: {why}"));
            return Ok(());
        }
    };
    let step = step.max(last.saturating_sub(first) / MAX_TARGET_INFO);
    let mut times = Vec::new();
    let mut time = first;
    while time < last {
        times.push(time);
        time = time.saturating_add(step);
    }
    times.push(last);
    builder.floats(times.iter().map(|time| FloatSample { series, time: *time, value: 1.0, start: 0 }))
}

/// A refusal of a point.
pub(super) type Refused = (Reason, String);
