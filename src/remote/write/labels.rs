//! Labels as they come in: pairs of byte strings, checked and turned into [`Labels`].

use super::rule::Rule;
use crate::{
    model::{
        Labels,
        limits::{MAX_EXEMPLAR, check_labels},
    },
    remote::wire::WireError,
};

/// A label's name and value as sent.
pub(super) type Pair<'m> = (&'m [u8], &'m [u8]);

/// A description of a series is cut after this many bytes.
const DESCRIPTION: usize = 200;

/// Where the labels of a TimeSeries or exemplar stand in its message.
pub(super) trait LabelSource<'m> {
    /// Appends the pairs. Of broken labels it appends what can be read before it names the rule broken, of too many
    /// one too many.
    fn pairs(&self, out: &mut Vec<Pair<'m>>) -> Result<Result<(), Rule>, WireError>;
}

/// The label set of a series.
pub(super) fn series_labels(pairs: &[Pair<'_>]) -> Result<Labels, Rule> {
    let labels = label_set(pairs)?;
    if labels.metric_name().is_none() { Err(Rule::NoName) } else { Ok(labels) }
}

/// The label set of an exemplar at `time`.
pub(super) fn exemplar_labels(pairs: &[Pair<'_>], time: i64) -> Result<Labels, Rule> {
    // Bytes are no fewer than characters: most of what is too long need not be made into labels to be counted.
    let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes <= MAX_EXEMPLAR {
        return label_set(pairs);
    }
    check_labels(pairs.iter().copied())?;
    let mut chars = 0;
    // A label with an empty value is no label.
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        chars += text(name)?.chars().count() + text(value)?.chars().count();
    }
    if chars > MAX_EXEMPLAR { Err(Rule::LongExemplar { time, chars }) } else { label_set(pairs) }
}

/// Any label set.
fn label_set(pairs: &[Pair<'_>]) -> Result<Labels, Rule> {
    check_labels(pairs.iter().copied())?;
    let mut texts = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        texts.push((text(name)?, text(value)?));
    }
    Ok(Labels::from_pairs(texts)?)
}

fn text(bytes: &[u8]) -> Result<&str, Rule> {
    let lossy = |_| Rule::NotUtf8(String::from_utf8_lossy(bytes.get(..64).unwrap_or(bytes)).into_owned());
    std::str::from_utf8(bytes).map_err(lossy)
}

/// The pairs for a person to recognise the series by, even if they are no label set.
pub(super) fn describe(pairs: &[Pair<'_>]) -> String {
    let mut out = String::from("{");
    for (i, (name, value)) in pairs.iter().enumerate() {
        let short = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes.get(..DESCRIPTION).unwrap_or(bytes)).escape_debug().to_string()
        };
        out.push_str(if i == 0 { "" } else { ", " });
        out.push_str(&format!("{}=\"{}\"", short(name), short(value)));
        if out.len() > DESCRIPTION {
            let end = (0..=DESCRIPTION).rev().find(|&end| out.is_char_boundary(end)).unwrap_or(0);
            out.truncate(end);
            out.push('…');
            break;
        }
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_shows_broken_text_and_stays_short() {
        assert_eq!(describe(&[(b"a", b"x\xff\n"), (b"", b"1")]), "{a=\"x\u{fffd}\\n\", =\"1\"}");
        let long = "é".repeat(1000);
        assert!(describe(&[(b"a", long.as_bytes()), (b"b", b"")]).len() <= DESCRIPTION + 8);
    }
}
