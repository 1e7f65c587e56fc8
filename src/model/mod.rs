//! The words every layer speaks: labels and matchers, samples and histograms, metadata and exemplars, annotations.
//!
//! Times are `i64` milliseconds since the Unix epoch everywhere, unless a name says otherwise. Float values are moved
//! as they are, bit for bit: NaN payloads carry meaning ([`STALE_NAN_BITS`]).

mod admit;
mod alternatives;
mod annotation;
mod buckets;
mod compiled;
mod counted;
pub mod decimal;
mod exemplar;
mod field;
pub mod hex;
mod histogram;
mod label_order;
mod labels;
pub mod limits;
mod matcher;
mod matcher_error;
mod metadata;
pub mod number;
mod re2;
mod sample;
mod start_times;
mod text_set;
mod time;

pub use admit::admit;
pub use annotation::{Annotation, Annotations, DependsOn, Severity, Span};
pub use buckets::{Bucket, exponential_bound};
pub use compiled::capturing;
pub use counted::Counted;
pub use exemplar::Exemplar;
pub use field::FieldType;
pub use histogram::{BucketCounts, BucketSpan, CUSTOM_BUCKETS_SCHEMA, Histogram, HistogramError, ResetHint};
pub use label_order::sort_by_labels;
pub use labels::{BUCKET_LABEL, Labels, LabelsBuilder, LabelsError, METRIC_NAME, QUANTILE_LABEL};
pub use matcher::{Literals, MatchOp, Matcher};
pub use matcher_error::{MatcherError, TakeBytes, shortened};
pub use metadata::{Metadata, MetricType};
pub use re2::{Groups, go_regex};
pub use sample::{STALE_NAN, STALE_NAN_BITS, SeriesBuf, TimeRange, is_stale};
pub use start_times::StartTimes;
pub use text_set::TextSet;
pub use time::parse_time;
