//! Replacements in which groups stand for what they matched, as Go fills them in.
//!
//! ```text
//! $name ${name}   what the group of that name or number matched; of several the first that took part
//! $$              a dollar sign
//! $               anything else behind it: a dollar sign
//! ```
//!
//! A name is the longest run of letters, digits and `_`. One of digits alone is a number, unless it has a zero in front or more
//! than eight digits and more. What no group is called stands for nothing.

use std::{collections::HashMap, ops::Range};

use regex_automata::{Span, util::captures::Captures};

/// Names of an expression's groups.
#[derive(Debug)]
pub struct Groups {
    /// The groups of each name, in their order.
    by_name: HashMap<String, Vec<usize>>,
}

impl Groups {
    /// The groups of `pattern`, whose names stand at these places.
    pub(in crate::model) fn new(pattern: &str, names: &[(Range<usize>, usize)]) -> Self {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, number) in names {
            by_name.entry(pattern.get(place.clone()).unwrap_or_default().to_owned()).or_default().push(*number);
        }
        Self { by_name }
    }

    /// Gives `each` the pieces of the text that `replacement` becomes, one after the other.
    pub fn expand<'t>(&self, replacement: &'t str, value: &'t str, captures: &Captures, mut each: impl FnMut(&'t str)) {
        let matched = |span: Span| value.get(span.start..span.end).unwrap_or_default();
        // Where many groups share a name they are gone through once, and not for each time they are named.
        let mut named = HashMap::new();
        let mut rest = replacement;
        while let Some((text, after)) = rest.split_once('$') {
            each(text);
            let Some((name, behind)) = group(after) else {
                each("$");
                rest = after.strip_prefix('$').unwrap_or(after);
                continue;
            };
            rest = behind;
            let span = match number(name) {
                Some(number) => captures.get_group(number),
                None => *named
                    .entry(name)
                    .or_insert_with(|| self.by_name.get(name)?.iter().find_map(|group| captures.get_group(*group))),
            };
            each(span.map_or("", matched));
        }
        each(rest);
    }
}

/// The name behind a dollar sign, and what follows it.
fn group(text: &str) -> Option<(&str, &str)> {
    let (braced, text) = text.strip_prefix('{').map_or((false, text), |text| (true, text));
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).filter(|(name, _)| !name.is_empty())?;
    let rest = if braced { rest.strip_prefix('}')? } else { rest };
    Some((name, rest))
}

/// The number that a name is.
fn number(name: &str) -> Option<usize> {
    let digits = name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    // Go stops counting before a digit that follows a hundred million or more.
    name.parse().ok().filter(|number: &usize| digits && number / 10 < 100_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_number_only_in_its_plain_form() {
        for (name, want) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("01", None),
            ("1x", None),
            ("999999999", Some(999_999_999)),
            ("99999999999", None),
        ] {
            assert_eq!(number(name), want, "{name}");
        }
    }

    #[test]
    fn a_name_ends_where_no_letter_follows_or_with_its_brace() {
        assert_eq!(group("a_1-b"), Some(("a_1", "-b")));
        assert_eq!(group("{a}b"), Some(("a", "b")));
        for none in ["", "-", "$", "{", "{}", "{a", "{a b}", " a"] {
            assert_eq!(group(none), None, "{none}");
        }
    }
}
