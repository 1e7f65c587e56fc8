//! Literals: numbers, durations, regular expressions.

use std::fmt::Write as _;

use crate::{
    influxql::{
        ast::{Expr, Pattern},
        error::ParseError,
    },
    model::{MatchOp, Matcher},
};

/// Units of durations with their lengths in ns, the longer first.
const UNITS: [(&str, i64); 9] = [
    ("w", 7 * 24 * 3600 * 1_000_000_000),
    ("d", 24 * 3600 * 1_000_000_000),
    ("h", 3600 * 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("u", 1_000),
    ("µ", 1_000),
    ("ns", 1),
];

/// `1h30m` in ns.
pub(super) fn duration(text: &str) -> Result<i64, ParseError> {
    let invalid = || ParseError("invalid duration".to_owned());
    let overflowed = || ParseError(format!("overflowed duration {text}: choose a smaller duration or INF"));
    let mut total = 0_i64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, behind) = rest.split_at(digits);
        let length = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, left) = behind.split_at(length);
        let (_, ns) = UNITS.iter().copied().find(|(name, _)| unit == *name).ok_or_else(invalid)?;
        if number.is_empty() {
            return Err(invalid());
        }
        let number: i64 = number.parse().map_err(|_| overflowed())?;
        let part = number.checked_mul(ns).ok_or_else(overflowed)?;
        total = total.checked_add(part).ok_or_else(overflowed)?;
        rest = left;
    }
    Ok(total)
}

/// A duration in ns as InfluxDB writes it: in the largest unit that fits, or in several.
pub(in crate::influxql) fn format_duration(ns: i64) -> String {
    if ns == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    if ns < 0 {
        text.push('-');
    }
    let mut left = ns.unsigned_abs();
    for (name, length) in UNITS.iter().filter(|(name, _)| *name != "µ") {
        let count = left / length.unsigned_abs();
        if count > 0 {
            let _ = write!(text, "{count}{name}");
            left %= length.unsigned_abs();
        }
    }
    text
}

/// `15`: as large as it is.
pub(super) fn integer(text: &str) -> Option<Expr> {
    match text.parse() {
        Ok(number) => Some(Expr::Integer(number)),
        Err(_) => text.parse().ok().map(Expr::Unsigned),
    }
}

/// Whether a pattern begins with the begin of a text and ends with its end, and what stands between: so that the index finds what
/// it lists. What isn't sure to be an anchor is left where it is.
fn anchors(text: &str) -> (bool, &str, bool) {
    // Of alternatives each has its own, and flags may say what they mean.
    let mut depth = 0_usize;
    let mut is_class = false;
    let mut chars = text.char_indices().peekable();
    let mut last_is_escaped = false;
    while let Some((i, c)) = chars.next() {
        last_is_escaped = false;
        match c {
            '\\' => {
                chars.next();
                last_is_escaped = chars.peek().is_none();
                if text.get(i..).is_some_and(|rest| rest.starts_with("\\Q")) {
                    return (false, text, false);
                }
            }
            '[' if !is_class => is_class = true,
            ']' => is_class = false,
            _ if is_class => {}
            '(' => {
                depth += 1;
                if text.get(i + 1..).is_some_and(|rest| rest.starts_with('?') && !rest.starts_with("?:")) {
                    return (false, text, false);
                }
            }
            ')' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => return (false, text, false),
            _ => {}
        }
    }
    let start = text.strip_prefix('^');
    let rest = start.unwrap_or(text);
    let end = rest.strip_suffix('$').filter(|_| !last_is_escaped && !is_class);
    // A sign that repeats what stands before it would repeat nothing.
    let repeats = rest.starts_with(['*', '+', '?', '{']);
    if repeats { (false, text, false) } else { (start.is_some(), end.unwrap_or(rest), end.is_some()) }
}

/// `/pattern/`, which may match anywhere.
pub(super) fn pattern(text: &str) -> Result<Pattern, String> {
    // What Go refuses is refused in its words, and said of the pattern as it was written.
    Matcher::new(MatchOp::Regex, "", text).map_err(|error| error.to_string())?;
    let (start, inner, end) = anchors(text);
    let open = |is_anchored: bool| if is_anchored { "" } else { "(?s:.*)" };
    let whole = format!("{}(?:{inner}){}", open(start), open(end));
    let matcher = Matcher::new(MatchOp::Regex, "", whole).map_err(|error| error.to_string())?;
    Ok(Pattern { text: text.to_owned(), matcher })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Literals;

    #[test]
    fn a_pattern_with_both_anchors_is_a_list_of_values() {
        for text in ["^(a|b)$", "^a$", "^(?:a|b)$", "^a\\.b$", "^[ab]$"] {
            let pattern = pattern(text).unwrap();
            assert!(matches!(pattern.matcher.literals(), Some(Literals::Many(_))), "{text}");
        }
        for text in ["a", "^a", "a$", "^a|b$", "^a\\$", "(?m)^a$", "^.*$", "^a[$", "^*a$"] {
            let listed = pattern(text).ok().and_then(|pattern| pattern.matcher.literals().map(drop));
            assert_eq!(listed, None, "{text}");
        }
    }

    #[test]
    fn a_pattern_matches_what_it_matched_before_its_anchors_were_taken_off() {
        let texts = ["", "a", "b", "ab", "ba", "aab", "a$", "$", "^a", "a\nb", "xay", "]", "a|b", "b$", "\n"];
        for text in [
            "^",
            "$",
            "^$",
            "^a",
            "a$",
            "^a$",
            "^a|b$",
            "(^a|b$)",
            "^(a|b)$",
            "^a\\$",
            "a\\\\$",
            "[$]$",
            "[^a]$",
            "^[]|]$",
            "^a.b$",
            "(?m)^a$",
            "(?i)^A$",
            "^a*$",
            "^(a$|b)",
            "a^",
            "$a",
            "^^a$$",
            "^\\Qa|b\\E$",
            "^[[:alpha:]|]$",
            "^\\^a$",
            "^a?",
            "^.$",
            "^(?:)$",
        ] {
            let anywhere = Matcher::new(MatchOp::Regex, "", format!("(?s:.*)(?:{text})(?s:.*)")).unwrap();
            let pattern = pattern(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            for value in texts {
                assert_eq!(pattern.matcher.matches(value), anywhere.matches(value), "/{text}/ of {value:?}");
            }
        }
    }
}
