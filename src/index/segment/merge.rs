//! Many segments to one, dropping series nobody needs any more.
//!
//! Series come in order of id from the pages of all segments, pairs in order of key from all dictionaries at once.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use roaring::RoaringBitmap;

use super::{IndexError, Segment, page::Page, writer::SegmentWriter};
use crate::index::postings::Gather;

pub(super) fn merge(
    writer: &mut SegmentWriter<'_>,
    segments: &[Arc<Segment>],
    keep: &RoaringBitmap,
) -> Result<(), IndexError> {
    writer.expect(segments.iter().map(|segment| segment.ids.intersection_len(keep)).sum());
    let mut cursors: Vec<Cursor<'_>> = segments.iter().map(|segment| Cursor::new(segment)).collect();
    let mut heap = BinaryHeap::new();
    for (i, cursor) in cursors.iter_mut().enumerate() {
        heap.extend(cursor.next()?.map(|id| Reverse((id, i))));
    }
    let (mut previous, mut labels) = (None, Vec::new());
    while let Some(Reverse((id, i))) = heap.pop() {
        let Some(cursor) = cursors.get_mut(i) else { continue };
        // The same series twice would be a repeated merge that a crash left behind; one is enough.
        if keep.contains(id) && previous != Some(id) {
            cursor.write_labels(&mut labels);
            writer.add_series(id, &labels)?;
            previous = Some(id);
        }
        heap.extend(cursor.next()?.map(|id| Reverse((id, i))));
    }
    writer.finish_series()?;

    let mut union = Segment::all_keys(segments)?;
    while let Some((key, places)) = union.next()? {
        let mut gather = Gather::default();
        for (number, value) in places {
            if let Some(segment) = segments.get(*number) {
                segment.stored(*value).add_to(&mut gather)?;
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
    page: Page,
    next_row: usize,
}

impl<'a> Cursor<'a> {
    fn new(segment: &'a Segment) -> Self {
        Self { segment, next_page: 0, page: Page::default(), next_row: 0 }
    }

    /// Moves on to the next series, and answers its id.
    fn next(&mut self) -> Result<Option<u32>, IndexError> {
        self.next_row += 1;
        while self.next_row > self.page.len() && self.next_page < self.segment.pages.len() {
            self.page = self.segment.read_page(self.next_page)?;
            (self.next_page, self.next_row) = (self.next_page + 1, 1);
        }
        Ok(self.page.ids().get(self.next_row - 1).copied())
    }

    /// Writes the labels of the series it is at over `out`.
    fn write_labels(&self, out: &mut Vec<u8>) {
        self.page.write_labels(self.next_row - 1, out);
    }
}
