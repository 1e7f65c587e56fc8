//! Flags of the category "InfluxDB".

use clap::Args;

use super::Listed;
use crate::{ingest::FieldNaming, model::METRIC_NAME};

/// How InfluxDB's line protocol is stored.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "InfluxDB")]
pub struct InfluxFlags {
    /// The label that names the database of what is written in line protocol; empty for none, where there is only one. What was
    /// written before keeps the label it has.
    #[arg(long = "influx.database-label", env = "VCTSDB_INFLUX_DATABASE_LABEL", default_value = FieldNaming::LABEL,
          value_name = "NAME", value_parser = label)]
    pub database_label: String,
    /// What stands between measurement and field in the name of a metric. Fields that were written before keep the metric they have.
    #[arg(long = "influx.separator", env = "VCTSDB_INFLUX_SEPARATOR", default_value = FieldNaming::SEPARATOR,
          value_name = "TEXT", value_parser = separator)]
    pub separator: String,
}

impl InfluxFlags {
    /// How fields become metrics, and databases labels.
    pub(crate) fn naming(&self) -> FieldNaming {
        FieldNaming { label: self.database_label.as_str().into(), separator: self.separator.as_str().into() }
    }

    pub(super) fn listed(&self) -> impl Iterator<Item = Listed> {
        [("influx.database-label", self.database_label.clone()), ("influx.separator", self.separator.clone())]
            .into_iter()
    }
}

/// Parses the name of a label, or nothing.
fn label(text: &str) -> Result<String, String> {
    match text {
        METRIC_NAME => Err(format!("{METRIC_NAME} is the name of the metric")),
        "time" => Err("\"time\" is no tag in InfluxDB, and no label that InfluxQL could ask for".to_owned()),
        _ if text.len() > 64 => Err("must have at most 64 bytes".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// Parses what stands between measurement and field.
fn separator(text: &str) -> Result<String, String> {
    match text.len() {
        0 => Err("must not be empty: cpu and idle would be told from cp and uidle by nobody".to_owned()),
        1..=16 => Ok(text.to_owned()),
        _ => Err("must have at most 16 bytes".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_label_may_be_empty_and_a_separator_may_not() {
        assert!(label("").is_ok() && label("db").is_ok() && label("__name__").is_err() && label("time").is_err());
        assert!(separator(":").is_ok() && separator("").is_err() && separator(&"x".repeat(17)).is_err());
    }
}
