//! How fields become metrics, and databases labels.

use std::sync::Arc;

/// The names that a field's series has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldNaming {
    /// The label of the database; empty: series have none.
    pub label: Arc<str>,
    /// What stands between measurement and field in a metric.
    pub separator: Arc<str>,
}

impl FieldNaming {
    /// The label of the database unless a flag says otherwise. No input of Telegraf has a tag of this name.
    pub const LABEL: &'static str = "influx_db";
    /// What stands between measurement and field unless a flag says otherwise.
    pub const SEPARATOR: &'static str = "_";
}

impl Default for FieldNaming {
    fn default() -> Self {
        Self { label: Self::LABEL.into(), separator: Self::SEPARATOR.into() }
    }
}
