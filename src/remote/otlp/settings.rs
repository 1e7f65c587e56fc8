//! How names and attributes become metrics and labels.

/// The `otlp:` section of a Prometheus configuration, and the two features beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpSettings {
    /// How names are translated.
    pub strategy: Strategy,
    /// Which attributes of a resource are labels of all its series.
    pub promoted: Promoted,
    /// Whether the attributes that make `job` and `instance` stay in `target_info` too.
    pub keep_identifying: bool,
    /// Whether histograms with explicit bounds become native ones with custom buckets.
    pub custom_buckets: bool,
    /// Whether name, version, schema and attributes of a scope are labels.
    pub promote_scope: bool,
    /// Whether a label that would begin with one underscore begins with `key` instead.
    pub sanitize_underscores: bool,
    /// Whether several underscores in a row stay in labels.
    pub keep_underscores: bool,
    /// `otlp-native-delta-ingestion`: deltas are stored as they come.
    pub native_delta: bool,
    /// `type-and-unit-labels`: series have labels `__type__` and `__unit__`.
    pub type_and_unit: bool,
    /// `target_info` is written once in so many ms of a resource's points: half of the time for which queries look back.
    pub target_info_step: i64,
}

/// How a metric's name is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Other characters are underscores; unit and type are suffixes.
    UnderscoresWithSuffixes,
    /// Other characters are underscores.
    UnderscoresWithoutSuffixes,
    /// All characters stay; unit and type are suffixes.
    Utf8WithSuffixes,
    /// Names stay as they are.
    NoTranslation,
}

impl Strategy {
    /// By the names that configurations have for them.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("UnderscoreEscapingWithSuffixes", Self::UnderscoresWithSuffixes),
        ("UnderscoreEscapingWithoutSuffixes", Self::UnderscoresWithoutSuffixes),
        ("NoUTF8EscapingWithSuffixes", Self::Utf8WithSuffixes),
        ("NoTranslation", Self::NoTranslation),
    ];

    /// Whether characters outside the classic alphabet become underscores.
    pub(super) fn escapes(self) -> bool {
        matches!(self, Self::UnderscoresWithSuffixes | Self::UnderscoresWithoutSuffixes)
    }
}

/// Attributes of a resource that become labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promoted {
    /// Those with these keys.
    Listed(Vec<String>),
    /// All but those with these keys.
    AllBut(Vec<String>),
}

impl Promoted {
    pub(super) fn has(&self, key: &str) -> bool {
        match self {
            Self::Listed(keys) => keys.iter().any(|own| own == key),
            Self::AllBut(keys) => !keys.iter().any(|own| own == key),
        }
    }
}

impl OtlpSettings {
    /// The section `otlp` of a configuration file that says the same; what stands elsewhere is not in it.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let strategy = Strategy::NAMES.iter().find(|(_, strategy)| *strategy == self.strategy);
        let mut yaml = format!("otlp:\n  translation_strategy: {}\n", strategy.map_or("", |(name, _)| name));
        // A list of JSON is one of YAML.
        let list = |keys: &[String]| serde_json::Value::from(keys).to_string();
        match &self.promoted {
            Promoted::Listed(keys) if keys.is_empty() => {}
            Promoted::Listed(keys) => yaml.push_str(&format!("  promote_resource_attributes: {}\n", list(keys))),
            Promoted::AllBut(keys) => {
                yaml.push_str("  promote_all_resource_attributes: true\n");
                if !keys.is_empty() {
                    yaml.push_str(&format!("  ignore_resource_attributes: {}\n", list(keys)));
                }
            }
        }
        for (key, value) in [
            ("keep_identifying_resource_attributes", self.keep_identifying),
            ("convert_histograms_to_nhcb", self.custom_buckets),
            ("promote_scope_metadata", self.promote_scope),
            ("label_name_underscore_sanitization", self.sanitize_underscores),
            ("label_name_preserve_multiple_underscores", self.keep_underscores),
        ] {
            yaml.push_str(&format!("  {key}: {value}\n"));
        }
        yaml
    }
}

impl Default for OtlpSettings {
    fn default() -> Self {
        Self {
            strategy: Strategy::UnderscoresWithSuffixes,
            promoted: Promoted::Listed(Vec::new()),
            keep_identifying: false,
            custom_buckets: false,
            promote_scope: false,
            sanitize_underscores: true,
            keep_underscores: true,
            native_delta: false,
            type_and_unit: false,
            target_info_step: 150_000,
        }
    }
}
