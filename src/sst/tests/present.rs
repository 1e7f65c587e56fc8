//! What the block index tells of ranges without a look at blocks, held against a naive model; in tables of version 3 blocks have to
//! be read for it.

use roaring::RoaringBitmap;

use super::*;
use crate::{codec::checksum::crc32, sst::footer};

const FOOTER: usize = footer::LEN;

/// The table with each block index entry replaced, and a footer of this version; its checksums are right.
fn with_index(bytes: &[u8], version: u32, change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (body, end) = bytes.split_at(bytes.len() - FOOTER);
    let footer = footer::Footer::decode(end.first_chunk().unwrap(), bytes.len() as u64, Path::new("t")).unwrap();
    let (blocks, rest) = body.split_at(footer.index_at as usize);
    let (index, bitmap) = rest.split_at(footer.index_len as usize);
    let index: Vec<u8> = index.chunks(52).flat_map(change).collect();
    let footer = footer::Footer { index_len: index.len() as u64, index_crc: crc32(&index), version, ..footer };
    [blocks, &index, bitmap, &footer.encode()].concat()
}

/// The table as version 3 had it.
fn as_version_3(bytes: &[u8]) -> Vec<u8> {
    with_index(bytes, 3, |entry| entry[..40].to_vec())
}

/// The table with other bounds, all of them the same.
fn with_bounds(bytes: &[u8], bounds: [u32; 3]) -> Vec<u8> {
    let bounds: Vec<u8> = bounds.iter().flat_map(|bound| bound.to_le_bytes()).collect();
    with_index(bytes, 4, |entry| [&entry[..40], &bounds].concat())
}

/// The series that the table lists in `range`, and how many blocks it read for that.
fn list(table: &Table, range: TimeRange) -> (Vec<u32>, usize) {
    let (mut found, mut reads) = (RoaringBitmap::new(), 1000);
    let check = || Ok::<_, SstError>(());
    table.present(table.series(), range, Pass::new(), &mut found, &mut reads, check).unwrap();
    (found.iter().collect(), 1000 - reads)
}

fn expected(model: &Model, range: TimeRange) -> Vec<u32> {
    let has_some = |samples: &SeriesBuf| {
        let histograms = samples.histograms.iter().map(|(time, _)| time);
        samples.times.iter().chain(histograms).any(|time| range.contains(*time))
    };
    model.iter().filter(|(_, samples)| has_some(samples)).map(|(id, _)| *id).collect()
}

#[test]
fn the_last_quarter_hour_of_a_fleet_is_told_by_the_block_index() {
    let disk = SimDisk::new();
    // Two hours of 2,000 series, whose scrapes fail now and then.
    let model: Model = (0..2000u32)
        .map(|id| {
            let mut samples = regular(i64::from(id % 50) * 300, 480);
            let keep = |i: usize| (i + id as usize) % 90 > 3;
            let mut at = 0..;
            samples.times.retain(|_| keep(at.next().unwrap()));
            let mut at = 0..;
            samples.values.retain(|_| keep(at.next().unwrap()));
            (id, samples)
        })
        .collect();
    let blocks = write(&disk, "t", &model).blocks as usize;
    let good = bytes_of(&disk, "t");
    disk.write_file(Path::new("old"), &as_version_3(&good));
    let (table, old) = (open(&disk, "t").unwrap(), open(&disk, "old").unwrap());
    assert!(blocks > 20, "{blocks}");
    let minutes = |from: i64, to: i64| TimeRange::new(from * 60_000, to * 60_000);
    for range in [minutes(104, 119), minutes(118, 240), minutes(50, 55), minutes(0, 2)] {
        assert!(table.knows(range) && !old.knows(range));
        assert_eq!(list(&table, range), (expected(&model, range), 0), "{range:?}");
        assert_eq!(list(&old, range), (expected(&model, range), blocks), "{range:?}");
        assert!((0..2000).all(|id| table.is_surely_in(SeriesId(id), range) && !old.is_surely_in(SeriesId(id), range)));
    }
    // Shorter than the scrapes that failed.
    let range = minutes(50, 51);
    assert!(!table.knows(range) && expected(&model, range).len() < 2000);
    assert_eq!(list(&table, range), (expected(&model, range), blocks));
}

#[test]
fn only_blocks_with_series_that_begin_or_end_elsewhere_are_read() {
    let disk = SimDisk::new();
    let noise = |id: u32, times: std::ops::Range<i64>| {
        let value = |t: &i64| f64::from_bits((*t as u64 + u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let times: Vec<i64> = times.map(|i| i * 15_000).collect();
        SeriesBuf { values: times.iter().map(value).collect(), times, ..SeriesBuf::default() }
    };
    // Blocks of some five series: one has a series that begins late, another one that ends early.
    let model: Model = (0..100)
        .map(|id| match id {
            33 => (id, noise(id, 300..400)),
            66 => (id, noise(id, 0..100)),
            _ => (id, noise(id, 0..400)),
        })
        .collect();
    let blocks = write(&disk, "t", &model).blocks;
    assert!(blocks > 15, "{blocks}");
    let table = open(&disk, "t").unwrap();
    for (range, read) in [(0..400, 0), (0..200, 1), (200..400, 1), (150..160, 2), (0..350, 0), (350..400, 1)] {
        let range = TimeRange::new(range.start * 15_000, range.end * 15_000 - 1);
        assert_eq!(list(&table, range), (expected(&model, range), read), "{range:?}");
        assert_eq!(table.blocks_to_read(range), Some(read), "{range:?}");
    }
}

#[test]
fn a_pause_is_known_to_the_millisecond_in_one_piece_between_two_and_between_kinds() {
    let disk = SimDisk::new();
    let floats =
        |times: &[i64]| SeriesBuf { times: times.into(), values: vec![1.0; times.len()], ..SeriesBuf::default() };
    let mixed = |times: &[i64], other: &[i64]| SeriesBuf {
        histograms: other.iter().map(|time| (*time, histogram(1))).collect(),
        ..floats(times)
    };
    let alone = [floats(&[0, 10, 110, 120]), mixed(&[0, 10], &[110, 120]), mixed(&[110, 120], &[0, 10])];
    for (i, samples) in alone.iter().enumerate() {
        let path = format!("t{i}");
        write(&disk, &path, &Model::from([(7, samples.clone())]));
        pauses_a_tenth(&open(&disk, &path).unwrap());
    }
    let mut writer = TableWriter::create(&shared(&disk), Path::new("pieces")).unwrap();
    [[0, 10], [110, 120]].iter().for_each(|times| writer.append(SeriesId(7), &floats(times)).unwrap());
    writer.finish().unwrap();
    pauses_a_tenth(&open(&disk, "pieces").unwrap());
    // A series' end isn't the next one's beginning.
    write(&disk, "two", &Model::from([(7, floats(&[0, 10, 20])), (8, floats(&[0, 5, 20]))]));
    let table = open(&disk, "two").unwrap();
    assert!(table.knows(TimeRange::new(5, 19)) && !table.knows(TimeRange::new(6, 19)));
}

/// Holds a table whose only series has samples at 0, 10, 110 and 120 ms to what it knows.
fn pauses_a_tenth(table: &Table) {
    for (start, end, known) in [(5, 104, true), (11, 109, false), (50, 148, true), (-9, 9, true), (11, 11, false)] {
        assert_eq!(table.knows(TimeRange::new(start, end)), known, "{start} to {end} in {table:?}");
    }
    assert_eq!(list(table, TimeRange::new(11, 109)), (vec![], 1));
    assert!(table.knows(TimeRange::new(121, 200)) && list(table, TimeRange::new(121, 200)) == (vec![], 0));
    assert_eq!(list(table, TimeRange::new(110, 11)), (vec![], 0), "an empty range");
}

#[test]
fn times_too_far_apart_for_the_bounds_are_read() {
    let disk = SimDisk::new();
    let at = |times: &[i64]| SeriesBuf { times: times.into(), values: vec![1.0; times.len()], ..SeriesBuf::default() };
    let model =
        Model::from([(1, at(&[i64::MIN, 0, i64::MAX])), (2, at(&[-1, 1])), (3, at(&[i64::MAX - 3, i64::MAX - 1]))]);
    write(&disk, "t", &model);
    let table = open(&disk, "t").unwrap();
    for range in [TimeRange::new(0, i64::MAX), TimeRange::new(i64::MIN, 1), TimeRange::new(2, 3), TimeRange::new(-1, 1)]
    {
        assert_eq!(list(&table, range), (expected(&model, range), 1), "{range:?}");
    }
    assert_eq!(list(&table, TimeRange::ALL), (vec![1, 2, 3], 0));
    table.audit(&mut |error| panic!("{error}")).unwrap();
}

#[test]
fn an_audit_finds_series_outside_of_their_bounds() {
    let disk = SimDisk::new();
    let mut late = regular(60_000, 20);
    late.times.pop();
    late.values.pop();
    write(&disk, "t", &Model::from([(1, regular(0, 24)), (2, late)]));
    let good = bytes_of(&disk, "t");
    let found = |bounds: [u32; 3]| {
        disk.write_file(Path::new("bad"), &with_bounds(&good, bounds));
        let mut found = Vec::new();
        open(&disk, "bad").unwrap().audit(&mut |error| found.push(error.to_string())).unwrap();
        found
    };
    assert!(found([60_000, 15_000, 15_000]).is_empty());
    assert!(found([u32::MAX; 3]).is_empty(), "looser ones are no damage");
    for bounds in [[59_999, 15_000, 15_000], [60_000, 14_999, 15_000], [60_000, 15_000, 14_999]] {
        let found = found(bounds);
        assert!(matches!(&found[..], [one] if one.contains("within the bounds")), "{found:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_table_lists_who_has_samples_with_or_without_bounds(
        model in model(),
        ranges in prop::collection::vec((0i64..200_000, 0i64..200_000), 8),
        damaged in prop::array::uniform3(any::<u32>()),
    ) {
        let disk = SimDisk::new();
        write(&disk, "t", &model);
        let good = bytes_of(&disk, "t");
        disk.write_file(Path::new("old"), &as_version_3(&good));
        disk.write_file(Path::new("bad"), &with_bounds(&good, damaged));
        let (table, old, bad) = (open(&disk, "t").unwrap(), open(&disk, "old").unwrap(), open(&disk, "bad").unwrap());
        table.audit(&mut |error| panic!("{error}")).unwrap();
        old.audit(&mut |error| panic!("{error}")).unwrap();
        let same_but_bytes = TableSummary { bytes: table.summary().bytes, ..*old.summary() };
        prop_assert_eq!(table.summary(), &same_but_bytes);
        // Ranges around samples, which is where a bound may be wrong by one.
        let times: Vec<i64> = model.values().flat_map(|samples| samples.times.iter().take(3).copied()).collect();
        let near = times.iter().zip(times.iter().rev()).flat_map(|(a, b)| {
            let (start, end) = (*a.min(b), *a.max(b));
            let inside = TimeRange::new(start.saturating_add(1), end.saturating_sub(1));
            [TimeRange::new(start, end), inside, TimeRange::new(start, start), TimeRange::new(end, i64::MAX)]
        });
        let ranges = ranges.iter().map(|(start, len)| TimeRange::new(*start, start + len)).chain([TimeRange::ALL]);
        for range in ranges.chain(near.take(16)) {
            let expected = expected(&model, range);
            let (found, reads) = list(&table, range);
            prop_assert_eq!(&found, &expected, "{:?}", range);
            prop_assert_eq!(&list(&old, range).0, &expected, "{:?}", range);
            prop_assert!(!table.knows(range) || reads == 0);
            for id in model.keys() {
                prop_assert!(!table.is_surely_in(SeriesId(*id), range) || expected.contains(id), "{} {:?}", id, range);
            }
            // Wrong bounds list wrong series, but no others than the table has.
            prop_assert!(list(&bad, range).0.iter().all(|id| bad.series().contains(*id)));
        }
    }
}
