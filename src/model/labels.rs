//! Label sets in one canonical byte form.
//!
//! ```text
//! for each label, by ascending name:  varint(len name) name varint(len value) value
//! ```
//!
//! The form is the series' key: two label sets are equal exactly when their bytes are, so hashing and comparing for
//! equality never looks inside, a set is one allocation, and a clone is a reference count.

use std::{cmp::Ordering, fmt, sync::Arc};

use super::limits::{LabelLimit, check_label};

/// The label that holds the metric name.
pub const METRIC_NAME: &str = "__name__";
/// The label that holds a classic histogram bucket's upper bound.
pub const BUCKET_LABEL: &str = "le";
/// The label that holds a summary's quantile.
pub const QUANTILE_LABEL: &str = "quantile";

/// Why bytes or pairs are no label set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelsError {
    /// The same name was given twice.
    #[error("label name {0:?} is given more than once")]
    Duplicate(String),
    /// A label had an empty name.
    #[error("a label has an empty name (its value is {0:?})")]
    EmptyName(String),
    /// Encoded bytes are not the canonical form.
    #[error("encoded labels are malformed at byte {at}: {what}")]
    Malformed {
        /// Offset of the offending byte.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
}

/// A label set: unique non-empty names in ascending order, each with a non-empty UTF-8 value.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Labels(Arc<[u8]>);

impl Default for Labels {
    fn default() -> Self {
        Self(Arc::from(&[][..]))
    }
}

impl Labels {
    /// The set without labels.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Builds a set from pairs in any order. A pair with an empty value means "no such label" and is left out.
    ///
    /// # Errors
    /// On an empty or repeated name.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, LabelsError> {
        let mut pairs: Vec<(N, V)> = pairs.into_iter().collect();
        pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        let mut bytes = Vec::new();
        let mut previous: Option<&str> = None;
        for (name, value) in &pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            if name.is_empty() {
                return Err(LabelsError::EmptyName(value.to_owned()));
            }
            if previous == Some(name) {
                return Err(LabelsError::Duplicate(name.to_owned()));
            }
            previous = Some(name);
            if !value.is_empty() {
                push_str(&mut bytes, name);
                push_str(&mut bytes, value);
            }
        }
        Ok(Self(bytes.into()))
    }

    /// Checks that `bytes` are a canonical label set and takes them.
    ///
    /// # Errors
    /// When a length lies, text is not UTF-8, a name or value is empty, or names are not strictly ascending.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LabelsError> {
        let mut rest = bytes;
        let mut previous: &[u8] = &[];
        while !rest.is_empty() {
            let at = bytes.len() - rest.len();
            let malformed = |what| LabelsError::Malformed { at, what };
            let (name, after) = take_str(rest).ok_or(malformed("a length runs past the end"))?;
            let (value, after) = take_str(after).ok_or(malformed("a length runs past the end"))?;
            if name.is_empty() || value.is_empty() {
                return Err(malformed("empty name or value"));
            }
            if name <= previous {
                return Err(malformed("names are not in ascending order"));
            }
            if std::str::from_utf8(name).is_err() || std::str::from_utf8(value).is_err() {
                return Err(malformed("not UTF-8"));
            }
            previous = name;
            rest = after;
        }
        Ok(Self(bytes.into()))
    }

    /// Takes bytes that were checked to be a canonical label set, as [`Self::from_bytes`] does.
    #[must_use]
    pub(crate) fn from_canonical(bytes: &[u8]) -> Self {
        debug_assert!(Self::from_bytes(bytes).is_ok(), "the caller checks them");
        Self(bytes.into())
    }

    /// The canonical bytes: the series' key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether there are no labels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values by ascending name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        Pairs { rest: &self.0 }
    }

    /// Names and values by ascending name as bytes, for those who only copy them: checking again that each is UTF-8 takes
    /// longer than copying it.
    pub fn iter_bytes(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut texts = TextBytes { rest: &self.0 };
        std::iter::from_fn(move || Some((texts.next()?, texts.next()?)))
    }

    /// The value of label `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut rest = &self.0[..];
        while let Some((found, after)) = take_str(rest)
            && let Some((value, after)) = take_str(after)
        {
            if found == name.as_bytes() {
                return std::str::from_utf8(value).ok();
            }
            rest = after;
        }
        None
    }

    /// The metric name.
    #[must_use]
    pub fn metric_name(&self) -> Option<&str> {
        self.get(METRIC_NAME)
    }

    /// The labels whose name, in bytes, satisfies `keep`.
    #[must_use]
    pub fn filtered(&self, keep: impl FnMut(&[u8]) -> bool) -> Self {
        let mut bytes = Vec::with_capacity(self.0.len());
        self.filter_into(keep, &mut bytes);
        Self(bytes.into())
    }

    /// Replaces what `out` holds by the canonical bytes of the labels whose name, in bytes, satisfies `keep`.
    pub(crate) fn filter_into(&self, mut keep: impl FnMut(&[u8]) -> bool, out: &mut Vec<u8>) {
        out.clear();
        let mut rest = &self.0[..];
        // Values are copied as they stand: checking again that they are UTF-8 takes longer than all the rest.
        while let Some((name, after)) = take_str(rest)
            && let Some((_, after)) = take_str(after)
        {
            if keep(name) {
                out.extend_from_slice(rest.get(..rest.len() - after.len()).unwrap_or_default());
            }
            rest = after;
        }
    }

    /// These labels without the metric name.
    #[must_use]
    pub fn without_metric_name(&self) -> Self {
        if self.metric_name().is_none() { self.clone() } else { self.filtered(|name| name != METRIC_NAME.as_bytes()) }
    }

    /// These labels with `name` set to `value`, or without it where that is empty.
    ///
    /// # Errors
    /// When name, value or all labels together would be longer than what is stored may be.
    pub fn with(&self, name: &str, value: &str) -> Result<Self, LabelLimit> {
        check_label(name, value.len(), if value.is_empty() { 0 } else { self.0.len() })?;
        let mut bytes = Vec::with_capacity(self.0.len() + name.len() + value.len() + 8);
        let mut put = !value.is_empty();
        let mut rest = &self.0[..];
        while let Some((found, after)) = take_str(rest)
            && let Some((_, after)) = take_str(after)
        {
            if put && found >= name.as_bytes() {
                push_str(&mut bytes, name);
                push_str(&mut bytes, value);
                put = false;
            }
            if found != name.as_bytes() {
                bytes.extend_from_slice(rest.get(..rest.len() - after.len()).unwrap_or_default());
            }
            rest = after;
        }
        if put {
            push_str(&mut bytes, name);
            push_str(&mut bytes, value);
        }
        Ok(Self(bytes.into()))
    }

    /// A builder that starts from these labels.
    #[must_use]
    pub fn builder(&self) -> LabelsBuilder {
        LabelsBuilder { pairs: self.iter().map(|(n, v)| (n.into(), v.into())).collect() }
    }
}

/// Prometheus' order: name, value, name, value … bytewise; a prefix comes first.
impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        let same = same_bytes(&self.0, &other.0);
        // Texts that end within the equal bytes are equal. Those that are not compare as their bytes do.
        let (mut mine, mut others) = (&self.0[..], &other.0[..]);
        loop {
            match (take_str(mine), take_str(others)) {
                (Some((_, rest)), Some((_, others_rest))) if self.0.len() - rest.len() <= same => {
                    (mine, others) = (rest, others_rest);
                }
                (mine, others) => return mine.map(|(text, _)| text).cmp(&others.map(|(text, _)| text)),
            }
        }
    }
}

/// How many bytes two texts begin with are the same.
pub(super) fn same_bytes(a: &[u8], b: &[u8]) -> usize {
    let ((words, _), (others, _)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let whole = std::iter::zip(words, others).take_while(|(a, b)| a == b).count() * 8;
    whole + std::iter::zip(a.iter().skip(whole), b.iter().skip(whole)).take_while(|(a, b)| a == b).count()
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Whether `name` can stand unquoted as a label name.
fn is_plain_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Prometheus' notation for a label set: `{a="1", b="2"}`, the metric name among the labels.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { ", " })?;
            if is_plain_label_name(name) {
                write!(f, "{name}=")?
            } else {
                write!(f, "{name:?}=")?
            }
            write!(f, "{value:?}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Changes labels one at a time; [`LabelsBuilder::build`] makes the set.
#[derive(Debug, Clone, Default)]
pub struct LabelsBuilder {
    pairs: std::collections::BTreeMap<String, String>,
}

impl LabelsBuilder {
    /// Sets `name` to `value`; an empty value removes the label.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        if value.is_empty() {
            self.pairs.remove(name);
        } else {
            self.pairs.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// Removes label `name`.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.pairs.remove(name);
        self
    }

    /// The value of label `name` as it stands.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.get(name).map(String::as_str)
    }

    /// The label set.
    #[must_use]
    pub fn build(&self) -> Labels {
        let mut bytes = Vec::new();
        for (name, value) in &self.pairs {
            push_str(&mut bytes, name);
            push_str(&mut bytes, value);
        }
        Labels(bytes.into())
    }
}

/// Names and values in turn, as bytes.
struct TextBytes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for TextBytes<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let (text, rest) = take_str(self.rest)?;
        self.rest = rest;
        Some(text)
    }
}

#[derive(Clone)]
struct Pairs<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (name, rest) = take_str(self.rest)?;
        let (value, rest) = take_str(rest)?;
        self.rest = rest;
        // Constructors only let valid UTF-8 in; an empty answer here would still be no memory error.
        Some((std::str::from_utf8(name).unwrap_or_default(), std::str::from_utf8(value).unwrap_or_default()))
    }
}

fn push_str(out: &mut Vec<u8>, s: &str) {
    let mut len = s.len();
    while len >= 0x80 {
        out.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(s.as_bytes());
}

pub(super) fn take_str(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut len = 0usize;
    for (i, &byte) in bytes.iter().take(5).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            // A final zero byte after a continuation would make a second form of the same length.
            if byte == 0 && i > 0 {
                return None;
            }
            return bytes.get(i + 1..)?.split_at_checked(len);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_labels_in_any_order_are_one_key() {
        let a = Labels::from_pairs([("b", "2"), ("a", "1"), ("c", "")]).unwrap();
        let b = Labels::from_pairs([("a", "1"), ("b", "2")]).unwrap();
        assert_eq!(a.as_bytes(), b.as_bytes());
        assert_eq!(a.to_string(), r#"{a="1", b="2"}"#);
    }

    #[test]
    fn a_label_that_is_set_is_limited() {
        let labels = Labels::from_pairs([("a", "1")]).unwrap();
        assert!(labels.with("b", &"x".repeat(64 << 10)).is_ok());
        assert!(matches!(labels.with("b", &"x".repeat((64 << 10) + 1)), Err(LabelLimit::LongValue { .. })));
        let large = (0..4).try_fold(labels, |labels, i| labels.with(&format!("b{i}"), &"x".repeat(64 << 10)));
        assert!(matches!(large, Err(LabelLimit::LongLabels(_))), "{large:.100?}");
    }

    #[test]
    fn a_repeated_or_empty_name_is_refused() {
        assert_eq!(Labels::from_pairs([("a", "1"), ("a", "2")]), Err(LabelsError::Duplicate("a".into())));
        assert_eq!(Labels::from_pairs([("", "1")]), Err(LabelsError::EmptyName("1".into())));
    }

    #[test]
    fn order_is_by_name_then_value_and_a_prefix_comes_first() {
        let set = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied()).unwrap();
        assert!(set(&[("a", "1")]) < set(&[("a", "1"), ("b", "1")]));
        assert!(set(&[("a", "10")]) < set(&[("a", "9")]));
        assert!(set(&[("a", "zzzz")]) < set(&[("b", "a")]));
    }

    proptest! {
        #[test]
        fn the_canonical_bytes_round_trip(pairs in proptest::collection::btree_map("\\PC{1,6}", "\\PC{0,200}", 0..6)) {
            let labels = Labels::from_pairs(&pairs).unwrap();
            prop_assert_eq!(&Labels::from_bytes(labels.as_bytes()).unwrap(), &labels);
            let kept: Vec<_> = pairs.iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| (n.as_str(), v.as_str())).collect();
            prop_assert_eq!(labels.iter().collect::<Vec<_>>(), kept);
            prop_assert_eq!(labels.builder().build(), labels);
        }

        #[test]
        fn setting_a_label_is_what_the_builder_does(
            pairs in proptest::collection::btree_map("[a-c]{1,2}", "[a-c]{1,2}|c{150}", 0..6),
            name in "[a-c]{1,2}",
            value in "[a-c]{0,2}|c{150}",
        ) {
            let labels = Labels::from_pairs(&pairs).unwrap();
            prop_assert_eq!(labels.with(&name, &value).unwrap(), labels.builder().set(&name, &value).build());
        }

        #[test]
        fn order_is_that_of_the_texts(
            a in proptest::collection::btree_map("[ab]{1,2}|a{120,140}", "[ab]{1,12}|b{120,140}", 0..5),
            mut b in proptest::collection::btree_map("[ab]{1,2}|a{120,140}", "[ab]{1,12}|b{120,140}", 0..5),
            alike: bool,
        ) {
            if alike {
                b = a.clone().into_iter().chain(b.into_iter().take(1)).collect();
            }
            let texts = |pairs: &std::collections::BTreeMap<String, String>| -> Vec<String> {
                pairs.iter().flat_map(|(name, value)| [name.clone(), value.clone()]).collect()
            };
            let order = Labels::from_pairs(&a).unwrap().cmp(&Labels::from_pairs(&b).unwrap());
            prop_assert_eq!(order, texts(&a).cmp(&texts(&b)));
        }

        #[test]
        fn arbitrary_bytes_are_taken_only_when_canonical(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(labels) = Labels::from_bytes(&bytes) {
                let again = Labels::from_pairs(labels.iter()).unwrap();
                prop_assert_eq!(again.as_bytes(), &bytes[..]);
            }
        }
    }
}
