//! Many segments to one, dropping series nobody needs any more.
//!
//! Series come in order of id from the pages of all segments, pairs in order of key from all dictionaries at once.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use fst::{Streamer, map::OpBuilder};
use roaring::RoaringBitmap;

use super::{IndexError, Segment, pages::Page, writer::SegmentWriter};
use crate::index::postings::Gather;

pub(super) fn merge(
    writer: &mut SegmentWriter<'_>,
    segments: &[Arc<Segment>],
    keep: &RoaringBitmap,
) -> Result<(), IndexError> {
    let mut cursors: Vec<Cursor<'_>> = segments.iter().map(|segment| Cursor::new(segment)).collect();
    let mut heap = BinaryHeap::new();
    for (i, cursor) in cursors.iter_mut().enumerate() {
        heap.extend(cursor.next()?.map(|entry| Reverse((entry, i))));
    }
    let mut previous = None;
    while let Some(Reverse(((id, labels), i))) = heap.pop() {
        // The same series twice would be a repeated merge that a crash left behind; one is enough.
        if keep.contains(id) && previous != Some(id) {
            writer.add_series(id, &labels)?;
            previous = Some(id);
        }
        if let Some(cursor) = cursors.get_mut(i) {
            heap.extend(cursor.next()?.map(|entry| Reverse((entry, i))));
        }
    }
    writer.finish_series()?;

    let dictionaries: OpBuilder<'_> = segments.iter().map(|segment| segment.dictionary().stream()).collect();
    let mut union = dictionaries.union();
    while let Some((key, places)) = union.next() {
        let mut gather = Gather::default();
        for place in places {
            if let Some(segment) = segments.get(place.index) {
                segment.stored(place.value).add_to(&mut gather)?;
            }
        }
        writer.add_pair(key, gather.finish() & keep)?;
    }
    Ok(())
}

/// Walks the series table of one segment, one page in memory.
struct Cursor<'a> {
    segment: &'a Segment,
    next_page: usize,
    /// What is left of the page, the next series last.
    rest: Vec<(u32, Vec<u8>)>,
}

impl<'a> Cursor<'a> {
    fn new(segment: &'a Segment) -> Self {
        Self { segment, next_page: 0, rest: Vec::new() }
    }

    fn next(&mut self) -> Result<Option<(u32, Vec<u8>)>, IndexError> {
        while self.rest.is_empty() && self.next_page < self.segment.pages.len() {
            let page: Page = self.segment.read_page(self.next_page)?;
            self.rest.extend(page.iter().map(|(id, labels)| (id, labels.to_vec())));
            self.rest.reverse();
            self.next_page += 1;
        }
        Ok(self.rest.pop())
    }
}
