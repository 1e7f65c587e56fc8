//! The series table's pages and the postings: building, finding, checking, decoding.

use std::cell::RefCell;

use roaring::RoaringBitmap;
use zstd::bulk::{Compressor, Decompressor};

use super::{
    format::{Footer, Section, u32_of, u64_of},
    source::Source,
};
use crate::{
    codec::{checksum::crc32_of, varint},
    index::IndexError,
};

/// A page is closed when it has this many bytes: enough to compress well, little enough to decode for one series.
pub(super) const PAGE_BYTES: usize = 32 << 10;
/// No series' labels are longer, so a length beyond is damage; request limits are far below.
const MAX_PAGE_BYTES: u32 = 256 << 20;
const LEVEL: i32 = 3;
const INDEX_ENTRY: usize = 16;
const POSTINGS_HEAD: u64 = 12;
/// How much is read at first, in the hope that it is all.
const POSTINGS_GUESS: u64 = 512;

thread_local! {
    /// Making one takes longer than decoding a page with it.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Collects series into pages.
pub(super) struct PageBuilder {
    raw: Vec<u8>,
    first: u32,
    previous: u32,
    compressor: Compressor<'static>,
    /// The page index so far.
    pub(super) index: Vec<u8>,
    offset: u64,
}

impl PageBuilder {
    pub(super) fn new() -> std::io::Result<Self> {
        let compressor = Compressor::new(LEVEL)?;
        Ok(Self { raw: Vec::new(), first: 0, previous: 0, compressor, index: Vec::new(), offset: 0 })
    }

    pub(super) fn add(&mut self, id: u32, labels: &[u8]) {
        if self.raw.is_empty() {
            (self.first, self.previous) = (id, id);
        }
        varint::put(&mut self.raw, u64::from(id.wrapping_sub(self.previous)));
        varint::put(&mut self.raw, labels.len() as u64);
        self.raw.extend_from_slice(labels);
        self.previous = id;
    }

    pub(super) fn is_full(&self) -> bool {
        self.raw.len() >= PAGE_BYTES
    }

    /// The page's bytes; `None` when there is nothing to write.
    pub(super) fn finish_page(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        if self.raw.is_empty() {
            return Ok(None);
        }
        let len = u32::try_from(self.raw.len()).unwrap_or(u32::MAX);
        if len > MAX_PAGE_BYTES {
            return Err(std::io::Error::other(format!("labels of {len} bytes are more than a page can hold")));
        }
        let compressed = self.compressor.compress(&self.raw)?;
        let mut page = Vec::with_capacity(8 + compressed.len());
        page.extend_from_slice(&len.to_le_bytes());
        page.extend_from_slice(&crc32_of(&[&len.to_le_bytes(), &compressed]).to_le_bytes());
        page.extend_from_slice(&compressed);
        self.index.extend_from_slice(&self.first.to_le_bytes());
        self.index.extend_from_slice(&self.offset.to_le_bytes());
        // Compressed bytes are at most a little more than MAX_PAGE_BYTES.
        self.index.extend_from_slice(&(page.len() as u32).to_le_bytes());
        self.offset += page.len() as u64;
        self.raw.clear();
        Ok(Some(page))
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

    pub(super) fn read(&self, source: &Source, footer: &Footer, n: usize) -> Result<Page, IndexError> {
        let (page, raw) = self.fetch(source, footer, n, unpack)?;
        Ok(Page { first: page.first, raw })
    }

    /// Whether page `n` has the right checksum.
    pub(super) fn check(&self, source: &Source, footer: &Footer, n: usize) -> Result<(), IndexError> {
        self.fetch(source, footer, n, |bytes| checked(bytes).map(drop)).map(drop)
    }

    fn fetch<T>(
        &self,
        source: &Source,
        footer: &Footer,
        n: usize,
        unpack: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<(PageRef, T), IndexError> {
        let Some(page) = self.pages.get(n) else {
            return Err(source.damaged("the series table", footer, Section::Pages, "it has no such page"));
        };
        let bytes = source.read_in(footer, Section::Pages, page.at, u64::from(page.len))?;
        let raw = unpack(&bytes).map_err(|why| {
            source.damaged_at("a page of the series table", footer.extent(Section::Pages).at + page.at, &why)
        })?;
        Ok((*page, raw))
    }
}

/// Length before compression, and the compressed bytes.
fn checked(bytes: &[u8]) -> Result<(u32, &[u8]), String> {
    let mut rest = bytes;
    let (Some(len), Some(crc)) = (u32_of(&mut rest), u32_of(&mut rest)) else {
        return Err("it is too short".to_owned());
    };
    if crc32_of(&[&len.to_le_bytes(), rest]) != crc || len > MAX_PAGE_BYTES {
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

/// A decoded page.
#[derive(Debug)]
pub(super) struct Page {
    first: u32,
    raw: Vec<u8>,
}

impl Page {
    /// Ids and canonical labels, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let mut rest = &self.raw[..];
        let mut id = self.first;
        std::iter::from_fn(move || {
            let step = varint::get_u32(&mut rest, "an id").ok()?;
            let len = varint::get(&mut rest, "a length").ok()?;
            let (labels, after) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            id = id.checked_add(step)?;
            rest = after;
            Some((id, labels))
        })
    }

    pub(super) fn labels(&self, id: u32) -> Option<&[u8]> {
        self.iter().find(|(other, _)| *other == id).map(|(_, labels)| labels)
    }
}

/// The stored form of postings.
pub(super) fn encode_postings(ids: &mut RoaringBitmap) -> std::io::Result<Vec<u8>> {
    ids.optimize();
    let size = ids.serialized_size();
    // At most 2^32 ids, which serialize to half a GiB.
    let (count, len) = (u32::try_from(ids.len()).unwrap_or(u32::MAX).to_le_bytes(), (size as u32).to_le_bytes());
    let mut bitmap = Vec::with_capacity(size);
    ids.serialize_into(&mut bitmap)?;
    Ok([&count[..], &len, &crc32_of(&[&count, &len, &bitmap]).to_le_bytes(), &bitmap].concat())
}

pub(super) fn count_postings(source: &Source, footer: &Footer, at: u64) -> Result<u64, IndexError> {
    let head = source.read_in(footer, Section::Postings, at, POSTINGS_HEAD)?;
    match split_postings(&head) {
        Some((head, _)) => Ok(head.count.into()),
        None => Err(source.damaged("the postings section", footer, Section::Postings, "it is too short")),
    }
}

pub(super) fn read_postings(source: &Source, footer: &Footer, at: u64) -> Result<RoaringBitmap, IndexError> {
    let damaged = |why: &str| source.damaged_at("a postings list", footer.extent(Section::Postings).at + at, why);
    // Most lists are short: one read gets head and all.
    let guess = footer.extent(Section::Postings).len.saturating_sub(at).clamp(POSTINGS_HEAD, POSTINGS_GUESS);
    let mut bytes = source.read_in(footer, Section::Postings, at, guess)?;
    let (head, read) = split_postings(&bytes).ok_or_else(|| damaged("it is too short"))?;
    if read.len() < head.len as usize {
        bytes = source.read_in(footer, Section::Postings, at, POSTINGS_HEAD + u64::from(head.len))?;
    }
    let (head, read) = split_postings(&bytes).ok_or_else(|| damaged("it is too short"))?;
    let bitmap = read.get(..head.len as usize).ok_or_else(|| damaged("it is too short"))?;
    if crc32_of(&[&head.count.to_le_bytes(), &head.len.to_le_bytes(), bitmap]) != head.crc {
        return Err(damaged("its checksum is wrong"));
    }
    RoaringBitmap::deserialize_from(bitmap).map_err(|error| damaged(&error.to_string()))
}

struct PostingsHead {
    count: u32,
    len: u32,
    crc: u32,
}

fn split_postings(bytes: &[u8]) -> Option<(PostingsHead, &[u8])> {
    let mut rest = bytes;
    let head = PostingsHead { count: u32_of(&mut rest)?, len: u32_of(&mut rest)?, crc: u32_of(&mut rest)? };
    Some((head, rest))
}
