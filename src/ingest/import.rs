//! A body on its way into the store.
//!
//! Whoever reads the body fills [`Import::text`] with what its compression hides and calls [`Import::step`] until nothing
//! more happens; each step reads a few lines, so that little memory is taken between two looks at [`Import::memory`]. A part
//! ends with [`Import::store`], the body with [`Import::finish`].

use super::{Declared, Faults, ImportBuilder, ImportError, ImportLimits, Imported, Reader};
use crate::{model::limits::MAX_SAMPLES, seams::append::Append};

/// Bytes of text that a part may have at most.
pub const MAX_PART: usize = 32 << 20;

/// Bytes of text of a step, unless a record is longer.
const STEP: usize = 2 << 10;
/// More than what a step of short records may take, whatever stands in the text: at worst each six bytes are a series that is new.
const BITE_BYTES: usize = STEP / 6 * 640;

/// A body on its way into the store.
pub struct Import<'s> {
    reader: Box<dyn Reader>,
    builder: ImportBuilder<'s>,
    append: &'s dyn Append,
    /// What has come and wasn't read yet begins at `at`.
    text: Vec<u8>,
    at: usize,
    /// Where the next step ends, if that is known.
    end: Option<usize>,
    /// Bytes of text read since the last part, and altogether.
    part: usize,
    read: usize,
    decoded: usize,
    may_be_empty: bool,
    whole: bool,
    /// What is on disk, and the last line of that.
    stored: Imported,
    stored_line: usize,
}

impl<'s> Import<'s> {
    /// Begins one; `now`, in ms, is the time of samples that have none.
    #[must_use]
    pub fn new(
        reader: Box<dyn Reader>,
        declared: &Declared,
        now: i64,
        limits: &ImportLimits,
        append: &'s dyn Append,
    ) -> Self {
        Self {
            reader,
            builder: ImportBuilder::new(append, declared, now, now.saturating_add(limits.max_ahead)),
            append,
            text: Vec::new(),
            at: 0,
            end: None,
            part: 0,
            read: 0,
            decoded: limits.decoded,
            may_be_empty: declared.by_protocol || declared.may_be_empty,
            whole: declared.whole,
            stored: Imported::default(),
            stored_line: 0,
        }
    }

    /// Where more of the text is appended.
    pub fn text(&mut self) -> &mut Vec<u8> {
        self.text.drain(..std::mem::take(&mut self.at));
        self.end = None;
        &mut self.text
    }

    /// Bytes of memory that everything takes which came since the last part, and will take while it is stored.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.builder.memory() + 2 * self.reader.memory() + self.text.capacity()
    }

    /// Whether a part must end before more is read.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.part >= MAX_PART || self.builder.room() < MAX_SAMPLES / 2
    }

    /// Whether all of the body must be one part.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// The most bytes of memory that the next step takes.
    #[must_use]
    pub fn bite(&mut self) -> usize {
        self.look();
        let next = self.end.map_or(0, |end| end - self.at);
        BITE_BYTES + self.reader.growth(next)
    }

    /// Finds out where the next step ends, if the text has a whole record.
    fn look(&mut self) {
        if self.end.is_none() {
            let left = self.text.get(self.at..).unwrap_or_default();
            self.end = self.reader.cut(left, STEP).map(|bytes| self.at + bytes);
        }
    }

    /// Reads some more records, if the text has a whole one.
    ///
    /// # Errors
    /// When nothing of this part can be stored whatever comes.
    pub fn step(&mut self) -> Result<bool, ImportError> {
        self.look();
        let most = self.reader.max_record();
        let next = self.end.map_or(self.text.len(), |end| end) - self.at;
        if next > most.max(STEP) {
            let line = self.reader.line() + 1;
            self.builder.refuse(&format!("line {line}:1: the record has more than {most} bytes"));
            self.builder.take_part()?;
        }
        let Some(end) = self.end else { return Ok(false) };
        self.take(end - self.at)?;
        Ok(true)
    }

    fn take(&mut self, bytes: usize) -> Result<(), ImportError> {
        (self.read, self.part) = (self.read.saturating_add(bytes), self.part + bytes);
        if self.read > self.decoded {
            return Err(ImportError::TooLarge(format!("{} bytes", self.decoded)));
        }
        let text = self.text.get(self.at..self.at + bytes).unwrap_or_default();
        self.reader.take(text, &mut self.builder)?;
        self.at += bytes;
        self.end = None;
        Ok(())
    }

    /// Stores what came since the last part. `Ok` means that it is on disk.
    ///
    /// # Errors
    /// See [`ImportError`]; nothing of this part is stored then.
    pub async fn store(&mut self) -> Result<(), ImportError> {
        if self.builder.is_faulty() {
            // Nothing is kept, and there may be more to name.
            self.part = 0;
            return Ok(());
        }
        self.reader.end_part(false, &mut self.builder)?;
        self.hand_over().await
    }

    /// Stores what is found of a body that is [complete](Self::complete).
    ///
    /// # Errors
    /// See [`ImportError`]; nothing of this part is stored then.
    pub async fn hand_over(&mut self) -> Result<(), ImportError> {
        let batch = self.builder.take_part()?;
        if !batch.is_empty() {
            self.append.append(batch).await?;
        }
        (self.part, self.stored_line) = (0, self.reader.line());
        self.stored = self.builder.stored();
        Ok(())
    }

    /// Reads the last record. What it and others before it hold can be added to before it is stored.
    ///
    /// # Errors
    /// When nothing of this part can be stored.
    pub fn complete(&mut self) -> Result<&mut ImportBuilder<'s>, ImportError> {
        while self.step()? {}
        if self.at < self.text.len() {
            self.take(self.text.len() - self.at)?;
        }
        if self.read == 0 && !self.may_be_empty {
            self.builder.refuse("the body is empty");
        }
        self.reader.end_part(true, &mut self.builder)?;
        self.builder.sound()?;
        Ok(&mut self.builder)
    }

    /// Reads the last record, stores what came since the last part, and tells how much the whole body was.
    ///
    /// # Errors
    /// See [`ImportError`]; nothing of the last part is stored then.
    pub async fn finish(&mut self) -> Result<Imported, ImportError> {
        self.complete()?;
        self.hand_over().await?;
        if self.stored == Imported::default() && self.faults().count() > 0 {
            return Err(ImportError::Faults(format!("nothing was stored: {}", self.faults())));
        }
        Ok(self.stored)
    }

    /// What is wrong with records so far, left out or the reason why nothing more is stored.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.builder.faults()
    }

    /// How many bytes of text were read so far, whole records all of them.
    #[must_use]
    pub fn read(&self) -> usize {
        self.read
    }

    /// How many bytes of text were read since the last part.
    #[must_use]
    pub fn unstored(&self) -> usize {
        self.part
    }

    /// The number of the line read last.
    #[must_use]
    pub fn line(&self) -> usize {
        self.reader.line()
    }

    /// What was guessed about the body as a whole.
    #[must_use]
    pub fn guessed(&self) -> Option<String> {
        self.reader.guessed()
    }

    /// Whether the body makes no sense as a whole, which the error says beside what is wrong with its records.
    #[must_use]
    pub fn is_senseless(&self) -> bool {
        self.builder.has_cause()
    }

    /// What of the body is on disk, and up to which line; `None` while there is nothing.
    #[must_use]
    pub fn stored(&self) -> Option<(Imported, usize)> {
        (self.stored != Imported::default()).then_some((self.stored, self.stored_line))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        ingest::{format_at, reader},
        seams::append::fake::{MemoryAppend, finished},
    };

    fn begin(append: &MemoryAppend) -> Import<'_> {
        let declared = Declared { allow_old: true, ..Declared::default() };
        let reader = reader(format_at("/api/v1/import/prometheus"), &declared).unwrap();
        Import::new(reader, &declared, 1_000, &ImportLimits::default(), append)
    }

    /// Takes `text` in pieces of so many bytes, in parts of so many pieces.
    fn take(import: &mut Import<'_>, text: &str, piece: usize, pieces: usize) -> Result<Imported, ImportError> {
        for (i, piece) in text.as_bytes().chunks(piece).enumerate() {
            import.text().extend_from_slice(piece);
            while import.step()? {}
            if i % pieces == pieces - 1 {
                finished(import.store())?;
            }
        }
        finished(import.finish())
    }

    /// Labels, times and values in the order in which they were stored, and the metadata.
    fn stored(append: &MemoryAppend) -> (Vec<(String, i64, f64)>, Vec<crate::model::Metadata>) {
        let batches = append.batches();
        let floats = batches.iter().flat_map(|batch| &batch.floats);
        let floats = floats.map(|s| (append.labels(s.series).unwrap().to_string(), s.time, s.value)).collect();
        let mut metadata: Vec<_> = batches.iter().flat_map(|batch| batch.metadata.clone()).collect();
        metadata.sort_by(|a, b| a.family.cmp(&b.family));
        (floats, metadata)
    }

    proptest! {
        #[test]
        fn a_body_that_comes_in_any_pieces_and_parts_stores_what_a_whole_one_does(piece in 1usize..60, pieces in 1usize..9) {
            let family = |i| format!("# HELP a{i} Help {i}.\n# TYPE a{i} gauge\na{i}{{x=\"é\"}} {i} {i}\r\na{i} 7 5\n");
            let text: String = (0..20).map(family).chain(["last 1".to_owned()]).collect();
            let (whole, parts) = (MemoryAppend::default(), MemoryAppend::default());
            let want = take(&mut begin(&whole), &text, 10_000, 1).unwrap();
            let mut import = begin(&parts);
            prop_assert_eq!(take(&mut import, &text, piece, pieces).unwrap(), want);
            prop_assert_eq!(import.stored(), Some((want, 81)));
            prop_assert_eq!(stored(&parts), stored(&whole));
        }
    }

    #[test]
    fn what_is_wrong_later_leaves_the_parts_before_and_whoever_asks_is_told() {
        let append = MemoryAppend::default();
        let mut import = begin(&append);
        let error = take(&mut import, "a 1\nb 2\nc 3\nd x\ne 5\nf y\n", 8, 1).unwrap_err();
        assert_eq!(error.to_string(), "line 4:3: \"x\" is no number; line 6:3: \"y\" is no number");
        let (before, line) = import.stored().unwrap();
        assert_eq!((before.samples, line), (2, 2));
        assert_eq!(stored(&append).0.len(), 2);
    }

    #[test]
    fn a_record_without_end_is_not_gathered_for_ever() {
        let append = MemoryAppend::default();
        let error = take(&mut begin(&append), &"x".repeat(2 << 20), 64 << 10, 1_000).unwrap_err().to_string();
        assert!(error.starts_with("nothing was stored: line 1:1: the record has more than"), "{error}");
    }

    #[test]
    fn what_is_counted_is_no_less_than_what_the_batch_takes() {
        let append = MemoryAppend::default();
        let long = "v".repeat(300);
        for line in [
            |_, _: &str| "a 1\n".to_owned(),
            |i: usize, _: &str| format!("a{i} 1\n"),
            |i: usize, long: &str| format!("a{{b=\"{long}{i}\"}} 1 # {{c=\"d\"}} 1\n# HELP a{i} {long}\n"),
        ] {
            let mut import = begin(&append);
            let text: String = (0..5_000).map(|i| line(i, &long)).collect();
            import.text().extend_from_slice(text.as_bytes());
            let mut before = import.memory();
            while import.step().unwrap() {
                assert!(import.memory() <= before + BITE_BYTES, "{} after {before}", import.memory());
                before = import.memory();
            }
            let counted = import.memory() - import.text.capacity();
            finished(import.store()).unwrap();
            let taken = append.batches().last().unwrap().memory();
            assert!(counted >= taken, "{counted} counted of {taken} bytes");
        }
    }
}
