//! What the translation means, against the engine that runs it.

use super::*;
use proptest::prelude::*;
use regex_automata::meta::Regex;

fn matches(pattern: &str, text: &str) -> bool {
    let translated = go_regex(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
    let anchored = format!("^(?s:{})$", translated.text);
    Regex::new(&anchored).unwrap_or_else(|e| panic!("{anchored}: {e}")).is_match(text)
}

#[test]
fn classes_know_ascii_only() {
    for (pattern, yes, no) in [
        (r"\d+", "12", "١٢"),
        (r"\D", "é", "1"),
        (r"\w+", "a_1", "é"),
        (r"\W", "é", "a"),
        (r"\s", "\t", "\u{a0}"),
        (r"[\s\d]\S", "1é", "é1"),
        (r"[^\w]", "é", "_"),
        (r"é\b.*", "é", "éa b"),
        (r"a\Bb", "ab", "a b"),
    ] {
        let no_matches = matches(pattern, no);
        if pattern == r"é\b.*" {
            assert!(!matches(pattern, yes) && matches(pattern, "éa"), "é is no word character");
            continue;
        }
        assert!(matches(pattern, yes) && !no_matches, "{pattern}");
    }
    assert!(matches(r"\p{Greek}\pN\P{L}\p{^L}", "α1--"));
}

#[test]
fn literals_stay_literals() {
    assert!(matches(r"\Qa.b*\E+c", "a.b***c"));
    assert!(matches("a{,2}", "a{,2}"));
    assert!(matches("a{x}{", "a{x}{"));
    assert!(matches("a{01}", "a{01}"));
    assert!(matches("[a&&b]", "&") && matches("[a&&b]", "b"));
    assert!(matches("[a~~b]", "~"));
    assert!(matches("[[a]", "["));
    assert!(matches("[]a]+", "]a"));
    assert!(matches("[^]a]", "b") && !matches("[^]a]", "]"));
    assert!(matches("[a-]", "-") && matches(r"[\]-_]", "^"));
    assert!(matches("a#b c]}", "a#b c]}"));
    assert!(matches(r"\x41\x{42}\103\_\-", "ABC_-"));
    assert!(matches("[[:alpha:]]+[[:^digit:]]", "ab-"));
}

#[test]
fn groups_and_flags_are_as_in_go() {
    assert!(matches("(?i)A(?-i:b)", "ab") && !matches("(?i)A(?-i:b)", "aB"));
    assert!(matches("(?P<n>a)(?<m>b)(?:c)(?)", "abc"));
    assert!(matches("(?P<1>a)(?P<1>b)(?P<_>c)", "abc"));
    assert!(matches("a{2,3}?(?U)b+", "aabb"));
    assert!(matches("^*a", "a"));
}

#[test]
fn what_go_refuses_is_refused_in_its_words() {
    for (pattern, want) in [
        ("a(", "missing closing ): `a(`"),
        ("a)", "unexpected ): `a)`"),
        ("x[a", "missing closing ]: `[a`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        (r"\p{Nope}", r"invalid character class range: `\p{Nope}`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("a|+?", "missing argument to repetition operator: `+?`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a+?{2}", "invalid nested repetition operator: `+?{2}`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{3,2}", "invalid repeat count: `{3,2}`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        (r"(a)\1", r"invalid escape sequence: `\1`"),
        (r"\Z", r"invalid escape sequence: `\Z`"),
        (r"\xg1", r"invalid escape sequence: `\xg1`"),
        (r"a\", "trailing backslash at end of expression: ``"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?!a)", "invalid or unsupported Perl syntax: `(?!`"),
        ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?<=a)b", "invalid named capture: `(?<=a)b`"),
        ("(?P<a b>c)", "invalid named capture: `(?P<a b>`"),
    ] {
        let got = go_regex(pattern).unwrap_err().to_string();
        assert_eq!(got, format!("error parsing regexp: {want}"), "{pattern}");
    }
}

proptest! {
    #[test]
    fn what_is_translated_can_be_compiled(pattern in r"([a-c.*+?(){}\[\]|^$:\\dDwsbQEpP<>=!,0-9i&~-]|é){0,14}") {
        if let Ok(translated) = go_regex(&pattern)
            && let Err(error) = Regex::new(&translated.text)
        {
            // Only what depends on the whole expression is left to the compiler to refuse.
            let text = format!("{error:?}");
            prop_assert!(text.contains("size") || text.contains("GroupName"), "{pattern} → {translated:?}: {text}");
        }
    }

    #[test]
    fn quoted_text_matches_itself(text in r"\PC{0,12}") {
        let text = text.replace('\\', "/");
        let quoted = format!("\\Q{text}\\E");
        prop_assert!(matches(&quoted, &text), "{}", quoted);
    }
}
