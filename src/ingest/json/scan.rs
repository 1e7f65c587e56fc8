//! Finds the ends of objects without reading them.

/// A look for the ends of objects.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// How far it has come.
    pub(super) at: usize,
    depth: u32,
    in_text: bool,
    escaped: bool,
    /// Commas outside of texts.
    pub(super) commas: usize,
}

impl Scan {
    /// Takes the next byte, and says whether an object ends with it.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        if self.in_text {
            self.in_text = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return false;
        }
        match byte {
            b'"' => self.in_text = true,
            b',' => self.commas += 1,
            b'{' => self.depth += 1,
            b'}' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}
