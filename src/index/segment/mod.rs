//! The part on disk: an immutable file of series. `format` has its layout.
//!
//! In memory an open segment keeps page indexes, the Bloom filter and the bitmap of its ids: a few bytes a series. Everything
//! else, the dictionary too, which was checked as a whole, is read in pages, each checked before it is used.

mod audit;
mod bloom;
mod cache;
mod cells;
mod damage;
mod dictionary;
mod file;
mod format;
mod keys;
mod merge;
mod page;
mod pages;
mod postings;
mod search;
mod summary;
mod writer;

use std::{ops::ControlFlow, path::Path, sync::Arc};

use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

pub(super) use self::writer::write_heads;
pub use self::{audit::SavedSegment, cache::PageCache, damage::SegmentDamage, summary::SegmentSummary};
use self::{
    bloom::Bloom,
    damage::KnownDamage,
    dictionary::{Checksums, Keys, Pages, Reader, Union},
    file::SegmentFile,
    format::{Footer, Section},
    keys::KeyIndex,
    page::Page,
    pages::PageIndex,
    writer::SegmentWriter,
};
use super::{
    IndexError,
    pair::{self, Pair, SEPARATOR},
    part::{Part, PostingsVisitor, Step, ValueVisitor},
    postings::Postings,
    query,
};
use crate::{
    model::{Labels, Matcher},
    seams::{append::SeriesId, env::Disk, select::Projection},
};

/// Up to this many values are matched one by one.
const FEW_VALUES: usize = 256;

/// What a page takes that has to be read, and one that was, in units of [`super::names`].
const PAGE_COST: u64 = 400;
const CACHED_PAGE_COST: u64 = 10;
/// Of so many pages it is asked whether they were read.
const PAGES_ASKED: u64 = 64;

/// An open segment.
pub struct Segment {
    source: SegmentFile,
    footer: Footer,
    pages: PageIndex,
    keys: KeyIndex,
    bloom: Bloom,
    ids: RoaringBitmap,
    dictionary: Checksums,
    cache: Arc<PageCache>,
    /// Its name in the cache.
    number: u64,
    damage: KnownDamage,
}

impl Drop for Segment {
    fn drop(&mut self) {
        self.cache.forget(self.number);
    }
}

impl Segment {
    /// Writes a new segment of series in ascending order of id, and syncs it and its name.
    ///
    /// # Errors
    /// When the disk refuses or ids don't ascend; nothing is left behind then, if the disk lets us.
    pub fn write(
        disk: &dyn Disk,
        path: &Path,
        series: impl IntoIterator<Item = (SeriesId, Labels)>,
    ) -> Result<SegmentSummary, IndexError> {
        SegmentWriter::run(disk, path, |writer| writer.write_all(series))
    }

    /// Writes a new segment of those series of `segments` that are in `keep`, and syncs it and its name.
    ///
    /// Streams: besides the new dictionary and 12 bytes a series only one page per old segment is in memory.
    ///
    /// # Errors
    /// When the disk refuses or an old segment is damaged; nothing is left behind then, if the disk lets us.
    pub fn merge(
        disk: &dyn Disk,
        path: &Path,
        segments: &[Arc<Self>],
        keep: &RoaringBitmap,
    ) -> Result<SegmentSummary, IndexError> {
        SegmentWriter::run(disk, path, |writer| merge::merge(writer, segments, keep))
    }

    /// As [`Self::open_with`], with a cache of its own.
    ///
    /// # Errors
    /// As [`Self::open_with`].
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<Self, IndexError> {
        Self::open_with(disk, path, Arc::default())
    }

    /// Opens a segment and checks what it keeps in memory, and the dictionary; pages are checked as they are read, and stay in
    /// `cache` for those who read them again.
    ///
    /// # Errors
    /// When the disk refuses, the file is damaged or of a newer version.
    pub fn open_with(disk: &dyn Disk, path: &Path, cache: Arc<PageCache>) -> Result<Self, IndexError> {
        let source = SegmentFile::open(disk, path)?;
        let footer = Footer::read(&source)?;
        let pages = PageIndex::decode(&source.section(&footer, Section::PageIndex)?, &footer)
            .ok_or_else(|| source.damaged("the page index", &footer, Section::PageIndex, "it contradicts itself"))?;
        let bloom = Bloom::decode(&source.section(&footer, Section::Bloom)?);
        let ids = RoaringBitmap::deserialize_from(&source.section(&footer, Section::Ids)?[..])
            .map_err(|error| source.damaged("the id bitmap", &footer, Section::Ids, &error.to_string()))?;
        let keys = KeyIndex::decode(&source.section(&footer, Section::KeyIndex)?, &footer, &ids)
            .ok_or_else(|| source.damaged("the key index", &footer, Section::KeyIndex, "it contradicts itself"))?;
        let dictionary = Checksums::of(&source, &footer)?;
        let (number, damage) = (cache.segment_number(), KnownDamage::default());
        let segment = Self { source, footer, pages, keys, bloom, ids, dictionary, number, cache, damage };
        dictionary::check(&mut Reader::new(&segment), footer.pairs)?.map_err(|why| segment.damaged(0, why))?;
        Ok(segment)
    }

    /// Its numbers.
    #[must_use]
    pub fn summary(&self) -> SegmentSummary {
        SegmentSummary { series: self.footer.series, pairs: self.footer.pairs, bytes: self.source.len() }
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// The ids of its series.
    #[must_use]
    pub fn ids(&self) -> &RoaringBitmap {
        &self.ids
    }

    /// The id of the series with exactly these labels.
    ///
    /// # Errors
    /// When a page can't be read or is damaged.
    pub fn find_id(&self, labels: &Labels) -> Result<Option<SeriesId>, IndexError> {
        let hash = xxh3_64(labels.as_bytes());
        if !self.bloom.may_contain(hash) {
            return Ok(None);
        }
        for id in self.keys.candidates(&self.source, &self.footer, hash)? {
            let has = |page: Arc<Page>| Some(page.has_labels(page.position(id)?, labels.as_bytes()));
            if self.page_of(id)?.and_then(has) == Some(true) {
                return Ok(Some(SeriesId(id)));
            }
        }
        Ok(None)
    }

    /// The labels of a series; `None` when it isn't here.
    ///
    /// # Errors
    /// When its page can't be read or is damaged.
    pub fn labels(&self, id: SeriesId) -> Result<Option<Labels>, IndexError> {
        if !self.ids.contains(id.0) {
            return Ok(None);
        }
        let Some((page, row)) = self.page_of(id.0)?.and_then(|page| page.position(id.0).map(|row| (page, row))) else {
            return Err(self.source.damaged("the series table", &self.footer, Section::Pages, "a series is missing"));
        };
        let mut bytes = Vec::new();
        page.write_labels(row, &mut bytes);
        Ok(Some(Labels::from_canonical(&bytes)))
    }

    /// The series with a value of the matcher's label that passes it; with one that a missing label passes, also the
    /// series without.
    ///
    /// # Errors
    /// When postings can't be read or are damaged.
    pub fn postings(&self, matcher: &Matcher) -> Result<RoaringBitmap, IndexError> {
        query::find(self, std::slice::from_ref(matcher))
    }

    /// The names of its labels, sorted.
    ///
    /// # Errors
    /// When the dictionary can't be read or is damaged.
    pub fn label_names(&self) -> Result<Vec<String>, IndexError> {
        let mut names = Part::names(self)?;
        names.sort_unstable();
        Ok(names)
    }

    /// The values of label `name`, sorted.
    ///
    /// # Errors
    /// When the dictionary can't be read or is damaged.
    pub fn label_values(&self, name: &str) -> Result<Vec<String>, IndexError> {
        let mut values = Vec::new();
        self.scan(name, "", &mut |value, _| {
            values.push(value.to_owned());
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(values)
    }

    /// Reads the whole file and checks every byte.
    ///
    /// # Errors
    /// When the disk refuses, and names the first section whose checksum is wrong.
    pub fn verify(&self) -> Result<(), IndexError> {
        Footer::read(&self.source)?;
        Section::ALL.into_iter().try_for_each(|section| self.source.verify(&self.footer, section))
    }

    /// The postings at `at` of the postings section.
    pub(super) fn read_postings(&self, at: u64) -> Result<RoaringBitmap, IndexError> {
        postings::read(&self.source, &self.footer, at)
    }

    /// Appends to `out` those of the ascending `within` that the postings at `at` have.
    pub(super) fn postings_within(&self, at: u64, within: &[u32], out: &mut Vec<u32>) -> Result<(), IndexError> {
        postings::read_within(&self.source, &self.footer, at, within, out)
    }

    /// Whether the postings at `at` have one of the ids in `filter`, and how many of their bytes told.
    pub(super) fn postings_intersect(&self, at: u64, filter: &RoaringBitmap) -> Result<(bool, u64), IndexError> {
        postings::intersects(&self.source, &self.footer, at, filter)
    }

    /// Appends the first and the last ids of the postings at `at` to `out`, at most `most` of each; answers how many bytes told.
    pub(super) fn postings_ends(&self, at: u64, most: usize, out: &mut Vec<u32>) -> Result<u64, IndexError> {
        postings::ends(&self.source, &self.footer, at, most, out)
    }

    /// How many ids the postings at `at` have.
    pub(super) fn count_postings(&self, at: u64) -> Result<u64, IndexError> {
        postings::count(&self.source, &self.footer, at)
    }

    /// Pairs in order, from the key `from` on, up to `end`: dictionary keys and what [`Self::stored`] turns into postings.
    fn keys_from(&self, from: &[u8], end: Option<Vec<u8>>) -> Result<Keys<'_>, IndexError> {
        Keys::from(Reader::new(self), from, end)
    }

    /// The pairs of all these segments in order, with their number there and what [`Self::stored`] turns into postings.
    pub(super) fn all_keys(segments: &[Arc<Self>]) -> Result<Union<'_>, IndexError> {
        let keys = segments.iter().map(|segment| segment.keys_from(b"", None));
        Union::of(keys.collect::<Result<Vec<_>, _>>()?)
    }

    /// The postings that a value of the dictionary stands for.
    pub(super) fn stored(&self, value: u64) -> Postings<'_> {
        match format::unpack(value) {
            format::Value::One(id) => Postings::One(id),
            format::Value::At(at) => Postings::Stored(self, at),
        }
    }

    fn page_of(&self, id: u32) -> Result<Option<Arc<Page>>, IndexError> {
        self.pages.position(id).map(|n| self.page(n)).transpose()
    }

    /// The numbers of the pages that hold some of `ids`. Looks at one id of each.
    fn pages_of<'a>(&'a self, ids: &'a RoaringBitmap) -> impl Iterator<Item = usize> + 'a {
        let mut next = ids.min();
        std::iter::from_fn(move || {
            let n = self.pages.position(next?)?;
            next = self.pages.first_id(n + 1).and_then(|behind| ids.range(behind..).next());
            Some(n)
        })
    }

    /// Whether the labels of all of `ids` that it holds can be had without reading a page.
    pub(in crate::index) fn has_at_hand(&self, ids: &RoaringBitmap) -> bool {
        let here = ids & &self.ids;
        self.pages_of(&here).all(|n| self.cache.has(self.number, n))
    }

    /// Visits the pages that hold some of `ids`, each with those, except for damaged pages.
    fn each_page(&self, ids: &RoaringBitmap, visit: &mut dyn FnMut(&Page, &[u32])) -> Result<(), IndexError> {
        let wanted = ids & &self.ids;
        let mut rest = wanted.iter().peekable();
        let mut in_page = Vec::new();
        while let Some(&first) = rest.peek() {
            let Some(n) = self.pages.position(first) else { break };
            let end = self.pages.first_id(n + 1);
            in_page.clear();
            in_page.extend(std::iter::from_fn(|| rest.next_if(|id| end.is_none_or(|end| *id < end))));
            match self.page(n) {
                // Noted by now: its series have lost their labels.
                Err(error) if error.is_damage() => {}
                page => visit(&*page?, &in_page),
            }
        }
        Ok(())
    }

    /// Page `n`, from the cache or the disk.
    fn page(&self, n: usize) -> Result<Arc<Page>, IndexError> {
        if let Some(page) = self.cache.get(self.number, n) {
            return Ok(page);
        }
        let page = Arc::new(self.read_page(n)?);
        self.cache.put(self.number, n, &page);
        Ok(page)
    }

    /// Page `n` from the disk.
    fn read_page(&self, n: usize) -> Result<Page, IndexError> {
        self.pages.read(&self.source, &self.footer, n).inspect_err(|error| self.note_page(n, error))
    }
}

/// The dictionary's pages, from the cache or the disk.
impl Pages for Segment {
    fn len(&self) -> usize {
        usize::try_from(self.footer.extent(Section::Dictionary).len).unwrap_or(usize::MAX)
    }

    fn page(&self, n: usize) -> Result<Arc<[u8]>, IndexError> {
        if let Some(page) = self.cache.get_dictionary(self.number, n) {
            return Ok(page);
        }
        let read = self.dictionary.read(&self.source, &self.footer, n);
        let page = read.inspect_err(|error| self.note(error, RoaringBitmap::new()))?;
        self.cache.put_dictionary(self.number, n, &page);
        Ok(page)
    }

    fn damaged(&self, at: usize, why: &str) -> IndexError {
        let start = self.footer.extent(Section::Dictionary).at;
        self.source.damaged_at("the dictionary", start.saturating_add(at as u64), why)
    }
}

impl Part for Segment {
    fn ids(&self) -> &RoaringBitmap {
        &self.ids
    }

    fn postings(&self, name: &str, value: &str) -> Result<Option<Postings<'_>>, IndexError> {
        let mut key = Vec::new();
        pair::key(name.as_bytes(), value.as_bytes(), &mut key);
        Ok(dictionary::find(&mut Reader::new(self), &key)?.map(|value| self.stored(value)))
    }

    fn scan(&self, name: &str, prefix: &str, visit: &mut ValueVisitor<'_>) -> Result<(), IndexError> {
        let mut from = Vec::new();
        pair::key(name.as_bytes(), prefix.as_bytes(), &mut from);
        // Above every key that starts with `from`, as no value has a byte 0xFF.
        let to = [&from[..], &[SEPARATOR]].concat();
        let mut keys = self.keys_from(&from, Some(to))?;
        while let Some((key, value)) = keys.next()? {
            if let Some((_, text)) = pair::split_key(key)
                && let ControlFlow::Break(()) = visit(text, self.stored(value))?
            {
                break;
            }
        }
        Ok(())
    }

    fn select(&self, matcher: &Matcher, step: &mut Step<'_>, take: &mut PostingsVisitor<'_>) -> Result<(), IndexError> {
        let mut looked_at = 0;
        let mut few = |matcher: &Matcher, take: &mut PostingsVisitor<'_>, most: usize| {
            self.scan(matcher.name(), matcher.prefix(), &mut |value, postings| {
                looked_at += 1;
                step()?;
                if matcher.selects(value) {
                    take(postings)?;
                }
                Ok(if looked_at < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })?;
            Ok::<_, IndexError>(looked_at < most)
        };
        // Making an automaton costs as much as looking at some hundreds of values, and is of no use where all pass.
        let most = if matcher.selects_prefix() { usize::MAX } else { FEW_VALUES };
        if few(matcher, take, most)? {
            return Ok(());
        }
        let mut take_stored = |value| take(self.stored(value));
        match matcher.automaton() {
            Some(dfa) if search::each_match(&mut Reader::new(self), matcher.name(), dfa, &mut take_stored)? => Ok(()),
            _ => few(matcher, take, usize::MAX).map(drop),
        }
    }

    fn names(&self) -> Result<Vec<String>, IndexError> {
        let mut names: Vec<String> = Vec::new();
        let mut above = Vec::new();
        // From the first key of a name straight to the first key of the next one; no key is what lies between them.
        while let Some((key, _)) = self.keys_from(&above, None)?.next()? {
            let Some((name, _)) = pair::split_key(key) else { break };
            names.push(name.to_owned());
            pair::key(name.as_bytes(), &[SEPARATOR], &mut above);
        }
        Ok(names)
    }

    fn with_labels(&self, ids: RoaringBitmap) -> Result<RoaringBitmap, IndexError> {
        Self::with_labels(self, ids)
    }

    fn work_around(&self, error: IndexError) -> Result<(), IndexError> {
        if !error.is_damage() {
            return Err(error);
        }
        self.note(&error, RoaringBitmap::new());
        Ok(())
    }

    fn each_labels(&self, ids: &RoaringBitmap, visit: &mut dyn FnMut(u32, &[u8])) -> Result<(), IndexError> {
        let mut labels = Vec::new();
        self.each_page(ids, &mut |page, ids| {
            for (id, row) in ids.iter().filter_map(|id| Some((*id, page.position(*id)?))) {
                page.write_labels(row, &mut labels);
                visit(id, &labels);
            }
        })
    }

    fn each_projection(
        &self,
        ids: &RoaringBitmap,
        projection: &Projection<'_>,
        visit: &mut dyn FnMut(u32, &[u8]),
    ) -> Result<(), IndexError> {
        self.each_page(ids, &mut |page, ids| {
            let rows = ids.iter().filter_map(|id| page.position(*id));
            page.project(projection, rows, &mut |row, bytes| {
                if let Some(id) = page.ids().get(row) {
                    visit(*id, bytes);
                }
            });
        })
    }

    fn each_pair(&self, ids: &RoaringBitmap, visit: &mut dyn FnMut(Pair<'_>)) -> Result<(), IndexError> {
        self.each_page(ids, &mut |page, ids| page.each_pair(ids.iter().filter_map(|id| page.position(*id)), visit))
    }

    fn each_value(&self, name: &str, ids: &RoaringBitmap, visit: &mut dyn FnMut(&str)) -> Result<(), IndexError> {
        self.each_page(ids, &mut |page, ids| {
            page.each_value(name.as_bytes(), ids.iter().filter_map(|id| page.position(*id)), visit);
        })
    }

    fn filter(&self, ids: &RoaringBitmap, matcher: &Matcher) -> Result<RoaringBitmap, IndexError> {
        let mut passed = RoaringBitmap::new();
        self.each_page(ids, &mut |page, ids| {
            let rows = ids.iter().filter_map(|id| page.position(*id));
            let rows = page.rows_with(matcher.name().as_bytes(), rows, |value| matcher.matches(value));
            passed.extend(rows.filter_map(|row| page.ids().get(row)));
        })?;
        Ok(passed)
    }

    fn cost_of_pairs(&self, ids: &RoaringBitmap) -> u64 {
        let (mut pages, mut cached) = (0, 0);
        for n in self.pages_of(ids) {
            pages += 1;
            if pages <= PAGES_ASKED && self.cache.has(self.number, n) {
                cached += 1;
            }
        }
        (pages - cached) * PAGE_COST + cached * CACHED_PAGE_COST + ids.len() / 8
    }
}
