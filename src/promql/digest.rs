//! A number of 128 bits for what a text would say, without holding the text.

use std::fmt::{self, Write};

use xxhash_rust::xxh3::Xxh3;

struct Digest(Xxh3);

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// The digest of what `value` says for programmers.
pub(super) fn of(value: &impl fmt::Debug) -> u128 {
    let mut digest = Digest(Xxh3::new());
    // A digest takes any text, and no implementation here refuses to write.
    let _ = write!(digest, "{value:?}");
    digest.0.digest128()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_say_the_same_have_the_same_digest() {
        assert_eq!(of(&vec![1, 2]), of(&[1, 2]));
        assert_ne!(of(&[1, 2]), of(&[1, 3]));
        assert_ne!(of(&0.0), of(&-0.0));
    }
}
