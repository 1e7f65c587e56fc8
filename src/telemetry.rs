//! Our own metrics: constructors that register, the text format of all that are registered, and throttled logging.
//!
//! Every metric is named `vctsdb_…`, but for one that others ask for under its Prometheus name, is made once in a
//! `static` of the module it belongs to, and lives in the process' one registry, which adds `process_…` by itself.
//! `/metrics` shows them, and the self-scrape stores them.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    TextEncoder, core::Collector, proto::MetricFamily,
};

/// Bounds for durations, in seconds: from a cached lookup to a query at its timeout.
pub const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];

/// Time between two log lines of one kind that a [`Throttle`] lets pass.
const LOG_PAUSE: Duration = Duration::from_secs(60);

/// The content type of [`text`].
pub const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Registers what `made` holds and gives it.
#[expect(clippy::panic, reason = "names are literals in statics: a wrong one fails the first test that gathers")]
fn registered<C: Collector + Clone + 'static>(name: &str, made: prometheus::Result<C>) -> C {
    let metric = made.unwrap_or_else(|error| panic!("{name} is no metric: {error}"));
    if let Err(error) = prometheus::register(Box::new(metric.clone())) {
        panic!("{name} can't be registered: {error}");
    }
    metric
}

/// A counter.
#[must_use]
pub fn counter(name: &str, help: &str) -> IntCounter {
    registered(name, IntCounter::new(name, help))
}

/// A counter for each combination of label values.
#[must_use]
pub fn counters(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    registered(name, IntCounterVec::new(Opts::new(name, help), labels))
}

/// A gauge of whole numbers.
#[must_use]
pub fn gauge(name: &str, help: &str) -> IntGauge {
    registered(name, IntGauge::new(name, help))
}

/// A gauge of whole numbers for each combination of label values.
#[must_use]
pub fn gauges(name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    registered(name, IntGaugeVec::new(Opts::new(name, help), labels))
}

/// A gauge.
#[must_use]
pub fn float_gauge(name: &str, help: &str) -> Gauge {
    registered(name, Gauge::new(name, help))
}

/// A gauge that is always 1, with information in its labels.
pub fn info(name: &str, help: &str, labels: &[(&str, &str)]) {
    let options =
        labels.iter().fold(Opts::new(name, help), |options, (name, value)| options.const_label(*name, *value));
    registered(name, IntGauge::with_opts(options)).set(1);
}

/// A histogram with these bounds.
#[must_use]
pub fn histogram(name: &str, help: &str, bounds: &[f64]) -> Histogram {
    registered(name, Histogram::with_opts(HistogramOpts::new(name, help).buckets(bounds.to_vec())))
}

/// A histogram with these bounds for each combination of label values.
#[must_use]
pub fn histograms(name: &str, help: &str, bounds: &[f64], labels: &[&str]) -> HistogramVec {
    registered(name, HistogramVec::new(HistogramOpts::new(name, help).buckets(bounds.to_vec()), labels))
}

/// Everything registered, sorted by name.
#[must_use]
pub fn gather() -> Vec<MetricFamily> {
    prometheus::gather()
}

/// `families` in Prometheus' text format.
#[must_use]
pub fn text(families: &[MetricFamily]) -> Vec<u8> {
    let mut out = Vec::new();
    if let Err(error) = TextEncoder::new().encode(families, &mut out) {
        tracing::error!(%error, "writing our own metrics failed");
    }
    out
}

/// Lets one of many like events be logged each minute, so that a client that comes again and again doesn't fill the log.
#[derive(Debug)]
pub struct Throttle(Mutex<ThrottleState>);

#[derive(Debug)]
struct ThrottleState {
    last: Option<Instant>,
    unsaid: u64,
}

impl Throttle {
    /// A throttle that has let nothing pass yet.
    #[must_use]
    pub const fn each_minute() -> Self {
        Self(Mutex::new(ThrottleState { last: None, unsaid: 0 }))
    }

    /// Whether to log this event, and how many were left out since the last one that was.
    #[must_use]
    pub fn pass(&self) -> Option<u64> {
        self.pass_at(Instant::now())
    }

    fn pass_at(&self, now: Instant) -> Option<u64> {
        let mut said = self.0.lock();
        if said.last.is_some_and(|last| now.saturating_duration_since(last) < LOG_PAUSE) {
            said.unsaid += 1;
            return None;
        }
        said.last = Some(now);
        Some(std::mem::take(&mut said.unsaid))
    }
}

/// Logs an event that repeats while its cause lasts, such as a full disk, once a minute, with the number of those left out. Each
/// place in the source has a throttle of its own.
macro_rules! log_each_minute {
    ($level:ident, $($event:tt)+) => {{
        static SAID: $crate::telemetry::Throttle = $crate::telemetry::Throttle::each_minute();
        if let Some(unsaid) = SAID.pass() {
            tracing::$level!(unsaid, $($event)+);
        }
    }};
}
pub(crate) use log_each_minute;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_a_minute_is_logged_and_the_others_are_counted() {
        let (throttle, begin) = (Throttle::each_minute(), Instant::now());
        let passed: Vec<Option<u64>> =
            [0, 1, 59, 60, 61, 200].map(|s| throttle.pass_at(begin + Duration::from_secs(s))).into();
        assert_eq!(passed, [Some(0), None, None, Some(2), None, Some(1)]);
    }

    #[test]
    fn what_is_registered_comes_out_as_text() {
        counter("vctsdb_test_events_total", "Events of a test.").inc_by(3);
        histograms("vctsdb_test_seconds", "Durations of a test.", SECONDS, &["kind"])
            .with_label_values(&["a"])
            .observe(0.3);
        let text = String::from_utf8(text(&gather())).unwrap();
        assert!(text.contains("# TYPE vctsdb_test_events_total counter\nvctsdb_test_events_total 3\n"), "{text}");
        assert!(text.contains("vctsdb_test_seconds_bucket{kind=\"a\",le=\"0.5\"} 1\n"), "{text}");
        assert!(text.contains("process_resident_memory_bytes"), "{text}");
    }
}
