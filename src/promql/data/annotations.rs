//! Annotations, in Prometheus' words.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;

use crate::model::{Annotation, Annotations, DependsOn, Severity, Span, decimal::general};

/// What an annotation says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AnnotationKind {
    InvalidQuantile(f64),
    /// The ratio and what it is capped to.
    InvalidRatio(f64, f64),
    /// Metric name (may be empty) and the label's value.
    BadBucketLabel(String, String),
    MixedFloatsHistograms(String),
    MixedFloatsHistogramsAggregation,
    MixedClassicNative(String),
    PossibleNonCounter(String),
    /// Metric name and the label `__type__`.
    TypeIsNoCounter(String, String),
    HistogramIgnoredInAggregation(&'static str),
    HistogramIgnoredInRange(String),
    SortInRangeQuery,
    /// Left type, operator, right type.
    IncompatibleTypes(&'static str, &'static str, &'static str),
    ForcedMonotonicity(Monotonicity),
    /// The metric.
    NotCounter(String),
    NotGauge(String),
    MixedBucketSchemas(String),
    /// The operator.
    IncompatibleBuckets(&'static str),
    /// What was computed: addition, subtraction or aggregation.
    HintsCollide(&'static str),
    BoundsReconciled(&'static str),
    /// Metric name, may be empty.
    QuantileIsNan(String),
    QuantileIsSkewed(String),
    FractionLeavesNanOut(String),
    /// The metric.
    StartTimeOverlap(String),
}

/// Where classic buckets had to be forced to ascend.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Monotonicity {
    /// The metric, may be empty.
    pub(crate) metric: String,
    /// Evaluation time in ms.
    pub(crate) time: i64,
    /// Lowest and highest bound that was changed.
    pub(crate) bounds: (f64, f64),
    /// The largest change.
    pub(crate) difference: f64,
}

#[derive(Debug, Clone)]
struct Fixes {
    times: (i64, i64),
    bounds: (f64, f64),
    difference: f64,
    count: u64,
}

/// The annotations of a query, collected from all threads. Their order in the answer depends on the query's text only.
#[derive(Debug, Default)]
pub(crate) struct AnnotationCollector {
    all: Mutex<BTreeMap<Key, Collected>>,
    /// By part of the query and time: the number of the series they are about, and the annotations.
    last: Mutex<HashMap<(Span, i64), Last>>,
    /// How many were added, repeated ones too.
    added: AtomicU64,
    /// What has been added since somebody began to record it.
    recording: Mutex<Option<Recording>>,
}

/// An annotation that depends on the names of metrics alone, to be added again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NameAnnotation {
    key: Key,
    place: Place,
    depends_on: DependsOn,
}

/// Annotations that were added, each once, and whether any depends on more than names.
#[derive(Debug, Default)]
struct Recording {
    of_names: Vec<NameAnnotation>,
    has_others: bool,
}

/// What is kept of equal annotations.
#[derive(Debug)]
struct Collected {
    place: Place,
    sum: Sum,
    depends_on: DependsOn,
}

/// What is told of equal annotations together.
#[derive(Debug, Clone)]
enum Sum {
    Nothing,
    Fixes(Fixes),
    /// How many there are.
    Count(u64),
}

impl Sum {
    fn add(&mut self, more: Self) {
        match (self, more) {
            (Self::Fixes(old), Self::Fixes(new)) => {
                *old = Fixes {
                    times: (old.times.0.min(new.times.0), old.times.1.max(new.times.1)),
                    bounds: (old.bounds.0.min(new.bounds.0), old.bounds.1.max(new.bounds.1)),
                    difference: old.difference.max(new.difference),
                    count: old.count + new.count,
                }
            }
            (Self::Count(old), Self::Count(new)) => *old += new,
            _ => {}
        }
    }
}

/// Where the part ends that an annotation comes from, and the place it names.
type Place = (u32, Span);

/// The number of a series, and the annotations about it.
type Last = (usize, Vec<AnnotationKind>);

/// Whether it is an info, and its words.
type Key = (bool, String);

impl AnnotationCollector {
    /// Adds an annotation about the part of the query at `span`. The same words about two parts are kept once, for the
    /// later part.
    pub(crate) fn add(&self, annotation: AnnotationKind, span: Span) {
        self.add_of(annotation, span, span);
    }

    /// Adds an annotation about a parameter at `span` of the part at `whole`. That part comes after all that it is made of.
    pub(crate) fn add_of(&self, annotation: AnnotationKind, span: Span, whole: Span) {
        self.added.fetch_add(1, Ordering::Relaxed);
        let place = (whole.end, span);
        let (key, depends_on) = ((annotation.is_info(), annotation.message()), annotation.depends_on());
        if let Some(recording) = &mut *self.recording.lock() {
            let annotation = NameAnnotation { key: key.clone(), place, depends_on };
            recording.has_others |= depends_on != DependsOn::Name;
            if !recording.of_names.contains(&annotation) {
                recording.of_names.push(annotation);
            }
        }
        let sum = match annotation {
            AnnotationKind::ForcedMonotonicity(m) => {
                Sum::Fixes(Fixes { times: (m.time, m.time), bounds: m.bounds, difference: m.difference, count: 1 })
            }
            AnnotationKind::StartTimeOverlap(_) => Sum::Count(1),
            _ => Sum::Nothing,
        };
        self.collect(key, Collected { place, sum, depends_on });
    }

    fn collect(&self, key: Key, annotation: Collected) {
        let mut all = self.all.lock();
        match all.entry(key) {
            Entry::Vacant(entry) => drop(entry.insert(annotation)),
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                known.place = annotation.place.max(known.place);
                known.sum.add(annotation.sum);
            }
        }
    }

    /// Records what is added from here on. One part of the query does so at a time.
    pub(crate) fn record(&self) {
        *self.recording.lock() = Some(Recording::default());
    }

    /// What was recorded; `None` when some of it depends on more than names.
    pub(crate) fn recorded(&self) -> Option<Vec<NameAnnotation>> {
        let recording = self.recording.lock().take().unwrap_or_default();
        (!recording.has_others).then_some(recording.of_names)
    }

    /// Adds an annotation again.
    pub(crate) fn add_again(&self, annotation: &NameAnnotation) {
        self.added.fetch_add(1, Ordering::Relaxed);
        let NameAnnotation { key, place, depends_on } = annotation.clone();
        self.collect(key, Collected { place, sum: Sum::Nothing, depends_on });
    }

    /// Adds annotations about the part at `span`; of all such at one time only those about the last series are kept: a binary
    /// operator of Prometheus remembers no more.
    pub(crate) fn add_last(&self, annotations: Vec<AnnotationKind>, span: Span, time: i64, series: usize) {
        if annotations.is_empty() {
            return;
        }
        self.added.fetch_add(1, Ordering::Relaxed);
        if let Some(recording) = &mut *self.recording.lock() {
            recording.has_others = true;
        }
        let mut last = self.last.lock();
        let slot = last.entry((span, time)).or_insert((series, Vec::new()));
        if slot.1.is_empty() || slot.0 <= series {
            *slot = (series, annotations);
        }
    }

    /// How many annotations were added so far, repeated ones too.
    pub(crate) fn added(&self) -> u64 {
        self.added.load(Ordering::Relaxed)
    }

    pub(crate) fn finish(self) -> Annotations {
        let mut last: Vec<_> = {
            let mut last = self.last.lock();
            last.drain().map(|((span, _), (_, annotations))| (span, annotations)).collect()
        };
        last.drain(..)
            .for_each(|(span, annotations)| annotations.into_iter().for_each(|annotation| self.add(annotation, span)));
        let mut out = Annotations::default();
        let all = self.all.into_inner();
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by(|a, b| (a.1.place.1, &a.0).cmp(&(b.1.place.1, &b.0)));
        for ((info, mut message), Collected { place: (_, span), sum, depends_on }) in all {
            match sum {
                Sum::Fixes(f) => message.push_str(&format!(
                    ", from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
                    general(f.bounds.0),
                    general(f.bounds.1),
                    two_digits(f.difference),
                    f.count,
                    moment(f.times.0),
                    moment(f.times.1),
                )),
                Sum::Count(count) if count > 1 => message.push_str(&format!(" ({count} occurrences)")),
                Sum::Count(_) | Sum::Nothing => {}
            }
            let severity = if info { Severity::Info } else { Severity::Warning };
            out.add(Annotation { severity, depends_on, message, span: Some(span) });
        }
        out
    }
}

impl AnnotationKind {
    fn depends_on(&self) -> DependsOn {
        match self {
            Self::PossibleNonCounter(_) | Self::TypeIsNoCounter(..) => DependsOn::Name,
            _ => DependsOn::Samples,
        }
    }

    fn is_info(&self) -> bool {
        matches!(
            self,
            Self::PossibleNonCounter(_)
                | Self::TypeIsNoCounter(..)
                | Self::HistogramIgnoredInAggregation(_)
                | Self::HistogramIgnoredInRange(_)
                | Self::IncompatibleTypes(..)
                | Self::ForcedMonotonicity(_)
                | Self::BoundsReconciled(_)
                | Self::QuantileIsNan(_)
                | Self::QuantileIsSkewed(_)
                | Self::FractionLeavesNanOut(_)
        )
    }

    fn message(&self) -> String {
        let of_metric = |text: &str, metric: &str| {
            if metric.is_empty() { text.to_owned() } else { format!("{text} for metric name {metric:?}") }
        };
        match self {
            Self::InvalidQuantile(q) => format!("quantile value should be between 0 and 1, got {}", general(*q)),
            Self::InvalidRatio(r, to) => {
                let (r, to) = (general(*r), general(*to));
                format!("ratio value should be between -1 and 1, got {r}, capping to {to}")
            }
            Self::BadBucketLabel(metric, value) => {
                of_metric(&format!("bucket label \"le\" is missing or has a malformed value of {value:?}"), metric)
            }
            Self::MixedFloatsHistograms(metric) => {
                format!("encountered a mix of histograms and floats for metric name {metric:?}")
            }
            Self::MixedFloatsHistogramsAggregation => {
                "encountered a mix of histograms and floats for aggregation".to_owned()
            }
            Self::MixedClassicNative(metric) => {
                of_metric("vector contains a mix of classic and native histograms", metric)
            }
            Self::PossibleNonCounter(metric) => {
                format!("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {metric:?}")
            }
            Self::TypeIsNoCounter(metric, kind) => format!(
                "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {kind:?}: \
                 {metric:?}"
            ),
            Self::HistogramIgnoredInAggregation(name) => format!("ignored histogram in {name} aggregation"),
            Self::HistogramIgnoredInRange(metric) => format!(
                "ignored histograms in a range containing both floats and histograms for metric name {metric:?}"
            ),
            Self::SortInRangeQuery => {
                "sort is ineffective for range queries since results are always ordered by labels".to_owned()
            }
            Self::IncompatibleTypes(left, op, right) => {
                format!("incompatible sample types encountered for binary operator {op:?}: {left} {op} {right}")
            }
            Self::ForcedMonotonicity(m) => of_metric(
                "input to histogram_quantile needed to be fixed for monotonicity (see \
                 https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)",
                &m.metric,
            ),
            Self::NotCounter(metric) => format!("this native histogram metric is not a counter: {metric:?}"),
            Self::NotGauge(metric) => format!("this native histogram metric is not a gauge: {metric:?}"),
            Self::MixedBucketSchemas(metric) => format!(
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name \
                 {metric:?}"
            ),
            Self::IncompatibleBuckets(op) => {
                format!("incompatible bucket layout encountered for binary operator {op}")
            }
            Self::HintsCollide(what) => format!("conflicting counter resets during histogram {what}"),
            Self::BoundsReconciled(what) => format!("mismatched custom buckets were reconciled during {what}"),
            Self::QuantileIsNan(metric) => {
                of_metric("input to histogram_quantile has NaN observations, result is NaN", metric)
            }
            Self::QuantileIsSkewed(metric) => {
                of_metric("input to histogram_quantile has NaN observations, result is skewed higher", metric)
            }
            Self::FractionLeavesNanOut(metric) => of_metric(
                "input to histogram_fraction has NaN observations, which are excluded from all fractions",
                metric,
            ),
            Self::StartTimeOverlap(metric) => {
                format!("sample has start time that overlaps with previous sample timestamp for metric {metric:?}")
            }
        }
    }
}

/// A number with two significant digits.
fn two_digits(v: f64) -> String {
    let rounded: f64 = format!("{v:.1e}").parse().unwrap_or(v);
    let scientific = format!("{rounded:e}");
    match scientific.split_once('e').map(|(digits, e)| (digits, e.parse::<i32>().unwrap_or(0))) {
        Some((digits, e)) if rounded != 0.0 && !(-4..2).contains(&e) => {
            format!("{digits}e{}{:02}", if e < 0 { '-' } else { '+' }, e.abs())
        }
        _ => format!("{rounded}"),
    }
}

/// A time in ms as a date and time of day in UTC, to the second.
fn moment(ms: i64) -> String {
    let time = super::moment::Moment::from_seconds(ms.div_euclid(1000));
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        time.year, time.month, time.day, time.hour, time.minute, time.second
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_in_prometheus_messages() {
        let cases = [(2.0, "2"), (-0.5, "-0.5"), (1e-5, "1e-05"), (1.5e30, "1.5e+30"), (f64::INFINITY, "+Inf")];
        for (value, text) in cases {
            assert_eq!(general(value), text);
        }
        assert_eq!(two_digits(0.123), "0.12");
        assert_eq!(two_digits(1234.0), "1.2e+03");
        assert_eq!(two_digits(10.0), "10");
    }

    #[test]
    fn a_repeated_remark_is_kept_once_for_the_later_part() {
        let annotations = AnnotationCollector::default();
        annotations.add(AnnotationKind::InvalidQuantile(2.0), Span::new(5, 6));
        annotations.add(AnnotationKind::InvalidQuantile(2.0), Span::new(1, 2));
        annotations.add(AnnotationKind::PossibleNonCounter("x".into()), Span::new(1, 2));
        let all = annotations.finish();
        let told: Vec<_> = all.iter().map(|a| (a.severity, a.message.as_str(), a.span)).collect();
        assert_eq!(
            told,
            [
                (
                    Severity::Info,
                    "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"x\"",
                    Some(Span::new(1, 2))
                ),
                (Severity::Warning, "quantile value should be between 0 and 1, got 2", Some(Span::new(5, 6))),
            ]
        );
    }

    #[test]
    fn overlapping_start_times_are_counted() {
        let annotations = AnnotationCollector::default();
        (0..3).for_each(|_| annotations.add(AnnotationKind::StartTimeOverlap("x".into()), Span::new(5, 9)));
        let all = annotations.finish();
        let message = &all.iter().next().unwrap().message;
        assert!(message.ends_with("previous sample timestamp for metric \"x\" (3 occurrences)"), "{message}");
    }

    #[test]
    fn repeated_fixes_of_buckets_are_summed_up() {
        let annotations = AnnotationCollector::default();
        let fix = |time, low, high, difference| {
            AnnotationKind::ForcedMonotonicity(Monotonicity {
                metric: String::new(),
                time,
                bounds: (low, high),
                difference,
            })
        };
        annotations.add(fix(60_000, 5.0, 10.0, 1.0), Span::new(0, 1));
        annotations.add(fix(0, 1.0, 5.0, 20.0), Span::new(0, 1));
        let all = annotations.finish();
        let message = &all.iter().next().unwrap().message;
        let tail = "from buckets 1 to 10, with a max diff of 20, over 2 samples from 1970-01-01T00:00:00Z to \
                    1970-01-01T00:01:00Z";
        assert!(message.ends_with(tail), "{message}");
    }
}
