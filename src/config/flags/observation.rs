//! Flags of the category "Observation".

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::{Listed, duration_or_off, text_or_empty};
use crate::{config::ms, promql::format_duration};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs, and the server's own metrics.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Observation")]
pub struct ObservationFlags {
    /// Append every ended query to this file, one JSON object a line.
    #[arg(long = "query.log", env = "VCTSDB_QUERY_LOG", value_name = "FILE")]
    pub query_log: Option<PathBuf>,

    /// How often the server stores its own metrics; 0 or "off" for never.
    #[arg(long = "self-scrape.interval", env = "VCTSDB_SELF_SCRAPE_INTERVAL", default_value = "15s",
          value_name = "DURATION", value_parser = duration_or_off)]
    pub self_scrape: Duration,

    /// What to log: error, warn, info, debug, trace or off, or filters such as vctsdb::storage=debug,info.
    #[arg(long = "log.level", env = "VCTSDB_LOG_LEVEL", default_value = "info", value_name = "FILTER")]
    pub log_level: String,

    /// How log lines look.
    #[arg(long = "log.format", env = "VCTSDB_LOG_FORMAT", default_value = "text", value_enum, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

impl ObservationFlags {
    pub(super) fn listed(&self) -> impl Iterator<Item = Listed> {
        let format = self.log_format.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        let query_log = self.query_log.as_deref().map(|path| path.to_string_lossy());
        [
            ("log.format", format),
            ("log.level", self.log_level.clone()),
            ("query.log", text_or_empty(query_log.as_ref())),
            ("self-scrape.interval", format_duration(ms(self.self_scrape))),
        ]
        .into_iter()
    }
}
