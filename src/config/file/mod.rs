//! The configuration file, in the form of Prometheus' own.
//!
//! [`yaml`] reads the text into a tree that knows where each of its nodes stands; a section's file makes its options of a part of the
//! tree. Sections that mean nothing here are named with their line ([`ConfigFile::ignored`]); a key that nobody knows is an error, as it
//! is most likely a misspelt one.

mod otlp;

use std::path::Path;

use super::yaml::{self, Fault};
use crate::remote::otlp::OtlpSettings;

/// Top-level sections of Prometheus that mean nothing here.
const IGNORED: [&str; 10] = [
    "alerting",
    "global",
    "remote_read",
    "remote_write",
    "rule_files",
    "runtime",
    "scrape_config_files",
    "scrape_configs",
    "storage",
    "tracing",
];

/// What a configuration file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigFile {
    /// `otlp`.
    pub otlp: OtlpSettings,
    /// Sections that mean nothing here, each with its line.
    pub ignored: Vec<(String, usize)>,
}

/// What is wrong with a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFileError {
    /// It can't be read.
    #[error("{file}: {why}")]
    Unreadable {
        /// Its path.
        file: String,
        /// Why not.
        why: String,
    },
    /// Something in it is wrong.
    #[error("{file}:{line}:{column}: {why}")]
    Wrong {
        /// Its path.
        file: String,
        /// Where, both from 1.
        line: usize,
        /// The column, in characters.
        column: usize,
        /// What was found, and what was expected.
        why: String,
    },
}

impl ConfigFileError {
    /// The text of a configuration file.
    pub(in crate::config) fn or_text(path: &Path) -> Result<String, Self> {
        let file = path.display().to_string();
        std::fs::read_to_string(path).map_err(|error| Self::Unreadable { file, why: error.to_string() })
    }

    pub(in crate::config) fn wrong(file: &str, Fault { line, column, why }: Fault) -> Self {
        Self::Wrong { file: file.to_owned(), line, column, why }
    }
}

impl ConfigFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it can't be read, or says what can't be.
    pub fn load(path: &Path) -> Result<Self, ConfigFileError> {
        Self::parse(&path.display().to_string(), &ConfigFileError::or_text(path)?)
    }

    /// Reads `text`, which errors call `file`.
    ///
    /// # Errors
    /// When it says what can't be.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigFileError> {
        Self::of_text(text).map_err(|fault| ConfigFileError::wrong(file, fault))
    }

    fn of_text(text: &str) -> Result<Self, Fault> {
        let mut config = Self::default();
        let Some(root) = yaml::parse(text)? else { return Ok(config) };
        for (key, section) in root.entries("the configuration")? {
            match key.text("a section")? {
                "otlp" => config.otlp = otlp::settings(section)?,
                known if IGNORED.contains(&known) => config.ignored.push((known.to_owned(), key.line)),
                other => {
                    let mut known = [&IGNORED[..], &["otlp"]].concat();
                    known.sort_unstable();
                    return Err(key.unknown("section", other, &known));
                }
            }
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::otlp::{Promoted, Strategy};

    fn error(text: &str) -> String {
        ConfigFile::parse("p.yml", text).unwrap_err().to_string()
    }

    #[test]
    fn the_section_is_read_and_others_are_named_with_their_line() {
        let text = "global: {scrape_interval: 15s}\notlp:\n  translation_strategy: NoTranslation\n  \
                    promote_resource_attributes: [a, 'b.c']\n  keep_identifying_resource_attributes: true\n\
                    scrape_configs:\n  - job_name: x\n";
        let config = ConfigFile::parse("p.yml", text).unwrap();
        assert_eq!(config.otlp.strategy, Strategy::NoTranslation);
        assert_eq!(config.otlp.promoted, Promoted::Listed(vec!["a".into(), "b.c".into()]));
        assert!(config.otlp.keep_identifying && !config.otlp.custom_buckets);
        assert_eq!(config.ignored, [("global".into(), 1), ("scrape_configs".into(), 6)]);
    }

    #[test]
    fn what_is_shown_of_a_configuration_reads_as_the_same() {
        let texts = [
            "",
            "otlp: {promote_resource_attributes: ['a \"b\"', 'c: #d'], label_name_underscore_sanitization: false}",
            "otlp: {promote_all_resource_attributes: true}",
            "otlp: {promote_all_resource_attributes: true, ignore_resource_attributes: [é], promote_scope_metadata: true}",
            "otlp: {translation_strategy: NoTranslation, convert_histograms_to_nhcb: true, \
             keep_identifying_resource_attributes: true, label_name_preserve_multiple_underscores: false}",
        ];
        for text in texts {
            let config = ConfigFile::parse("p.yml", text).unwrap();
            let shown = config.otlp.to_yaml();
            assert_eq!(ConfigFile::parse("shown", &shown), Ok(config), "{shown}");
        }
    }

    #[test]
    fn a_file_may_say_nothing() {
        for text in ["", "# nothing\n", "---\n", "{}", "otlp:\n", "otlp: {}"] {
            assert_eq!(ConfigFile::parse("p.yml", text), Ok(ConfigFile::default()), "{text:?}");
        }
    }

    #[test]
    fn errors_say_where_and_what_was_expected() {
        for (text, said) in [
            (
                "\nglobl: {}",
                "p.yml:2:1: unknown section \"globl\"; expected one of alerting, global, otlp, remote_read",
            ),
            ("[]", "p.yml:1:1: the configuration has to be a mapping, found a list"),
            ("otlp: 5", "p.yml:1:7: otlp has to be a mapping, found 5"),
            (
                "otlp:\n  nonsense: 1",
                "p.yml:2:3: unknown key of otlp \"nonsense\"; expected one of convert_histograms_to_nhcb",
            ),
            (
                "otlp: {translation_strategy: Wild}",
                "p.yml:1:30: unknown translation_strategy \"Wild\"; expected one of UnderscoreEscapingWithSuffixes, ",
            ),
            (
                "otlp: {convert_histograms_to_nhcb: 1}",
                "p.yml:1:36: convert_histograms_to_nhcb has to be true or false, found 1",
            ),
            (
                "otlp: {convert_histograms_to_nhcb: 'true'}",
                "p.yml:1:36: convert_histograms_to_nhcb has to be true or false, found the text \"true\"",
            ),
            (
                "otlp: {promote_resource_attributes: a}",
                "p.yml:1:37: promote_resource_attributes has to be a list, found a",
            ),
            (
                "otlp: {promote_resource_attributes: [a, '']}",
                "p.yml:1:41: promote_resource_attributes has an empty entry",
            ),
            (
                "otlp: {promote_resource_attributes: [a, b, a]}",
                "p.yml:1:44: promote_resource_attributes has \"a\" a second time",
            ),
            (
                "otlp: {promote_all_resource_attributes: true, promote_resource_attributes: [a]}",
                "p.yml:1:7: promote_all_resource_attributes and promote_resource_attributes exclude each other",
            ),
            (
                "otlp: {ignore_resource_attributes: [a]}",
                "p.yml:1:7: ignore_resource_attributes means something only with promote_all_resource_attributes: true",
            ),
            ("otlp: {}\nglobal: {}\notlp: {}", "p.yml:3:1: the key \"otlp\" is given a second time, first in line 1"),
            ("otlp: [", "p.yml:2:1: "),
            ("otlp: {}\n---\notlp: {}", "p.yml:2:1: a second document begins; expected one"),
            ("otlp: *a", "p.yml:1:7: "),
        ] {
            let error = error(text);
            assert!(error.starts_with(said), "{text:?}: {error}");
        }
    }

    #[test]
    fn what_grows_without_end_is_refused() {
        let mut bomb = "global:\n  a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, of) in ["b", "c", "d", "e", "f", "g"].iter().zip(["a", "b", "c", "d", "e", "f"]) {
            bomb += &format!("  {name}: &{name} [{}]\n", vec![format!("*{of}"); 9].join(", "));
        }
        assert!(error(&bomb).contains("more than"), "{}", error(&bomb));
        let deep = error(&format!("global: {}", "[".repeat(150)));
        assert!(deep.contains("deep"), "{deep}");
    }
}
