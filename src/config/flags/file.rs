//! Flags of the category "Configuration file".

use std::path::PathBuf;

use clap::Args;

use super::{Listed, text_or_empty};

/// The configuration file.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Configuration file")]
pub struct FileFlags {
    /// A configuration file in the form of Prometheus' own. Of its sections `otlp` is heeded: how OpenTelemetry's metrics are
    /// translated; the others are named in the log.
    #[arg(long = "config.file", env = "VCTSDB_CONFIG_FILE", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
}

impl FileFlags {
    pub(super) fn listed(&self) -> impl Iterator<Item = Listed> {
        let file = self.config_file.as_deref().map(|path| path.to_string_lossy());
        std::iter::once(("config.file", text_or_empty(file.as_ref())))
    }
}
