//! Regular expressions that need no automaton: alternative texts, with anything before or behind them.
//!
//! Dashboards write thousands of values as `(web-1|web-2|…)`, with a common beginning or end, with `.*` on one side or in
//! any case. As a set of texts such an expression takes little more memory than its own text, and a value is found in
//! it by searching. [`Alternatives::parse`] reads Go's syntax as far as it stands for such a set; anything else is for the
//! automata of `matcher`.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::text_set::{TextSet, Texts};

/// The texts of an expression may together have this many bytes, as `(a|b)(c|d)` has all their combinations.
const MOST_BYTES: usize = 4 << 20;
/// Groups in groups beyond this are left to others.
const MOST_DEPTH: usize = 16;

/// What an expression accepts: one of some texts, with anything around it where that is allowed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Alternatives {
    /// How many characters are there at least before the text; `None` if it comes first.
    before: Option<u32>,
    /// How many characters are there at least behind the text; `None` if it comes last.
    behind: Option<u32>,
    /// In folded case, if the expression has no case. Reversed, if anything stands before them.
    texts: TextSet,
    any_case: bool,
}

impl Alternatives {
    /// The expression, which is to match whole values, if it is such a one.
    pub(super) fn parse(pattern: &str) -> Option<Self> {
        let (any_case, pattern) = match pattern.strip_prefix("(?i)") {
            Some(rest) => (true, rest),
            None => (false, pattern),
        };
        let mut parser = Parser { rest: pattern, any_case, depth: 0 };
        let language = parser.alternation()?;
        if !parser.rest.is_empty() {
            return None;
        }
        Self::new(language, any_case)
    }

    /// One of `texts` and nothing else.
    pub(super) fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Option<Self> {
        let mut all = Texts::default();
        texts.into_iter().try_for_each(|text| all.push(&[text]))?;
        Self::new(Language { texts: all, before: None, behind: None }, false)
    }

    fn new(Language { mut texts, before, behind }: Language, any_case: bool) -> Option<Self> {
        if before.is_some() && behind.is_some() && texts.len() > 1 {
            return None;
        }
        if before.is_some() && behind.is_none() {
            let mut reversed = Texts::default();
            texts.iter().try_for_each(|text| reversed.push(&[&backwards(text)]))?;
            texts = reversed;
        }
        let texts = TextSet::new(&texts);
        // Of texts that one another begins with, the shortest one accepts all that the others do.
        let open = before.is_some() || behind.is_some();
        let texts = if open { texts.shortest_prefixes() } else { texts };
        let any_case = any_case && texts.iter().flat_map(str::chars).any(has_case);
        Some(Self { before, behind, texts, any_case })
    }

    /// Whether `value` is one of those.
    pub(super) fn accepts(&self, value: &str) -> bool {
        if self.any_case {
            return self.accepts_folded(&value.chars().map(fold).collect::<String>());
        }
        self.accepts_folded(value)
    }

    fn accepts_folded(&self, value: &str) -> bool {
        let inner = self.before.map_or(Some(value), |least| without_first(value, least));
        let inner = inner.and_then(|rest| self.behind.map_or(Some(rest), |least| without_last(rest, least)));
        let Some(inner) = inner else { return false };
        let begins = |inner: &str| self.texts.at_or_below(inner).is_some_and(|text| inner.starts_with(text));
        match (self.before, self.behind) {
            (None, None) => self.texts.contains(inner),
            (None, Some(_)) => begins(inner),
            (Some(_), None) if self.texts.iter().all(str::is_empty) => !self.texts.is_empty(),
            (Some(_), None) => begins(&backwards(inner)),
            (Some(_), Some(_)) => self.texts.iter().any(|text| inner.contains(text)),
        }
    }

    /// All values that are accepted, if they are the texts.
    pub(super) fn literals(&self) -> Option<&TextSet> {
        (self.before.is_none() && self.behind.is_none() && !self.any_case).then_some(&self.texts)
    }

    /// What every accepted value begins with.
    pub(super) fn prefix(&self) -> &str {
        if self.before.is_some() || self.any_case { "" } else { self.texts.common_prefix() }
    }

    /// Whether it accepts all that begins with its prefix, but perhaps for the prefix itself.
    pub(super) fn is_prefix(&self) -> bool {
        self.before.is_none() && self.behind.is_some() && !self.any_case && self.texts.len() == 1
    }

    /// Memory it takes, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.texts.memory()
    }
}

/// Texts with anything around them: what a part of an expression stands for.
struct Language {
    texts: Texts,
    before: Option<u32>,
    behind: Option<u32>,
}

impl Language {
    fn text(text: &str) -> Option<Self> {
        let mut texts = Texts::default();
        texts.push(&[text])?;
        Some(Self { texts, before: None, behind: None })
    }

    /// At least so many characters.
    fn anything(least: u32) -> Option<Self> {
        Some(Self { before: Some(least), ..Self::text("")? })
    }

    fn is_anything(&self) -> bool {
        self.before.is_some() && self.behind.is_none() && self.texts.bytes() == 0
    }

    /// This and then `next`.
    fn then(self, next: Self) -> Option<Self> {
        if next.is_anything() {
            // `.*.*` and `a.*b.*` are no such expression.
            let open = self.behind.is_some() || self.is_anything();
            return (!open).then_some(Self { behind: next.before, ..self });
        }
        if self.behind.is_some() || next.before.is_some() {
            return None;
        }
        let (mine, others) = (self.texts.len(), next.texts.len());
        let bytes = self.texts.bytes().checked_mul(others)?.checked_add(next.texts.bytes().checked_mul(mine)?)?;
        if bytes > MOST_BYTES || mine.checked_mul(others)? > MOST_BYTES / 4 {
            return None;
        }
        let mut texts = Texts::default();
        for a in self.texts.iter() {
            next.texts.iter().try_for_each(|b| texts.push(&[a, b]))?;
        }
        Some(Self { texts, before: self.before, behind: next.behind })
    }

    /// This or `other`.
    fn or(mut self, other: &Self) -> Option<Self> {
        let alike = (self.before, self.behind) == (other.before, other.behind);
        other.texts.iter().filter(|_| alike).try_for_each(|text| self.texts.push(&[text]))?;
        alike.then_some(self)
    }
}

/// Reads an expression; every function answers `None` where it meets something that is no text.
struct Parser<'p> {
    rest: &'p str,
    any_case: bool,
    depth: usize,
}

impl Parser<'_> {
    fn eat(&mut self, what: &str) -> bool {
        let rest = self.rest.strip_prefix(what);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn alternation(&mut self) -> Option<Language> {
        let mut all = self.branch()?;
        while self.eat("|") {
            all = all.or(&self.branch()?)?;
        }
        Some(all)
    }

    /// Items up to `|`, `)` or the end. Anchors around a branch of the whole expression say what holds anyway.
    fn branch(&mut self) -> Option<Language> {
        let mut all = None;
        if self.depth == 0 {
            self.eat("^");
        }
        while !matches!(self.rest.chars().next(), None | Some('|' | ')')) {
            if self.depth == 0 && self.eat("$") {
                if !matches!(self.rest.chars().next(), None | Some('|')) {
                    return None;
                }
                break;
            }
            let item = self.item()?;
            // A repetition makes another language of it; `{` may begin one.
            if self.rest.starts_with(['*', '+', '?', '{']) {
                return None;
            }
            all = Some(match all {
                None => item,
                Some(before) => Language::then(before, item)?,
            });
        }
        all.or_else(|| Language::text(""))
    }

    fn item(&mut self) -> Option<Language> {
        if self.eat("(") {
            return self.group();
        }
        for (anything, least) in [(".*", 0), (".+", 1)] {
            if self.eat(anything) {
                return Language::anything(least);
            }
        }
        let mut text = String::new();
        while let Some(c) = self.literal()? {
            text.push(if self.any_case { fold(c) } else { c });
        }
        if text.is_empty() { None } else { Language::text(&text) }
    }

    /// The next character, if it stands for itself or is escaped to do so; `None` for escapes of other kinds.
    fn literal(&mut self) -> Option<Option<char>> {
        let Some(c) = self.rest.chars().next().filter(|c| !".()|[]{}*+?^$".contains(*c)) else { return Some(None) };
        self.rest = self.rest.get(c.len_utf8()..)?;
        if c != '\\' {
            return Some(Some(c));
        }
        let escaped = self.rest.chars().next().filter(|c| c.is_ascii() && !c.is_ascii_alphanumeric())?;
        self.rest = self.rest.get(1..)?;
        Some(Some(escaped))
    }

    fn group(&mut self) -> Option<Language> {
        if self.rest.starts_with('?') && !self.eat("?:") {
            return None;
        }
        self.depth += 1;
        let inner = if self.depth > MOST_DEPTH { None } else { self.alternation() };
        self.depth -= 1;
        let inner = inner?;
        self.eat(")").then_some(inner)
    }
}

/// One character for all that differ in case only.
fn fold(c: char) -> char {
    if c.is_ascii() {
        // The signs for kelvin and the long s fold to these, too.
        return c.to_ascii_uppercase();
    }
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
    class.case_fold_simple();
    class.iter().map(|range| range.start()).min().unwrap_or(c)
}

fn has_case(folded: char) -> bool {
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(folded, folded)]);
    class.case_fold_simple();
    class.iter().map(|range| range.len()).sum::<usize>() > 1
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

fn without_first(text: &str, count: u32) -> Option<&str> {
    let mut characters = text.chars();
    (0..count).all(|_| characters.next().is_some()).then_some(characters.as_str())
}

fn without_last(text: &str, count: u32) -> Option<&str> {
    let mut characters = text.chars();
    (0..count).all(|_| characters.next_back().is_some()).then_some(characters.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_automata::meta::Regex;

    use super::*;

    #[test]
    fn alternative_texts_with_anything_around_them_are_told_from_other_expressions() {
        for pattern in [
            "foo.*",
            ".*foo",
            ".+foo.*",
            ".*",
            ".+",
            "foo",
            "^foo.*$",
            "(foo-)bar(.*)",
            "a\\.b.+",
            "",
            "a|b",
            "(a|b)c",
            "x(?:a|b).*",
            "^a$|^b$",
            "(?i)a|b",
            "|a",
            "a.*|b.*",
            "(a|b)(c|d)",
            "((a)|(b))",
        ] {
            assert!(Alternatives::parse(pattern).is_some(), "{pattern}");
        }
        for pattern in [
            "fo*",
            "foo.*bar",
            "(?-s:foo.*)",
            "foo\\b.*",
            "a^b",
            "[ab].*",
            "foo.{2,}",
            "a.*|b",
            ".*(a|b).*",
            "a)",
            "(a",
            "a{2}",
            "(^a)",
            "\\d",
            "(?P<n>a)",
            "(a|b)*",
            ".*a.*b",
            "a$b",
        ] {
            assert!(Alternatives::parse(pattern).is_none(), "{pattern}");
        }
        assert!(Alternatives::parse("foo.+").unwrap().is_prefix());
        assert!(!Alternatives::parse(".*foo.*").unwrap().is_prefix());
        assert!(!Alternatives::parse("(a|b).*").unwrap().is_prefix());
    }

    #[test]
    fn many_names_are_a_set_and_many_combinations_are_not() {
        let names: Vec<String> = (0..100_000).map(|i| format!("p{i:06}")).collect();
        let set = Alternatives::parse(&names.join("|")).unwrap();
        assert!(set.accepts("p099999") && !set.accepts("p100000") && set.memory() < 2 << 20);
        assert_eq!(set.literals().unwrap().len(), 100_000);
        assert!(Alternatives::parse(&format!("({0})({0})", names.join("|"))).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn alternatives_accept_what_the_expression_does(
            flag in "(\\(\\?i\\))?",
            start in "(\\^)?(\\.\\*|\\.\\+)?",
            inner in "[akéſK]{0,3}(\\(([akÉS]{0,2}(\\|[akés]{0,2}){1,3})\\))?[ak]{0,2}",
            end in "(\\.\\*|\\.\\+)?(\\$)?",
            value in "[akKsSſÉé\n]{0,6}",
        ) {
            let pattern = format!("{flag}{start}{inner}{end}");
            if let Some(alternatives) = Alternatives::parse(&pattern) {
                let whole = Regex::new(&format!("^(?s:{pattern})$")).unwrap();
                prop_assert_eq!(alternatives.accepts(&value), whole.is_match(&value), "{:?}", pattern);
                if whole.is_match(&value) {
                    prop_assert!(value.starts_with(alternatives.prefix()), "{:?}", pattern);
                }
                if let Some(literals) = alternatives.literals() {
                    prop_assert!(literals.iter().all(|literal| whole.is_match(literal)));
                }
            }
        }
    }
}
