//! Flags of the category "Storage".

use std::{path::PathBuf, time::Duration};

use clap::{Args, builder::BoolishValueParser};

use super::{Listed, duration_or_off};
use crate::{
    config::{
        budget::{parse_memory, parse_retention_size},
        bytes::Bytes,
        ms,
    },
    promql::format_duration,
};

/// Where samples are stored, and for how long.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Storage")]
pub struct StorageFlags {
    /// Directory that holds all data; made if it isn't there.
    #[arg(long, env = "VCTSDB_DATA_DIR", default_value = "./data", value_name = "DIR")]
    pub data_dir: PathBuf,

    /// Memory to plan with, such as 512MiB or 2GB [default: a quarter of the machine's, or of what its control groups allow this process, at least 128MiB and at most 4GiB].
    #[arg(long, env = "VCTSDB_MEMORY", value_name = "BYTES", value_parser = parse_memory)]
    pub memory: Option<Bytes>,

    /// Serve what is there and change nothing on disk, which may be one that can only be read; writes are refused, and
    /// damage is told and not mended.
    #[arg(long = "read-only", env = "VCTSDB_READ_ONLY", value_parser = BoolishValueParser::new())]
    pub read_only: bool,

    /// How long to keep samples, such as 90d or 2y; "off" for ever.
    #[arg(long = "retention.time", env = "VCTSDB_RETENTION_TIME", default_value = "off", value_name = "DURATION",
          value_parser = duration_or_off)]
    pub retention_time: Duration,

    /// Drop the oldest samples when all files together, but for snapshots/ and quarantine/, are larger, such as 50GB; 0 or
    /// "off" for never [default: off].
    #[arg(long = "retention.size", env = "VCTSDB_RETENTION_SIZE", value_name = "BYTES",
          value_parser = parse_retention_size)]
    pub retention_size: Option<Bytes>,
}

impl StorageFlags {
    pub(super) fn listed(&self, memory: Bytes) -> impl Iterator<Item = Listed> {
        let retention_time = format_duration(ms(self.retention_time));
        let retention_size = self.retention_size.filter(|bytes| *bytes > Bytes(0));
        [
            ("data-dir", self.data_dir.to_string_lossy().into_owned()),
            ("memory", memory.to_string()),
            ("read-only", self.read_only.to_string()),
            ("retention.size", retention_size.map_or_else(|| "off".to_owned(), |bytes| bytes.to_string())),
            ("retention.time", if self.retention_time.is_zero() { "off".to_owned() } else { retention_time.clone() }),
            // Clients of Prometheus look for these names, and for its way to say that there is no limit.
            (
                "storage.tsdb.retention.size",
                match self.retention_size.map(|bytes| bytes.to_string()) {
                    None => "0B".to_owned(),
                    Some(size) if size.ends_with('B') => size,
                    Some(size) => format!("{size}B"),
                },
            ),
            ("storage.tsdb.retention.time", retention_time),
        ]
        .into_iter()
    }
}
