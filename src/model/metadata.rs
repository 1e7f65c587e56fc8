//! What a metric family is: its type, help text and unit.

/// The kind of a metric family. The numbers are those of both remote-write protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum MetricType {
    /// Not said.
    #[default]
    Unknown = 0,
    /// A value that only grows, but for resets.
    Counter = 1,
    /// A value that goes up and down.
    Gauge = 2,
    /// A histogram, classic or native.
    Histogram = 3,
    /// A histogram whose buckets go up and down.
    GaugeHistogram = 4,
    /// Precomputed quantiles.
    Summary = 5,
    /// Constant 1 with information in the labels.
    Info = 6,
    /// One of several states.
    StateSet = 7,
}

impl MetricType {
    /// The type of a protocol number; numbers nobody has given out are unknown.
    #[must_use]
    pub fn from_number(number: i32) -> Self {
        match number {
            1 => Self::Counter,
            2 => Self::Gauge,
            3 => Self::Histogram,
            4 => Self::GaugeHistogram,
            5 => Self::Summary,
            6 => Self::Info,
            7 => Self::StateSet,
            _ => Self::Unknown,
        }
    }

    /// The name that the HTTP API and the text format use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }
}

/// Metadata of one metric family.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Metadata {
    /// The metric family's name.
    pub family: String,
    /// Its kind.
    pub metric_type: MetricType,
    /// Its help text, may be empty.
    pub help: String,
    /// Its unit, may be empty.
    pub unit: String,
}
