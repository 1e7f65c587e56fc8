//! Flags and the configuration file, and the options of every domain that they become.
//!
//! [`Flags`] is what the user typed, [`ConfigFile`] what they wrote; [`Config`] is what the program needs. No domain knows either: each has its own
//! `Options`, and this is the one place that knows them all.

mod budget;
mod bytes;
mod cgroup;
mod file;
mod flags;
mod listen_address;
mod memory;
mod offline;
mod web;
mod yaml;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    promql::{EngineOptions, SAMPLE_BYTES},
    remote::otlp::OtlpSettings,
    seams::replay_progress::ReplayProgress,
    server::{Access, BrowserOptions, Deadlines, ServerOptions, Tls, influx_udp::UdpOptions},
    storage::StorageOptions,
};
use budget::Budget;
pub use budget::parse_memory;
pub use bytes::Bytes;
pub use file::{ConfigFile, ConfigFileError};
use flags::Effective;
pub use flags::{
    FileFlags, Flags, HttpFlags, InfluxFlags, IngestFlags, LogFormat, ObservationFlags, QueryFlags, RemoteReadFlags,
    RemoteWriteFlags, StorageFlags,
};
pub use listen_address::ListenAddress;
use memory::{DefaultMemory, beyond_limit, default_memory};
pub use offline::OfflineOptions;
pub use web::WebConfig;

/// Prometheus' limit on the samples a query may hold; ours is lower only on small machines.
const MAX_SAMPLES: u64 = 50_000_000;

/// The feature that has deltas of OpenTelemetry stored as they come.
const OTLP_DELTAS: &str = "otlp-native-delta-ingestion";

/// What the program needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data directory, from the root on.
    pub data_dir: PathBuf,
    /// The budget that all parts come from.
    pub memory: Bytes,
    /// The reason for that budget, or why it is more than this process may use.
    pub memory_why: Result<String, String>,
    /// Where to listen.
    pub listen: ListenAddress,
    /// Options of the store.
    pub storage: StorageOptions,
    /// Options of query evaluation.
    pub engine: EngineOptions,
    /// Options of the server; what depends on the listener is filled in by [`Config::at`].
    pub server: ServerOptions,
    /// Where to receive line protocol by UDP.
    pub influx_udp: Option<(ListenAddress, UdpOptions)>,
    /// Whether everybody may do everything even where other machines reach the listener.
    pub allow_anonymous: bool,
    /// The web configuration file and the files that it names, to be read again when they change.
    pub web_config_file: Option<(PathBuf, Vec<PathBuf>)>,
    /// How often to store our own metrics.
    pub self_scrape: Option<Duration>,
}

impl Config {
    /// Works out everything that the flags and the configuration files leave open.
    #[must_use]
    pub fn new(flags: &Flags, file: &ConfigFile, web: WebConfig) -> Self {
        let (memory, memory_why) = match flags.storage.memory {
            Some(memory) => (memory, beyond_limit(memory).map_or_else(|| Ok("--memory".to_owned()), Err)),
            None => {
                let DefaultMemory { memory, reason } = default_memory();
                (memory, Ok(reason))
            }
        };
        let replay_progress = ReplayProgress::default();
        let budget = Budget::new(memory);
        // A limit given for each query is granted to one at least.
        let all_samples = (budget.queries / SAMPLE_BYTES).max(flags.queries.max_samples.unwrap_or(0));
        let affordable = all_samples.clamp(1, MAX_SAMPLES);
        let max_samples = flags.queries.max_samples.unwrap_or(affordable);
        let features = flags.queries.features(|_, _| ());
        let max_queries = flags.queries.max_concurrency.unwrap_or(budget.queries_at_once);
        Self {
            // Only a directory that has been removed has no way from the root.
            data_dir: std::path::absolute(&flags.storage.data_dir).unwrap_or_else(|_| flags.storage.data_dir.clone()),
            memory,
            memory_why,
            listen: flags.http.listen.clone(),
            storage: StorageOptions {
                retention_time: Some(ms(flags.storage.retention_time)).filter(|ms| *ms > 0),
                retention_size: flags.storage.retention_size.map(|bytes| bytes.0).filter(|bytes| *bytes > 0),
                read_only: flags.storage.read_only,
                max_series: flags.ingest.max_series,
                max_new_series_per_minute: flags.ingest.max_new_series_per_minute,
                replay_progress: replay_progress.clone(),
                ..StorageOptions::for_memory(usize::try_from(budget.storage).unwrap_or(usize::MAX))
            },
            engine: EngineOptions {
                lookback: ms(flags.queries.lookback),
                max_samples,
                max_samples_of_all: all_samples,
                process_memory: Some(memory.0),
                timeout: flags.queries.query_timeout,
                features,
                ..EngineOptions::default()
            },
            server: ServerOptions {
                instance: flags.http.listen.to_string(),
                external: flags.http.external_address(),
                memory: memory.0,
                requests: budget.requests,
                max_queries: usize::from(max_queries),
                result_cache: usize::try_from(budget.answers).unwrap_or(usize::MAX),
                max_ahead: flags.remote_write.max_ahead,
                otlp: Arc::new(OtlpSettings {
                    native_delta: flags.queries.enables(OTLP_DELTAS),
                    type_and_unit: features.type_and_unit_labels,
                    target_info_step: (ms(flags.queries.lookback) / 2).max(1),
                    ..file.otlp.clone()
                }),
                admin_api: flags.http.admin_api,
                deadlines: Deadlines { shutdown: flags.http.shutdown_timeout, ..Deadlines::default() },
                external_labels: flags.remote_read.labels(),
                flags: flags.listed(Effective { memory, max_samples, max_queries }),
                query_log: flags.observation.query_log.clone(),
                access: Arc::new(Access::new(web.access)),
                tls: web.tls.map(|tls| Arc::new(Tls::new(tls))),
                browser: BrowserOptions {
                    listen_host: flags.http.listen.host.clone(),
                    allowed_hosts: flags.http.allowed_hosts.iter().filter(|name| !name.is_empty()).cloned().collect(),
                    external: flags.http.external_url.clone(),
                    cors_origin: flags.http.cors_origin.clone(),
                    loopback: false,
                },
                ui: flags.http.ui.clone(),
                field_naming: flags.influx.naming(),
                replay_progress,
            },
            influx_udp: flags.influx.udp(),
            allow_anonymous: flags.http.allow_anonymous,
            web_config_file: flags.http.web_config_file.clone().map(|path| (path, web.files)),
            self_scrape: Some(flags.observation.self_scrape)
                .filter(|interval| !interval.is_zero() && !flags.storage.read_only),
        }
    }

    /// The same with the address that the listener got, where a port of 0 or a name was given.
    #[must_use]
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.server.browser.loopback = address.ip().to_canonical().is_loopback();
        self.server.instance = if address.ip().is_unspecified() {
            // Nobody can be pointed to "all addresses".
            format!("{}:{}", host_name(), address.port())
        } else {
            address.to_string()
        };
        self
    }
}

/// What this machine calls itself.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::Features;

    fn config() -> Config {
        use clap::Parser;

        #[derive(Parser)]
        struct Only {
            #[command(flatten)]
            flags: Flags,
        }
        Config::new(
            &Only::parse_from([
                "vctsdb",
                "--memory",
                "96MiB",
                "--query.timeout",
                "1m30s",
                "--external-label",
                "dc=a=b",
                "--external-label",
                "replica=1,zone=z",
                "--enable-feature=promql-binop-fill-modifiers,nonsense",
                "--enable-feature=type-and-unit-labels",
            ])
            .flags,
            &ConfigFile::default(),
            WebConfig::default(),
        )
    }

    #[test]
    fn flags_reach_the_domains_they_are_for() {
        let config = config();
        assert_eq!(config.engine.timeout, Duration::from_secs(90));
        assert_eq!(config.engine.lookback, 300_000);
        assert_eq!(config.server.deadlines.shutdown, Duration::from_secs(10));
        assert_eq!(config.engine.max_samples, (42 << 20) / 4 / SAMPLE_BYTES, "3/16 of what is not set aside");
        assert_eq!(config.engine.max_samples_of_all, config.engine.max_samples);
        assert_eq!(config.self_scrape, Some(Duration::from_secs(15)));
        let flag = |name: &str| config.server.flags.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        assert_eq!(flag("memory"), Some("96MiB"));
        assert_eq!(flag("query.max-concurrency"), Some("3"));
        assert_eq!(flag("query.timeout"), Some("1m30s"));
        assert_eq!(flag("external-label"), Some("dc=a=b,replica=1,zone=z"));
        assert_eq!(config.server.external_labels.get("dc"), Some("a=b"));
        let features = Features { binop_fill_modifiers: true, type_and_unit_labels: true, ..Features::default() };
        assert_eq!(config.engine.features, features);
        assert_eq!(flag("enable-feature"), Some("promql-binop-fill-modifiers,nonsense,type-and-unit-labels"));
    }

    #[test]
    fn an_address_that_means_all_is_told_as_the_host_name() {
        let at = |address: &str| config().at(address.parse().unwrap()).server.instance;
        assert_eq!(at("127.0.0.1:9201"), "127.0.0.1:9201");
        assert!(!at("0.0.0.0:9201").starts_with("0.0.0.0"));
        assert!(at("[::]:9201").ends_with(":9201"));
    }
}
