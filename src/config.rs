//! Flags, and the options of every domain that they become.
//!
//! [`Flags`] is what the user typed; [`Config`] is what the program needs. No domain knows either: each has its own
//! `Options`, and this is the one place that knows them all.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum, builder::BoolishValueParser};

use crate::{
    model::Labels,
    promql::{Enabled, EngineOptions, Features, SAMPLE_BYTES, format_duration, parse_duration},
    server::{BrowserOptions, Deadlines, ExternalAddress, ExternalUrl, OriginPattern, ServerOptions, WebUi, prefix},
    storage::StorageOptions,
};

mod cgroup;
mod listen;
mod memory;

pub use listen::Listen;
use memory::{Budget, Bytes, beyond, budget, default_memory, kept};

/// Prometheus' limit on the samples a query may hold; ours is lower only on small machines.
const MAX_SAMPLES: u64 = 50_000_000;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What to serve and how. Every flag can be given as an environment variable too.
#[derive(Debug, Clone, Args)]
pub struct Flags {
    /// Directory that holds all data; made if it isn't there.
    #[arg(long, env = "VCTSDB_DATA_DIR", default_value = "./data", value_name = "DIR", help_heading = "Storage")]
    pub data_dir: PathBuf,

    /// Memory to plan with, such as 512MiB or 2GB [default: a quarter of the machine's, or of what its control groups allow this process, at least 128MiB and at most 4GiB].
    #[arg(long, env = "VCTSDB_MEMORY", value_name = "BYTES", value_parser = budget, help_heading = "Storage")]
    pub memory: Option<Bytes>,

    /// Serve what is there and change nothing on disk, which may be one that can only be read; writes are refused, and
    /// damage is told and not mended.
    #[arg(long = "read-only", env = "VCTSDB_READ_ONLY", value_parser = BoolishValueParser::new(), help_heading = "Storage")]
    pub read_only: bool,

    /// How long to keep samples, such as 90d or 2y; "off" for ever.
    #[arg(long = "retention.time", env = "VCTSDB_RETENTION_TIME", default_value = "off", value_name = "DURATION",
          value_parser = duration_or_off, help_heading = "Storage")]
    pub retention_time: Duration,

    /// Drop the oldest samples when all files together, but for snapshots/ and quarantine/, are larger, such as 50GB; 0 or
    /// "off" for never [default: off].
    #[arg(long = "retention.size", env = "VCTSDB_RETENTION_SIZE", value_name = "BYTES", value_parser = kept,
          help_heading = "Storage")]
    pub retention_size: Option<Bytes>,

    /// Let everybody who reaches the address make snapshots and delete samples, through /api/v1/admin/tsdb.
    #[arg(long = "web.enable-admin-api", env = "VCTSDB_WEB_ENABLE_ADMIN_API", value_parser = BoolishValueParser::new(),
          help_heading = "HTTP")]
    pub admin_api: bool,

    /// Address to serve on: HOST:PORT, a port of 127.0.0.1, or :PORT for all addresses of this machine. There is no login: think
    /// before choosing one that others can reach.
    #[arg(
        long,
        env = "VCTSDB_LISTEN",
        default_value = "127.0.0.1:9201",
        value_name = "HOST:PORT",
        help_heading = "HTTP"
    )]
    pub listen: Listen,

    /// The URL under which others reach the server, for links, redirects and what it says of itself, and whose host and origin
    /// are its own; its path is in front of all paths, unless --web.route-prefix says otherwise.
    #[arg(long = "web.external-url", env = "VCTSDB_WEB_EXTERNAL_URL", value_name = "URL", help_heading = "HTTP")]
    pub external_url: Option<ExternalUrl>,

    /// What all paths have in front, such as /prom, health checks too; / for nothing, where a proxy takes the path of
    /// --web.external-url away [default: that path].
    #[arg(long = "web.route-prefix", env = "VCTSDB_WEB_ROUTE_PREFIX", value_name = "PATH", value_parser = prefix,
          help_heading = "HTTP")]
    pub route_prefix: Option<String>,

    /// Answer for these host names too, such as metrics.lan,*.lan, or * for all. Without it, a server on a loopback address
    /// answers for localhost, loopback addresses and the name in --listen, another server for all names.
    #[arg(
        long = "web.allowed-hosts",
        env = "VCTSDB_WEB_ALLOWED_HOSTS",
        value_name = "NAME,...",
        value_delimiter = ',',
        help_heading = "HTTP"
    )]
    pub allowed_hosts: Vec<String>,

    /// Web pages of these origins may read, write and do what else can be done: a regular expression for the whole origin,
    /// such as https?://(a|b)\.example [default: pages from loopback addresses if --listen is one, else none].
    #[arg(long = "web.cors.origin", env = "VCTSDB_WEB_CORS_ORIGIN", value_name = "REGEX", value_parser = origin_pattern,
          help_heading = "HTTP")]
    pub cors_origin: Option<OriginPattern>,

    /// The web interface: on, off, or a folder to read its files from, for who changes them.
    #[arg(
        long = "web.ui",
        env = "VCTSDB_WEB_UI",
        default_value = "on",
        value_name = "ON|OFF|FOLDER",
        help_heading = "HTTP"
    )]
    pub ui: WebUi,

    /// When asked to stop, requests being answered get this long to end; a second signal ends at once.
    #[arg(long = "shutdown-timeout", env = "VCTSDB_SHUTDOWN_TIMEOUT", default_value = "10s", value_name = "DURATION",
          value_parser = duration, help_heading = "HTTP")]
    pub shutdown_timeout: Duration,

    /// Samples further ahead of this machine's clock are refused.
    #[arg(long = "remote-write.max-ahead", env = "VCTSDB_REMOTE_WRITE_MAX_AHEAD", default_value = "10m",
          value_name = "DURATION", value_parser = duration, help_heading = "Remote write")]
    pub max_ahead: Duration,

    /// A label that names this server, as name=value; may be given several times, or several at once with commas between
    /// them. Series get it in remote reads and in federation, not in storage.
    #[arg(long = "external-label", env = "VCTSDB_EXTERNAL_LABEL", value_name = "NAME=VALUE", value_parser = external_label,
          value_delimiter = ',', help_heading = "Remote read")]
    pub external_labels: Vec<(String, String)>,

    /// A query may take this long.
    #[arg(long = "query.timeout", env = "VCTSDB_QUERY_TIMEOUT", default_value = "2m", value_name = "DURATION",
          value_parser = duration, help_heading = "Queries")]
    pub query_timeout: Duration,

    /// A query may hold this many samples in memory [default: 50000000, less if the queries' part of --memory holds fewer].
    #[arg(long = "query.max-samples", env = "VCTSDB_QUERY_MAX_SAMPLES", value_name = "COUNT",
          help_heading = "Queries", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_samples: Option<u64>,

    /// Queries evaluated at once; further ones wait [default: 20, less if --memory is less than 640MiB].
    #[arg(long = "query.max-concurrency", env = "VCTSDB_QUERY_MAX_CONCURRENCY",
          value_name = "COUNT", help_heading = "Queries", value_parser = clap::value_parser!(u16).range(1..))]
    pub max_concurrency: Option<u16>,

    /// How far back an instant selector looks for a sample.
    #[arg(long = "query.lookback-delta", env = "VCTSDB_QUERY_LOOKBACK_DELTA", default_value = "5m",
          value_name = "DURATION", value_parser = duration, help_heading = "Queries")]
    pub lookback: Duration,

    /// Parts of PromQL to turn on, by Prometheus' names: promql-experimental-functions, promql-delayed-name-removal,
    /// promql-extended-range-selectors, promql-binop-fill-modifiers, promql-per-step-stats, type-and-unit-labels,
    /// use-start-timestamps.
    #[arg(
        long = "enable-feature",
        env = "VCTSDB_ENABLE_FEATURE",
        value_name = "NAME,...",
        value_delimiter = ',',
        help_heading = "Queries"
    )]
    pub enable_features: Vec<String>,

    /// Append every ended query to this file, one JSON object a line.
    #[arg(long = "query.log", env = "VCTSDB_QUERY_LOG", value_name = "FILE", help_heading = "Observation")]
    pub query_log: Option<PathBuf>,

    /// How often the server stores its own metrics; 0 or "off" for never.
    #[arg(long = "self-scrape.interval", env = "VCTSDB_SELF_SCRAPE_INTERVAL", default_value = "15s",
          value_name = "DURATION", value_parser = duration_or_off, help_heading = "Observation")]
    pub self_scrape: Duration,

    /// What to log: error, warn, info, debug, trace or off, or filters such as vctsdb::storage=debug,info.
    #[arg(
        long = "log.level",
        env = "VCTSDB_LOG_LEVEL",
        default_value = "info",
        value_name = "FILTER",
        help_heading = "Observation"
    )]
    pub log_level: String,

    /// How log lines look.
    #[arg(
        long = "log.format",
        env = "VCTSDB_LOG_FORMAT",
        default_value = "text",
        value_enum,
        value_name = "FORMAT",
        help_heading = "Observation"
    )]
    pub log_format: LogFormat,
}

/// What origins have to match.
fn origin_pattern(text: &str) -> Result<OriginPattern, String> {
    OriginPattern::new(text).map_err(|error| error.to_string())
}

/// A label's name and value.
fn external_label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected name=value")?;
    let classic = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if name.is_empty() || !classic || name.starts_with(|c: char| c.is_ascii_digit()) || name.starts_with("__") {
        return Err(format!("{name:?} can't be an external label: expected letters, digits and _, not __ in front"));
    }
    if value.is_empty() {
        return Err("a label without a value is no label".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// A duration that must not be nothing.
fn duration(text: &str) -> Result<Duration, String> {
    match duration_or_off(text)? {
        Duration::ZERO => Err("must be longer than 0".to_owned()),
        duration => Ok(duration),
    }
}

/// A duration in Prometheus' notation; "off" is none.
fn duration_or_off(text: &str) -> Result<Duration, String> {
    if text == "off" || text == "0" {
        return Ok(Duration::ZERO);
    }
    let expected = || "expected a duration such as 30s, 5m or 1h30m".to_owned();
    let ms = parse_duration(text).map_err(|_| expected())?;
    u64::try_from(ms).map(Duration::from_millis).map_err(|_| expected())
}

/// What the program needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data directory, from the root on.
    pub data_dir: PathBuf,
    /// The budget that all parts come from.
    pub memory: Bytes,
    /// Where it comes from, or why it is more than there may be.
    pub memory_why: Result<String, String>,
    /// Where to listen.
    pub listen: Listen,
    /// Options of the store.
    pub storage: StorageOptions,
    /// Options of query evaluation.
    pub engine: EngineOptions,
    /// Options of the server; what depends on the listener is filled in by [`Config::at`].
    pub server: ServerOptions,
    /// How often to store our own metrics.
    pub self_scrape: Option<Duration>,
}

impl Config {
    /// Works out everything that the flags leave open.
    #[must_use]
    pub fn new(flags: &Flags) -> Self {
        let (memory, memory_why) = match flags.memory {
            Some(memory) => (memory, beyond(memory).map_or_else(|| Ok("--memory".to_owned()), Err)),
            None => {
                let (memory, why) = default_memory();
                (memory, Ok(why))
            }
        };
        let budget = Budget::new(memory);
        // Said for one query, it is meant for at least one.
        let all_samples = (budget.queries / SAMPLE_BYTES).max(flags.max_samples.unwrap_or(0));
        let affordable = all_samples.clamp(1, MAX_SAMPLES);
        let max_samples = flags.max_samples.unwrap_or(affordable);
        let max_queries = flags.max_concurrency.unwrap_or(budget.queries_at_once);
        Self {
            // Only a directory that has been removed has no way from the root.
            data_dir: std::path::absolute(&flags.data_dir).unwrap_or_else(|_| flags.data_dir.clone()),
            memory,
            memory_why,
            listen: flags.listen.clone(),
            storage: StorageOptions {
                retention_time: Some(ms(flags.retention_time)).filter(|ms| *ms > 0),
                retention_size: flags.retention_size.map(|bytes| bytes.0).filter(|bytes| *bytes > 0),
                read_only: flags.read_only,
                ..StorageOptions::for_memory(usize::try_from(budget.storage).unwrap_or(usize::MAX))
            },
            engine: EngineOptions {
                lookback: ms(flags.lookback),
                max_samples,
                max_samples_of_all: all_samples,
                process_memory: Some(memory.0),
                timeout: flags.query_timeout,
                features: flags.features(|_, _| ()),
                ..EngineOptions::default()
            },
            server: ServerOptions {
                instance: flags.listen.to_string(),
                external: flags.external(),
                memory: memory.0,
                requests: budget.requests,
                max_queries: usize::from(max_queries),
                result_cache: usize::try_from(budget.answers).unwrap_or(usize::MAX),
                max_ahead: flags.max_ahead,
                admin_api: flags.admin_api,
                deadlines: Deadlines { shutdown: flags.shutdown_timeout, ..Deadlines::default() },
                external_labels: flags.external_labels(),
                flags: flags.listed(memory, max_samples, max_queries),
                query_log: flags.query_log.clone(),
                browser: BrowserOptions {
                    listen_host: flags.listen.host.clone(),
                    allowed_hosts: flags.allowed_hosts.iter().filter(|name| !name.is_empty()).cloned().collect(),
                    external: flags.external_url.clone(),
                    cors_origin: flags.cors_origin.clone(),
                    loopback: false,
                },
                ui: flags.ui.clone(),
            },
            self_scrape: Some(flags.self_scrape).filter(|interval| !interval.is_zero() && !flags.read_only),
        }
    }

    /// The same, listening at `address`: a port of 0 or a name has become a real one.
    #[must_use]
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.server.browser.loopback = address.ip().to_canonical().is_loopback();
        self.server.instance = if address.ip().is_unspecified() {
            // "All addresses" is none that anybody could be pointed to.
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

impl Flags {
    /// The features to turn on; `tell` hears what came of each name.
    pub(crate) fn features(&self, mut tell: impl FnMut(&str, Enabled)) -> Features {
        let mut features = Features::default();
        for name in self.enable_features.iter().filter(|name| !name.is_empty()) {
            tell(name, features.enable(name));
        }
        features
    }

    fn external(&self) -> ExternalAddress {
        ExternalAddress { url: self.external_url.clone(), prefix: self.route_prefix.clone() }
    }

    /// All external labels; of a name given twice the last.
    fn external_labels(&self) -> Labels {
        let mut builder = Labels::empty().builder();
        for (name, value) in &self.external_labels {
            builder.set(name, value);
        }
        builder.build()
    }

    /// Names and values as they are in effect.
    fn listed(&self, memory: Bytes, max_samples: u64, max_queries: u16) -> Vec<(String, String)> {
        let format = self.log_format.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        [
            ("data-dir", self.data_dir.to_string_lossy().into_owned()),
            ("enable-feature", self.enable_features.join(",")),
            (
                "external-label",
                self.external_labels().iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(","),
            ),
            ("listen", self.listen.to_string()),
            ("log.format", format),
            ("log.level", self.log_level.clone()),
            ("memory", memory.to_string()),
            (
                "query.log",
                self.query_log.as_deref().map_or_else(String::new, |path| path.to_string_lossy().into_owned()),
            ),
            ("query.lookback-delta", format_duration(ms(self.lookback))),
            ("query.max-concurrency", max_queries.to_string()),
            ("query.max-samples", max_samples.to_string()),
            ("query.timeout", format_duration(ms(self.query_timeout))),
            ("read-only", self.read_only.to_string()),
            ("remote-write.max-ahead", format_duration(ms(self.max_ahead))),
            (
                "retention.size",
                match self.retention_size {
                    Some(bytes) if bytes > Bytes(0) => bytes.to_string(),
                    _ => "off".to_owned(),
                },
            ),
            (
                "retention.time",
                if self.retention_time.is_zero() { "off".to_owned() } else { format_duration(ms(self.retention_time)) },
            ),
            ("self-scrape.interval", format_duration(ms(self.self_scrape))),
            ("shutdown-timeout", format_duration(ms(self.shutdown_timeout))),
            // As Prometheus calls them, and says that there is no limit: others look there.
            (
                "storage.tsdb.retention.size",
                match self.retention_size.map(|bytes| bytes.to_string()) {
                    None => "0B".to_owned(),
                    Some(size) if size.ends_with('B') => size,
                    Some(size) => format!("{size}B"),
                },
            ),
            ("storage.tsdb.retention.time", format_duration(ms(self.retention_time))),
            ("web.allowed-hosts", self.allowed_hosts.join(",")),
            ("web.cors.origin", self.cors_origin.as_ref().map_or_else(String::new, |origin| origin.text().to_owned())),
            ("web.enable-admin-api", self.admin_api.to_string()),
            ("web.ui", self.ui.to_string()),
            ("web.external-url", self.external_url.as_ref().map_or_else(String::new, ToString::to_string)),
            (
                "web.route-prefix",
                Some(self.external().prefix()).filter(|prefix| !prefix.is_empty()).unwrap_or("/").to_owned(),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn an_external_label_has_a_classic_name_and_a_value() {
        assert!(external_label("dc=eu-1").is_ok());
        for bad in ["dc", "dc=", "=x", "__name__=x", "1a=x", "a.b=x"] {
            assert!(external_label(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_that_means_all_is_told_as_the_host_name() {
        let at = |address: &str| config().at(address.parse().unwrap()).server.instance;
        assert_eq!(at("127.0.0.1:9201"), "127.0.0.1:9201");
        assert!(!at("0.0.0.0:9201").starts_with("0.0.0.0"));
        assert!(at("[::]:9201").ends_with(":9201"));
    }
}
