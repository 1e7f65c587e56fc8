//! Checking a segment thoroughly, and saving what is whole of a damaged one.

use std::path::Path;

use fst::Streamer;
use roaring::RoaringBitmap;

use super::{
    Segment,
    format::{Footer, Section},
    pages::PageIndex,
    source::Source,
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
    pub saved: u64,
    /// Series whose labels are lost, where the damaged file still tells.
    pub lost: Option<RoaringBitmap>,
}

impl Segment {
    /// Reads everything, checks every checksum, holds the parts against each other, and hands each thing wrong to
    /// `found`.
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
        let (mut ids, mut pairs) = (RoaringBitmap::new(), 0u64);
        for n in 0..self.pages.len() {
            note(self.audit_page(n, &mut ids, &mut pairs), found)?;
        }
        let mut posted = 0u64;
        let mut stream = self.dictionary.stream();
        while let Some((_, value)) = stream.next() {
            let mut gather = Gather::default();
            note(self.stored(value).add_to(&mut gather), found)?;
            posted += gather.finish().len();
        }
        if !whole {
            return Ok(());
        }
        let checks = [
            (ids == self.ids, "the id bitmap", Section::Ids, "its ids are not those of the series table"),
            (
                ids.len() == self.footer.series,
                "the series table",
                Section::Pages,
                "the footer has another number of series",
            ),
            (
                self.dictionary.len() as u64 == self.footer.pairs,
                "the dictionary",
                Section::Dictionary,
                "the footer has another number of pairs",
            ),
            (posted == pairs, "the postings section", Section::Postings, "its ids are not those of the series table"),
        ];
        for (_, what, section, why) in checks.into_iter().filter(|(good, ..)| !good) {
            found(self.source.damaged(what, &self.footer, section, why));
        }
        Ok(())
    }

    /// Adds the ids and the number of label pairs of page `n`.
    fn audit_page(&self, n: usize, ids: &mut RoaringBitmap, pairs: &mut u64) -> Result<(), IndexError> {
        let page = self.read_page(n)?;
        let mut series = 0;
        for (id, labels) in page.iter() {
            self.check_labels(labels)?;
            if !ids.insert(id) {
                let why = format!("series {id} is in it twice");
                return Err(self.source.damaged("the series table", &self.footer, Section::Pages, &why));
            }
            *pairs += pair::pairs(labels).count() as u64;
            series += 1;
        }
        let (first, next) = (self.pages.first_id(n).unwrap_or(0), self.pages.first_id(n + 1));
        let expected = next.map_or(self.ids.len(), |next| self.ids.range_cardinality(..next))
            - self.ids.range_cardinality(..first);
        if series == expected {
            return Ok(());
        }
        let why = format!("page {n} has {series} series where the id bitmap has {expected}");
        Err(self.source.damaged("the series table", &self.footer, Section::Pages, &why))
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
        let saved = SavedSegment { saved: series.len() as u64, lost };
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
                Ok(page) => page.iter().for_each(|(id, labels)| visit(SeriesId(id), labels)),
                Err(error) if error.is_damage() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn read_whole(
    disk: &dyn Disk,
    path: &Path,
    lost: &mut Option<RoaringBitmap>,
) -> Result<Vec<(SeriesId, Labels)>, IndexError> {
    let source = Source::open(disk, path)?;
    let footer = Footer::read(&source)?;
    let all = source.section(&footer, Section::Ids).ok().and_then(|b| RoaringBitmap::deserialize_from(&b[..]).ok());
    lost.clone_from(&all);
    let pages = PageIndex::decode(&source.section(&footer, Section::PageIndex)?, &footer)
        .ok_or_else(|| source.damaged("the page index", &footer, Section::PageIndex, "it contradicts itself"))?;
    let mut series: Vec<(SeriesId, Labels)> = Vec::new();
    for n in 0..pages.len() {
        match pages.read(&source, &footer, n) {
            Ok(page) => {
                let readable =
                    page.iter().filter_map(|(id, bytes)| Some((SeriesId(id), Labels::from_bytes(bytes).ok()?)));
                let after = series.last().map(|(id, _)| *id);
                series.extend(readable.filter(|(id, _)| after.is_none_or(|after| after < *id)));
            }
            Err(error) if error.is_damage() => {}
            Err(error) => return Err(error),
        }
    }
    let saved: RoaringBitmap = series.iter().map(|(id, _)| id.0).collect();
    *lost = all.map(|all| all - saved);
    Ok(series)
}
