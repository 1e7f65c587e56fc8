//! Checking a segment thoroughly, and saving what is whole of a damaged one.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use roaring::RoaringBitmap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{
    Segment,
    file::SegmentFile,
    format::{Footer, Section},
    page::Page,
    pages::PageIndex,
};
use crate::{
    index::{IndexError, pair, postings::Gather},
    model::Labels,
    seams::{append::SeriesId, env::Disk},
};

/// What was saved of a damaged segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SavedSegment {
    /// Series whose labels were saved.
    pub saved: RoaringBitmap,
    /// Series whose labels are lost, where the damaged file still tells.
    pub lost: Option<RoaringBitmap>,
}

impl Segment {
    /// Reads everything, checks every checksum, holds the parts against each other, and hands each thing wrong to
    /// `found`: every series must be in the id bitmap, the key table and the Bloom filter, and the postings must be those
    /// that the series' labels make. Memory holds a page, and two numbers for each label name.
    ///
    /// # Errors
    /// When the disk refuses to read.
    pub fn audit(&self, found: &mut dyn FnMut(IndexError)) -> Result<(), IndexError> {
        let mut whole = true;
        let mut note = |checked: Result<(), IndexError>, found: &mut dyn FnMut(IndexError)| match checked {
            Err(error) if error.is_damage() => {
                whole = false;
                found(error);
                Ok(())
            }
            other => other,
        };
        for section in Section::ALL {
            note(self.source.verify(&self.footer, section), found)?;
        }
        let (mut ids, mut labels) = (RoaringBitmap::new(), Tally::default());
        for n in 0..self.pages.len() {
            note(self.audit_page(n, &mut ids, &mut labels), found)?;
        }
        let mut postings = Tally::default();
        let mut pairs = self.keys_from(b"", None)?;
        while let Some((key, value)) = pairs.next()? {
            let mut gather = Gather::default();
            note(self.stored(value).add_to(&mut gather), found)?;
            postings.add(key, gather.finish());
        }
        let mut keys = 0;
        note(self.keys.count(&self.source, &self.footer).map(|count| keys = count), found)?;
        if !whole {
            return Ok(());
        }
        let mut wrong = |good: bool, what: &'static str, section: Section, why: &str| {
            if !good {
                found(self.source.damaged(what, &self.footer, section, why));
            }
        };
        wrong(ids == self.ids, "the id bitmap", Section::Ids, "its ids are not those of the series table");
        let series = self.footer.series;
        wrong(ids.len() == series, "the series table", Section::Pages, "the footer has another number of series");
        wrong(keys == series, "the key table", Section::Keys, "the footer has another number of series");
        for name in labels.difference(&postings) {
            let why = format!("the series of label {name:?} are not those of the series table");
            wrong(false, "the postings section", Section::Postings, &why);
        }
        Ok(())
    }

    /// Checks page `n` and its series' keys; adds its ids and label pairs.
    fn audit_page(&self, n: usize, ids: &mut RoaringBitmap, tally: &mut Tally) -> Result<(), IndexError> {
        let damaged = |what: &'static str, section: Section, why: &str| {
            Err(self.source.damaged(what, &self.footer, section, why))
        };
        let page = self.read_page(n)?;
        let (mut labels, mut key) = (Vec::new(), Vec::new());
        for (row, id) in page.ids().iter().copied().enumerate() {
            page.write_labels(row, &mut labels);
            if !ids.insert(id) {
                return damaged("the series table", Section::Pages, &format!("series {id} is in it twice"));
            }
            let hash = xxh3_64(&labels);
            if !self.bloom.may_contain(hash) {
                return damaged("the Bloom filter", Section::Bloom, &format!("it denies series {id}"));
            }
            if !self.keys.candidates(&self.source, &self.footer, hash)?.contains(&id) {
                return damaged("the key table", Section::Keys, &format!("it lacks series {id}"));
            }
            for pair in pair::pairs(&labels) {
                pair.key(&mut key);
                tally.add(&key, [id]);
            }
        }
        let (first, next) = (self.pages.first_id(n).unwrap_or(0), self.pages.first_id(n + 1));
        let expected = next.map_or(self.ids.len(), |next| self.ids.range_cardinality(..next))
            - self.ids.range_cardinality(..first);
        if page.len() as u64 == expected {
            return Ok(());
        }
        let why = format!("page {n} has {} series where the id bitmap has {expected}", page.len());
        damaged("the series table", Section::Pages, &why)
    }

    /// Writes a new segment `to` with every series of `path` whose page is whole. Needs only the footer and the page index
    /// of `path`; without them, or when nothing is whole, no segment is written.
    ///
    /// # Errors
    /// When the disk refuses. Damage is no error here.
    pub fn salvage(disk: &dyn Disk, path: &Path, to: Option<&Path>) -> Result<SavedSegment, IndexError> {
        let mut lost = None;
        let series = match read_whole(disk, path, &mut lost) {
            Err(error) if !error.is_damage() => return Err(error),
            read => read.unwrap_or_default(),
        };
        let saved = SavedSegment { saved: series.iter().map(|(id, _)| id.0).collect(), lost };
        if let Some(to) = to
            && !series.is_empty()
        {
            Self::write(disk, to, series)?;
        }
        Ok(saved)
    }

    /// Visits all series whose pages are whole, in order of id.
    ///
    /// # Errors
    /// When the disk refuses to read.
    pub fn each_series(&self, visit: &mut dyn FnMut(SeriesId, &[u8])) -> Result<(), IndexError> {
        for n in 0..self.pages.len() {
            match self.read_page(n) {
                Ok(page) => each(&page, visit),
                Err(error) if error.is_damage() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn each(page: &Page, visit: &mut dyn FnMut(SeriesId, &[u8])) {
    let mut labels = Vec::new();
    for (row, id) in page.ids().iter().enumerate() {
        page.write_labels(row, &mut labels);
        visit(SeriesId(*id), &labels);
    }
}

/// Which series have which label pairs, in two numbers for each name: how many, and a sum of hashes, in any order.
#[derive(Default)]
struct Tally(BTreeMap<String, (u64, u64)>);

impl Tally {
    /// Adds the series of a dictionary key.
    fn add(&mut self, key: &[u8], ids: impl IntoIterator<Item = u32>) {
        let Some((name, _)) = pair::split_key(key) else { return };
        if !self.0.contains_key(name) {
            self.0.insert(name.to_owned(), (0, 0));
        }
        let Some((count, sum)) = self.0.get_mut(name) else { return };
        let pair = xxh3_64(key);
        for id in ids {
            *count += 1;
            *sum = sum.wrapping_add(xxh3_64_with_seed(&id.to_le_bytes(), pair));
        }
    }

    /// The names that the two disagree on.
    fn difference<'a>(&'a self, other: &'a Self) -> BTreeSet<&'a str> {
        let names = self.0.keys().chain(other.0.keys());
        names.filter(|name| self.0.get(*name) != other.0.get(*name)).map(String::as_str).collect()
    }
}

fn read_whole(
    disk: &dyn Disk,
    path: &Path,
    lost: &mut Option<RoaringBitmap>,
) -> Result<Vec<(SeriesId, Labels)>, IndexError> {
    let source = SegmentFile::open(disk, path)?;
    let footer = Footer::read(&source)?;
    let all = source.section(&footer, Section::Ids).ok().and_then(|b| RoaringBitmap::deserialize_from(&b[..]).ok());
    lost.clone_from(&all);
    let pages = PageIndex::decode(&source.section(&footer, Section::PageIndex)?, &footer)
        .ok_or_else(|| source.damaged("the page index", &footer, Section::PageIndex, "it contradicts itself"))?;
    let mut series: Vec<(SeriesId, Labels)> = Vec::new();
    for n in 0..pages.len() {
        match pages.read(&source, &footer, n) {
            Ok(page) => each(&page, &mut |id, labels| {
                if series.last().is_none_or(|(before, _)| *before < id) {
                    series.push((id, Labels::from_canonical(labels)));
                }
            }),
            Err(error) if error.is_damage() => {}
            Err(error) => return Err(error),
        }
    }
    let saved: RoaringBitmap = series.iter().map(|(id, _)| id.0).collect();
    *lost = all.map(|all| all - saved);
    Ok(series)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{codec::checksum::crc32, index::segment::format::FOOTER, seams::env::SimDisk};

    fn file(values: [&str; 3]) -> (Vec<u8>, Footer) {
        let disk = SimDisk::new();
        let series = values
            .iter()
            .enumerate()
            .map(|(i, value)| (SeriesId(i as u32), Labels::from_pairs([("job", "x"), ("pod", value)]).unwrap()));
        Segment::write(&disk, Path::new("s"), series).unwrap();
        let footer = Footer::read(&SegmentFile::open(&disk, Path::new("s")).unwrap()).unwrap();
        (disk.read_file(Path::new("s")).unwrap(), footer)
    }

    #[test]
    fn parts_that_are_whole_but_of_another_segment_are_found_out() {
        let (good, footer) = file(["a", "b", "c"]);
        let (other, others) = file(["a", "c", "b"]);
        let mut complaints = Vec::new();
        for section in [Section::Keys, Section::Bloom, Section::Dictionary] {
            let (mut bytes, mut footer) = (good.clone(), footer);
            let (extent, from) = (footer.extent(section), others.extent(section));
            assert_eq!((extent.at, extent.len), (from.at, from.len));
            let range = extent.at as usize..(extent.at + extent.len) as usize;
            let foreign = &other[range.clone()];
            // Both have the same three keys in the filter; one without any tells.
            bytes[range].copy_from_slice(&if section == Section::Bloom {
                vec![0; foreign.len()]
            } else {
                foreign.to_vec()
            });
            let crc = crc32(&bytes[extent.at as usize..(extent.at + extent.len) as usize]);
            footer.sections[section as usize].crc = crc;
            let end = bytes.len() - FOOTER;
            bytes.truncate(end);
            bytes.extend(footer.encode());
            let disk = SimDisk::new();
            disk.write_file(Path::new("s"), &bytes);
            let segment = Segment::open(&disk, Path::new("s")).unwrap();
            segment.verify().unwrap();
            segment.audit(&mut |error| complaints.push(error.to_string())).unwrap();
        }
        assert_eq!(complaints.len(), 3, "{complaints:#?}");
        assert!(complaints[0].contains("the key table") && complaints[0].contains("it lacks series 1"));
        assert!(complaints[1].contains("the Bloom filter") && complaints[1].contains("it denies series 0"));
        assert!(complaints[2].contains("the postings section") && complaints[2].contains("label \"pod\""));
    }
}
