//! A page of the series table, unpacked: a sorted list of the label pairs in it, and each series as a row of numbers.
//!
//! Series that lie together share most of their pairs, so that a page keeps each text once, in memory as on disk, and
//! its UTF-8 is checked once. A row is read at its place, without a walk.

use std::ops::Range;

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::cells::Cells;
use crate::{codec::varint, index::pair, seams::select::Projection};

/// Bytes that a page's texts, or a page as a whole, can't exceed; request limits are far below.
pub(super) const MAX_BYTES: usize = 256 << 20;
/// Pairs that a page can number.
const MAX_PAIRS: usize = 1 << 16;

/// An unpacked page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    ids: Vec<u32>,
    /// Canonical bytes of all pairs, by ascending name and value.
    text: Vec<u8>,
    /// Where each pair starts in `text`, and its end.
    starts: Vec<u32>,
    /// The numbers of the pairs of all series.
    cells: Cells,
    /// Where each series starts in `cells`, and their end.
    rows: Vec<u32>,
}

impl Page {
    /// Reads what [`Self::encode`] wrote; `first` is the id of the first series.
    pub(super) fn decode(first: u32, mut input: &[u8]) -> Result<Self, String> {
        let limit = input.len();
        let input = &mut input;
        let number = |input: &mut &[u8]| varint::get_at_most(input, limit, "a page").map_err(|e| e.to_string());
        let series = number(input)?;
        let mut page = Self { starts: vec![0], rows: Vec::with_capacity(series + 1), ..Self::default() };
        page.rows.push(0);
        // For each pair the number of its name.
        let mut names: Vec<u16> = Vec::new();
        let mut previous_name: &[u8] = &[];
        for i in 0..number(input)? {
            let len = number(input)?;
            let name = take_text(input, len)?;
            if name <= previous_name {
                return Err("its names are out of order".to_owned());
            }
            previous_name = name;
            let mut previous: &[u8] = &[];
            let values = number(input)?;
            if values == 0 {
                return Err("a name has no value".to_owned());
            }
            for _ in 0..values {
                let len = number(input)?;
                let value = take_text(input, len)?;
                if value <= previous || page.text.len() + name.len() + len > MAX_BYTES || names.len() == MAX_PAIRS {
                    return Err("its values are out of order or too many".to_owned());
                }
                previous = value;
                pair::append_canonical(name, value, &mut page.text);
                page.starts.push(page.text.len() as u32);
                names.push(i as u16);
            }
        }
        let mut id = first;
        page.ids.reserve_exact(series);
        for _ in 0..series {
            let step = varint::get_u32(input, "a page").map_err(|e| e.to_string())?;
            if (step == 0) != page.ids.is_empty() {
                return Err("its ids don't ascend".to_owned());
            }
            id = id.checked_add(step).ok_or("its ids are too large")?;
            page.ids.push(id);
        }
        let mut cells = 0;
        for _ in 0..series {
            cells += number(input)?;
            page.rows.push(u32::try_from(cells).map_err(|_| "it has too many labels")?);
        }
        page.cells = Cells::from_columns(input, &page.rows, &names)?;
        Ok(page)
    }

    /// The page's bytes; `format` has their layout.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.text.len() + 2 * self.ids.len() + self.cells.memory());
        varint::put(&mut out, self.ids.len() as u64);
        let pairs: Vec<pair::Pair<'_>> = pair::pairs(&self.text).collect();
        let by_name = || pairs.chunk_by(|a, b| a.name == b.name);
        varint::put(&mut out, by_name().count() as u64);
        for of_name in by_name() {
            put_text(&mut out, of_name.first().map_or(&[], |pair| pair.name));
            varint::put(&mut out, of_name.len() as u64);
            of_name.iter().for_each(|pair| put_text(&mut out, pair.value));
        }
        let mut previous = self.ids.first().copied().unwrap_or_default();
        for id in &self.ids {
            varint::put(&mut out, u64::from(id.wrapping_sub(previous)));
            previous = *id;
        }
        (0..self.len()).for_each(|row| varint::put(&mut out, self.columns(row).len() as u64));
        self.cells.write_columns(&self.rows, &mut out);
        out
    }

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The ids, ascending.
    pub(super) fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The row of series `id`.
    pub(super) fn position(&self, id: u32) -> Option<usize> {
        // Mostly without gaps.
        let guess = id.checked_sub(*self.ids.first()?)? as usize;
        if self.ids.get(guess) == Some(&id) { Some(guess) } else { self.ids.binary_search(&id).ok() }
    }

    /// Writes the canonical labels of a row over `out`.
    pub(super) fn write_labels(&self, row: usize, out: &mut Vec<u8>) {
        out.clear();
        self.row(row).for_each(|number| out.extend_from_slice(self.pair(number)));
    }

    /// Whether a row has these canonical labels.
    pub(super) fn has_labels(&self, row: usize, mut labels: &[u8]) -> bool {
        let all = self.row(row).all(|number| match labels.strip_prefix(self.pair(number)) {
            Some(rest) => {
                labels = rest;
                true
            }
            None => false,
        });
        all && labels.is_empty()
    }

    /// Visits each pair that one of these rows has, once.
    pub(super) fn each_pair(&self, rows: impl Iterator<Item = usize>, visit: &mut dyn FnMut(pair::Pair<'_>)) {
        let mut has = vec![false; self.starts.len()];
        for number in rows.flat_map(|row| self.row(row)) {
            if let Some(has) = has.get_mut(usize::from(number)) {
                *has = true;
            }
        }
        pair::pairs(&self.text).zip(has).filter(|(_, has)| *has).for_each(|(pair, _)| visit(pair));
    }

    /// Visits each value of label `name` that one of these rows has, once.
    pub(super) fn each_value(&self, name: &[u8], rows: impl Iterator<Item = usize>, visit: &mut dyn FnMut(&str)) {
        let numbers = self.numbers_of(name);
        let mut has = vec![false; numbers.len()];
        for number in rows.filter_map(|row| self.number_in(row, &numbers)) {
            if let Some(has) = has.get_mut(usize::from(number - numbers.start)) {
                *has = true;
            }
        }
        numbers.zip(has).filter(|(_, has)| *has).for_each(|(number, _)| visit(self.value(number)));
    }

    /// Visits each of these rows with the canonical bytes of those of its labels that `projection` keeps.
    pub(super) fn project(
        &self,
        projection: &Projection<'_>,
        rows: impl Iterator<Item = usize>,
        visit: &mut dyn FnMut(usize, &[u8]),
    ) {
        let listed: Vec<Range<u16>> = projection
            .names()
            .iter()
            .map(|name| self.numbers_of(name.as_bytes()))
            .filter(|of| !of.is_empty())
            .collect();
        let keeps = |number: &u16| listed.iter().any(|of| of.contains(number)) == projection.is_listed();
        let (mut kept, mut before, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            kept.clear();
            kept.extend(self.row(row).filter(keeps));
            // Neighbours mostly have the same.
            if kept != before {
                bytes.clear();
                kept.iter().for_each(|number| bytes.extend_from_slice(self.pair(*number)));
                std::mem::swap(&mut kept, &mut before);
            }
            visit(row, &bytes);
        }
    }

    /// Those of these rows whose value of label `name` passes, that is "" where there is none. Each value is asked for once.
    pub(super) fn rows_with<'a>(
        &'a self,
        name: &[u8],
        rows: impl Iterator<Item = usize> + 'a,
        passes: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = usize> + 'a {
        let numbers = self.numbers_of(name);
        let mut known: Vec<Option<bool>> = vec![None; numbers.len()];
        let none = passes("");
        rows.filter(move |row| {
            let Some(number) = self.number_in(*row, &numbers) else { return none };
            let Some(known) = known.get_mut(usize::from(number - numbers.start)) else { return false };
            *known.get_or_insert_with(|| passes(self.value(number)))
        })
    }

    /// The numbers of the pairs of label `name`: pairs are numbered by name and value.
    fn numbers_of(&self, name: &[u8]) -> Range<u16> {
        let name_at = |start: &u32| pair::pairs(self.text.get(*start as usize..).unwrap_or_default()).next();
        // The last start is the end, where there is no pair.
        let from = self.starts.partition_point(|start| name_at(start).is_some_and(|pair| pair.name < name));
        let to = self.starts.partition_point(|start| name_at(start).is_some_and(|pair| pair.name <= name));
        from as u16..to as u16
    }

    fn number_in(&self, row: usize, numbers: &Range<u16>) -> Option<u16> {
        self.row(row).find(|number| numbers.contains(number))
    }

    fn value(&self, number: u16) -> &str {
        let pair = pair::pairs(self.pair(number)).next();
        pair.and_then(|pair| std::str::from_utf8(pair.value).ok()).unwrap_or_default()
    }

    /// Bytes of memory it takes.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>()
            + self.text.capacity()
            + 4 * (self.ids.capacity() + self.starts.capacity() + self.rows.capacity())
            + self.cells.memory()
    }

    /// The pair numbers of a row.
    fn row(&self, row: usize) -> impl Iterator<Item = u16> {
        self.columns(row).map(|at| self.cells.get(at))
    }

    /// Where a row lies in the cells.
    fn columns(&self, row: usize) -> Range<usize> {
        match (self.rows.get(row), self.rows.get(row + 1)) {
            (Some(from), Some(to)) => *from as usize..*to as usize,
            _ => 0..0,
        }
    }

    fn pair(&self, number: u16) -> &[u8] {
        between(&self.text, &self.starts, usize::from(number))
    }
}

/// What lies between bound `n` and the next.
fn between<'a>(all: &'a [u8], bounds: &[u32], n: usize) -> &'a [u8] {
    match (bounds.get(n), bounds.get(n + 1)) {
        (Some(from), Some(to)) => all.get(*from as usize..*to as usize).unwrap_or_default(),
        _ => &[],
    }
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    varint::put(out, text.len() as u64);
    out.extend_from_slice(text);
}

fn take_text<'a>(input: &mut &'a [u8], len: usize) -> Result<&'a [u8], String> {
    let (text, rest) = input.split_at_checked(len).filter(|(text, _)| !text.is_empty()).ok_or("a text is cut short")?;
    *input = rest;
    if std::str::from_utf8(text).is_err() { Err("a text is not UTF-8".to_owned()) } else { Ok(text) }
}

/// Collects series into a page.
#[derive(Default)]
pub(super) struct PageBuilder {
    /// The page so far, but for its cells; its pairs in the order they came.
    page: Page,
    cells: Vec<u16>,
    by_text: HashTable<u16>,
}

impl PageBuilder {
    /// Adds a series; ids ascend. Refuses it when its pairs can't be numbered any more.
    pub(super) fn add(&mut self, id: u32, labels: &[u8]) -> Result<(), &'static str> {
        let Self { page, cells, by_text } = self;
        if page.ids.is_empty() {
            (page.starts, page.rows) = (vec![0], vec![0]);
        }
        // Neighbours have the same pair in the same column, mostly.
        let before = page.len().checked_sub(1).map_or(0..0, |row| page.columns(row));
        for (column, pair) in pair::pairs(labels).enumerate() {
            let above = before.clone().nth(column).and_then(|at| cells.get(at));
            let number = match above {
                Some(number) if page.pair(*number) == pair.bytes => *number,
                _ => {
                    let hash = xxh3_64(pair.bytes);
                    match by_text.find(hash, |number| page.pair(*number) == pair.bytes) {
                        Some(number) => *number,
                        None => {
                            let number = u16::try_from(page.starts.len() - 1).map_err(|_| "too many label pairs")?;
                            page.text.extend_from_slice(pair.bytes);
                            page.starts.push(u32::try_from(page.text.len()).map_err(|_| "too much label text")?);
                            by_text.insert_unique(hash, number, |n| {
                                xxh3_64(between(&page.text, &page.starts, (*n).into()))
                            });
                            number
                        }
                    }
                }
            };
            cells.push(number);
        }
        page.ids.push(id);
        page.rows.push(u32::try_from(cells.len()).map_err(|_| "too many labels")?);
        Ok(())
    }

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.page.len()
    }

    /// Bytes of its distinct pairs.
    pub(super) fn text_bytes(&self) -> usize {
        self.page.text.len()
    }

    /// The page; the builder is empty afterwards.
    pub(super) fn finish(&mut self) -> Page {
        self.by_text.clear();
        let mut page = std::mem::take(&mut self.page);
        let text = std::mem::take(&mut page.text);
        let mut pairs: Vec<(usize, pair::Pair<'_>)> = pair::pairs(&text).enumerate().collect();
        pairs.sort_unstable_by_key(|(_, pair)| (pair.name, pair.value));
        page.starts.truncate(1);
        let mut renamed = vec![0u16; pairs.len()];
        for (new, (old, pair)) in pairs.into_iter().enumerate() {
            page.text.extend_from_slice(pair.bytes);
            page.starts.push(page.text.len() as u32);
            if let Some(place) = renamed.get_mut(old) {
                *place = new as u16;
            }
        }
        let mut cells = std::mem::take(&mut self.cells);
        for cell in &mut cells {
            *cell = renamed.get(usize::from(*cell)).copied().unwrap_or_default();
        }
        page.cells = Cells::new(cells, renamed.len());
        page
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Labels;

    fn built(series: &[(u32, Labels)]) -> Page {
        let mut builder = PageBuilder::default();
        series.iter().for_each(|(id, labels)| builder.add(*id, labels.as_bytes()).unwrap());
        builder.finish()
    }

    fn some_series() -> impl Strategy<Value = Vec<(u32, Labels)>> {
        let labels = prop::collection::btree_map("[a-cü]{1,2}", "[xyé]{1,3}|[0-9]{3}", 0..6);
        prop::collection::btree_map(any::<u32>(), labels, 1..400)
            .prop_map(|series| series.into_iter().map(|(id, l)| (id, Labels::from_pairs(&l).unwrap())).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_page_reads_as_it_was_written(series in some_series()) {
            let page = Page::decode(series[0].0, &built(&series).encode()).unwrap();
            prop_assert_eq!(&page, &built(&series));
            let mut bytes = Vec::new();
            for (row, (id, labels)) in series.iter().enumerate() {
                prop_assert_eq!(page.position(*id), Some(row));
                page.write_labels(row, &mut bytes);
                prop_assert_eq!(&bytes, labels.as_bytes());
                prop_assert!(page.has_labels(row, &bytes));
                bytes.push(1);
                prop_assert!(!page.has_labels(row, &bytes));
            }
        }

        #[test]
        fn values_are_those_of_the_rows(series in some_series(), name in "[a-cü]{1,2}", every in 1usize..5) {
            let page = built(&series);
            let rows = || (0..page.len()).step_by(every);
            let value = |row: usize| series[row].1.get(&name).unwrap_or_default();
            let mut found = Vec::new();
            page.each_value(name.as_bytes(), rows(), &mut |value| found.push(value.to_owned()));
            let mut expected: Vec<&str> = rows().map(value).filter(|value| !value.is_empty()).collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(found, expected);
            let passes = |value: &str| value < "x5";
            let with: Vec<usize> = page.rows_with(name.as_bytes(), rows(), passes).collect();
            prop_assert_eq!(with, rows().filter(|row| passes(value(*row))).collect::<Vec<_>>());
        }

        #[test]
        fn whatever_is_read_are_label_sets(series in some_series(), edits in prop::collection::vec((any::<u16>(), any::<u8>()), 1..4)) {
            let mut raw = built(&series).encode();
            for (at, byte) in edits {
                let at = usize::from(at) % raw.len();
                raw[at] = byte;
            }
            if let Ok(page) = Page::decode(series[0].0, &raw) {
                let mut bytes = Vec::new();
                for row in 0..page.len() {
                    page.write_labels(row, &mut bytes);
                    prop_assert!(Labels::from_bytes(&bytes).is_ok());
                }
            }
        }
    }

    #[test]
    fn more_pairs_than_can_be_numbered_are_refused() {
        let labels = |from: u32| Labels::from_pairs((from..from + 40_000).map(|i| (format!("{i:05}"), "x"))).unwrap();
        let mut builder = PageBuilder::default();
        assert_eq!(builder.add(0, labels(0).as_bytes()), Ok(()));
        assert!(builder.add(1, labels(40_000).as_bytes()).is_err());
    }
}
