//! Label matchers: `=`, `!=`, `=~`, `!~`.
//!
//! Regular expressions match the whole value, as in Prometheus, and are written in Go's syntax; [`Compiled`] has them. A
//! missing label is matched as the empty string.

use std::{fmt, sync::Arc};

use regex_automata::hybrid::dfa::DFA;

use super::{
    compiled::Compiled,
    matcher_error::{MatcherError, TakeBytes, shortened},
    text_set::TextSet,
};

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl fmt::Display for MatchOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        })
    }
}

/// One condition on one label.
#[derive(Clone)]
pub struct Matcher {
    op: MatchOp,
    name: Arc<str>,
    value: Arc<str>,
    regex: Option<Arc<Compiled>>,
}

impl Matcher {
    /// Makes a matcher; for the regex kinds `value` is compiled, anchored at both ends.
    ///
    /// # Errors
    /// When `value` must be a regular expression and isn't one, or is too long.
    pub fn new(op: MatchOp, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Result<Self, MatcherError> {
        Self::within(op, name, value, &|_| true)
    }

    /// Makes a matcher, and before it takes memory, that is more than a few times its texts, takes it of `room`.
    ///
    /// # Errors
    /// As [`Matcher::new`], and when there is no room for the expression.
    pub fn within(
        op: MatchOp,
        name: impl Into<Arc<str>>,
        value: impl Into<Arc<str>>,
        room: &TakeBytes<'_>,
    ) -> Result<Self, MatcherError> {
        let (name, value) = (name.into(), value.into());
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(Arc::new(Compiled::new(&value, room)?)),
        };
        Ok(Self { op, name, value, regex })
    }

    /// `name="value"`.
    #[must_use]
    pub fn equal(name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        Self { op: MatchOp::Equal, name: name.into(), value: value.into(), regex: None }
    }

    /// How it compares.
    #[must_use]
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// The label's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it compares with: a literal or a pattern.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label with this value passes (`""`: the label is missing).
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        self.selects(value) != self.is_negative()
    }

    /// Whether a series without the label passes.
    #[must_use]
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    /// Whether it is `!=` or `!~`.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        matches!(self.op, MatchOp::NotEqual | MatchOp::NotRegex)
    }

    /// Whether `value` equals the literal or matches the pattern, whatever the operator's sign.
    #[must_use]
    pub fn selects(&self, value: &str) -> bool {
        match &self.regex {
            None => &*self.value == value,
            Some(compiled) => compiled.accepts(value),
        }
    }

    /// Whether it selects every value that begins with [`Self::prefix`], but perhaps for the prefix itself.
    #[must_use]
    pub fn selects_prefix(&self) -> bool {
        self.regex.as_ref().is_some_and(|compiled| compiled.is_prefix())
    }

    /// All values that [`Self::selects`] accepts, when they are a list.
    #[must_use]
    pub fn literals(&self) -> Option<Literals<'_>> {
        match &self.regex {
            None => Some(Literals::One(&self.value)),
            Some(compiled) => compiled.literals().map(Literals::Many),
        }
    }

    /// The expression over the bytes of a value and their end, anchored, for a walk through many values at once. Its states
    /// are made as they are met, up to a limit at which a step fails. `None` when there is no expression, or none that would
    /// gain by it.
    #[must_use]
    pub fn automaton(&self) -> Option<&DFA> {
        self.regex.as_ref()?.automaton()
    }

    /// The conditions as an error or a list for people shows them, a long value by its beginning.
    #[must_use]
    pub fn shown(matchers: &[Self]) -> String {
        let one = |m: &Self| format!("{}{}{:?}", m.name, m.op, shortened(&m.value));
        format!("{{{}}}", matchers.iter().map(one).collect::<Vec<_>>().join(","))
    }

    /// What every value that [`Self::selects`] accepts starts with; may be empty.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match &self.regex {
            None => &self.value,
            Some(compiled) => compiled.prefix(),
        }
    }
}

/// The values that a matcher without an automaton looks for.
#[derive(Debug, Clone, Copy)]
pub enum Literals<'m> {
    /// The value of `=` or `!=`.
    One(&'m str),
    /// The values of an expression that lists them.
    Many(&'m TextSet),
}

impl<'m> Literals<'m> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(texts) => texts.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values, in ascending order.
    pub fn iter(self) -> impl Iterator<Item = &'m str> {
        let (one, many) = match self {
            Self::One(value) => (Some(value), None),
            Self::Many(texts) => (None, Some(texts)),
        };
        one.into_iter().chain(many.into_iter().flat_map(TextSet::iter))
    }
}

/// `name="value"`, as in a query.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.name, self.op, self.value)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (self.op, &self.name, &self.value) == (other.op, &other.name, &other.value)
    }
}

impl Eq for Matcher {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::matcher_error::MAX_PATTERN;

    fn regex(pattern: &str) -> Matcher {
        Matcher::new(MatchOp::Regex, "l", pattern).unwrap()
    }

    #[test]
    fn a_regex_matches_the_whole_value() {
        assert!(regex("a|b.*").matches("bcd"));
        assert!(!regex("a|b").matches("ab"));
        assert!(regex(".*").matches("line\nbreak"));
        assert!(regex("").matches_empty());
    }

    #[test]
    fn negative_matchers_pass_what_the_positive_ones_refuse() {
        assert!(Matcher::new(MatchOp::NotEqual, "l", "x").unwrap().matches_empty());
        assert!(!Matcher::new(MatchOp::NotRegex, "l", "x?").unwrap().matches_empty());
    }

    #[test]
    fn an_alternation_of_literals_is_a_list_of_values() {
        let literals = |pattern: &str| {
            regex(pattern).literals().map(|literals| literals.iter().map(str::to_owned).collect::<Vec<_>>())
        };
        assert_eq!(literals("foo|ba[rz]").unwrap(), ["bar", "baz", "foo"]);
        assert_eq!(literals("foo.*"), None);
        assert_eq!(literals("^(foo)$").unwrap(), ["foo"]);
        // It can't match.
        assert_eq!(literals("foo\\bbar"), None);
        assert!(!regex("foo\\bbar").matches("foobar"));
        assert!(regex("foo|ba[rz]").matches("baz") && !regex("foo|ba[rz]").matches("ba"));
        assert_eq!(regex("foo-(a.*|b.+)").prefix(), "foo-");
    }

    #[test]
    fn a_bad_or_huge_pattern_is_refused_with_its_text() {
        let text = Matcher::new(MatchOp::Regex, "l", "a(").unwrap_err().to_string();
        assert!(text.contains("`a(`"), "{text}");
        assert!(Matcher::new(MatchOp::Regex, "l", "(a{1000}){1000}").is_err());
    }

    #[test]
    fn a_list_of_names_is_limited_by_its_bytes_alone() {
        let names: Vec<String> = (0..10_000).map(|i| format!("sha256:{i:064x}")).collect();
        for pattern in [names.join("|"), format!("({})", names.join("|")), format!("({}).*", names.join("|"))] {
            let matcher = regex(&pattern);
            assert!(matcher.matches(&names[9_999]) && !matcher.matches("sha256:0"));
        }
        let folded = regex(&format!("(?i)({})", names.join("|")));
        assert!(folded.matches(&names[1].to_uppercase()) && !folded.matches("SHA256:0"));
        let too_long = Matcher::new(MatchOp::Regex, "l", "x|".repeat(MAX_PATTERN)).unwrap_err().to_string();
        assert_eq!(too_long, "a regular expression has 2097152 bytes, more than the limit of 1048576");
    }

    #[test]
    fn what_an_expression_takes_is_taken_of_the_room_first() {
        let names: Vec<String> = (0..30_000).map(|i| format!("name-{i}")).collect();
        let taken = std::cell::Cell::new(0);
        let room = |most: usize| {
            taken.set(0);
            let taken = &taken;
            move |bytes: usize| {
                taken.set(taken.get() + bytes);
                taken.get() <= most
            }
        };
        let list = names.join("|");
        assert!(Matcher::within(MatchOp::Regex, "l", list.as_str(), &room(8 << 20)).is_ok(), "{}", taken.get());
        // What isn't a list takes an automaton, and refusing it takes next to nothing.
        let automaton = names.join("x?|");
        let refused = Matcher::within(MatchOp::Regex, "l", automaton.as_str(), &room(1 << 20)).unwrap_err();
        assert!(matches!(refused, MatcherError::NoRoom(_)), "{refused}");
        let refused = Matcher::new(MatchOp::Regex, "l", automaton.as_str()).unwrap_err().to_string();
        assert!(refused.len() < 1000 && refused.contains("expression is too large"), "{refused}");
    }
}
