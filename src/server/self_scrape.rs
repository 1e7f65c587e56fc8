//! Storing our own metrics, so that a fresh start has something real to look at.
//!
//! What `/metrics` shows is appended like any other data, as Prometheus would after scraping us: labelled with `job`
//! and `instance`, beside the series `up`. Series that are no longer there, and at the end all of them, get a
//! staleness marker.

use std::{collections::HashSet, future::Future, sync::Arc, time::Duration};

use prometheus::proto::{Metric, MetricFamily, MetricType as ProtoType};
use tokio::time::{Instant, sleep_until};

use super::{ServerState, Stores, admission, metrics};
use crate::{
    model::{BUCKET_LABEL, Labels, METRIC_NAME, Metadata, MetricType, QUANTILE_LABEL, STALE_NAN},
    seams::append::{AppendError, Batch, FloatSample},
    telemetry::{self, log_each_minute},
};

/// Our `job`.
const JOB: &str = "vctsdb";

/// Pauses after the first scrapes, so that rates have a result soon; an interval that is shorter is kept.
const FIRST_PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Stores our metrics, first often and then every so long, and marks them stale at the end.
pub struct SelfScrape {
    state: Arc<ServerState>,
    stores: Stores,
    interval: Duration,
    scraper: Scraper,
    begun: Instant,
}

impl SelfScrape {
    /// Stores our metrics for the first time. Done before the server is ready, it gives the first query a result.
    pub async fn begin(state: Arc<ServerState>, stores: Stores, interval: Duration) -> Self {
        let scraper = Scraper { instance: state.options.instance.clone(), ..Scraper::default() };
        let mut this = Self { state, stores, interval, scraper, begun: Instant::now() };
        this.scrape().await;
        this
    }

    /// Scrapes until `stop` completes.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut due = self.begun;
        for pause in pauses(self.interval) {
            due += pause;
            // What couldn't be done in time is left out, and the rest keeps its times.
            if due < Instant::now() {
                continue;
            }
            tokio::select! {
                () = &mut stop => break,
                () = sleep_until(due) => self.scrape().await,
            }
        }
        self.store(Vec::new()).await;
    }

    async fn scrape(&mut self) {
        let samples = self.scraper.gather(self.state.clone(), self.stores.clone()).await;
        self.store(samples).await;
    }

    async fn store(&mut self, samples: Vec<(Labels, f64)>) {
        let stored = self.scraper.store(&self.stores, samples, self.state.clock.now()).await;
        metrics::SELF_SCRAPES.with_label_values(&[if stored.is_ok() { "stored" } else { "failed" }]).inc();
        if let Err(error) = stored {
            log_each_minute!(warn, %error, "our own metrics could not be stored");
        }
    }
}

/// The times between scrapes.
fn pauses(interval: Duration) -> impl Iterator<Item = Duration> {
    FIRST_PAUSES.into_iter().map(move |pause| pause.min(interval)).chain(std::iter::repeat(interval))
}

#[derive(Default)]
struct Scraper {
    instance: String,
    /// The series of the last scrape.
    alive: HashSet<Labels>,
    /// Families whose metadata is still to be stored, and those done.
    metadata: Vec<Metadata>,
    described: HashSet<String>,
}

impl Scraper {
    /// Everything there is to store now.
    async fn gather(&mut self, state: Arc<ServerState>, stores: Stores) -> Vec<(Labels, f64)> {
        let families = admission::spawn_blocking(move || {
            let status = stores.status.status();
            metrics::observe_store(&status, &state.memory(status.memory.clone()));
            telemetry::gather()
        });
        let families = match families {
            Ok(families) => families.await.unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let mut samples = Samples { instance: &self.instance, out: Vec::new() };
        samples.push("up", &[], None, 1.0);
        for family in &families {
            if self.described.insert(family.name().to_owned()) {
                self.metadata.push(describe(family));
            }
            for metric in family.get_metric() {
                samples.push_metric(family, metric);
            }
        }
        samples.out
    }

    /// Appends `samples`, and staleness markers for series that are no longer among them.
    async fn store(&mut self, stores: &Stores, samples: Vec<(Labels, f64)>, now: i64) -> Result<(), AppendError> {
        let mut batch = Batch::default();
        let mut alive: HashSet<Labels> = samples.iter().map(|(labels, _)| labels.clone()).collect();
        let gone: Vec<_> = self.alive.difference(&alive).map(|labels| (labels.clone(), STALE_NAN)).collect();
        for (labels, value) in gone.into_iter().chain(samples) {
            let series = match stores.append.series(&labels, None, &mut batch) {
                // Those that are there are stored all the same.
                Err(AppendError::SeriesLimit(_)) => {
                    alive.remove(&labels);
                    continue;
                }
                other => other?,
            };
            batch.floats.push(FloatSample { series, time: now, value, start: 0 });
        }
        batch.metadata = self.metadata.clone();
        if batch.is_empty() {
            return Ok(());
        }
        stores.append.append(batch).await?;
        self.alive = alive;
        self.metadata.clear();
        Ok(())
    }
}

fn describe(family: &MetricFamily) -> Metadata {
    let metric_type = match family.get_field_type() {
        ProtoType::COUNTER => MetricType::Counter,
        ProtoType::GAUGE => MetricType::Gauge,
        ProtoType::SUMMARY => MetricType::Summary,
        ProtoType::HISTOGRAM => MetricType::Histogram,
        ProtoType::UNTYPED => MetricType::Unknown,
    };
    Metadata { family: family.name().to_owned(), metric_type, help: family.help().to_owned(), unit: String::new() }
}

/// Series being gathered.
struct Samples<'a> {
    instance: &'a str,
    out: Vec<(Labels, f64)>,
}

impl Samples<'_> {
    fn push(&mut self, name: &str, pairs: &[(&str, &str)], extra: Option<(&str, &str)>, value: f64) {
        let ours = [(METRIC_NAME, name), ("job", JOB), ("instance", self.instance)];
        let labels = Labels::from_pairs(ours.into_iter().chain(pairs.iter().copied()).chain(extra));
        // A metric that calls a label of its own job or instance would be refused here; none of ours does.
        if let Ok(labels) = labels {
            self.out.push((labels, value));
        }
    }

    fn push_metric(&mut self, family: &MetricFamily, metric: &Metric) {
        let name = family.name();
        let pairs: Vec<(&str, &str)> = metric.get_label().iter().map(|pair| (pair.name(), pair.value())).collect();
        match family.get_field_type() {
            ProtoType::COUNTER => self.push(name, &pairs, None, metric.get_counter().get_value()),
            ProtoType::GAUGE => self.push(name, &pairs, None, metric.get_gauge().get_value()),
            ProtoType::UNTYPED => {}
            ProtoType::SUMMARY => {
                let summary = metric.get_summary();
                for quantile in summary.get_quantile() {
                    let bound = number(quantile.quantile());
                    self.push(name, &pairs, Some((QUANTILE_LABEL, &bound)), quantile.value());
                }
                self.push_totals(name, &pairs, summary.sample_sum(), summary.sample_count());
            }
            ProtoType::HISTOGRAM => {
                let histogram = metric.get_histogram();
                let bucket_name = format!("{name}_bucket");
                for bucket in histogram.get_bucket() {
                    let bound = number(bucket.upper_bound());
                    let count = bucket.cumulative_count() as f64;
                    self.push(&bucket_name, &pairs, Some((BUCKET_LABEL, &bound)), count);
                }
                let count = histogram.get_sample_count();
                self.push(&bucket_name, &pairs, Some((BUCKET_LABEL, "+Inf")), count as f64);
                self.push_totals(name, &pairs, histogram.get_sample_sum(), count);
            }
        }
    }

    fn push_totals(&mut self, name: &str, pairs: &[(&str, &str)], sum: f64, count: u64) {
        self.push(&format!("{name}_sum"), pairs, None, sum);
        self.push(&format!("{name}_count"), pairs, None, count as f64);
    }
}

/// A bound in a label: Prometheus since version 3 writes whole numbers with `.0`.
fn number(value: f64) -> String {
    format!("{value:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrapes_are_close_at_first_and_then_as_far_apart_as_asked_for() {
        let seconds = |interval| {
            let mut at = 0;
            let pauses = pauses(Duration::from_secs(interval)).take(6);
            pauses.map(|pause| (at += pause.as_secs(), at).1).collect::<Vec<u64>>()
        };
        assert_eq!(seconds(15), [1, 2, 4, 8, 23, 38]);
        assert_eq!(seconds(3), [1, 2, 4, 7, 10, 13]);
        assert_eq!(seconds(1), [1, 2, 3, 4, 5, 6]);
    }
}
