//! Flags of the category "InfluxDB".

use clap::Args;

use super::{Listed, text_or_empty};
use crate::{config::ListenAddress, ingest::FieldNaming, model::METRIC_NAME, server::influx_udp::UdpOptions};

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
    /// Where datagrams of line protocol are received by UDP, as a port of this machine, HOST:PORT, or :PORT for all addresses; off
    /// unless given. Nobody is told what is lost of them.
    #[arg(long = "influx.udp-listen-address", env = "VCTSDB_INFLUX_UDP_LISTEN_ADDRESS", value_name = "ADDRESS")]
    pub udp_listen: Option<ListenAddress>,
    /// The database that datagrams are written to.
    #[arg(long = "influx.udp-database", env = "VCTSDB_INFLUX_UDP_DATABASE", default_value = "udp", value_name = "NAME",
          value_parser = database)]
    pub udp_database: String,
    /// What times in datagrams count: n, u, ms, s, m or h. collectd sends ms.
    #[arg(long = "influx.udp-precision", env = "VCTSDB_INFLUX_UDP_PRECISION", default_value = "n", value_name = "UNIT",
          value_parser = ["n", "u", "ms", "s", "m", "h"])]
    pub udp_precision: String,
}

impl InfluxFlags {
    /// How fields become metrics, and databases labels.
    pub(crate) fn naming(&self) -> FieldNaming {
        FieldNaming { label: self.database_label.as_str().into(), separator: self.separator.as_str().into() }
    }

    /// Where datagrams are received, and what they are.
    pub(crate) fn udp(&self) -> Option<(ListenAddress, UdpOptions)> {
        let options = UdpOptions { database: self.udp_database.clone(), precision: self.udp_precision.clone() };
        Some((self.udp_listen.clone()?, options))
    }

    pub(super) fn listed(&self) -> impl Iterator<Item = Listed> {
        let Self { database_label, separator, udp_listen, udp_database, udp_precision } = self;
        [
            ("influx.database-label", database_label.clone()),
            ("influx.separator", separator.clone()),
            ("influx.udp-listen-address", text_or_empty(udp_listen.as_ref())),
            ("influx.udp-database", udp_database.clone()),
            ("influx.udp-precision", udp_precision.clone()),
        ]
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

/// Parses the name of a database.
fn database(text: &str) -> Result<String, String> {
    match text.len() {
        1..=255 => Ok(text.to_owned()),
        _ => Err("must have 1 to 255 bytes".to_owned()),
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
