//! One label of a series, in its two byte forms.
//!
//! - Canonical, as in [`crate::model::Labels`]: `varint(len name) name varint(len value) value`. A series' canonical
//!   bytes are its pairs one after the other.
//! - As a dictionary key: `name 0xFF value`. 0xFF never occurs in UTF-8, so all values of a name lie together, those
//!   with a common prefix too.

use crate::codec::varint;

/// Ends the name in a key, and is above every byte a value can have.
pub(super) const SEPARATOR: u8 = 0xff;

/// One label within canonical bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair<'a> {
    /// Its canonical bytes.
    pub(super) bytes: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

impl Pair<'_> {
    /// Writes its dictionary key over `out`.
    pub(super) fn key(&self, out: &mut Vec<u8>) {
        key(self.name, self.value, out);
    }
}

/// Writes the dictionary key of name and value over `out`.
pub(super) fn key(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(name);
    out.push(SEPARATOR);
    out.extend_from_slice(value);
}

/// Writes the canonical bytes of name and value over `out`.
pub(super) fn canonical(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.clear();
    append_canonical(name, value, out);
}

/// Appends the canonical bytes of name and value to `out`.
pub(super) fn append_canonical(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    for text in [name, value] {
        varint::put(out, text.len() as u64);
        out.extend_from_slice(text);
    }
}

/// Name and value of a dictionary key; `None` when it is no key.
pub(super) fn split_key(key: &[u8]) -> Option<(&str, &str)> {
    let at = key.iter().position(|b| *b == SEPARATOR)?;
    let (name, value) = key.split_at_checked(at)?;
    Some((std::str::from_utf8(name).ok()?, std::str::from_utf8(value.get(1..)?).ok()?))
}

/// The pairs of canonical bytes; ends early where they aren't canonical.
pub(super) fn pairs(bytes: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (pair, after) = first(rest)?;
        rest = after;
        Some(pair)
    })
}

/// The value of label `name` in canonical bytes; empty when there is none.
pub(super) fn value_of<'a>(bytes: &'a [u8], name: &str) -> &'a str {
    let found = pairs(bytes).find(|pair| pair.name == name.as_bytes());
    found.and_then(|pair| std::str::from_utf8(pair.value).ok()).unwrap_or_default()
}

fn first(bytes: &[u8]) -> Option<(Pair<'_>, &[u8])> {
    let mut rest = bytes;
    let name = text(&mut rest)?;
    let value = text(&mut rest)?;
    let pair = bytes.get(..bytes.len() - rest.len())?;
    Some((Pair { bytes: pair, name, value }, rest))
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = varint::get(rest, "a label").ok()?;
    let (text, after) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    *rest = after;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Labels;

    #[test]
    fn both_forms_hold_the_same_pair() {
        let labels = Labels::from_pairs([("job", "api"), ("__name__", "up"), ("é", "ü")]).unwrap();
        let (mut rebuilt, mut key, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
        for (pair, (name, value)) in pairs(labels.as_bytes()).zip(labels.iter()) {
            pair.key(&mut key);
            assert_eq!(split_key(&key), Some((name, value)));
            canonical(name.as_bytes(), value.as_bytes(), &mut bytes);
            assert_eq!(bytes, pair.bytes);
            rebuilt.extend_from_slice(pair.bytes);
        }
        assert_eq!(rebuilt, labels.as_bytes());
        assert_eq!(value_of(labels.as_bytes(), "job"), "api");
        assert_eq!(value_of(labels.as_bytes(), "none"), "");
        assert_eq!(split_key(b"no separator"), None);
    }
}
