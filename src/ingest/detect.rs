//! Finds out which format a body is in, by its media type or by how it begins.

use super::{Declared, FORMATS, Format, ImportBuilder, ImportError, Reader};
use crate::seams::batch_builder::BatchError;

/// How much of a body is looked at, unless its first line ends before.
const LOOKED_AT: usize = 4 << 10;

/// The format that a media type names.
pub(super) fn by_media(declared: &Declared) -> Option<&'static dyn Format> {
    let media = declared.media();
    FORMATS.iter().copied().find(|format| format.content_types().contains(&media.as_str()))
}

/// The format that a body which begins so is likely to be in.
#[must_use]
pub fn by_beginning(beginning: &[u8]) -> Option<&'static dyn Format> {
    let text = beginning.trim_ascii_start();
    FORMATS.iter().copied().find(|format| !text.is_empty() && format.is_likely(text))
}

/// Reads a body in whatever format it turns out to be.
pub(super) struct Detecting {
    declared: Declared,
    found: Option<Box<dyn Reader>>,
    /// Why there is none.
    failure: Option<String>,
}

impl Detecting {
    pub(super) fn new(declared: Declared) -> Self {
        Self { declared, found: None, failure: None }
    }

    /// Finds the format, if it isn't known yet and can be told from `text`.
    fn look(&mut self, text: &[u8], all: bool) {
        let enough = all || text.len() >= LOOKED_AT || has_record(text);
        if self.found.is_some() || self.failure.is_some() || !enough || text.is_empty() {
            return;
        }
        let beginning = text.get(..LOOKED_AT).unwrap_or(text);
        match by_beginning(beginning)
            .ok_or_else(no_format)
            .and_then(|format| super::reader(Some(format), &self.declared))
        {
            Ok(reader) => self.found = Some(reader),
            Err(error) => self.failure = Some(error.to_string()),
        }
    }
}

/// Whether there is a whole line, and not only comments, which most formats have.
fn has_record(text: &[u8]) -> bool {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.any(|line| line.ends_with(b"\n") && line.trim_ascii().first().is_some_and(|byte| *byte != b'#'))
}

fn no_format() -> ImportError {
    let places: Vec<String> =
        FORMATS.iter().filter_map(|format| Some(format!("{} ({})", format.name(), format.paths().first()?))).collect();
    ImportError::Parameter(format!(
        "the body begins like none of the formats that are known: {}; post it to the path of its format, which says what is wrong",
        places.join(", ")
    ))
}

impl Reader for Detecting {
    fn cut(&mut self, text: &[u8], most: usize) -> Option<usize> {
        self.look(text, false);
        match &mut self.found {
            Some(reader) => reader.cut(text, most),
            // What can't be read is passed on to be thrown away.
            None => self.failure.as_ref().map(|_| text.len().min(most)).filter(|bytes| *bytes > 0),
        }
    }

    fn growth(&self, bytes: usize) -> usize {
        self.found.as_ref().map_or(0, |reader| reader.growth(bytes))
    }

    fn max_record(&self) -> usize {
        self.found.as_ref().map_or(LOOKED_AT, |reader| reader.max_record())
    }

    fn take(&mut self, text: &[u8], builder: &mut ImportBuilder<'_>) -> Result<(), BatchError> {
        self.look(text, true);
        if let Some(reader) = &mut self.found {
            return reader.take(text, builder);
        }
        if let Some(why) = &self.failure {
            builder.refuse(why);
        }
        Ok(())
    }

    fn end_part(&mut self, last: bool, builder: &mut ImportBuilder<'_>) -> Result<(), BatchError> {
        self.found.as_mut().map_or(Ok(()), |reader| reader.end_part(last, builder))
    }

    fn memory(&self) -> usize {
        self.found.as_ref().map_or(0, |reader| reader.memory())
    }

    fn guessed(&self) -> Option<String> {
        self.found.as_ref().and_then(|reader| reader.guessed())
    }

    fn line(&self) -> usize {
        self.found.as_ref().map_or(0, |reader| reader.line())
    }
}
