//! Escapes, and classes in brackets.

use super::{MatcherError, PROPERTY_PARTS, Translator};

/// The named classes of `[[:name:]]`.
const POSIX_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

impl Translator<'_> {
    /// `\d`, `\pL` and their like, after the backslash: what to put into a class.
    pub(super) fn class_escape(&mut self, start: usize) -> Result<Option<String>, MatcherError> {
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
        self.parts += PROPERTY_PARTS;
        Ok(Some(class))
    }

    /// The character that an escape stands for, after the backslash.
    pub(super) fn char_escape(&mut self, start: usize) -> Result<char, MatcherError> {
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
    pub(super) fn class(&mut self, start: usize) -> Result<(), MatcherError> {
        self.out.push('[');
        if self.eat("^") {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            self.parts += 1;
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
