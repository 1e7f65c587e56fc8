use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;

use super::*;
use crate::{
    ingest::{Declared, ImportLimits, format_at, receive},
    model::{Histogram, MatchOp, STALE_NAN_BITS},
    seams::{
        append::fake::{MemoryAppend, finished},
        interrupt::Never,
        select::MemorySelect,
    },
};

const NAN: u64 = 0x7ff8_0000_0000_0001;

type Samples = BTreeMap<Labels, BTreeMap<i64, u64>>;

fn store(series: &Samples) -> MemorySelect {
    let mut select = MemorySelect::default();
    for (labels, samples) in series {
        let mut buf = SeriesBuf::default();
        samples.iter().for_each(|(time, bits)| buf.push_float(*time, f64::from_bits(*bits)));
        select.series.insert(labels.clone(), buf);
    }
    select
}

fn everything() -> Wanted {
    let all = Matcher::new(MatchOp::Regex, "__name__", ".+").unwrap();
    Wanted { selectors: vec![vec![all]], range: TimeRange::ALL, omit_histograms: false, omit_stale: false }
}

fn exported(wanted: &Wanted, select: &MemorySelect, writer: &mut dyn Writer) -> Result<String, ExportError> {
    let (interrupt, mut out): (Arc<dyn Interrupt>, _) = (Arc::new(Never), Vec::new());
    export(wanted, select, writer, &interrupt, &mut |piece| {
        out.extend(piece);
        Ok(())
    })?;
    Ok(String::from_utf8(out).unwrap())
}

/// What importing `text` stores.
fn imported(path: &str, text: &str) -> Samples {
    let append = MemoryAppend::default();
    let declared = Declared { allow_old: true, ..Declared::default() };
    let limits = ImportLimits::default();
    let taken = receive(format_at(path), text.as_bytes(), &declared, i64::MAX / 2, &limits, &append);
    finished(taken).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut found = Samples::new();
    for sample in append.batches().iter().flat_map(|batch| &batch.floats) {
        let labels = append.labels(sample.series).unwrap();
        found.entry(labels).or_default().insert(sample.time, sample.value.to_bits());
    }
    found
}

/// The samples as a format without staleness markers, or without other NaNs, gives them back.
fn as_said(series: &Samples, with_stale: bool) -> Samples {
    let said = |(time, bits): (&i64, &u64)| match *bits {
        STALE_NAN_BITS if with_stale => Some((*time, STALE_NAN_BITS)),
        STALE_NAN_BITS => None,
        bits if f64::from_bits(bits).is_nan() => Some((*time, NAN)),
        bits => Some((*time, bits)),
    };
    let series = series.iter().map(|(labels, samples)| (labels.clone(), samples.iter().filter_map(said).collect()));
    series.filter(|(_, samples): &(Labels, BTreeMap<i64, u64>)| !samples.is_empty()).collect()
}

fn any_bits() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        any::<i16>().prop_map(|value| f64::from(value).to_bits()),
        Just(STALE_NAN_BITS),
        Just(NAN),
        Just((-0.0f64).to_bits()),
        Just(f64::NEG_INFINITY.to_bits()),
    ]
}

fn any_series() -> impl Strategy<Value = Samples> {
    let labels = ("[a-z:.é]{1,5}", prop::collection::btree_map("[a-z.]{1,3}", "[ -~é\n]{1,5}", 0..3)).prop_map(
        |(name, labels)| {
            let pairs = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            Labels::from_pairs(pairs.chain([("__name__", name.as_str())])).unwrap()
        },
    );
    let samples = prop::collection::btree_map(-1i64 << 50..1 << 50, any_bits(), 1..9);
    prop::collection::btree_map(labels, samples, 0..5)
}

proptest! {
    #[test]
    fn what_is_exported_is_the_same_when_imported_again(series in any_series(), most in 1usize..5) {
        prop_assume!(!series.is_empty());
        let select = store(&series);
        let lines = exported(&everything(), &select, &mut JsonLines::new(most)).unwrap();
        prop_assert_eq!(imported("/api/v1/import/json", &lines), as_said(&series, true));
        let want = as_said(&series, false);
        if !want.is_empty() {
            let text = exported(&everything(), &select, &mut Text::default()).unwrap();
            prop_assert_eq!(imported("/api/v1/import/prometheus", &text), want);
        }
    }
}

#[test]
fn a_series_that_two_selectors_find_is_exported_once_and_only_in_its_range() {
    let labels = |name: &str| Labels::from_pairs([("__name__", name), ("job", "x")]).unwrap();
    let samples = |times: [i64; 3]| times.map(|time| (time, 1.0f64.to_bits())).into();
    let series = [(labels("a"), samples([1, 2, 3])), (labels("b"), samples([2, 3, 4]))].into();
    let equal = |name: &str, value: &str| vec![Matcher::equal(name, value)];
    let selectors = vec![equal("__name__", "a"), equal("job", "x")];
    let wanted = Wanted { selectors, range: TimeRange::new(2, 3), ..everything() };
    let text = exported(&wanted, &store(&series), &mut Text::default()).unwrap();
    assert_eq!(text, "a{job=\"x\"} 1 2\na{job=\"x\"} 1 3\nb{job=\"x\"} 1 2\nb{job=\"x\"} 1 3\n");
}

#[test]
fn native_histograms_are_refused_by_name_or_left_out_when_asked() {
    let mut select = MemorySelect::default();
    let mut buf = SeriesBuf::default();
    buf.push_float(1, 1.0);
    buf.histograms.push((2, Arc::new(Histogram::stale())));
    select.series.insert(Labels::from_pairs([("__name__", "latency")]).unwrap(), buf);
    let refused = exported(&everything(), &select, &mut Text::default()).unwrap_err().to_string();
    assert!(refused.contains("latency") && refused.contains("histograms=omit"), "{refused}");
    let wanted = Wanted { omit_histograms: true, ..everything() };
    assert_eq!(exported(&wanted, &select, &mut Text::default()).unwrap(), "latency 1 1\n");
}

#[test]
fn long_series_come_in_pieces() {
    let samples: BTreeMap<i64, u64> = (0..50_000).map(|i| (i, (i as f64).to_bits())).collect();
    let series: Samples = [(Labels::from_pairs([("__name__", "a")]).unwrap(), samples)].into();
    let (interrupt, mut pieces): (Arc<dyn Interrupt>, _) = (Arc::new(Never), Vec::new());
    let mut writer = JsonLines::new(JsonLines::USUAL);
    export(&everything(), &store(&series), &mut writer, &interrupt, &mut |piece| {
        pieces.push(piece.len());
        Ok(())
    })
    .unwrap();
    assert!(pieces.len() > 1 && pieces.iter().all(|bytes| *bytes < 2 * PIECE_BYTES), "{pieces:?}");
}
