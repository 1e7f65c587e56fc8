//! Storing our own metrics, so that a fresh start has something real to look at.
//!
//! What `/metrics` shows is appended like any other data, as Prometheus would after scraping us: labelled with `job`
//! and `instance`, beside the series `up`. Series that are no longer there, and at the end all of them, get a
//! staleness marker.

use std::{collections::HashSet, future::Future, sync::Arc, time::Duration};

use prometheus::proto::{Metric, MetricFamily, MetricType as ProtoType};
use tokio::time::MissedTickBehavior;

use super::{State, Stores, metrics};
use crate::{
    model::{BUCKET_LABEL, Labels, METRIC_NAME, Metadata, MetricType, QUANTILE_LABEL, STALE_NAN},
    seams::append::{AppendError, Batch, FloatSample},
    telemetry,
};

/// Our `job`.
const JOB: &str = "vctsdb";

/// Stores our metrics every `interval` until `stop` completes, then marks them stale.
pub async fn scrape_self(state: Arc<State>, interval: Duration, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut scraper = Scraper { instance: state.options.instance.clone(), ..Scraper::default() };
    loop {
        let go_on = tokio::select! {
            () = &mut stop => false,
            _ = ticks.tick() => true,
        };
        let Some(stores) = state.any_stores().cloned() else {
            if go_on {
                continue;
            }
            return;
        };
        let samples = if go_on { scraper.gather(state.clone(), stores.clone()).await } else { Vec::new() };
        let stored = scraper.store(&stores, samples, state.clock.now()).await;
        metrics::SELF_SCRAPES.with_label_values(&[if stored.is_ok() { "stored" } else { "failed" }]).inc();
        if let Err(error) = stored {
            tracing::warn!(%error, "our own metrics could not be stored");
        }
        if !go_on {
            return;
        }
    }
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
    async fn gather(&mut self, state: Arc<State>, stores: Stores) -> Vec<(Labels, f64)> {
        let families = tokio::task::spawn_blocking(move || {
            let status = stores.status.status();
            metrics::observe_store(&status, &state.memory(status.memory.clone()));
            telemetry::gather()
        });
        let families = families.await.unwrap_or_default();
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

    /// Appends `samples`, and markers for what is no longer among them.
    async fn store(&mut self, stores: &Stores, samples: Vec<(Labels, f64)>, now: i64) -> Result<(), AppendError> {
        let mut batch = Batch::default();
        let alive: HashSet<Labels> = samples.iter().map(|(labels, _)| labels.clone()).collect();
        let gone = self.alive.difference(&alive).map(|labels| (labels.clone(), STALE_NAN));
        for (labels, value) in gone.chain(samples) {
            let series = stores.append.series(&labels, None, &mut batch)?;
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
