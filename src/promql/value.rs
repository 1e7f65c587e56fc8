//! What a query evaluates to.

use std::sync::Arc;

use crate::model::{Annotations, Histogram, Labels, SeriesBuf};

/// A sample in memory takes about this many bytes: a time and a value.
pub const SAMPLE_BYTES: u64 = 16;

/// The value of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One number at one time.
    Scalar {
        /// Time in ms.
        time: i64,
        /// The number.
        value: f64,
    },
    /// A string at one time.
    String {
        /// Time in ms.
        time: i64,
        /// The text.
        value: String,
    },
    /// One sample per series, all at the same time; ordered only if the expression sorts.
    Vector(Vec<VectorSample>),
    /// A run of samples per series, sorted by labels.
    Matrix(Vec<MatrixSeries>),
}

impl Value {
    /// Memory that it takes, in bytes, about.
    #[must_use]
    pub fn memory(&self) -> usize {
        match self {
            Self::Scalar { .. } => 0,
            Self::String { value, .. } => value.len(),
            Self::Vector(samples) => samples.iter().map(VectorSample::memory).sum(),
            Self::Matrix(series) => series.iter().map(MatrixSeries::memory).sum(),
        }
    }
}

/// One series' sample in an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSample {
    /// The series.
    pub labels: Labels,
    /// Time in ms.
    pub time: i64,
    /// The float value; meaningless when `histogram` is there.
    pub value: f64,
    /// The histogram value.
    pub histogram: Option<Arc<Histogram>>,
}

impl VectorSample {
    fn memory(&self) -> usize {
        let histogram = self.histogram.as_ref().map_or(0, |histogram| histogram.memory());
        size_of::<Self>() + self.labels.as_bytes().len() + histogram
    }
}

/// One series' samples in a range vector or a range query's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSeries {
    /// The series.
    pub labels: Labels,
    /// Its samples.
    pub samples: SeriesBuf,
}

impl MatrixSeries {
    /// Memory that it takes, in bytes, about.
    pub(super) fn memory(&self) -> usize {
        let histograms: usize = self.samples.histograms.iter().map(|(_, histogram)| histogram.memory()).sum();
        size_of::<Self>() + self.labels.as_bytes().len() + SAMPLE_BYTES as usize * self.samples.len() + histograms
    }
}

/// What a query cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueryStats {
    /// Series selected.
    pub series: u64,
    /// Samples read from storage.
    pub samples: u64,
    /// Samples looked at, each counted at every step that looks at it.
    pub queryable_samples: u64,
    /// Samples looked at that the step before hadn't looked at already.
    pub fresh_samples: u64,
    /// Most samples (or sample-sized cells) held in memory at once.
    pub peak_samples: u64,
}

impl QueryStats {
    /// Adds what another part of the same query cost, evaluated after this one.
    pub(super) fn add(&mut self, other: Self) {
        self.series = self.series.max(other.series);
        self.samples += other.samples;
        self.queryable_samples += other.queryable_samples;
        self.fresh_samples += other.fresh_samples;
        self.peak_samples = self.peak_samples.max(other.peak_samples);
    }
}

/// A value with what is to be said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryAnswer {
    /// The value.
    pub value: Value,
    /// Warnings and infos.
    pub annotations: Annotations,
    /// The cost.
    pub stats: QueryStats,
    /// The samples looked at by step, and those of them that are fresh, when asked for.
    pub samples_by_step: Vec<[u64; 2]>,
}
