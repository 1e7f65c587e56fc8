//! What the sender of a body says about it, in its URL and headers, or by flags.

use super::{FieldNaming, Format, ImportError};

/// Parameters that all formats understand.
pub const COMMON_PARAMETERS: &[&str] = &["allow_old", "dry_run", "extra_label", "on_error", "report", "unit"];

/// What the sender of a body says about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declared {
    /// The `Content-Type`.
    pub content_type: String,
    /// What times count, whatever the format would take them for.
    pub unit: Option<Unit>,
    /// Whether times may be so far off that they look like a mistake.
    pub allow_old: bool,
    /// What becomes of the rest when a record is wrong.
    pub on_error: OnError,
    /// Labels that each series gets, in place of its own of the same name.
    pub extra_labels: Vec<(String, String)>,
    /// Whether it comes by the format's own protocol, whose clients rely on its rules: a body may hold nothing, and times are of
    /// any age unless they would be of now in another unit.
    pub by_protocol: bool,
    /// Whether the body may hold nothing, as one may that a program streams from elsewhere.
    pub may_be_empty: bool,
    /// How fields become metrics, by flags.
    pub naming: FieldNaming,
    /// Whether samples with a time are refused, which a push of current values has none of.
    pub without_times: bool,
    /// Whether all of it must be one record of the log, and is refused where there is no memory for that.
    pub whole: bool,
    /// The parameters of the format's own, by name.
    pub parameters: Vec<(String, String)>,
}

impl Declared {
    /// The media type, without parameters, in lower case.
    #[must_use]
    pub fn media(&self) -> String {
        self.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The first value of a parameter of the format's own.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Refuses parameters that neither all formats nor `format` understand: were a misspelt one ignored, the import would do
    /// something else than was meant.
    ///
    /// # Errors
    /// [`ImportError::Parameter`].
    pub fn only_what_is_understood(&self, format: &dyn Format) -> Result<(), ImportError> {
        let own = format.parameters();
        let Some((other, _)) = self.parameters.iter().find(|(name, _)| !own.contains(&name.as_str())) else {
            return Ok(());
        };
        let mut known: Vec<&str> = COMMON_PARAMETERS.iter().chain(own).copied().collect();
        known.sort_unstable();
        let known = known.join(", ");
        Err(ImportError::Parameter(format!(
            "unknown parameter \"{other}\"; an import of {} takes {known}",
            format.name()
        )))
    }
}

/// What times count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds, with fractions where the format has any.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl Unit {
    /// The unit with this name in parameters.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "s" => Self::Seconds,
            "ms" => Self::Milliseconds,
            "us" => Self::Microseconds,
            "ns" => Self::Nanoseconds,
            _ => return None,
        })
    }

    /// How many make a second.
    #[must_use]
    pub fn per_second(self) -> i64 {
        match self {
            Self::Seconds => 1,
            Self::Milliseconds => 1_000,
            Self::Microseconds => 1_000_000,
            Self::Nanoseconds => 1_000_000_000,
        }
    }
}

/// What becomes of the rest of a body when a record is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// Nothing of the part with the record is stored, nor what follows.
    #[default]
    Refuse,
    /// Everything else is stored.
    Skip,
}
