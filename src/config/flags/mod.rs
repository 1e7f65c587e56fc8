//! The flags of `vctsdb serve`, a file for each category. Every flag can be given as an environment variable too.

mod file;
mod http;
mod influx;
mod ingest;
mod observation;
mod queries;
mod remote;
mod storage;

use std::time::Duration;

use clap::Args;

use super::bytes::Bytes;
use crate::promql::parse_duration;
pub use file::FileFlags;
pub use http::HttpFlags;
pub use influx::InfluxFlags;
pub use ingest::IngestFlags;
pub use observation::{LogFormat, ObservationFlags};
pub use queries::QueryFlags;
pub use remote::{RemoteReadFlags, RemoteWriteFlags};
pub use storage::StorageFlags;

/// What to serve and how.
#[derive(Debug, Clone, Args)]
pub struct Flags {
    /// The configuration file.
    #[command(flatten)]
    pub file: FileFlags,
    /// Where samples are stored, and for how long.
    #[command(flatten)]
    pub storage: StorageFlags,
    /// The address to listen on, and the rules for clients.
    #[command(flatten)]
    pub http: HttpFlags,
    /// Limits on series, whatever way they come in.
    #[command(flatten)]
    pub ingest: IngestFlags,
    /// Limits on samples of senders.
    #[command(flatten)]
    pub remote_write: RemoteWriteFlags,
    /// How InfluxDB's line protocol is stored.
    #[command(flatten)]
    pub influx: InfluxFlags,
    /// Labels that readers see.
    #[command(flatten)]
    pub remote_read: RemoteReadFlags,
    /// Limits on queries, and the features of PromQL.
    #[command(flatten)]
    pub queries: QueryFlags,
    /// Logs, and the server's own metrics.
    #[command(flatten)]
    pub observation: ObservationFlags,
}

/// Values in effect of flags whose default depends on the machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effective {
    pub(super) memory: Bytes,
    pub(super) max_samples: u64,
    pub(super) max_queries: u16,
}

/// A flag's name and its value in effect.
type Listed = (&'static str, String);

impl Flags {
    /// All flags with their values in effect, by name.
    pub(super) fn listed(&self, effective: Effective) -> Vec<(String, String)> {
        let mut all = Vec::new();
        all.extend(self.file.listed());
        all.extend(self.storage.listed(effective.memory));
        all.extend(self.http.listed());
        all.extend(self.ingest.listed());
        all.extend(self.remote_write.listed());
        all.extend(self.influx.listed());
        all.extend(self.remote_read.listed());
        all.extend(self.queries.listed(effective));
        all.extend(self.observation.listed());
        all.sort_unstable();
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// Parses a duration that must not be zero.
fn duration(text: &str) -> Result<Duration, String> {
    match duration_or_off(text)? {
        Duration::ZERO => Err("must be longer than 0".to_owned()),
        duration => Ok(duration),
    }
}

/// Parses a duration in Prometheus' notation; "off" is zero.
fn duration_or_off(text: &str) -> Result<Duration, String> {
    if text == "off" || text == "0" {
        return Ok(Duration::ZERO);
    }
    let expected = || "expected a duration such as 30s, 5m or 1h30m".to_owned();
    let ms = parse_duration(text).map_err(|_| expected())?;
    u64::try_from(ms).map(Duration::from_millis).map_err(|_| expected())
}

/// The text of a value that may not be given.
fn text_or_empty<T: ToString>(value: Option<&T>) -> String {
    value.map_or_else(String::new, ToString::to_string)
}
