//! Label sets as JSON objects, one after the other.

use super::json;
use crate::model::Labels;

/// Writes label sets. Those that follow each other in an answer begin alike, most of them: what is as in the one before is
/// copied as it was written then.
#[derive(Debug)]
pub(crate) struct LabelWriter {
    before: Labels,
    /// What was written of it, but for the closing brace.
    text: Vec<u8>,
    /// Behind each of its labels: how many bytes of the set end there, and how many of the text.
    ends: Vec<(usize, usize)>,
}

impl LabelWriter {
    /// For the first set.
    pub(crate) fn new() -> Self {
        Self { before: Labels::empty(), text: vec![b'{'], ends: Vec::new() }
    }

    /// Appends the next set to `out`.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>, labels: &Labels) {
        let same = self.before.common_bytes(labels);
        self.ends.truncate(self.ends.partition_point(|(set, _)| *set <= same));
        let (at, text) = self.ends.last().copied().unwrap_or((0, 1));
        self.text.truncate(text);
        for (end, name, value) in labels.iter_bytes(at) {
            if !self.ends.is_empty() {
                self.text.push(b',');
            }
            json::text_of(&mut self.text, name);
            self.text.push(b':');
            json::text_of(&mut self.text, value);
            self.ends.push((end, self.text.len()));
        }
        out.extend_from_slice(&self.text);
        out.push(b'}');
        self.before = labels.clone();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(sets: &[Labels]) -> String {
        let (mut writer, mut out) = (LabelWriter::new(), Vec::new());
        sets.iter().for_each(|set| writer.write(&mut out, set));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_and_values_are_escaped() {
        let set = Labels::from_pairs([("b", "line\n\"quoted\""), ("ü.x", "☃"), ("__name__", "up")]).unwrap();
        assert_eq!(text(&[set]), r#"{"__name__":"up","b":"line\n\"quoted\"","ü.x":"☃"}"#);
    }

    proptest! {
        #[test]
        fn a_set_is_written_as_it_would_be_alone(
            sets in prop::collection::vec(prop::collection::btree_map("[ab]{1,2}", "[a\"]{1,3}", 0..4), 0..20),
        ) {
            let sets: Vec<Labels> = sets.iter().map(|set| Labels::from_pairs(set).unwrap()).collect();
            let alone: String = sets.iter().map(|set| text(std::slice::from_ref(set))).collect();
            prop_assert_eq!(text(&sets), alone);
        }
    }
}
