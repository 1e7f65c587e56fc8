//! Why nothing, or too little, was found in a body: what people get wrong when they post by hand.
//!
//! An answer of success to a body that stored nothing would be found out much later, when a graph is empty.

use std::borrow::Cow;

use super::NAME;
use crate::ingest::{ANY_PATH, detect::by_beginning};

/// What `curl -d @FILE` does, by far the likeliest reason for a body of one long line.
const JOINED: &str = "the lines seem to have been joined to one, as curl -d @FILE does: use curl --data-binary @FILE";

/// Enough of a body to see what it is.
const LOOKED_AT: usize = 64 << 10;

/// The first bytes of compressed bodies.
const MAGIC: [(&[u8], &str); 2] = [
    (&[0x1f, 0x8b], "the body seems to be compressed: say so with Content-Encoding: gzip"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "the body seems to be compressed: say so with Content-Encoding: zstd"),
];

/// The beginning of a body, as far as it is looked at.
#[derive(Debug, Default)]
pub(super) struct Beginning {
    bytes: Vec<u8>,
    /// Whether the body has an end of a line, here or later.
    has_lines: bool,
}

impl Beginning {
    /// Notes what comes next in the body.
    pub(super) fn note(&mut self, text: &[u8]) {
        self.has_lines = self.has_lines || text.contains(&b'\n');
        let room = LOOKED_AT - self.bytes.len();
        self.bytes.extend_from_slice(text.get(..room).unwrap_or(text));
    }
}

/// Why a body stores nothing that its sender meant to store, as far as one can guess. `understood`: it has samples, or comments
/// that say something.
pub(super) fn cause(beginning: &Beginning, media: &str, understood: bool) -> Option<Cow<'static, str>> {
    if media.starts_with("multipart/") {
        return said("the body is a form with a file in it, as curl -F sends it: use curl --data-binary @FILE");
    }
    let (body, one_line) = (&beginning.bytes[..], !beginning.has_lines);
    if body.is_empty() || (understood && !one_line) {
        return None;
    }
    let text = String::from_utf8_lossy(body);
    if understood {
        return swallows_samples(&text).then_some(Cow::Borrowed(JOINED));
    }
    unknown_format(body, media).or_else(|| {
        let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
        if one_line && is_joined(&text) {
            said(JOINED)
        } else if lines().next().is_none() {
            said("the body has only blank lines")
        } else if lines().all(|line| line.starts_with('#')) {
            said("the body has only comments, and none that describes a metric")
        } else {
            // What is wrong with each line is all there is to say.
            None
        }
    })
}

fn said(text: &'static str) -> Option<Cow<'static, str>> {
    Some(Cow::Borrowed(text))
}

/// What a body is instead of the text format.
fn unknown_format(body: &[u8], media: &str) -> Option<Cow<'static, str>> {
    if let Some((_, says)) = MAGIC.iter().find(|(magic, _)| body.starts_with(magic)) {
        return said(says);
    }
    // The last character may be cut.
    let is_binary = std::str::from_utf8(body).is_err_and(|error| error.error_len().is_some());
    if media.contains("protobuf") || is_binary {
        return said("the body is no text; remote write is sent to /api/v1/write");
    }
    if let Some(other) = by_beginning(body).filter(|format| format.name() != NAME) {
        let path = other.paths().first().copied().unwrap_or(ANY_PATH);
        let title = other.title();
        return Some(Cow::Owned(format!(
            "the body looks like {title}, which is posted to {path}; {ANY_PATH} takes all formats"
        )));
    }
    None
}

/// Whether a line in which nothing was understood was several: a comment with numbers in it, or samples of which the next one's
/// name follows the last one's number.
fn is_joined(line: &str) -> bool {
    let is_glued = |word: &str| {
        let rest = word.trim_start_matches(|c: char| c.is_ascii_digit() || "+-.".contains(c));
        let name_follows = rest.starts_with(|c: char| c.is_ascii_alphabetic() || "_:{#".contains(c));
        rest.len() < word.len() && name_follows && !is_number(word)
    };
    let mut words = line.split_whitespace();
    let first = words.next().unwrap_or_default();
    (first.starts_with('#') || words.any(is_glued)) && words.any(is_number)
}

fn is_number(word: &str) -> bool {
    word.parse::<f64>().is_ok()
}

/// Whether a line that is a comment goes on with what was other lines before: further comments, or samples, which end with
/// their values and times.
fn swallows_samples(line: &str) -> bool {
    let Some(comment) = line.trim_start().strip_prefix('#') else { return false };
    if ["# HELP ", "# TYPE ", "# UNIT ", "# EOF"].iter().any(|begin| comment.contains(begin)) {
        return true;
    }
    let mut words = comment.split_whitespace();
    let family = words.nth(1).unwrap_or_default();
    let mut words = words.rev().peekable();
    let ends_with_number = words.peek().is_some_and(|word| is_number(word));
    // A help text may end with a number too, but seldom one behind its own metric's name.
    let before = words.find(|word| !is_number(word)).unwrap_or_default();
    ends_with_number && (before.ends_with('}') || before.ends_with(family)) && !before.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_were_joined_show_names_behind_numbers() {
        for line in
            ["a 1b 2", "a{x=\"1\"} 1.5a{x=\"2\"} 2", "a 1 1700000000000b 2", "# wordsa 1", "a -1{\"b\"} 2", "a 1#xb 2"]
        {
            assert!(is_joined(line), "{line}");
        }
        for line in ["a x", "a 5x", "0up 1", "a{b=1} 1", "a{b=\"c\" 1", "# words", "", "a 1e5 x"] {
            assert!(!is_joined(line), "{line}");
        }
    }

    #[test]
    fn a_comment_that_goes_on_as_a_sample_has_swallowed_it() {
        for line in [
            "# HELP a Help.# TYPE a gaugea 1",
            "# HELP a Help.a 1",
            "# HELP a_b Help.a_b{c=\"d\"} 1 1700000000000",
            "# HELP a_b Help.a_b 1a_b 2.5 1700000000000",
            "# UNIT a bytes# EOF",
        ] {
            assert!(swallows_samples(line), "{line}");
        }
        for line in
            ["# HELP a Help.", "# HELP retries At most 5", "# HELP a 1", "# TYPE a gauge", "a 1", "", "#", "# EOF"]
        {
            assert!(!swallows_samples(line), "{line}");
        }
    }
}
