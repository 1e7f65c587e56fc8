//! Label matchers: `=`, `!=`, `=~`, `!~`.
//!
//! Regular expressions match the whole value, as in Prometheus, and are written in Go's syntax ([`go_regex`]). A missing label is matched as the empty string.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use regex_automata::{
    hybrid::dfa::{self, DFA},
    meta,
    nfa::thompson,
};
use regex_syntax::hir::literal;

use super::{
    affix::{self, Affix},
    go_regex,
};

/// A compiled expression may take this much memory (bytes); beyond it the pattern is refused.
const REGEX_SIZE_LIMIT: usize = 1 << 20;
/// A regex that stands for at most this many literal values is looked up value by value instead of by scanning.
const LITERALS_LIMIT: usize = 256;
/// Values are compared with up to this many literals one by one.
const FEW_LITERALS: usize = 16;

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

/// Why a matcher can't be made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MatcherError {
    /// The value is no regular expression, or one too large.
    #[error("error parsing regexp: {why}: `{pattern}`")]
    Regex {
        /// The pattern, or the part of it that is wrong.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
}

/// One condition on one label.
#[derive(Clone)]
pub struct Matcher {
    op: MatchOp,
    name: String,
    value: String,
    regex: Option<Arc<Compiled>>,
}

/// How values are told from others.
enum Accepts {
    /// By being one of the literals.
    Literals,
    Affix(Affix),
    Regex(meta::Regex),
}

struct Compiled {
    accepts: Accepts,
    /// The expression with its anchors.
    anchored: String,
    /// Made when it is asked for.
    automaton: OnceLock<Option<DFA>>,
    /// All values the expression matches, when they are few.
    literals: Option<Vec<String>>,
    /// What every matching value starts with.
    prefix: String,
}

impl Matcher {
    /// Makes a matcher; for the regex kinds `value` is compiled, anchored at both ends.
    ///
    /// # Errors
    /// When `value` must be a regular expression and isn't one, or when its program would be too large.
    pub fn new(op: MatchOp, name: impl Into<String>, value: impl Into<String>) -> Result<Self, MatcherError> {
        let (name, value) = (name.into(), value.into());
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(Arc::new(Compiled::new(&value)?)),
        };
        Ok(Self { op, name, value, regex })
    }

    /// `name="value"`.
    #[must_use]
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
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
            None => self.value == value,
            Some(compiled) => compiled.accepts(value),
        }
    }

    /// Whether it selects every value that begins with [`Self::prefix`], but perhaps for the prefix itself.
    #[must_use]
    pub fn selects_prefix(&self) -> bool {
        self.regex
            .as_ref()
            .is_some_and(|compiled| matches!(&compiled.accepts, Accepts::Affix(affix) if affix.is_prefix()))
    }

    /// All values that [`Self::selects`] accepts, when they are a short list.
    #[must_use]
    pub fn literals(&self) -> Option<&[String]> {
        match &self.regex {
            None => Some(std::slice::from_ref(&self.value)),
            Some(compiled) => compiled.literals.as_deref(),
        }
    }

    /// The expression over the bytes of a value and their end, anchored, for a walk through many values at once. Its states
    /// are made as they are met, up to a limit at which a step fails. `None` when there is no expression.
    #[must_use]
    pub fn automaton(&self) -> Option<&DFA> {
        self.regex.as_ref()?.automaton()
    }

    /// What every value that [`Self::selects`] accepts starts with; may be empty.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match &self.regex {
            None => &self.value,
            Some(compiled) => &compiled.prefix,
        }
    }
}

impl Compiled {
    fn new(pattern: &str) -> Result<Self, MatcherError> {
        let refused = |why: String| MatcherError::Regex { pattern: pattern.to_owned(), why };
        let translated = go_regex(pattern)?;
        let anchored = format!("^(?s:{translated})$");
        let hir = regex_syntax::parse(&format!("(?s:{translated})")).map_err(|error| refused(syntax_reason(&error)))?;
        let mut found = literal::Extractor::new().limit_total(LITERALS_LIMIT).extract(&hir);
        // The extractor takes conditions on places, as `\b`, for met.
        let exact = found.is_exact() && affix::parts(&hir).is_some();
        let literals = exact.then(|| strings(&found)).flatten();
        let prefix =
            found.longest_common_prefix().and_then(|p| std::str::from_utf8(p).ok()).unwrap_or_default().to_owned();
        found.make_infinite();
        let accepts = match (&literals, Affix::of(&hir)) {
            (Some(literals), _) if literals.len() <= FEW_LITERALS => Accepts::Literals,
            (_, Some(affix)) => Accepts::Affix(affix),
            _ => Accepts::Regex(build(&anchored).map_err(refused)?),
        };
        Ok(Self { accepts, anchored, automaton: OnceLock::new(), literals, prefix })
    }

    fn accepts(&self, value: &str) -> bool {
        match &self.accepts {
            Accepts::Literals => self.literals.iter().flatten().any(|literal| literal == value),
            Accepts::Affix(affix) => affix.accepts(value),
            Accepts::Regex(regex) => regex.is_match(value),
        }
    }

    fn automaton(&self) -> Option<&DFA> {
        let made = self.automaton.get_or_init(|| {
            let limits = DFA::config()
                .cache_capacity(REGEX_SIZE_LIMIT)
                .skip_cache_capacity_check(true)
                .minimum_cache_clear_count(Some(0));
            let nfa = thompson::Config::new().nfa_size_limit(Some(REGEX_SIZE_LIMIT));
            dfa::Builder::new().configure(limits).thompson(nfa).build(&self.anchored).ok()
        });
        made.as_ref()
    }
}

/// The expression compiled, or what is wrong with it.
fn build(anchored: &str) -> Result<meta::Regex, String> {
    // Automata that are made as a whole take longer to make than most queries use them; states made as they are met do.
    let limits = meta::Config::new()
        .dfa(false)
        .onepass(false)
        .nfa_size_limit(Some(REGEX_SIZE_LIMIT))
        .hybrid_cache_capacity(REGEX_SIZE_LIMIT);
    meta::Builder::new().configure(limits).build(anchored).map_err(|error| reason(&error))
}

fn strings(seq: &literal::Seq) -> Option<Vec<String>> {
    seq.literals()?.iter().map(|l| std::str::from_utf8(l.as_bytes()).ok().map(str::to_owned)).collect()
}

fn reason(error: &meta::BuildError) -> String {
    match error.syntax_error() {
        Some(syntax) => syntax_reason(syntax),
        None if error.size_limit().is_some() => {
            format!("expression is too large (more than {REGEX_SIZE_LIMIT} bytes compiled)")
        }
        None => error.to_string(),
    }
}

fn syntax_reason(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        other => other.to_string(),
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
        assert_eq!(regex("foo|ba[rz]").literals().unwrap(), ["foo", "bar", "baz"]);
        assert_eq!(regex("foo.*").literals(), None);
        assert_eq!(regex("^(foo)$").literals().unwrap(), ["foo"]);
        // It can't match.
        assert_eq!(regex("foo\\bbar").literals(), None);
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
}
