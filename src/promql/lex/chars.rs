//! Moving over a text, character by character.

/// A place in the text.
#[derive(Debug, Clone)]
pub(super) struct Chars<'a> {
    pub(super) text: &'a str,
    pub(super) pos: usize,
}

impl Chars<'_> {
    pub(super) fn peek(&self) -> Option<char> {
        self.text.get(self.pos..)?.chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    pub(super) fn eat(&mut self, accept: impl Fn(char) -> bool) -> bool {
        let found = self.peek().is_some_and(accept);
        if found {
            self.bump();
        }
        found
    }
}
