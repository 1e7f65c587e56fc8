use std::{collections::BTreeMap, path::Path, sync::Arc};

use proptest::prelude::*;

use super::*;
use crate::{
    model::{BucketCounts, Histogram, STALE_NAN, SeriesBuf, TimeRange},
    seams::{
        append::SeriesId,
        env::{Disk, Op, SimDisk},
    },
};

mod newest;
mod present;

type Model = BTreeMap<u32, SeriesBuf>;

fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn write(disk: &SimDisk, path: &str, model: &Model) -> TableSummary {
    let mut writer = TableWriter::create(&shared(disk), Path::new(path)).unwrap();
    for (id, samples) in model {
        writer.append(SeriesId(*id), samples).unwrap();
    }
    writer.finish().unwrap()
}

fn open(disk: &SimDisk, path: &str) -> Result<Table, SstError> {
    Table::open(&shared(disk), Path::new(path))
}

fn bytes_of(disk: &SimDisk, path: &str) -> Vec<u8> {
    disk.read_file(Path::new(path)).unwrap()
}

fn histogram(count: u64) -> Arc<Histogram> {
    let mut histogram = Histogram::stale();
    histogram.sum = count as f64;
    histogram.counts = BucketCounts::Integer { count, zero: 1, positive: vec![count as i64; 3], negative: Vec::new() };
    Arc::new(histogram)
}

fn regular(start: i64, samples: usize) -> SeriesBuf {
    let mut buf = SeriesBuf::default();
    for i in 0..samples as i64 {
        buf.push_float(start + i * 15_000, (start % 97 + i * i % 101) as f64);
    }
    buf
}

/// Only what is inside `range`.
fn cut(samples: &SeriesBuf, range: TimeRange) -> SeriesBuf {
    let mut out = SeriesBuf::default();
    for (t, v, start) in samples.floats().filter(|s| range.contains(s.0)) {
        out.push_float_from(t, v, start);
    }
    for (t, histogram, start) in samples.histograms_from().filter(|s| range.contains(s.0)) {
        out.push_histogram(t, histogram.clone(), start);
    }
    out
}

fn same(a: &SeriesBuf, b: &SeriesBuf) -> bool {
    let bits = |buf: &SeriesBuf| buf.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    a.times == b.times
        && bits(a) == bits(b)
        && (&a.float_starts, &a.histogram_starts) == (&b.float_starts, &b.histogram_starts)
        && a.histograms.len() == b.histograms.len()
        && a.histograms.iter().zip(&b.histograms).all(|(a, b)| a.0 == b.0 && a.1.same_bits(&b.1))
}

fn read(table: &Table, id: u32, range: TimeRange) -> Result<SeriesBuf, SstError> {
    let mut out = regular(1, 2);
    let result = table.read(SeriesId(id), range, &mut out);
    assert!(result.is_ok() || out.is_empty());
    result.map(|()| out)
}

#[test]
fn an_empty_table_opens_and_has_nothing() {
    let disk = SimDisk::new();
    let summary = write(&disk, "t", &Model::new());
    let table = open(&disk, "t").unwrap();
    assert_eq!((table.summary(), summary.samples, summary.blocks), (&summary, 0, 0));
    assert!(summary.times.start > summary.times.end);
    assert!(read(&table, 0, TimeRange::ALL).unwrap().is_empty());
    assert!(table.scan().next().is_none());
    table.verify().unwrap();
}

#[test]
fn a_long_series_spans_blocks_and_reads_only_those_in_range() {
    let disk = SimDisk::new();
    let mut long = SeriesBuf::default();
    for i in 0..60_000i64 {
        long.push_float(i * 15_000, f64::from_bits((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    }
    let model = Model::from([(4, regular(0, 10)), (5, long), (9, regular(0, 10))]);
    let summary = write(&disk, "t", &model);
    assert!(summary.blocks >= 6, "{summary:?}");
    let table = open(&disk, "t").unwrap();
    assert!(same(&read(&table, 5, TimeRange::ALL).unwrap(), &model[&5]));
    let range = TimeRange::new(40_000 * 15_000 - 5, 40_009 * 15_000);
    assert!(same(&read(&table, 9, TimeRange::ALL).unwrap(), &model[&9]));
    // Were damaged blocks outside of the range touched, the read would fail. The last block seems to reach back,
    // because it has series 9, too.
    for block in table.index().iter().rev().skip(1).filter(|block| !block.times.overlaps(range)) {
        disk.flip_bit(Path::new("t"), block.at + 99, 3).unwrap();
    }
    // Without what the first reads left in memory.
    let table = open(&disk, "t").unwrap();
    assert!(read(&table, 5, TimeRange::ALL).is_err());
    let found = read(&table, 5, range).unwrap();
    assert_eq!((found.len(), found.times.first()), (10, Some(&(40_000 * 15_000))));
}

#[test]
fn series_of_one_scrape_share_their_times_and_their_blocks() {
    let disk = SimDisk::new();
    // Jitter, so that a times column of its own would cost a lot.
    let times: Vec<i64> = (0..200i64).map(|i| i * 15_000 + i * i * 7919 % 512).collect();
    let model: Model = (0..300u32)
        .map(|id| (id, SeriesBuf { times: times.clone(), values: vec![f64::from(id); 200], ..SeriesBuf::default() }))
        .collect();
    let summary = write(&disk, "t", &model);
    assert!(summary.bytes < 300 * 20 + 2000, "{summary:?}");
    let table = open(&disk, "t").unwrap();
    assert_eq!(summary.blocks, 1);
    assert!(same(&read(&table, 0, TimeRange::ALL).unwrap(), &model[&0]));
    // The block is not read again for its other series.
    disk.flip_bit(Path::new("t"), 99, 3).unwrap();
    for (id, samples) in &model {
        assert!(same(&read(&table, *id, TimeRange::ALL).unwrap(), samples));
    }
    assert!(table.verify().is_err());
}

/// Series of one scrape: ten buckets that count ever more of the same requests, their sum and their count, some of them
/// with a stale marker at the end.
fn classic_histogram(first: u32, samples: usize) -> Model {
    let mut requests = 0u64;
    let counts: Vec<u64> = (0..samples as u64)
        .map(|i| {
            requests += i * 7919 % 401;
            requests
        })
        .collect();
    let column = |id: u32| -> Vec<f64> {
        let value = |n: &u64| match id - first {
            10 => *n as f64 * 0.037,
            11 => *n as f64,
            le => (n * (u64::from(le) + 1) / 10) as f64,
        };
        let mut values: Vec<f64> = counts.iter().map(value).collect();
        values.extend((id % 12 > 6).then_some(STALE_NAN));
        values
    };
    let times = |n: usize| (0..n as i64).map(|i| i * 15_000).collect();
    (first..first + 12)
        .map(|id| {
            let values = column(id);
            (id, SeriesBuf { times: times(values.len()), values, ..SeriesBuf::default() })
        })
        .collect()
}

#[test]
fn buckets_are_written_beside_each_other_and_read_in_any_order() {
    let disk = SimDisk::new();
    let model: Model = (0..6).flat_map(|n| classic_histogram(n * 12, 400)).collect();
    let summary = write(&disk, "t", &model);
    let alone: usize = model
        .values()
        .map(|samples| {
            let mut bytes = Vec::new();
            crate::codec::floats::encode(&samples.values, &mut bytes);
            bytes.len()
        })
        .sum();
    assert!(summary.bytes * 6 < alone as u64 * 5, "{} {alone}", summary.bytes);
    let table = open(&disk, "t").unwrap();
    let range = TimeRange::new(100_000, 2_000_000);
    let orders: [&mut dyn Iterator<Item = u32>; 3] =
        [&mut (0..72), &mut (0..72).rev(), &mut (0..500).map(|i| i * 7919 % 72)];
    for id in orders.into_iter().flatten() {
        assert!(same(&read(&table, id, TimeRange::ALL).unwrap(), &model[&id]), "{id}");
        assert!(same(&read(&table, id, range).unwrap(), &cut(&model[&id], range)), "{id}");
    }
    assert!(table.scan().map(Result::unwrap).all(|(id, samples)| same(&samples, &model[&id.0])));
}

#[test]
fn a_scan_can_be_copied_piece_by_piece() {
    let disk = SimDisk::new();
    let mut mixed = regular(7, 9000);
    mixed.histograms = (0..5000u64).map(|i| (i as i64 * 20_000, histogram(i))).collect();
    mixed.histograms.push((i64::MAX, histogram(3)));
    let model = Model::from([(0, regular(5, 5000)), (3, mixed), (u32::MAX, regular(i64::MIN, 3))]);
    let summary = write(&disk, "t", &model);
    let table = open(&disk, "t").unwrap();
    let mut writer = TableWriter::create(&shared(&disk), Path::new("copy")).unwrap();
    let mut scan = table.scan();
    let mut piece = SeriesBuf::default();
    let mut pieces = 0;
    while let Some(peeked) = scan.peek() {
        assert_eq!(scan.next_piece(&mut piece).unwrap(), Some(peeked));
        writer.append(peeked, &piece).unwrap();
        pieces += 1;
    }
    assert!(pieces >= 7, "{pieces}");
    assert!(scan.next_piece(&mut piece).unwrap().is_none());
    assert_eq!(writer.finish().unwrap(), summary);
    assert_eq!(bytes_of(&disk, "t"), bytes_of(&disk, "copy"));
    let all: Vec<_> = table.scan().map(Result::unwrap).collect();
    assert!(all.iter().zip(&model).all(|((id, found), (want, samples))| id.0 == *want && same(found, samples)));
    assert_eq!(all.len(), 3);
}

#[test]
fn series_or_samples_out_of_order_are_refused_and_harm_nothing() {
    let disk = SimDisk::new();
    let mut writer = TableWriter::create(&shared(&disk), Path::new("t")).unwrap();
    writer.append(SeriesId(5), &regular(0, 3)).unwrap();
    let mut twice = regular(100_000, 3);
    twice.histograms.push((115_000, histogram(1)));
    let mut back = regular(100_000, 3);
    back.times[2] = 115_000;
    for (id, samples) in [(4, regular(100_000, 3)), (5, regular(30_000, 1)), (6, twice), (6, back)] {
        let refused = writer.append(SeriesId(id), &samples);
        assert!(matches!(refused, Err(SstError::Order { .. })), "{id}");
    }
    writer.append(SeriesId(5), &regular(30_001, 3)).unwrap();
    writer.append(SeriesId(9), &SeriesBuf::default()).unwrap();
    assert_eq!(writer.finish().unwrap().samples, 6);
    let table = open(&disk, "t").unwrap();
    assert_eq!(table.series().iter().collect::<Vec<_>>(), [5]);
    assert_eq!(read(&table, 5, TimeRange::ALL).unwrap().times, [0, 15_000, 30_000, 30_001, 45_001, 60_001]);
}

#[test]
fn a_full_disk_and_a_failed_sync_are_told_apart_from_damage() {
    use std::io::ErrorKind;
    let disk = SimDisk::new();
    let failure = |op, kind| {
        disk.fail_next(op, "t", kind);
        let path = format!("t{kind}");
        let mut writer = TableWriter::create(&shared(&disk), Path::new(&path))?;
        writer.append(SeriesId(1), &regular(0, 9))?;
        writer.finish()
    };
    for (op, kind) in
        [(Op::Create, ErrorKind::PermissionDenied), (Op::Append, ErrorKind::StorageFull), (Op::Sync, ErrorKind::Other)]
    {
        let error = failure(op, kind).unwrap_err();
        assert!(matches!(&error, SstError::Io { source, .. } if source.kind() == kind), "{error}");
    }
}

#[test]
fn one_start_time_costs_a_few_bytes_a_piece_and_less_where_pieces_share_it() {
    let disk = SimDisk::new();
    let bytes = |series: u32, starts: &[i64]| {
        let model = (0..series).map(|id| (id, with_starts(&regular(0, 500), starts))).collect();
        write(&disk, "t", &model);
        let bytes = bytes_of(&disk, "t").len();
        disk.remove(Path::new("t")).unwrap();
        bytes
    };
    assert!(bytes(1, &[1_700_000_000_000]) < bytes(1, &[0]) + 20);
    assert!(bytes(500, &[1_700_000_000_000]) < bytes(500, &[0]) + 500 * 3);
}

#[test]
fn what_is_no_table_of_this_version_is_refused_in_words() {
    let disk = SimDisk::new();
    write(&disk, "t", &Model::from([(1, regular(0, 10))]));
    let good = bytes_of(&disk, "t");
    let refusal = |bytes: Vec<u8>| {
        disk.write_file(Path::new("bad"), &bytes);
        open(&disk, "bad").map(drop).unwrap_err()
    };
    let error = refusal(good[..79].to_vec());
    assert_eq!(error.to_string(), "bad: 79 bytes are too few for a table, whose footer alone has 80");
    assert!(matches!(refusal(good[..good.len() - 1].to_vec()), SstError::Magic { .. }));
    assert!(matches!(refusal(good[1..].to_vec()), SstError::Inconsistent { .. }));
    let mut newer = good.clone();
    let at = newer.len() - 16;
    newer[at] = 5;
    assert!(matches!(refusal(newer.clone()), SstError::Crc { .. }), "a flipped bit is no newer version");
    let crc = crate::codec::checksum::crc32(&newer[at - 64..at + 4]).to_le_bytes();
    newer[at + 4..at + 8].copy_from_slice(&crc);
    assert_eq!(
        refusal(newer).to_string(),
        "bad: table format version 5 is not known here (expected 4 at most); it needs a newer vctsdb"
    );
    let missing = open(&disk, "none").map(drop).unwrap_err();
    assert!(missing.to_string().starts_with("none: opening the table failed"), "{missing}");
}

#[test]
fn a_flipped_byte_anywhere_is_found_and_never_changes_an_answer() {
    let disk = SimDisk::new();
    let mut model: Model = (0..6).map(|id| (id * 3, regular(i64::from(id) * 15_000, 20))).collect();
    model.get_mut(&3).unwrap().histograms = vec![(1, histogram(5)), (2, histogram(6))];
    // Two blocks, one of them large enough to be closed by itself.
    let noise = (0..9000u64).map(|i| f64::from_bits(i.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    model.insert(50, SeriesBuf { times: (0..9000).collect(), values: noise.collect(), ..SeriesBuf::default() });
    let summary = write(&disk, "t", &model);
    assert!(summary.blocks >= 2);
    let good = bytes_of(&disk, "t");
    // All of both ends and some of the long middle.
    let places = (0..600).chain((600..good.len() - 400).step_by(997)).chain(good.len() - 400..good.len());
    for at in places {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        disk.write_file(Path::new("bad"), &bytes);
        let Ok(table) = open(&disk, "bad") else { continue };
        let error = table.verify().expect_err("damage goes unseen");
        assert!(matches!(error, SstError::Crc { .. }), "{error}");
        for (id, samples) in &model {
            if let Ok(found) = read(&table, *id, TimeRange::ALL) {
                assert!(same(&found, samples));
            }
        }
        let intact = table.scan().take_while(Result::is_ok).count();
        assert!(intact < model.len());
    }
}

#[test]
fn a_bad_block_is_named_and_the_others_stay_readable() {
    let disk = SimDisk::new();
    let noise = |seed: u64| {
        let values = (0..9000u64).map(move |i| f64::from_bits((i + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        SeriesBuf { times: (0..9000).collect(), values: values.collect(), ..SeriesBuf::default() }
    };
    let model = Model::from([(1, noise(1)), (2, noise(99)), (3, noise(7))]);
    write(&disk, "t", &model);
    let mut bytes = bytes_of(&disk, "t");
    bytes[20] ^= 1;
    disk.write_file(Path::new("bad"), &bytes);
    let table = open(&disk, "bad").unwrap();
    let error = read(&table, 1, TimeRange::ALL).unwrap_err().to_string();
    assert!(error.starts_with("bad: the block at 0 has crc "), "{error}");
    assert!(same(&read(&table, 3, TimeRange::ALL).unwrap(), &model[&3]));
    let mut scan = table.scan();
    let mut piece = SeriesBuf::default();
    assert!(scan.next_piece(&mut piece).is_err());
    assert!(scan.next_piece(&mut piece).unwrap().is_some());
}

#[test]
fn large_histograms_are_split_by_memory() {
    let disk = SimDisk::new();
    let mut large = Histogram::clone(&histogram(1));
    large.counts = BucketCounts::Float { count: 1.0, zero: 0.0, positive: vec![0.0; 50_000], negative: Vec::new() };
    let large = Arc::new(large);
    let mut buf = regular(0, 4);
    buf.histograms = (0..20).map(|i| (i * 1000 + 1, Arc::clone(&large))).collect();
    let model = Model::from([(1, buf)]);
    write(&disk, "t", &model);
    let table = open(&disk, "t").unwrap();
    assert!(same(&read(&table, 1, TimeRange::ALL).unwrap(), &model[&1]));
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![any::<u64>().prop_map(f64::from_bits), (0i32..1000).prop_map(|v| f64::from(v) / 10.0), Just(STALE_NAN)]
}

/// Some series among which some are buckets of a histogram.
fn model() -> impl Strategy<Value = Model> {
    let free = prop::collection::btree_map(prop_oneof![0u32..40, any::<u32>()], series(), 0..40);
    let buckets = prop::collection::vec((0u32..40, 1usize..200), 0..3);
    (free, buckets).prop_map(|(mut model, buckets)| {
        model.extend(buckets.into_iter().flat_map(|(first, samples)| classic_histogram(first, samples)));
        model
    })
}

fn series() -> impl Strategy<Value = SeriesBuf> {
    let free = prop::collection::btree_map(
        prop_oneof![any::<i64>(), 0i64..100_000],
        prop_oneof![4 => value().prop_map(Ok), 1 => (0u64..9).prop_map(Err)],
        0..60,
    )
    .prop_map(|samples| {
        let mut buf = SeriesBuf::default();
        for (t, sample) in samples {
            match sample {
                Ok(v) => buf.push_float(t, v),
                Err(count) => buf.histograms.push((t, histogram(count))),
            }
        }
        buf
    });
    let series = prop_oneof![
        free,
        (0i64..50_000, 0usize..300).prop_map(|(start, n)| regular(start, n)),
        (0i64..9).prop_map(|s| regular(s, 5000))
    ];
    (series, prop::option::of(prop::collection::vec(prop_oneof![Just(0i64), 7i64..9, any::<i64>()], 1..5)))
        .prop_map(|(samples, starts)| with_starts(&samples, &starts.unwrap_or(vec![0])))
}

/// The samples with these start times by turns.
fn with_starts(samples: &SeriesBuf, starts: &[i64]) -> SeriesBuf {
    let mut out = SeriesBuf::default();
    let mut starts = starts.iter().copied().cycle();
    samples.floats().for_each(|(t, v, _)| out.push_float_from(t, v, starts.next().unwrap()));
    samples.histograms_from().for_each(|(t, h, _)| out.push_histogram(t, h.clone(), starts.next().unwrap()));
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_table_reads_back_as_it_was_written(
        model in model(),
        ranges in prop::collection::vec((0i64..2_000_000, 0i64..2_000_000), 4),
    ) {
        let disk = SimDisk::new();
        let summary = write(&disk, "t", &model);
        let table = open(&disk, "t").unwrap();
        let held: Vec<u32> = model.iter().filter(|s| !s.1.is_empty()).map(|s| *s.0).collect();
        prop_assert_eq!(table.series().iter().collect::<Vec<_>>(), held.clone());
        prop_assert_eq!(summary.samples, model.values().map(|s| s.len() as u64).sum::<u64>());
        let ends = model.values().filter_map(SeriesBuf::time_range);
        let all = ends.reduce(TimeRange::join);
        prop_assert_eq!(summary.times, all.unwrap_or(TimeRange::new(i64::MAX, i64::MIN)));
        prop_assert_eq!(summary.bytes, bytes_of(&disk, "t").len() as u64);
        table.verify().unwrap();
        let ranges = ranges.iter().map(|(start, len)| TimeRange::new(*start, start + len)).chain([TimeRange::ALL]);
        for range in ranges {
            for (id, samples) in &model {
                prop_assert!(same(&read(&table, *id, range).unwrap(), &cut(samples, range)));
            }
        }
        let scanned: Vec<_> = table.scan().map(Result::unwrap).collect();
        prop_assert_eq!(scanned.iter().map(|s| s.0.0).collect::<Vec<_>>(), held);
        prop_assert!(scanned.iter().all(|(id, samples)| same(samples, &model[&id.0])));
    }

    #[test]
    fn any_bytes_in_place_of_a_block_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300), sections in prop::array::uniform3(0u32..60)) {
        let head = sections.iter().flat_map(|s| s.to_le_bytes());
        let bytes: Vec<u8> = head.chain(bytes).collect();
        if let Ok(block) = super::block::Block::parse(bytes) {
            for piece in 0..100 {
                let mut out = SeriesBuf::default();
                let _ = block.read(piece, TimeRange::ALL, &mut out);
                prop_assert!(out.times.len() <= 4096);
            }
        }
    }

    #[test]
    fn an_end_that_lies_under_right_checksums_is_answered(
        index in prop::collection::vec(any::<u8>(), 0..200),
        numbers in prop::collection::vec(prop_oneof![0u64..300, any::<u64>()], 5),
        bitmap in prop::collection::vec(any::<u8>(), 0..50),
        true_lengths: bool,
        version in 1u32..=4,
    ) {
        use crate::codec::checksum::crc32;
        let disk = SimDisk::new();
        let entry = super::index::entry_len(version);
        let index = &index[..index.len() / entry * entry];
        let mut footer = super::footer::Footer {
            index_at: numbers[0],
            index_len: numbers[1],
            bitmap_len: numbers[2],
            series: numbers[3],
            samples: numbers[4],
            times: TimeRange::ALL,
            index_crc: crc32(index),
            bitmap_crc: crc32(&bitmap),
            version,
        };
        if true_lengths {
            (footer.index_at, footer.index_len, footer.bitmap_len) = (0, index.len() as u64, bitmap.len() as u64);
        }
        let bytes = [index, &bitmap, &footer.encode()].concat();
        disk.write_file(Path::new("bad"), &bytes);
        if let Ok(table) = open(&disk, "bad") {
            let _ = table.verify();
            prop_assert!(table.scan().all(|series| series.is_err()));
        }
    }

    #[test]
    fn any_bytes_in_place_of_a_table_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let disk = SimDisk::new();
        disk.write_file(Path::new("bad"), &bytes);
        prop_assert!(open(&disk, "bad").is_err());
    }
}
