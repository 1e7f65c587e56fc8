//! Pages of a dictionary.

use std::sync::Arc;

use crate::{
    codec::checksum::crc32,
    index::{
        IndexError,
        segment::{
            file::SegmentFile,
            format::{Footer, Section},
        },
    },
};

/// A page has two to this many bytes, the last one what is left.
pub(in crate::index::segment) const PAGE_BITS: u32 = 12;
/// Pages that a reader has at hand: those near the root, those of the way down, and those of common ends.
const AT_HAND: usize = 32;
/// Bytes of a section that are read at once when it is checked.
const STEP: u64 = 1 << 20;

/// Where a reader gets pages from.
pub(in crate::index::segment) trait Pages {
    /// Bytes of all pages together.
    fn len(&self) -> usize;

    /// Page `n`, checked.
    fn page(&self, n: usize) -> Result<Arc<[u8]>, IndexError>;

    /// What is said of bytes that are not what the check of the whole saw.
    fn damaged(&self, at: usize, why: &str) -> IndexError;

    /// As [`PAGE_BITS`]; tests have smaller ones.
    fn page_bits(&self) -> u32 {
        PAGE_BITS
    }
}

/// The checksum of each page.
pub(in crate::index::segment) struct Checksums(Box<[u32]>);

impl Checksums {
    /// Reads the section, checks its checksum, and notes that of each page.
    pub(in crate::index::segment) fn of(source: &SegmentFile, footer: &Footer) -> Result<Self, IndexError> {
        let len = footer.extent(Section::Dictionary).len;
        let (mut pages, mut whole) = (Vec::new(), crc32fast::Hasher::new());
        let mut at = 0;
        while at < len {
            let step = (len - at).min(STEP);
            let bytes = source.read_in(footer, Section::Dictionary, at, step)?;
            whole.update(&bytes);
            pages.extend(bytes.chunks(1 << PAGE_BITS).map(crc32));
            at += step;
        }
        source.check(Section::Dictionary, footer, whole.finalize())?;
        Ok(Self(pages.into()))
    }

    /// Reads page `n`.
    pub(in crate::index::segment) fn read(
        &self,
        source: &SegmentFile,
        footer: &Footer,
        n: usize,
    ) -> Result<Arc<[u8]>, IndexError> {
        let extent = footer.extent(Section::Dictionary);
        let at = (n as u64) << PAGE_BITS;
        let len = extent.len.saturating_sub(at).min(1 << PAGE_BITS);
        let mut page: Arc<[u8]> = std::iter::repeat_n(0, len as usize).collect();
        // Nobody else has it yet.
        if let Some(bytes) = Arc::get_mut(&mut page) {
            source.fill_in(footer, Section::Dictionary, at, bytes)?;
        }
        if self.0.get(n) == Some(&crc32(&page)) {
            return Ok(page);
        }
        let why = "it is not what it was when the segment was opened";
        Err(source.damaged_at("a page of the dictionary", extent.at.saturating_add(at), why))
    }
}

/// Reads a dictionary for one walk through it.
pub(in crate::index) struct Reader<'a> {
    pages: &'a dyn Pages,
    bits: u32,
    /// Each page has one place.
    at_hand: [Option<(usize, Arc<[u8]>)>; AT_HAND],
    /// Bytes that lie in several pages, and where they begin.
    joined: (usize, Vec<u8>),
}

impl<'a> Reader<'a> {
    pub(in crate::index::segment) fn new(pages: &'a dyn Pages) -> Self {
        Self { pages, bits: pages.page_bits(), at_hand: [const { None }; AT_HAND], joined: (0, Vec::new()) }
    }

    pub(super) fn len(&self) -> usize {
        self.pages.len()
    }

    pub(super) fn damaged(&self, at: usize, why: &str) -> IndexError {
        self.pages.damaged(at, why)
    }

    /// `len` bytes at `at`; the caller keeps within all pages.
    #[inline(always)]
    pub(super) fn get(&mut self, at: usize, len: usize) -> Result<&[u8], IndexError> {
        let (first, last) = (at >> self.bits, (at + len.max(1) - 1) >> self.bits);
        if first == last {
            let from = at - (first << self.bits);
            return Ok(self.page(first)?.get(from..from + len).unwrap_or_default());
        }
        self.join(at, len, first, last)
    }

    /// What lies in several pages.
    #[cold]
    fn join(&mut self, at: usize, len: usize, first: usize, last: usize) -> Result<&[u8], IndexError> {
        if self.joined.0 != at || self.joined.1.len() != len {
            let mut joined = std::mem::take(&mut self.joined.1);
            joined.clear();
            for n in first..=last {
                let start = n << self.bits;
                let page = self.page(n)?;
                let (from, to) = (at.saturating_sub(start), (at + len - start).min(page.len()));
                joined.extend_from_slice(page.get(from..to).unwrap_or_default());
            }
            self.joined = (at, joined);
        }
        Ok(&self.joined.1)
    }

    /// The number in `len` bytes at `at`, at most 8; 0 for no bytes.
    pub(super) fn number(&mut self, at: usize, len: usize) -> Result<u64, IndexError> {
        Ok(unpack(self.get(at, len)?, 0, len))
    }

    #[inline(always)]
    fn page(&mut self, n: usize) -> Result<&[u8], IndexError> {
        let pages = self.pages;
        let [place, ..] = self.at_hand.split_at_mut(n % AT_HAND).1 else { return Ok(&[]) };
        if place.as_ref().is_none_or(|(number, _)| *number != n) {
            *place = Some((n, pages.page(n)?));
        }
        Ok(place.as_ref().map_or(&[], |(_, page)| page))
    }
}

/// The number in `len` bytes at `at`; 0 for no bytes, and for none that are there.
#[inline(always)]
pub(super) fn unpack(bytes: &[u8], at: usize, len: usize) -> u64 {
    // Numbers mostly have one to three bytes: copying them would call a function that copies anything.
    let bytes = bytes.get(at..at + len).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
pub(in crate::index::segment) mod tests {
    use std::path::Path;

    use super::*;

    /// A dictionary in memory, of small pages.
    pub(in crate::index::segment) struct InMemory(
        pub(in crate::index::segment) Vec<u8>,
        pub(in crate::index::segment) u32,
    );

    impl Pages for InMemory {
        fn len(&self) -> usize {
            self.0.len()
        }

        fn page(&self, n: usize) -> Result<Arc<[u8]>, IndexError> {
            Ok(self.0.chunks(1 << self.1).nth(n).unwrap_or_default().into())
        }

        fn damaged(&self, at: usize, why: &str) -> IndexError {
            let path = Path::new("in memory").to_owned();
            IndexError::Damaged { path, what: "the dictionary", at: at as u64, why: why.to_owned() }
        }

        fn page_bits(&self) -> u32 {
            self.1
        }
    }

    #[test]
    fn bytes_are_the_same_whatever_pages_they_lie_in() {
        let bytes: Vec<u8> = (0..200u8).collect();
        for bits in [3, 5, 12] {
            let pages = InMemory(bytes.clone(), bits);
            let mut reader = Reader::new(&pages);
            for at in 0..bytes.len() {
                for len in [0, 1, 3, 8, 60, 200] {
                    let want = &bytes[at..bytes.len().min(at + len)];
                    if at + len <= bytes.len() {
                        assert_eq!(reader.get(at, len).unwrap(), want, "{bits} {at} {len}");
                    }
                }
            }
        }
    }
}
