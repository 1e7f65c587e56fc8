//! Flags of the category "Queries".

use std::time::Duration;

use clap::Args;

use super::{Effective, Listed, duration};
use crate::{
    config::{OTLP_DELTAS, ms},
    promql::{Enabled, Features, format_duration},
};

/// Limits on queries, and the features of PromQL.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Queries")]
pub struct QueryFlags {
    /// A query may take this long.
    #[arg(long = "query.timeout", env = "VCTSDB_QUERY_TIMEOUT", default_value = "2m", value_name = "DURATION",
          value_parser = duration)]
    pub query_timeout: Duration,

    /// A query may hold this many samples in memory [default: 50000000, less if the queries' part of --memory holds fewer].
    #[arg(long = "query.max-samples", env = "VCTSDB_QUERY_MAX_SAMPLES", value_name = "COUNT",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub max_samples: Option<u64>,

    /// Queries evaluated at once; further ones wait [default: 20, less if --memory is less than 640MiB].
    #[arg(long = "query.max-concurrency", env = "VCTSDB_QUERY_MAX_CONCURRENCY", value_name = "COUNT",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_concurrency: Option<u16>,

    /// How far back an instant selector looks for a sample.
    #[arg(long = "query.lookback-delta", env = "VCTSDB_QUERY_LOOKBACK_DELTA", default_value = "5m",
          value_name = "DURATION", value_parser = duration)]
    pub lookback: Duration,

    /// Parts of PromQL to turn on, by Prometheus' names: promql-experimental-functions, promql-delayed-name-removal,
    /// promql-extended-range-selectors, promql-binop-fill-modifiers, promql-per-step-stats, type-and-unit-labels,
    /// use-start-timestamps; and otlp-native-delta-ingestion, which stores deltas of OpenTelemetry as they come.
    #[arg(long = "enable-feature", env = "VCTSDB_ENABLE_FEATURE", value_name = "NAME,...", value_delimiter = ',')]
    pub enable_features: Vec<String>,
}

impl QueryFlags {
    /// The features to turn on; `observe` is called with each name and whether it is one.
    pub(crate) fn features(&self, mut observe: impl FnMut(&str, Enabled)) -> Features {
        let mut features = Features::default();
        for name in self.enable_features.iter().filter(|name| !name.is_empty()) {
            let enabled = if name == OTLP_DELTAS { Enabled::Now } else { features.enable(name) };
            observe(name, enabled);
        }
        features
    }

    /// Whether an option is among those to turn on.
    pub(crate) fn enables(&self, name: &str) -> bool {
        self.enable_features.iter().any(|given| given == name)
    }

    pub(super) fn listed(&self, effective: Effective) -> impl Iterator<Item = Listed> {
        [
            ("enable-feature", self.enable_features.join(",")),
            ("query.lookback-delta", format_duration(ms(self.lookback))),
            ("query.max-concurrency", effective.max_queries.to_string()),
            ("query.max-samples", effective.max_samples.to_string()),
            ("query.timeout", format_duration(ms(self.query_timeout))),
        ]
        .into_iter()
    }
}
