//! The section `otlp`: how OpenTelemetry's metrics are translated.

use std::collections::HashSet;

use crate::config::yaml::{Fault, Node};
use crate::remote::otlp::{OtlpSettings, Promoted, Strategy};

const KEYS: [&str; 9] = [
    "convert_histograms_to_nhcb",
    "ignore_resource_attributes",
    "keep_identifying_resource_attributes",
    "label_name_preserve_multiple_underscores",
    "label_name_underscore_sanitization",
    "promote_all_resource_attributes",
    "promote_resource_attributes",
    "promote_scope_metadata",
    "translation_strategy",
];

/// Reads the section.
pub(super) fn settings(section: &Node) -> Result<OtlpSettings, Fault> {
    let mut settings = OtlpSettings::default();
    let (mut promoted, mut ignored, mut promote_all) = (Vec::new(), Vec::new(), false);
    for (key, value) in section.entries("otlp")? {
        let name = key.text("a key")?;
        // A key without a value leaves the default.
        if value.is_null() && KEYS.contains(&name) {
            continue;
        }
        match name {
            "translation_strategy" => settings.strategy = strategy(value)?,
            "promote_resource_attributes" => promoted = attributes(value, name)?,
            "promote_all_resource_attributes" => promote_all = value.boolean(name)?,
            "ignore_resource_attributes" => ignored = attributes(value, name)?,
            "keep_identifying_resource_attributes" => settings.keep_identifying = value.boolean(name)?,
            "convert_histograms_to_nhcb" => settings.custom_buckets = value.boolean(name)?,
            "promote_scope_metadata" => settings.promote_scope = value.boolean(name)?,
            "label_name_underscore_sanitization" => settings.sanitize_underscores = value.boolean(name)?,
            "label_name_preserve_multiple_underscores" => settings.keep_underscores = value.boolean(name)?,
            other => return Err(key.unknown("key of otlp", other, &KEYS)),
        }
    }
    settings.promoted = match (promote_all, promoted.is_empty(), ignored.is_empty()) {
        (true, false, _) => {
            let why = "promote_all_resource_attributes and promote_resource_attributes exclude each other";
            return Err(section.fault(why.to_owned()));
        }
        (false, _, false) => {
            let why = "ignore_resource_attributes means something only with promote_all_resource_attributes: true";
            return Err(section.fault(why.to_owned()));
        }
        (true, true, _) => Promoted::AllBut(ignored),
        (false, _, true) => Promoted::Listed(promoted),
    };
    Ok(settings)
}

fn strategy(value: &Node) -> Result<Strategy, Fault> {
    let name = value.text("translation_strategy")?;
    let found = Strategy::NAMES.iter().find(|(known, _)| *known == name);
    found.map(|(_, strategy)| *strategy).ok_or_else(|| {
        let known = Strategy::NAMES.map(|(known, _)| known);
        value.unknown("translation_strategy", name, &known)
    })
}

/// The keys of attributes in a list.
fn attributes(list: &Node, what: &str) -> Result<Vec<String>, Fault> {
    let mut seen = HashSet::new();
    for item in list.items(what)? {
        let key = item.text(&format!("an entry of {what}"))?;
        if key.is_empty() {
            return Err(item.fault(format!("{what} has an empty entry")));
        }
        if !seen.insert(key) {
            return Err(item.fault(format!("{what} has {key:?} a second time")));
        }
    }
    Ok(list.items(what)?.iter().filter_map(|item| item.text(what).ok()).map(str::to_owned).collect())
}
