//! Flags of the category "Ingest".

use clap::Args;

use super::Listed;

/// Limits on series, whatever way they come in.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Ingest")]
pub struct IngestFlags {
    /// No new series are taken where the index has so many; samples of those that are there are. 0: no limit.
    #[arg(long = "ingest.max-series", env = "VCTSDB_INGEST_MAX_SERIES", default_value_t = 0, value_name = "SERIES")]
    pub max_series: u64,

    /// No more than this many new series are taken in a minute of the clock; the others are refused, with the label that has
    /// most values. 0: no limit.
    #[arg(
        long = "ingest.max-new-series-per-minute",
        env = "VCTSDB_INGEST_MAX_NEW_SERIES_PER_MINUTE",
        default_value_t = 0,
        value_name = "SERIES"
    )]
    pub max_new_series_per_minute: u64,
}

impl IngestFlags {
    pub(super) fn listed(&self) -> impl Iterator<Item = Listed> {
        [
            ("ingest.max-new-series-per-minute", self.max_new_series_per_minute.to_string()),
            ("ingest.max-series", self.max_series.to_string()),
        ]
        .into_iter()
    }
}
