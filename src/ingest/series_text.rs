//! The labels of a record, as the text that names its series within a body.

use std::{borrow::Cow, ops::Range};

use super::{ImportBuilder, Pair, Spelling};
use crate::seams::{append::SeriesId, batch_builder::BatchError};

/// Names and values with their lengths in one text, kept from one record to the next for its memory.
#[derive(Debug, Default)]
pub(super) struct SeriesText {
    text: String,
    /// Where each name and each value stands.
    pairs: Vec<[Range<usize>; 2]>,
}

impl SeriesText {
    pub(super) fn clear(&mut self) {
        self.keep(0);
    }

    /// How many labels there are.
    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Forgets all but the first so many labels.
    pub(super) fn keep(&mut self, labels: usize) {
        self.pairs.truncate(labels);
        self.text.truncate(self.pairs.last().map_or(0, |[_, value]| value.end));
    }

    pub(super) fn add(&mut self, name: &str, value: &str) {
        // Lengths keep apart what would be the same in a row.
        let pair = [name, value].map(|text| {
            self.text.push_str(itoa::Buffer::new().format(text.len()));
            self.text.push(':');
            let begin = self.text.len();
            self.text.push_str(text);
            begin..self.text.len()
        });
        self.pairs.push(pair);
    }

    /// The series with these labels. The inner `Err` says which rule they break.
    pub(super) fn series(&self, builder: &mut ImportBuilder<'_>) -> Result<Result<SeriesId, String>, BatchError> {
        match builder.known(Spelling::Lengths, &self.text) {
            Some(series) => Ok(Ok(series)),
            None => self.series_named(Spelling::Lengths, &self.text, builder),
        }
    }

    /// The same, where `text` is what names the series from now on.
    pub(super) fn series_named(
        &self,
        spelling: Spelling,
        text: &str,
        builder: &mut ImportBuilder<'_>,
    ) -> Result<Result<SeriesId, String>, BatchError> {
        let part = |range: &Range<usize>| Cow::Borrowed(self.text.get(range.clone()).unwrap_or_default());
        let pairs: Vec<Pair<'_>> = self.pairs.iter().map(|[name, value]| (part(name), part(value))).collect();
        builder.series(spelling, text, &pairs)
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.text.capacity() + self.pairs.capacity() * size_of::<[Range<usize>; 2]>()
    }
}
