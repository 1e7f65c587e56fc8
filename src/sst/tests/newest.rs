//! The newest sample of a series, which is read by itself where a block ends in the range.

use super::*;

fn newest(table: &Table, id: u32, range: TimeRange) -> SeriesBuf {
    let mut out = regular(1, 2);
    table.read_newest_around(SeriesId(id), range, Pass::new(), &mut out).unwrap();
    out
}

/// What counts of the newest samples: the last one.
fn last(samples: &SeriesBuf) -> Option<(i64, Option<u64>)> {
    let float = samples.times.last().zip(samples.values.last()).map(|(time, value)| (*time, Some(value.to_bits())));
    float.into_iter().chain(samples.histograms.last().map(|(time, _)| (*time, None))).max()
}

#[test]
fn of_a_block_that_ends_in_the_range_one_sample_is_read() {
    let disk = SimDisk::new();
    let mut model: Model = (0..4).flat_map(|n| classic_histogram(n * 12, 300)).collect();
    model.insert(100, regular(7, 300));
    let mut mixed = regular(7, 20);
    mixed.histograms.push((1_000_000, histogram(3)));
    model.insert(101, mixed);
    write(&disk, "t", &model);
    let table = open(&disk, "t").unwrap();
    let end = table.summary().times.end;
    for id in (0..48).chain((0..48).rev()).chain([100]) {
        let found = newest(&table, id, TimeRange::new(end - 300_000, end));
        assert_eq!((found.len(), last(&found)), (1, last(&model[&id])), "{id}");
        assert!(newest(&table, id, TimeRange::new(end + 1, end + 9)).is_empty());
        let range = TimeRange::new(0, end / 2);
        assert_eq!(last(&newest(&table, id, range)), last(&cut(&model[&id], range)), "{id} in the middle");
    }
    let all = newest(&table, 101, TimeRange::ALL);
    assert_eq!(last(&all), Some((1_000_000, None)), "a histogram is found by reading all");
}

#[test]
fn a_damaged_block_is_gone_around_and_told() {
    let disk = SimDisk::new();
    let noise = |id: u64| {
        let values = (0..2500u64).map(move |i| f64::from_bits((i + id).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        SeriesBuf { times: (0..2500).collect(), values: values.collect(), ..SeriesBuf::default() }
    };
    write(&disk, "t", &Model::from([(1, noise(1)), (2, noise(99))]));
    disk.flip_bit(Path::new("t"), 99, 3).unwrap();
    let table = open(&disk, "t").unwrap();
    assert_eq!(table.summary().blocks, 2);
    assert!(newest(&table, 1, TimeRange::ALL).is_empty() && !table.is_whole());
    assert!(newest(&table, 1, TimeRange::ALL).is_empty(), "a second time");
    assert_eq!(last(&newest(&table, 2, TimeRange::ALL)), last(&noise(99)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_series_ends_as_in_the_model(
        model in model(),
        ranges in prop::collection::vec((0i64..2_000_000, 0i64..2_000_000), 4),
    ) {
        let disk = SimDisk::new();
        write(&disk, "t", &model);
        let table = open(&disk, "t").unwrap();
        let ranges = ranges.iter().map(|(start, len)| TimeRange::new(*start, start + len));
        for range in ranges.chain([TimeRange::ALL, TimeRange::new(50_000, i64::MAX)]) {
            for (id, samples) in &model {
                prop_assert_eq!(last(&newest(&table, *id, range)), last(&cut(samples, range)), "{} {:?}", id, range);
            }
        }
    }
}
