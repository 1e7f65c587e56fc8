//! Flags of the categories "Remote write" and "Remote read".

use std::time::Duration;

use clap::Args;

use super::{Listed, duration};
use crate::{config::ms, model::Labels, promql::format_duration};

/// Limits on samples of senders.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Remote write")]
pub struct RemoteWriteFlags {
    /// Samples further ahead of this machine's clock are refused.
    #[arg(long = "remote-write.max-ahead", env = "VCTSDB_REMOTE_WRITE_MAX_AHEAD", default_value = "10m",
          value_name = "DURATION", value_parser = duration)]
    pub max_ahead: Duration,
}

impl RemoteWriteFlags {
    pub(super) fn listed(&self) -> impl Iterator<Item = Listed> {
        std::iter::once(("remote-write.max-ahead", format_duration(ms(self.max_ahead))))
    }
}

/// Labels that readers see.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Remote read")]
pub struct RemoteReadFlags {
    /// A label that names this server, as name=value; may be given several times, or several at once with commas between
    /// them. Series get it in remote reads and in federation, not in storage.
    #[arg(long = "external-label", env = "VCTSDB_EXTERNAL_LABEL", value_name = "NAME=VALUE", value_parser = external_label,
          value_delimiter = ',')]
    pub external_labels: Vec<(String, String)>,
}

impl RemoteReadFlags {
    /// All external labels. Of a name given several times the last counts.
    pub(crate) fn labels(&self) -> Labels {
        let mut builder = Labels::empty().builder();
        for (name, value) in &self.external_labels {
            builder.set(name, value);
        }
        builder.build()
    }

    pub(super) fn listed(&self) -> impl Iterator<Item = Listed> {
        let pairs: Vec<String> = self.labels().iter().map(|(name, value)| format!("{name}={value}")).collect();
        std::iter::once(("external-label", pairs.join(",")))
    }
}

/// Parses a label's name and value.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_label_has_a_classic_name_and_a_value() {
        assert!(external_label("dc=eu-1").is_ok());
        for bad in ["dc", "dc=", "=x", "__name__=x", "1a=x", "a.b=x"] {
            assert!(external_label(bad).is_err(), "{bad}");
        }
    }
}
