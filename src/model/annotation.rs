//! Warnings and infos that accompany an answer, with the place in the query they speak of.

/// A byte range in a query's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes from `start` up to, without, `end`.
    #[must_use]
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The smallest span around both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// One-based line and column (in bytes, as Prometheus counts) of the span's start in `text`; zeros where that is empty.
    #[must_use]
    pub fn line_column(self, text: &str) -> (usize, usize) {
        if text.is_empty() {
            return (0, 0);
        }
        let before = text.as_bytes().get(..self.start as usize).unwrap_or(text.as_bytes());
        let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|&&b| b != b'\n').count() + 1;
        (line, column)
    }
}

/// How much an annotation matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The answer may not be what was meant; Prometheus' "PromQL warning".
    Warning,
    /// Worth knowing; Prometheus' "PromQL info".
    Info,
}

/// What an annotation depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DependsOn {
    /// On the name and labels of a series that has samples: the annotations of a range are those of its parts.
    Name,
    /// On what the samples are, too.
    Samples,
}

/// A warning or info about an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Annotation {
    /// Warning or info.
    pub severity: Severity,
    /// What it depends on.
    pub depends_on: DependsOn,
    /// Its text, without prefix or position.
    pub message: String,
    /// The part of the query it speaks of.
    pub span: Option<Span>,
}

/// A set of annotations: each once, in the order of first appearance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Annotations {
    items: Vec<Annotation>,
}

impl Annotations {
    /// Adds an annotation unless it is there already.
    pub fn add(&mut self, annotation: Annotation) {
        if !self.items.contains(&annotation) {
            self.items.push(annotation);
        }
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Self) {
        for item in other.items {
            self.add(item);
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Annotation> {
        self.items.iter()
    }
}
