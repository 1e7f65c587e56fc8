//! Regular expressions that need no automaton: a text, with anything before it, behind it, or on both sides.

use regex_syntax::hir::{Dot, Hir, HirKind, Look};

/// What an expression such as `text.*`, `.+text` or `.*text.*` accepts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Affix {
    /// How many characters are there at least before the text; `None` if it comes first.
    before: Option<u32>,
    text: String,
    /// Likewise behind it.
    behind: Option<u32>,
}

impl Affix {
    /// The expression, which is to match whole values, if it is such a one.
    pub(super) fn of(hir: &Hir) -> Option<Self> {
        let parts = parts(hir)?;
        let mut rest = &parts[..];
        let before = take_anything(&mut rest);
        let mut text = String::new();
        while let [part, after @ ..] = rest
            && let HirKind::Literal(literal) = part.kind()
        {
            text.push_str(std::str::from_utf8(&literal.0).ok()?);
            rest = after;
        }
        let behind = take_anything(&mut rest);
        rest.is_empty().then_some(Self { before, text, behind })
    }

    pub(super) fn accepts(&self, value: &str) -> bool {
        let inner = self.before.map_or(Some(value), |least| without_first(value, least));
        let inner = inner.and_then(|rest| self.behind.map_or(Some(rest), |least| without_last(rest, least)));
        inner.is_some_and(|inner| match (self.before, self.behind) {
            (None, None) => inner == self.text,
            (None, Some(_)) => inner.starts_with(&self.text),
            (Some(_), None) => inner.ends_with(&self.text),
            (Some(_), Some(_)) => inner.contains(&self.text),
        })
    }

    /// Whether it accepts all that begins with its text, but perhaps for the text itself.
    pub(super) fn is_prefix(&self) -> bool {
        self.before.is_none() && self.behind.is_some()
    }
}

/// What an expression for whole values matches one after the other, without anchors around it; `None` if there are other
/// conditions on places in it.
pub(super) fn parts(hir: &Hir) -> Option<Vec<&Hir>> {
    let mut parts = Vec::new();
    flatten(hir, &mut parts);
    let is = |part: &&Hir, look| matches!(part.kind(), HirKind::Look(found) if *found == look);
    let anchors = parts.iter().take_while(|part| is(part, Look::Start)).count();
    parts.drain(..anchors);
    while parts.pop_if(|part| is(part, Look::End)).is_some() {}
    parts.iter().all(|part| part.properties().look_set().is_empty()).then_some(parts)
}

fn flatten<'h>(hir: &'h Hir, out: &mut Vec<&'h Hir>) {
    match hir.kind() {
        HirKind::Concat(parts) => parts.iter().for_each(|part| flatten(part, out)),
        HirKind::Capture(group) => flatten(&group.sub, out),
        HirKind::Empty => {}
        _ => out.push(hir),
    }
}

/// Takes `.*` or `.+` off the front: how many characters it needs.
fn take_anything(parts: &mut &[&Hir]) -> Option<u32> {
    let [first, rest @ ..] = *parts else { return None };
    let HirKind::Repetition(repeated) = first.kind() else { return None };
    let anything = repeated.max.is_none() && repeated.min <= 1 && *repeated.sub == Hir::dot(Dot::AnyChar);
    anything.then(|| {
        *parts = rest;
        repeated.min
    })
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

    fn affix(pattern: &str) -> Option<Affix> {
        Affix::of(&regex_syntax::parse(&format!("(?s:{pattern})")).unwrap())
    }

    #[test]
    fn texts_with_anything_around_them_are_told_from_other_expressions() {
        for pattern in ["foo.*", ".*foo", ".+foo.*", ".*", ".+", "foo", "^foo.*$", "(foo-)bar(.*)", "a\\.b.+", ""] {
            assert!(affix(pattern).is_some(), "{pattern}");
        }
        for pattern in
            ["fo*", "foo|bar", "foo.*bar", "(?-s:foo.*)", "(?i)foo.*", "foo\\b.*", "a^b", "[ab].*", "foo.{2,}"]
        {
            assert!(affix(pattern).is_none(), "{pattern}");
        }
        assert!(affix("foo.+").unwrap().is_prefix() && !affix(".*foo.*").unwrap().is_prefix());
    }

    proptest! {
        #[test]
        fn an_affix_accepts_what_the_expression_does(
            pattern in "(\\^)?(\\.\\*|\\.\\+)?[aéb]{0,3}(\\.\\*|\\.\\+)?(\\$)?",
            value in "[aéb\n]{0,5}",
        ) {
            let whole = Regex::new(&format!("^(?s:{pattern})$")).unwrap();
            prop_assert_eq!(affix(&pattern).unwrap().accepts(&value), whole.is_match(&value), "{:?}", pattern);
        }
    }
}
