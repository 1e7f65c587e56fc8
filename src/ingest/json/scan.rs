//! Finds the ends of objects without reading them.
//!
//! An object ends with the bracket that closes it. A line that begins with `{` behind one that ends with `}` begins another object
//! even where that bracket is missing: in JSON there is a comma between them everywhere else, and no line feed in a text.

use memchr::{memchr, memchr_iter, memchr3, memrchr_iter};

/// A look for the end of the first object of a text.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// How far it has come.
    at: usize,
    depth: u32,
    in_text: bool,
}

impl Scan {
    /// Where the first object of `text` ends, if it does. What was looked at before is not looked at again, so it has to be the same
    /// text, which may have more now.
    pub(super) fn end(&mut self, text: &[u8]) -> Option<usize> {
        loop {
            let rest = text.get(self.at..).unwrap_or_default();
            let next = match (self.in_text, self.depth) {
                (true, _) => memchr3(b'"', b'\\', b'{', rest),
                // What stands between objects is none of their texts.
                (false, 0) => memchr(b'{', rest),
                (false, _) => memchr3(b'"', b'{', b'}', rest),
            };
            let Some(next) = next.map(|next| self.at + next) else {
                self.at = text.len();
                return None;
            };
            match text.get(next) {
                Some(b'{') if begins_line(text, next) && (self.in_text || self.depth > 0) => return Some(next),
                Some(b'{') if !self.in_text => self.depth += 1,
                Some(b'}') => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(next + 1);
                    }
                }
                Some(b'"') => self.in_text = !self.in_text,
                Some(b'\\') if text.len() == next + 1 => {
                    // What is escaped has not come yet.
                    self.at = next;
                    return None;
                }
                Some(b'\\') => self.at = next + 1,
                _ => {}
            }
            self.at = self.at.max(next) + 1;
        }
    }
}

/// Whether an object begins at `at` because a line does there, behind one that ends an object.
pub(super) fn begins_line(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    text.get(at) == Some(&b'{') && (before.ends_with(b"}\n") || before.ends_with(b"}\r\n"))
}

/// Where the last line of `text` begins, up to `most`, that begins an object.
pub(super) fn last_line(text: &[u8], most: usize) -> Option<usize> {
    memrchr_iter(b'\n', text.get(..most).unwrap_or(text)).map(|feed| feed + 1).find(|begin| begins_line(text, *begin))
}

/// The most values that the objects of a text can have: each has a comma behind it, or is the last of its object.
pub(super) fn commas(text: &[u8]) -> usize {
    memchr_iter(b',', text).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_ends_where_it_is_closed_or_where_a_line_begins_another() {
        for (text, end) in [
            ("{}x", Some(2)),
            (r#"[{"a":{"b":"}"}} "#, Some(16)),
            (r#"{"a":"\"}","b":1}{"#, Some(17)),
            (r#"{"a":"\\"}"#, Some(10)),
            (r#"{"a":"\"#, None),
            (r#"{"a":"b"#, None),
            ("{\"a\":{}\n{}", Some(8)),
            ("{\"a\":{}\r\n{}", Some(9)),
            ("{\"a\":\"{}\n{}", Some(9)),
            ("{\"a\":{}\n,\"b\":1}", Some(15)),
            ("\n{}", Some(3)),
            ("a\":{\"b\":1}", Some(10)),
            ("}{}", Some(3)),
            ("{\"a\":{}\n", None),
        ] {
            assert_eq!(Scan::default().end(text.as_bytes()), end, "{text}");
            // The same where it comes byte by byte.
            let mut scan = Scan::default();
            let found = (0..=text.len()).find_map(|length| scan.end(&text.as_bytes()[..length]));
            assert_eq!(found, end, "{text}");
        }
    }

    #[test]
    fn the_last_line_that_begins_an_object_is_found() {
        let text = b"{}\n{\"a\":\n1}\r\n{}\n\n{}";
        assert_eq!([3, 13, 14, 100].map(|most| last_line(text, most)), [Some(3), Some(13), Some(13), Some(13)]);
        assert_eq!(last_line(b"{}\n", 100), None);
    }
}
