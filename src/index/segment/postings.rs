//! Stored postings: the ids of the series that have one label pair.
//!
//! A list of a few runs takes less as their lengths than as a bitmap, whose containers each have a head; one of many ids
//! without order is read faster as a bitmap. The writer takes the smaller form, the bitmap when it hardly matters.

use std::collections::VecDeque;

use roaring::RoaringBitmap;

use super::{
    file::SegmentFile,
    format::{Footer, Section, u32_of},
};
use crate::{
    codec::{checksum::crc32_of, varint},
    index::{
        IndexError,
        postings::{meet, push_ends},
    },
};

/// How much is read at first, in the hope that it is all.
const GUESS: u64 = 512;
/// The longest head there can be.
const HEAD: u64 = 24;
/// Runs that are worth decoding one by one.
const MOST_RUNS: usize = 1 << 16;
/// Lists of so many ids are decoded id by id. Scattered over containers of runs they would take far longer to unite: each
/// run that comes between others moves all behind it.
const FEW_IDS: u64 = 1 << 16;

/// The stored form of postings.
pub(super) fn encode(ids: &mut RoaringBitmap) -> std::io::Result<Vec<u8>> {
    ids.optimize();
    let size = ids.serialized_size();
    let runs = encode_runs(ids, size * 3 / 4);
    let is_runs = runs.is_some();
    let body = match runs {
        Some(runs) => runs,
        None => {
            let mut body = Vec::with_capacity(size);
            ids.serialize_into(&mut body)?;
            body
        }
    };
    let mut out = Vec::with_capacity(body.len() + HEAD as usize);
    varint::put(&mut out, ids.len());
    varint::put(&mut out, (body.len() as u64) << 1 | u64::from(is_runs));
    let crc = crc32_of(&[&out, &body]);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&body);
    Ok(out)
}

/// The ids as runs, if that takes at most `limit` bytes.
fn encode_runs(ids: &RoaringBitmap, limit: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = ids.iter();
    let mut end = 0u64;
    let mut runs = 0;
    while let Some(run) = rest.next_range() {
        let (first, last) = (u64::from(*run.start()), u64::from(*run.end()));
        runs += 1;
        varint::put(&mut out, (first - end) << 1 | u64::from(last > first));
        if last > first {
            varint::put(&mut out, last - first);
        }
        end = last + 1;
        if out.len() > limit || runs > MOST_RUNS {
            return None;
        }
    }
    Some(out)
}

/// The ids in runs that say that they are `count`; `None` for other bytes.
fn decode_runs(mut input: &[u8], count: u64) -> Option<RoaringBitmap> {
    let mut end = 0;
    if count <= FEW_IDS {
        let count = usize::try_from(count).ok()?;
        let mut ids = Vec::with_capacity(count);
        while let Some((first, last)) = next_run(&mut input, &mut end)? {
            if (last - first) as usize >= count - ids.len() {
                return None;
            }
            ids.extend(first..=last);
        }
        return RoaringBitmap::from_sorted_iter(ids).ok();
    }
    let mut ids = RoaringBitmap::new();
    while let Some((first, last)) = next_run(&mut input, &mut end)? {
        if first == last {
            ids.try_push(first).ok()?;
        } else {
            ids.insert_range(first..=last);
        }
    }
    Some(ids)
}

/// Takes a run off the front of `input`: its first and last id. `end` is the end of the run before. The outer `None`
/// stands for bytes that are no runs, the inner one for the end.
fn next_run(input: &mut &[u8], end: &mut u64) -> Option<Option<(u32, u32)>> {
    if input.is_empty() {
        return Some(None);
    }
    let token = varint::get(input, "postings").ok()?;
    let first = end.checked_add(token >> 1)?;
    let more = if token & 1 == 1 { varint::get(input, "postings").ok()? } else { 0 };
    let last = first.checked_add(more)?;
    *end = last.checked_add(1)?;
    Some(Some((u32::try_from(first).ok()?, u32::try_from(last).ok()?)))
}

/// How many ids the list at `at` has.
pub(super) fn count(source: &SegmentFile, footer: &Footer, at: u64) -> Result<u64, IndexError> {
    let len = footer.extent(Section::Postings).len.saturating_sub(at).min(HEAD);
    let bytes = source.read_in(footer, Section::Postings, at, len)?;
    match Head::split(footer, &bytes) {
        Some((head, _)) => Ok(head.count),
        None => Err(source.damaged("the postings section", footer, Section::Postings, "it is too short")),
    }
}

/// The list at `at`.
pub(super) fn read(source: &SegmentFile, footer: &Footer, at: u64) -> Result<RoaringBitmap, IndexError> {
    fetch(source, footer, at, |head, body| head.decode(body))
}

/// Appends to `out` those of the ascending `within` that the list at `at` has.
pub(super) fn read_within(
    source: &SegmentFile,
    footer: &Footer,
    at: u64,
    within: &[u32],
    out: &mut Vec<u32>,
) -> Result<(), IndexError> {
    fetch(source, footer, at, |head, body| {
        if head.is_runs {
            return runs_within(body, within, out).ok_or_else(|| NO_RUNS.to_owned());
        }
        let ids = head.decode(body)?;
        out.extend(within.iter().filter(|id| ids.contains(**id)));
        Ok(())
    })
}

/// Appends those of the ascending `within` that lie in a run; `None` when these are no runs.
fn runs_within(mut body: &[u8], mut within: &[u32], out: &mut Vec<u32>) -> Option<()> {
    let mut end = 0;
    while let Some(next) = within.first()
        && let Some((first, last)) = next_run(&mut body, &mut end)?
    {
        if last < *next {
            continue;
        }
        let below = within.partition_point(|id| *id < first);
        within = within.get(below..).unwrap_or_default();
        let inside = within.iter().take_while(|id| **id <= last).count();
        let (found, rest) = within.split_at_checked(inside)?;
        out.extend_from_slice(found);
        within = rest;
    }
    Some(())
}

/// Whether the list at `at` has one of the ids in `filter`, and how many bytes were looked at.
pub(super) fn intersects(
    source: &SegmentFile,
    footer: &Footer,
    at: u64,
    filter: &RoaringBitmap,
) -> Result<(bool, u64), IndexError> {
    fetch(source, footer, at, |head, body| {
        if !head.is_runs {
            return Ok((meet(&head.decode(body)?, filter), head.len));
        }
        runs_intersect(body, filter).ok_or_else(|| NO_RUNS.to_owned())
    })
}

/// Whether a run has one of the ids in `filter`, and how many bytes were looked at; `None` when these are no runs.
fn runs_intersect(body: &[u8], filter: &RoaringBitmap) -> Option<(bool, u64)> {
    let (mut rest, mut end) = (body, 0);
    let mut wanted = filter.iter();
    let mut next = wanted.next();
    while let Some(want) = next
        && let Some((first, last)) = next_run(&mut rest, &mut end)?
    {
        if last < want {
            continue;
        }
        if first > want {
            wanted.advance_to(first);
            next = wanted.next();
        }
        if next.is_some_and(|id| id <= last) {
            return Some((true, (body.len() - rest.len()) as u64));
        }
    }
    Some((false, (body.len() - rest.len()) as u64))
}

/// Appends the first and the last ids of the list at `at` to `out`, at most `most` of each; answers how many bytes were looked at.
pub(super) fn ends(
    source: &SegmentFile,
    footer: &Footer,
    at: u64,
    most: usize,
    out: &mut Vec<u32>,
) -> Result<u64, IndexError> {
    fetch(source, footer, at, |head, body| {
        if head.is_runs {
            runs_ends(body, most, out).ok_or_else(|| NO_RUNS.to_owned())?;
        } else {
            push_ends(&head.decode(body)?, most, out);
        }
        Ok(head.len)
    })
}

/// Appends the first and the last ids of these runs, at most `most` of each; `None` when these are no runs.
fn runs_ends(mut body: &[u8], most: usize, out: &mut Vec<u32>) -> Option<()> {
    let (mut end, mut first) = (0, most);
    let mut last = VecDeque::with_capacity(most + 1);
    while let Some((from, to)) = next_run(&mut body, &mut end)? {
        let taken = (from..=to).take(first).inspect(|id| out.push(*id)).count();
        first -= taken;
        let rest = (u64::from(from) + taken as u64).max((u64::from(to) + 1).saturating_sub(most as u64));
        for id in rest..=u64::from(to) {
            last.push_back(id as u32);
            if last.len() > most {
                last.pop_front();
            }
        }
    }
    out.extend(last);
    Some(())
}

const NO_RUNS: &str = "its runs don't ascend, or have more ids than it says";

/// Hands over head and body of the list at `at`, its checksum checked.
fn fetch<T>(
    source: &SegmentFile,
    footer: &Footer,
    at: u64,
    take: impl FnOnce(&Head<'_>, &[u8]) -> Result<T, String>,
) -> Result<T, IndexError> {
    let damaged = |why: &str| source.damaged_at("a postings list", footer.extent(Section::Postings).at + at, why);
    // Most lists are short: one read gets head and all.
    let guess = footer.extent(Section::Postings).len.saturating_sub(at).min(GUESS);
    let mut bytes = source.read_small(footer, Section::Postings, at, guess)?;
    let (head, read) = Head::split(footer, &bytes).ok_or_else(|| damaged("it is too short"))?;
    if (read.len() as u64) < head.len {
        let all = (bytes.len() - read.len()) as u64 + head.len;
        bytes = source.read_in(footer, Section::Postings, at, all)?;
    }
    let (head, read) = Head::split(footer, &bytes).ok_or_else(|| damaged("it is too short"))?;
    let body =
        usize::try_from(head.len).ok().and_then(|len| read.get(..len)).ok_or_else(|| damaged("it is too short"))?;
    if crc32_of(&[head.bytes, body]) != head.crc {
        return Err(damaged("its checksum is wrong"));
    }
    take(&head, body).map_err(|why| damaged(&why))
}

struct Head<'a> {
    count: u64,
    len: u64,
    is_runs: bool,
    crc: u32,
    /// What the checksum covers besides the body.
    bytes: &'a [u8],
}

impl<'a> Head<'a> {
    /// The ids in the body.
    fn decode(&self, body: &[u8]) -> Result<RoaringBitmap, String> {
        let ids = if self.is_runs {
            decode_runs(body, self.count).ok_or_else(|| NO_RUNS.to_owned())?
        } else {
            RoaringBitmap::deserialize_from(body).map_err(|error| error.to_string())?
        };
        if ids.len() == self.count { Ok(ids) } else { Err("it has another number of ids than it says".to_owned()) }
    }

    /// The head, and what comes behind it.
    fn split(footer: &Footer, all: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut rest = all;
        let (count, len) = if footer.version == 1 {
            (u64::from(u32_of(&mut rest)?), u64::from(u32_of(&mut rest)?) << 1)
        } else {
            (varint::get(&mut rest, "postings").ok()?, varint::get(&mut rest, "postings").ok()?)
        };
        let bytes = all.get(..all.len() - rest.len())?;
        let crc = u32_of(&mut rest)?;
        Some((Self { count, len: len >> 1, is_runs: len & 1 == 1, crc, bytes }, rest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_read_as_they_were_written(ids in prop::collection::btree_set(prop_oneof![0..300u32, any::<u32>()], 0..200), from: u32) {
            let mut ids: RoaringBitmap = ids.into_iter().collect();
            ids.insert_range(from..=from.saturating_add(1000));
            let runs = encode_runs(&ids, usize::MAX).unwrap();
            // Few at a time, and as if they were very many.
            prop_assert_eq!(decode_runs(&runs, ids.len()), Some(ids.clone()));
            prop_assert_eq!(decode_runs(&runs, u64::MAX), Some(ids.clone()));
            prop_assert_eq!(decode_runs(&runs, ids.len() - 1), None);
        }

        #[test]
        fn runs_intersect_as_their_ids_do(
            ids in prop::collection::btree_set(0..300u32, 0..60),
            filter in prop::collection::btree_set(0..300u32, 0..20),
        ) {
            let ids: RoaringBitmap = ids.into_iter().collect();
            let filter: RoaringBitmap = filter.into_iter().collect();
            let runs = encode_runs(&ids, usize::MAX).unwrap();
            prop_assert_eq!(runs_intersect(&runs, &filter).unwrap().0, !ids.is_disjoint(&filter));
            let (within, mut found) = (filter.iter().collect::<Vec<_>>(), Vec::new());
            runs_within(&runs, &within, &mut found).unwrap();
            prop_assert_eq!(found, (&ids & &filter).iter().collect::<Vec<_>>());
        }

        #[test]
        fn runs_end_as_their_ids_do(
            ids in prop::collection::btree_set(prop_oneof![0..60u32, any::<u32>()], 0..40),
            to_the_last: bool,
            most in 1..6usize,
        ) {
            let mut ids: RoaringBitmap = ids.into_iter().collect();
            if to_the_last {
                ids.insert_range(u32::MAX - 3..=u32::MAX);
            }
            let (mut of_runs, mut of_bitmap) = (Vec::new(), Vec::new());
            runs_ends(&encode_runs(&ids, usize::MAX).unwrap(), most, &mut of_runs).unwrap();
            push_ends(&ids, most, &mut of_bitmap);
            let all: Vec<u32> = ids.iter().collect();
            let rest = all.len().saturating_sub(most).max(most.min(all.len()));
            prop_assert_eq!(&of_runs, &[&all[..most.min(all.len())], &all[rest..]].concat());
            prop_assert_eq!(of_runs, of_bitmap);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), count in prop_oneof![0u64..100, any::<u64>()]) {
            decode_runs(&bytes, count);
            runs_ends(&bytes, 3, &mut Vec::new());
            let mut found = Vec::new();
            runs_within(&bytes, &[0, 3, 90, 1 << 20], &mut found);
            prop_assert!(found.is_sorted());
        }
    }

    #[test]
    fn the_shorter_form_is_taken() {
        let mut runs: RoaringBitmap = (1000..1050).collect();
        assert!(encode(&mut runs).unwrap().len() < 12);
        let mut spread: RoaringBitmap = (0..1000u32).map(|i| i.wrapping_mul(0x9e37_79b9)).collect();
        assert!(encode(&mut spread).unwrap().len() > 4000);
    }
}
