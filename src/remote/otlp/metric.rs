//! A metric: its names, and where its points are.

use super::{
    Stop,
    builder::{Reason, hash},
    names::{NameKind, metric_name, unit_text},
    request::Refused,
    settings::OtlpSettings,
};
use crate::{
    model::{Metadata, MetricType},
    remote::wire::Fields,
};

/// A name is shown by so many bytes of its beginning.
const SHOWN: usize = 200;

/// Points, as the message that lists them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Data<'m> {
    /// None that are known.
    None,
    /// Gauges and sums.
    Numbers(&'m [u8]),
    /// Histograms with explicit bounds.
    Histograms(&'m [u8]),
    /// Exponential histograms.
    Exponentials(&'m [u8]),
    /// Summaries.
    Summaries(&'m [u8]),
}

/// Whether values are totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Temporality {
    Unspecified,
    Delta,
    Cumulative,
}

/// A Metric message.
pub(super) struct Metric<'m> {
    name: &'m [u8],
    description: &'m [u8],
    pub(super) data: Data<'m>,
    /// What its series are called, or why none of its points can be stored.
    pub(super) built: Result<Built, Refused>,
    /// A hash of all that its series' labels and description depend on.
    pub(super) hash: u128,
}

/// What the series of a metric are called.
pub(super) struct Built {
    /// The metric's name, as a family.
    pub(super) family: String,
    /// Its type.
    pub(super) metric_type: MetricType,
    /// Its unit, as names spell it.
    pub(super) unit: String,
    /// Whether values only grow, so that exemplars belong to them.
    pub(super) grows: bool,
    /// Whether values are deltas.
    pub(super) delta: bool,
}

impl<'m> Metric<'m> {
    pub(super) fn read(message: &'m [u8], settings: &OtlpSettings) -> Result<Self, Stop> {
        let (mut name, mut description, mut unit): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
        let (mut data, mut kind) = (Data::None, 0);
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => name = value.bytes(1)?,
                2 => description = value.bytes(2)?,
                3 => unit = value.bytes(3)?,
                5 | 7 => (data, kind) = (Data::Numbers(value.bytes(number)?), number),
                9 => (data, kind) = (Data::Histograms(value.bytes(9)?), number),
                10 => (data, kind) = (Data::Exponentials(value.bytes(10)?), number),
                11 => (data, kind) = (Data::Summaries(value.bytes(11)?), number),
                _ => {}
            }
        }
        let (temporality, monotonic) = match data {
            Data::Numbers(message) if kind == 7 => aggregation(message)?,
            Data::Histograms(message) | Data::Exponentials(message) => aggregation(message)?,
            _ => (Temporality::Cumulative, false),
        };
        let traits = [kind as u8, temporality as u8, u8::from(monotonic)];
        let parts = [hash(name), hash(description), hash(unit), hash(&traits)].map(u128::to_le_bytes);
        let built = built((name, unit), kind, temporality, monotonic, settings);
        Ok(Self { name, description, data, built, hash: hash(parts.as_flattened()) })
    }

    /// Its name, for people.
    pub(super) fn shown(&self) -> String {
        String::from_utf8_lossy(self.name.get(..SHOWN).unwrap_or(self.name)).into_owned()
    }

    /// What is said of it.
    pub(super) fn metadata(&self) -> Option<Metadata> {
        let built = self.built.as_ref().ok()?;
        Some(Metadata {
            family: built.family.clone(),
            metric_type: built.metric_type,
            help: String::from_utf8_lossy(self.description).into_owned(),
            unit: built.unit.clone(),
        })
    }
}

/// What a Sum or a histogram says of its points.
fn aggregation(message: &[u8]) -> Result<(Temporality, bool), Stop> {
    let (mut temporality, mut monotonic) = (Temporality::Unspecified, false);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            2 => {
                temporality = match value.varint(2)? {
                    1 => Temporality::Delta,
                    2 => Temporality::Cumulative,
                    _ => Temporality::Unspecified,
                }
            }
            3 => monotonic = value.varint(3)? != 0,
            _ => {}
        }
    }
    Ok((temporality, monotonic))
}

fn built(
    (name, unit): (&[u8], &[u8]),
    kind: u32,
    temporality: Temporality,
    monotonic: bool,
    settings: &OtlpSettings,
) -> Result<Built, Refused> {
    let delta = temporality == Temporality::Delta;
    if temporality == Temporality::Unspecified {
        return Err((Reason::Temporality, "it is not said whether its values are totals or deltas".to_owned()));
    }
    if delta && !settings.native_delta {
        return Err((
            Reason::Delta,
            "deltas are not taken: set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative at the sender, or start \
             this server with --enable-feature=otlp-native-delta-ingestion"
                .to_owned(),
        ));
    }
    let (Ok(name), Ok(unit)) = (std::str::from_utf8(name), std::str::from_utf8(unit)) else {
        return Err((Reason::Name, "its name or unit is not UTF-8".to_owned()));
    };
    let (name_kind, metric_type) = match kind {
        5 => (NameKind::Gauge, MetricType::Gauge),
        7 if monotonic => (NameKind::Counter, MetricType::Counter),
        7 => (NameKind::Other, MetricType::Gauge),
        11 => (NameKind::Other, MetricType::Summary),
        _ => (NameKind::Other, MetricType::Histogram),
    };
    let family = metric_name(name, unit, name_kind, settings.strategy)
        .ok_or_else(|| (Reason::Name, "nothing of its name is left once it is translated".to_owned()))?;
    Ok(Built {
        family,
        metric_type: if delta { MetricType::Unknown } else { metric_type },
        unit: unit_text(unit),
        grows: monotonic,
        delta,
    })
}
