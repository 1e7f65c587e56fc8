//! Regular expressions as Prometheus writes them: Go's RE2 syntax, said in the syntax of `regex-syntax`.
//!
//! The two are close, but not the same: in Go `\d`, `\s`, `\w` and `\b` know ASCII only, `\Q…\E` quotes, a brace that
//! begins no repetition is a literal, `[` and `&&` in a class are literals, and repetitions end at 1000. What Go
//! refuses is refused here with Go's words.

use super::MatcherError;

/// A repetition may ask for this many at most.
const MAX_REPEAT: u32 = 1000;
/// The named classes of `[[:name:]]`.
const POSIX_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// The expression `pattern` in the syntax of `regex-syntax`, neither anchored nor flagged.
///
/// # Errors
/// When Go's `regexp` would refuse the pattern.
pub fn go_regex(pattern: &str) -> Result<String, MatcherError> {
    let mut translator = Translator { text: pattern, pos: 0, out: String::with_capacity(pattern.len() + 8) };
    translator.expression()?;
    Ok(translator.out)
}

/// What a repetition operator would follow.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// Nothing that can be repeated.
    Nothing,
    /// Something to repeat.
    Atom,
    /// Another repetition, which began at this byte.
    Repeat(usize),
}

struct Translator<'a> {
    text: &'a str,
    pos: usize,
    out: String,
}

impl Translator<'_> {
    fn refuse<T>(&self, why: &str, piece: &str) -> Result<T, MatcherError> {
        Err(MatcherError::Regex { pattern: piece.to_owned(), why: why.to_owned() })
    }

    /// Refuses what stands from byte `start` to here.
    fn refuse_from<T>(&self, why: &str, start: usize) -> Result<T, MatcherError> {
        self.refuse(why, self.text.get(start..self.pos).unwrap_or_default())
    }

    fn rest(&self) -> &str {
        self.text.get(self.pos..).unwrap_or_default()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, what: &str) -> bool {
        let found = self.rest().starts_with(what);
        if found {
            self.pos += what.len();
        }
        found
    }

    fn expression(&mut self) -> Result<(), MatcherError> {
        let mut open = 0usize;
        let mut before = Before::Nothing;
        loop {
            let start = self.pos;
            let Some(c) = self.bump() else { break };
            before = match c {
                '(' => {
                    if self.group(start)? {
                        open += 1;
                        Before::Nothing
                    } else {
                        before
                    }
                }
                ')' if open == 0 => return self.refuse("unexpected )", self.text),
                ')' => {
                    open -= 1;
                    self.out.push(')');
                    Before::Atom
                }
                '|' => {
                    self.out.push('|');
                    Before::Nothing
                }
                '*' | '+' | '?' => self.repetition(start, before, c.to_string().as_str())?,
                '{' => match self.counted(start)? {
                    Some(counted) => self.repetition(start, before, &counted)?,
                    None => self.literal('{'),
                },
                '.' | '^' | '$' => {
                    self.out.push(c);
                    Before::Atom
                }
                '[' => {
                    self.class(start)?;
                    Before::Atom
                }
                '\\' => match self.escape(start)? {
                    Some(before) => before,
                    None => before,
                },
                other => self.literal(other),
            };
        }
        if open > 0 { self.refuse("missing closing )", self.text) } else { Ok(()) }
    }

    fn literal(&mut self, c: char) -> Before {
        if "\\.+*?()|[]{}^$#&-~".contains(c) {
            self.out.push('\\');
        }
        self.out.push(c);
        Before::Atom
    }

    /// A repetition operator is taken, except for the `?` that makes it lazy.
    fn repetition(&mut self, start: usize, before: Before, written: &str) -> Result<Before, MatcherError> {
        let lazy = self.eat("?");
        match before {
            Before::Repeat(first) => self.refuse_from("invalid nested repetition operator", first),
            Before::Nothing => self.refuse_from("missing argument to repetition operator", start),
            Before::Atom => {
                self.out.push_str(written);
                self.out.push_str(if lazy { "?" } else { "" });
                Ok(Before::Repeat(start))
            }
        }
    }

    /// Takes `n}`, `n,}` or `n,m}`; anything else makes the brace a literal.
    fn counted(&mut self, start: usize) -> Result<Option<String>, MatcherError> {
        let Some((inside, _)) = self.rest().split_once('}') else { return Ok(None) };
        let length = inside.len() + 1;
        let (min, max) = inside.split_once(',').map_or((inside, None), |(min, max)| (min, Some(max)));
        let number = |digits: &str| {
            let fits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            (fits && (digits.len() == 1 || !digits.starts_with('0'))).then(|| digits.parse().unwrap_or(u32::MAX))
        };
        let Some(min) = number(min) else { return Ok(None) };
        let max = match max {
            None => Some(min),
            Some("") => None,
            Some(digits) => match number(digits) {
                Some(max) => Some(max),
                None => return Ok(None),
            },
        };
        let written = format!("{{{inside}}}");
        self.pos += length;
        if min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || max < min) {
            return self.refuse_from("invalid repeat count", start);
        }
        Ok(Some(written))
    }

    /// What follows `(`: a group (true), or flags for the rest of the group around (false).
    fn group(&mut self, start: usize) -> Result<bool, MatcherError> {
        if !self.eat("?") {
            self.out.push('(');
            return Ok(true);
        }
        if self.eat("P<") || self.eat("<") {
            let Some((name, _)) = self.rest().split_once('>') else {
                return self.refuse("invalid named capture", self.text.get(start..).unwrap_or_default());
            };
            let valid = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let opening = format!("(?P<{name}>");
            self.pos += name.len() + 1;
            if !valid {
                return self.refuse_from("invalid named capture", start);
            }
            self.out.push_str(&opening);
            return Ok(true);
        }
        let (mut negative, mut seen) = (false, false);
        let from = self.pos;
        loop {
            match self.bump() {
                Some('i' | 'm' | 's' | 'U') => seen = true,
                Some('-') if !negative => (negative, seen) = (true, false),
                Some(end @ (':' | ')')) if seen || !negative => {
                    let flags = self.text.get(from..self.pos - 1).unwrap_or_default();
                    if end == ':' {
                        self.out.push_str(&format!("(?{flags}:"));
                    } else if !flags.is_empty() {
                        self.out.push_str(&format!("(?{flags})"));
                    }
                    return Ok(end == ':');
                }
                Some(_) => return self.refuse_from("invalid or unsupported Perl syntax", start),
                None => return self.refuse("missing closing )", self.text),
            }
        }
    }

    /// An escape outside of classes; `None` when it stands for nothing.
    fn escape(&mut self, start: usize) -> Result<Option<Before>, MatcherError> {
        if self.eat("Q") {
            let (quoted, skip) = match self.rest().split_once("\\E") {
                Some((quoted, _)) => (quoted.to_owned(), 2),
                None => (self.rest().to_owned(), 0),
            };
            self.pos += quoted.len() + skip;
            for c in quoted.chars() {
                self.literal(c);
            }
            return Ok((!quoted.is_empty()).then_some(Before::Atom));
        }
        for (name, assertion) in [("A", "\\A"), ("z", "\\z"), ("b", "(?-u:\\b)"), ("B", "(?-u:\\B)")] {
            if self.eat(name) {
                self.out.push_str(assertion);
                return Ok(Some(Before::Atom));
            }
        }
        if let Some(class) = self.class_escape(start)? {
            self.out.push_str(&format!("[{class}]"));
            return Ok(Some(Before::Atom));
        }
        let c = self.char_escape(start)?;
        Ok(Some(self.literal(c)))
    }

    /// `\d`, `\pL` and their like, after the backslash: what to put into a class.
    fn class_escape(&mut self, start: usize) -> Result<Option<String>, MatcherError> {
        for (name, class) in [
            ("d", "0-9"),
            ("D", "[^0-9]"),
            ("s", "\\t\\n\\x0C\\r\\x20"),
            ("S", "[^\\t\\n\\x0C\\r\\x20]"),
            ("w", "0-9A-Za-z_"),
            ("W", "[^0-9A-Za-z_]"),
        ] {
            if self.eat(name) {
                return Ok(Some(class.to_owned()));
            }
        }
        let mut negative = match self.rest().bytes().next() {
            Some(b'p') => false,
            Some(b'P') => true,
            _ => return Ok(None),
        };
        self.pos += 1;
        let name = if self.eat("{") {
            let Some((name, _)) = self.rest().split_once('}') else {
                self.pos = self.text.len();
                return self.refuse_from("invalid character class range", start);
            };
            let name = name.to_owned();
            self.pos += name.len() + 1;
            name
        } else {
            self.bump().map(String::from).unwrap_or_default()
        };
        let name = match name.strip_prefix('^') {
            Some(name) => {
                negative = !negative;
                name
            }
            None => &name,
        };
        let class = format!("\\{}{{{name}}}", if negative { 'P' } else { 'p' });
        if name.is_empty()
            || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            || regex_syntax::parse(&class).is_err()
        {
            return self.refuse_from("invalid character class range", start);
        }
        Ok(Some(class))
    }

    /// The character that an escape stands for, after the backslash.
    fn char_escape(&mut self, start: usize) -> Result<char, MatcherError> {
        let invalid = "invalid escape sequence";
        let Some(c) = self.bump() else { return self.refuse("trailing backslash at end of expression", "") };
        let octal = |c: Option<char>| c.and_then(|c| c.to_digit(8));
        let code = match c {
            'a' => 7,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            '1'..='7' if octal(self.rest().chars().next()).is_none() => return self.refuse_from(invalid, start),
            '0'..='7' => {
                let mut code = octal(Some(c)).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = octal(self.rest().chars().next()) else { break };
                    code = code * 8 + digit;
                    self.pos += 1;
                }
                code
            }
            'x' => return self.hex_escape(start),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => return Ok(c),
            _ => return self.refuse_from(invalid, start),
        };
        char::from_u32(code).map_or_else(|| self.refuse_from(invalid, start), Ok)
    }

    fn hex_escape(&mut self, start: usize) -> Result<char, MatcherError> {
        let length = if self.eat("{") {
            let length = self.rest().find('}');
            length.map_or(0, |l| l + 1)
        } else {
            2
        };
        let digits = self.rest().get(..length).unwrap_or_default().to_owned();
        self.pos += digits.len();
        let hex = digits.trim_end_matches('}');
        let all_hex = !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let code = u32::from_str_radix(hex, 16).ok().filter(|_| all_hex && digits.len() == length);
        code.and_then(char::from_u32).map_or_else(|| self.refuse_from("invalid escape sequence", start), Ok)
    }

    /// What follows `[`.
    fn class(&mut self, start: usize) -> Result<(), MatcherError> {
        self.out.push('[');
        if self.eat("^") {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            if self.rest().is_empty() {
                return self.refuse("missing closing ]", self.text.get(start..).unwrap_or_default());
            }
            if !first && self.eat("]") {
                self.out.push(']');
                return Ok(());
            }
            first = false;
            if self.posix_class()? {
                continue;
            }
            let item = self.pos;
            if self.eat("\\") {
                if let Some(class) = self.class_escape(item)? {
                    self.out.push_str(&class);
                    continue;
                }
                self.pos = item;
            }
            let low = self.class_char(start)?;
            let mut after = self.rest().chars();
            let high = if after.next() == Some('-') && after.next().is_some_and(|c| c != ']') {
                self.pos += 1;
                self.class_char(start)?
            } else {
                low
            };
            if high < low {
                return self.refuse_from("invalid character class range", item);
            }
            self.out.push_str(&format!("\\x{{{:X}}}-\\x{{{:X}}}", low as u32, high as u32));
        }
    }

    fn class_char(&mut self, class: usize) -> Result<char, MatcherError> {
        let start = self.pos;
        match self.bump() {
            Some('\\') => self.char_escape(start),
            Some(c) => Ok(c),
            None => self.refuse("missing closing ]", self.text.get(class..).unwrap_or_default()),
        }
    }

    /// Takes `[:name:]` if it is there.
    fn posix_class(&mut self) -> Result<bool, MatcherError> {
        let rest = self.rest();
        let Some((name, _)) = rest.strip_prefix("[:").and_then(|r| r.split_once(":]")) else { return Ok(false) };
        let whole = format!("[:{name}:]");
        if !POSIX_CLASSES.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return self.refuse("invalid character class range", &whole);
        }
        self.pos += whole.len();
        self.out.push_str(&whole);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex_automata::meta::Regex;

    fn matches(pattern: &str, text: &str) -> bool {
        let translated = go_regex(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
        let anchored = format!("^(?s:{translated})$");
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
                && let Err(error) = Regex::new(&translated)
            {
                // Only what depends on the whole expression is left to the compiler to refuse.
                let text = format!("{error:?}");
                prop_assert!(text.contains("size") || text.contains("GroupName"), "{pattern} → {translated}: {text}");
            }
        }

        #[test]
        fn quoted_text_matches_itself(text in r"\PC{0,12}") {
            prop_assume!(!text.contains("\\E") && !text.ends_with('\\'));
            let quoted = format!("\\Q{text}\\E");
            prop_assert!(matches(&quoted, &text), "{}", quoted);
        }
    }
}
