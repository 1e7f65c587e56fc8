//! Writing a segment file, section after section.

use std::{collections::HashMap, path::Path};

use fst::MapBuilder;
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    bloom::Bloom,
    format::{Extent, Footer, Section, Value, pack},
    keys::{self, IdRange},
    pages::PagePacker,
    postings,
    summary::SegmentSummary,
};
use crate::{
    index::{
        IndexError,
        head::Head,
        pair::{self, SEPARATOR},
        part::Part,
        postings::{Gather, Postings},
    },
    model::Labels,
    seams::{
        append::SeriesId,
        env::{Disk, DiskWriter},
    },
};

/// Bytes gathered before they are handed to the disk.
const BUFFER: usize = 1 << 20;

/// Writes one segment: all series by [`Self::add_series`], then [`Self::finish_series`], then all pairs by
/// [`Self::add_pair`], then [`Self::finish`].
pub(super) struct SegmentWriter<'a> {
    path: &'a Path,
    out: Box<dyn DiskWriter>,
    buffer: Vec<u8>,
    written: u64,
    section_start: u64,
    section_crc: crc32fast::Hasher,
    footer: Footer,
    pages: PagePacker,
    keys: Vec<keys::Key>,
    ids: RoaringBitmap,
    dictionary: MapBuilder<Vec<u8>>,
}

/// Writes a new segment of all series of `heads`, which have none in common.
///
/// # Errors
/// As [`super::Segment::write`].
pub(in crate::index) fn write_heads(
    disk: &dyn Disk,
    path: &Path,
    heads: &[&Head],
) -> Result<SegmentSummary, IndexError> {
    SegmentWriter::run(disk, path, |writer| {
        let mut bytes = Vec::new();
        writer.expect(heads.iter().map(|head| head.len() as u64).sum());
        for id in heads.iter().fold(RoaringBitmap::new(), |ids, head| ids | head.ids()) {
            if heads.iter().any(|head| head.write_labels(id, &mut bytes)) {
                writer.add_series(id, &bytes)?;
            }
        }
        writer.finish_series()?;
        let mut names: Vec<&str> = heads.iter().flat_map(|head| head.label_names()).collect();
        // As keys are ordered, where a longer name comes before those it begins with.
        names.sort_unstable_by(|a, b| a.bytes().chain([SEPARATOR]).cmp(b.bytes().chain([SEPARATOR])));
        names.dedup();
        names.iter().try_for_each(|name| writer.add_values(name, heads))
    })
}

impl<'a> SegmentWriter<'a> {
    /// Creates the file and lets `write` fill it; takes it away again on an error.
    pub(super) fn run(
        disk: &dyn Disk,
        path: &'a Path,
        write: impl FnOnce(&mut Self) -> Result<(), IndexError>,
    ) -> Result<SegmentSummary, IndexError> {
        let out = disk.create(path).map_err(IndexError::io(path, "creating"))?;
        let written = Self::new(path, out).and_then(|mut writer| {
            write(&mut writer)?;
            writer.finish()
        });
        let dir = path.parent().unwrap_or(Path::new(""));
        let answer = written.and_then(|summary| {
            disk.sync_dir(dir).map_err(IndexError::io(dir, "syncing the directory"))?;
            Ok(summary)
        });
        if answer.is_err() {
            // The first error is the one to tell; a file left here is an orphan that the next start clears away.
            let _ = disk.remove(path);
        }
        answer
    }

    fn new(path: &'a Path, out: Box<dyn DiskWriter>) -> Result<Self, IndexError> {
        Ok(Self {
            path,
            out,
            buffer: Vec::new(),
            written: 0,
            section_start: 0,
            section_crc: crc32fast::Hasher::new(),
            footer: Footer::default(),
            pages: PagePacker::new().map_err(IndexError::io(path, "preparing compression"))?,
            keys: Vec::new(),
            ids: RoaringBitmap::new(),
            dictionary: MapBuilder::memory(),
        })
    }

    /// Makes room for that many series.
    pub(super) fn expect(&mut self, series: u64) {
        self.keys.reserve_exact(usize::try_from(series).unwrap_or(0));
    }

    /// Everything at once, inverting the labels in memory.
    pub(super) fn write_all(&mut self, series: impl IntoIterator<Item = (SeriesId, Labels)>) -> Result<(), IndexError> {
        let mut inverted: HashMap<Box<[u8]>, Vec<u32>> = HashMap::new();
        let mut key = Vec::new();
        for (id, labels) in series {
            self.add_series(id.0, labels.as_bytes())?;
            for pair in pair::pairs(labels.as_bytes()) {
                pair.key(&mut key);
                match inverted.get_mut(&key[..]) {
                    Some(ids) => ids.push(id.0),
                    None => drop(inverted.insert(key.as_slice().into(), vec![id.0])),
                }
            }
        }
        self.finish_series()?;
        let mut pairs: Vec<_> = inverted.into_iter().collect();
        pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        pairs.into_iter().try_for_each(|(key, ids)| self.add_pair(&key, ids.into_iter().collect()))
    }

    /// Adds a series; ids must ascend.
    pub(super) fn add_series(&mut self, id: u32, labels: &[u8]) -> Result<(), IndexError> {
        if let Some(previous) = self.ids.max()
            && previous >= id
        {
            return Err(IndexError::Order { path: self.path.to_owned(), id, previous });
        }
        self.ids.insert(id);
        self.keys.push(keys::key(xxh3_64(labels), id));
        self.pages.add(id, labels).map_err(IndexError::io(self.path, "adding a series to"))?;
        if self.pages.is_full() { self.put_page() } else { Ok(()) }
    }

    fn put_page(&mut self) -> Result<(), IndexError> {
        let page = self.pages.finish_page().map_err(IndexError::io(self.path, "compressing a page for"))?;
        page.map_or(Ok(()), |page| self.put(&page))
    }

    /// Writes all sections that know series only.
    pub(super) fn finish_series(&mut self) -> Result<(), IndexError> {
        self.put_page()?;
        self.end_section(Section::Pages);
        let index = std::mem::take(&mut self.pages.index);
        self.put_section(Section::PageIndex, &index)?;
        let mut sorted = std::mem::take(&mut self.keys);
        sorted.sort_unstable();
        let range = IdRange::of(&self.ids);
        let index = keys::encode(&sorted, range, |page| self.put(page))?;
        self.end_section(Section::Keys);
        self.put_section(Section::KeyIndex, &index)?;
        let bloom = Bloom::build(sorted.iter().map(keys::hash));
        drop(sorted);
        self.put_section(Section::Bloom, &bloom.encode())?;
        self.footer.series = self.ids.len();
        self.ids.optimize();
        let mut ids = Vec::with_capacity(self.ids.serialized_size());
        self.ids.serialize_into(&mut ids).map_err(IndexError::io(self.path, "serializing the ids of"))?;
        self.put_section(Section::Ids, &ids)
    }

    /// Adds a label pair; dictionary keys must ascend. A pair without series is left out.
    pub(super) fn add_pair(&mut self, key: &[u8], mut ids: RoaringBitmap) -> Result<(), IndexError> {
        let value = match (ids.min(), ids.len()) {
            (None, _) => return Ok(()),
            (Some(id), 1) => Value::One(id),
            _ => {
                let at = self.written - self.section_start;
                let bytes = postings::encode(&mut ids).map_err(IndexError::io(self.path, "serializing postings of"))?;
                self.put(&bytes)?;
                Value::At(at)
            }
        };
        self.footer.pairs += 1;
        self.dictionary.insert(key, pack(value)).map_err(self.refused())
    }

    /// Adds the pairs of all values of `name`.
    fn add_values(&mut self, name: &str, heads: &[&Head]) -> Result<(), IndexError> {
        let mut values: Vec<(&[u8], Postings<'_>)> = heads.iter().flat_map(|head| head.values(name)).collect();
        values.sort_unstable_by_key(|(value, _)| *value);
        let mut key = Vec::new();
        values.chunk_by(|a, b| a.0 == b.0).try_for_each(|same| {
            let mut gather = Gather::default();
            same.iter().try_for_each(|(_, postings)| postings.add_to(&mut gather))?;
            pair::key(name.as_bytes(), same.first().map_or(&[], |(value, _)| value), &mut key);
            self.add_pair(&key, gather.finish())
        })
    }

    fn finish(mut self) -> Result<SegmentSummary, IndexError> {
        self.end_section(Section::Postings);
        let refused = self.refused();
        let dictionary = std::mem::replace(&mut self.dictionary, MapBuilder::memory());
        let dictionary = dictionary.into_inner().map_err(refused)?;
        self.put_section(Section::Dictionary, &dictionary)?;
        let footer = self.footer.encode();
        self.put(&footer)?;
        self.flush()?;
        self.out.sync().map_err(IndexError::io(self.path, "syncing"))?;
        Ok(SegmentSummary { series: self.footer.series, pairs: self.footer.pairs, bytes: self.written })
    }

    fn refused(&self) -> impl FnOnce(fst::Error) -> IndexError + use<> {
        let path = self.path.to_owned();
        move |error| IndexError::Dictionary { path, why: error.to_string() }
    }

    fn put_section(&mut self, section: Section, bytes: &[u8]) -> Result<(), IndexError> {
        self.put(bytes)?;
        self.end_section(section);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), IndexError> {
        self.section_crc.update(bytes);
        self.written += bytes.len() as u64;
        if bytes.len() >= BUFFER {
            // Large enough by itself, and a copy would take as much again.
            self.flush()?;
            return self.out.append(bytes).map_err(IndexError::io(self.path, "writing"));
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), IndexError> {
        self.out.append(&self.buffer).map_err(IndexError::io(self.path, "writing"))?;
        self.buffer.clear();
        Ok(())
    }

    fn end_section(&mut self, section: Section) {
        let crc = std::mem::take(&mut self.section_crc).finalize();
        if let Some(extent) = self.footer.sections.get_mut(section as usize) {
            *extent = Extent { at: self.section_start, len: self.written - self.section_start, crc };
        }
        self.section_start = self.written;
    }
}
