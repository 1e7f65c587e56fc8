//! What is wrong with records of a body: the first few in words, the others counted.

use std::fmt::{self, Display, Formatter};

/// Faults that an answer spells out.
const SPELLED_OUT: usize = 5;
/// Bytes that the wording of one may take.
const WORDING_BYTES: usize = 300;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it is, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The rule that is broken.
    pub why: String,
}

/// All of a body.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    first: Vec<Fault>,
    count: u64,
    rejected: u64,
}

impl Faults {
    pub(super) fn add(&mut self, line: usize, column: usize, why: &str) {
        self.count += 1;
        if self.first.len() < SPELLED_OUT {
            let end = (0..=WORDING_BYTES.min(why.len())).rev().find(|&end| why.is_char_boundary(end)).unwrap_or(0);
            self.first.push(Fault { line, column, why: why.get(..end).unwrap_or_default().to_owned() });
        }
    }

    /// The same of a record that is well-formed and breaks a rule of the store.
    pub(super) fn reject(&mut self, line: usize, column: usize, why: &str) {
        self.rejected += 1;
        self.add(line, column, why);
    }

    /// How many records were well-formed and break a rule of the store.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The first few.
    #[must_use]
    pub fn first(&self) -> &[Fault] {
        &self.first
    }
}

impl Display for Faults {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let words = self.first.iter().map(|Fault { line, column, why }| format!("line {line}:{column}: {why}"));
        f.write_str(&words.collect::<Vec<_>>().join("; "))?;
        match self.count - self.first.len() as u64 {
            0 => Ok(()),
            more => write!(f, "; and {more} more lines"),
        }
    }
}
