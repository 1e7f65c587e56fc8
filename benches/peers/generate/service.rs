//! A service on many instances, for the two questions that a dashboard of services asks most: rates by job, and a
//! latency quantile of everything.

use super::values::{Course, Random};
use crate::encode;

/// Instances of the service.
pub(crate) const INSTANCES: usize = 100;
/// Counters of an instance; with its buckets as many again.
const COUNTERS: usize = 100;
const BOUNDS: [&str; 10] = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf"];
/// Series of an instance.
pub(crate) const SERIES: usize = 2 * COUNTERS;

/// Names of all metrics.
pub(crate) fn metrics() -> Vec<String> {
    vec!["x".to_owned(), "b".to_owned()]
}

/// An instance.
pub(crate) struct Instance {
    random: Random,
    start: i64,
    interval: i64,
    /// Labels and course; buckets share the counts of their handler.
    series: Vec<(Vec<u8>, Course)>,
    /// Requests counted of each handler.
    counts: Vec<u64>,
}

impl Instance {
    pub(crate) fn new(number: usize, seed: u64, start: i64, interval: i64) -> Self {
        let mut random = Random::new(seed.wrapping_mul(104_729).wrapping_add(number as u64));
        let start = start - random.below(interval as u64) as i64;
        let (instance, job) = (format!("service-{number:04}:8080"), format!("job-{}", number % 10));
        let mut series = Vec::with_capacity(SERIES);
        for handler in 0..COUNTERS {
            let handler = format!("/api/v1/handler-{handler}");
            let labels = [("__name__", "x"), ("handler", &handler), ("instance", &instance), ("job", &job)];
            series.push((encode::labels(labels), Course::counter(&mut random, 500, 10)));
        }
        let handlers = COUNTERS / BOUNDS.len();
        for group in 0..handlers {
            let handler = format!("/api/v1/handler-{group}");
            for (i, le) in BOUNDS.iter().enumerate() {
                let labels =
                    [("__name__", "b"), ("handler", &handler), ("instance", &instance), ("job", &job), ("le", le)];
                let share = (i + 1) as f64 / BOUNDS.len() as f64;
                series.push((encode::labels(labels), Course::Bucket { group, share }));
            }
        }
        Self { random, start, interval, series, counts: vec![0; handlers] }
    }

    pub(crate) fn scrape(&mut self, round: usize, each: &mut dyn FnMut(&[u8], i64, f64)) {
        for count in &mut self.counts {
            *count += self.random.below(300);
        }
        let time = self.start + round as i64 * self.interval;
        for (labels, course) in &mut self.series {
            each(labels, time, course.next(&mut self.random, time, &self.counts));
        }
    }
}
