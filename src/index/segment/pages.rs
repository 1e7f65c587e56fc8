//! The series table's pages: packing, finding, checking, unpacking.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

use super::{
    file::SegmentFile,
    format::{Footer, Section, u32_of, u64_of},
    page::{MAX_BYTES, Page, PageBuilder},
};
use crate::{
    codec::{checksum::crc32_of, varint},
    index::IndexError,
    model::Labels,
};

/// A page is closed when it has this many series or bytes of distinct pairs: enough to compress well, little enough to
/// unpack for one series.
const PAGE_SERIES: usize = 1024;
const PAGE_TEXT: usize = 32 << 10;
const LEVEL: i32 = 3;
const INDEX_ENTRY: usize = 16;

thread_local! {
    /// Making one takes longer than decoding a page with it.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Collects series into pages.
pub(super) struct PagePacker {
    page: PageBuilder,
    compressor: Compressor<'static>,
    /// The page index so far.
    pub(super) index: Vec<u8>,
    offset: u64,
}

impl PagePacker {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { page: PageBuilder::default(), compressor: Compressor::new(LEVEL)?, index: Vec::new(), offset: 0 })
    }

    pub(super) fn add(&mut self, id: u32, labels: &[u8]) -> std::io::Result<()> {
        self.page.add(id, labels).map_err(std::io::Error::other)
    }

    pub(super) fn is_full(&self) -> bool {
        self.page.len() >= PAGE_SERIES || self.page.text_bytes() >= PAGE_TEXT
    }

    /// The page's bytes; `None` when there is nothing to write.
    pub(super) fn finish_page(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let page = self.page.finish();
        let Some(first) = page.ids().first() else { return Ok(None) };
        let raw = page.encode();
        if raw.len() > MAX_BYTES {
            return Err(std::io::Error::other(format!("labels of {} bytes are more than a page can hold", raw.len())));
        }
        let len = raw.len() as u32;
        let compressed = self.compressor.compress(&raw)?;
        let mut packed = Vec::with_capacity(8 + compressed.len());
        packed.extend_from_slice(&len.to_le_bytes());
        packed.extend_from_slice(&crc32_of(&[&len.to_le_bytes(), &compressed]).to_le_bytes());
        packed.extend_from_slice(&compressed);
        self.index.extend_from_slice(&first.to_le_bytes());
        self.index.extend_from_slice(&self.offset.to_le_bytes());
        // Compressed bytes are at most a little more than MAX_BYTES.
        self.index.extend_from_slice(&(packed.len() as u32).to_le_bytes());
        self.offset += packed.len() as u64;
        Ok(Some(packed))
    }
}

/// Where the pages are.
pub(super) struct PageIndex {
    pages: Vec<PageRef>,
}

#[derive(Debug, Clone, Copy)]
struct PageRef {
    first: u32,
    len: u32,
    at: u64,
}

impl PageIndex {
    /// `None` when first ids don't ascend or pages reach outside their section.
    pub(super) fn decode(bytes: &[u8], footer: &Footer) -> Option<Self> {
        let mut pages: Vec<PageRef> = Vec::with_capacity(bytes.len() / INDEX_ENTRY);
        for mut entry in bytes.chunks(INDEX_ENTRY) {
            let (first, at, len) = (u32_of(&mut entry)?, u64_of(&mut entry)?, u32_of(&mut entry)?);
            let ascends = pages.last().is_none_or(|before| before.first < first);
            if !ascends || at.checked_add(u64::from(len))? > footer.extent(Section::Pages).len {
                return None;
            }
            pages.push(PageRef { first, len, at });
        }
        Some(Self { pages })
    }

    pub(super) fn len(&self) -> usize {
        self.pages.len()
    }

    /// The number of the page that `id` is in, if it is anywhere.
    pub(super) fn position(&self, id: u32) -> Option<usize> {
        self.pages.partition_point(|page| page.first <= id).checked_sub(1)
    }

    /// The first id of page `n`.
    pub(super) fn first_id(&self, n: usize) -> Option<u32> {
        self.pages.get(n).map(|page| page.first)
    }

    pub(super) fn read(&self, source: &SegmentFile, footer: &Footer, n: usize) -> Result<Page, IndexError> {
        self.fetch(source, footer, n, |page, bytes| {
            let raw = unpack(bytes)?;
            if footer.version == 1 { from_version_1(page.first, &raw) } else { Page::decode(page.first, &raw) }
        })
    }

    /// Whether page `n` has the right checksum.
    pub(super) fn check(&self, source: &SegmentFile, footer: &Footer, n: usize) -> Result<(), IndexError> {
        self.fetch(source, footer, n, |_, bytes| checked(bytes).map(drop))
    }

    fn fetch<T>(
        &self,
        source: &SegmentFile,
        footer: &Footer,
        n: usize,
        unpack: impl FnOnce(&PageRef, &[u8]) -> Result<T, String>,
    ) -> Result<T, IndexError> {
        let Some(page) = self.pages.get(n) else {
            return Err(source.damaged("the series table", footer, Section::Pages, "it has no such page"));
        };
        let bytes = source.read_in(footer, Section::Pages, page.at, u64::from(page.len))?;
        unpack(page, &bytes).map_err(|why| {
            source.damaged_at("a page of the series table", footer.extent(Section::Pages).at + page.at, &why)
        })
    }
}

/// Length before compression, and the compressed bytes.
fn checked(bytes: &[u8]) -> Result<(u32, &[u8]), String> {
    let mut rest = bytes;
    let (Some(len), Some(crc)) = (u32_of(&mut rest), u32_of(&mut rest)) else {
        return Err("it is too short".to_owned());
    };
    if crc32_of(&[&len.to_le_bytes(), rest]) != crc || len as usize > MAX_BYTES {
        return Err("its checksum is wrong".to_owned());
    }
    Ok((len, rest))
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let (len, rest) = checked(bytes)?;
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let failed = |error: std::io::Error| format!("it can't be decompressed: {error}");
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => kept.insert(Decompressor::new().map_err(failed)?),
        };
        let raw = decompressor.decompress(rest, len as usize).map_err(failed)?;
        if raw.len() == len as usize { Ok(raw) } else { Err("it has another length than stated".to_owned()) }
    })
}

/// A page of format version 1: for each series its id as a distance, a length, and its canonical labels.
fn from_version_1(first: u32, mut rest: &[u8]) -> Result<Page, String> {
    let cut = |_| "a series is cut short".to_owned();
    let mut builder = PageBuilder::default();
    let mut id = first;
    while !rest.is_empty() {
        let step = varint::get_u32(&mut rest, "an id").map_err(cut)?;
        let len = varint::get_at_most(&mut rest, MAX_BYTES, "a length").map_err(cut)?;
        let (labels, after) = rest.split_at_checked(len).ok_or("a series is cut short")?;
        id = id.checked_add(step).ok_or("its ids are too large")?;
        if (step == 0) != (builder.len() == 0) {
            return Err("its ids don't ascend".to_owned());
        }
        Labels::from_bytes(labels).map_err(|error| error.to_string())?;
        builder.add(id, labels)?;
        rest = after;
    }
    Ok(builder.finish())
}
