//! What a query builds and keeps is limited and counted before it is there.

use super::{allocations::most, *};
use crate::{
    model::{BucketCounts, BucketSpan, Matcher, ResetHint, TimeRange},
    seams::{
        interrupt::Interrupt,
        select::{IndexPath, LookupCost, Select, SelectError, SelectHints, SeriesSet},
    },
};

/// One series whose label `a` has 16 bytes.
fn one() -> MemorySelect {
    store(15, &[(&[("__name__", "up"), ("a", "0123456789abcdef"), ("i", "1")], &[1.0; 20])])
}

#[test]
fn a_label_beyond_what_ingest_takes_is_refused_before_it_is_built() {
    let many = "$1".repeat(1000);
    let replace = |inner: &str| format!(r#"label_replace({inner}, "a", "{many}", "a", "(.*)")"#);
    let once = replace("up");
    assert_eq!(ask(&one(), &at(&once, 60)).unwrap().stats.series, 1, "16,000 bytes are fine");
    let joined = format!(r#"label_join({once}, "b", "-"{})"#, r#", "a""#.repeat(100));
    let long = format!(r#"label_replace(up, "a", "{}", "a", ".*")"#, "x".repeat(70_000));
    for (text, function) in [(replace(&once), "label_replace"), (joined, "label_join"), (long, "label_replace")] {
        let error = failure(&one(), &text);
        assert!(error.starts_with(&format!("{function}(): the value of label ")), "{error:.200}");
        assert!(error.ends_with("more than the limit of 65536"), "{error:.200}");
    }
}

#[test]
fn labels_that_a_query_makes_are_together_no_more_than_ingest_takes() {
    let many = "$1".repeat(4000);
    let inner =
        (0..5).fold("up".to_owned(), |inner, i| format!(r#"label_replace({inner}, "b{i}", "{many}", "a", "(.*)")"#));
    let error = failure(&one(), &inner);
    assert!(error.contains("more than the limit of 262144"), "{error:.200}");
}

#[test]
fn a_selector_may_list_ten_thousand_values_and_begin_or_end_with_anything() {
    let names: Vec<String> =
        (0..10_000).map(|i| format!("container-{i:018}")).chain(["0123456789".to_owned()]).collect();
    let list = names.join("|");
    for pattern in [format!("({list})abcdef"), format!("({list}).*"), format!("(?i)({list})ABCDEF")] {
        let found = vector(&one(), &format!("up{{a=~\"{pattern}\"}}"), 60);
        assert_eq!(found.len(), 1, "{pattern:.30}");
    }
}

#[test]
fn a_pattern_that_is_refused_is_told_by_its_beginning() {
    for pattern in ["x|".repeat(1_100_000), "(a|".repeat(50_000), "ab?|".repeat(60_000)] {
        let error = failure(&one(), &format!("up{{a=~\"{pattern}\"}}"));
        assert!(error.len() < 1_000, "{} bytes: {error:.200}", error.len());
    }
}

#[test]
fn what_a_text_takes_to_read_counts_with_what_all_queries_may_hold() {
    let options = EngineOptions { max_samples_of_all: 100_000, ..EngineOptions::default() };
    let engine = Engine::new(options);
    let expression: String = (0..4_000).map(|i| format!("name-{i}x?|")).collect();
    let words = r#"a="1","#.repeat(20_000);
    for text in [format!("up{{a=~\"{expression}\"}}"), format!("up{{{words}}}")] {
        let error = engine.run(&one(), &at(&text, 60), &Cancel::default()).unwrap_err();
        assert!(matches!(&error, QueryError::Execution(text) if text.contains("more memory than there is")), "{error}");
        assert_eq!(engine.memory().0, 0, "all is given back");
    }
    assert!(engine.run(&one(), &at("up", 60), &Cancel::default()).is_ok());
}

/// One with many buckets.
fn histogram(grown: u64) -> Histogram {
    let positive: Vec<i64> = std::iter::once(grown as i64 + 1).chain(std::iter::repeat_n(0, 199)).collect();
    let count = 200 * (grown + 1);
    Histogram {
        reset_hint: ResetHint::Unknown,
        schema: 3,
        zero_threshold: 0.001,
        sum: 1.5,
        positive_spans: vec![BucketSpan { offset: 0, length: 200 }],
        negative_spans: Vec::new(),
        custom_values: Vec::new(),
        counts: BucketCounts::Integer { count, zero: 0, positive, negative: Vec::new() },
    }
}

/// A fleet whose series are made as they are asked for, so that a query holds nothing but what it keeps.
struct Fleet {
    series: usize,
    /// Each series has one histogram at each of its times, and not a float.
    native: bool,
}

impl SeriesSet for Fleet {
    fn len(&self) -> usize {
        self.series
    }

    fn labels(&self, i: usize) -> Result<Labels, SelectError> {
        let (pod, instance) = (format!("pod-{i:09}"), format!("node-{:03}", i / 100));
        Ok(Labels::from_pairs([("__name__", "up"), ("instance", &instance), ("pod", &pod)]).unwrap())
    }

    fn read(&self, i: usize, out: &mut SeriesBuf) -> Result<(), SelectError> {
        out.clear();
        for step in 0..5 {
            if self.native {
                out.push_histogram(step * 15_000, Arc::new(histogram(step as u64)), 0);
            } else {
                out.push_float(step * 15_000, i as f64 * 0.7);
            }
        }
        Ok(())
    }
}

impl Select for Fleet {
    fn select(&self, _: &[Matcher], _: TimeRange, _: &SelectHints) -> Result<Arc<dyn SeriesSet>, SelectError> {
        Ok(Arc::new(Self { ..*self }))
    }

    fn cost(&self, _: &[Matcher]) -> LookupCost {
        LookupCost::Unknown
    }

    fn explain(&self, _: &[Matcher], _: &dyn Interrupt) -> Result<IndexPath, SelectError> {
        Ok(IndexPath { steps: Vec::new(), series: self.series as u64 })
    }
}

/// What all queries together may hold in this test (bytes) …
const HELD: usize = 4 << 20;
/// … and what one may take beside: a piece of rows, the growth of a list, what is read of one series.
const BESIDE: usize = 3 << 20;

#[test]
fn a_query_takes_no_more_memory_than_it_counts() {
    let samples = HELD as u64 / SAMPLE_BYTES;
    let options =
        EngineOptions { threads: 1, max_samples: samples, max_samples_of_all: samples, ..engine().options().clone() };
    let engine = Engine::new(options);
    for (text, native) in [
        ("up", false),
        ("sort_desc(up)", false),
        (r#"sort_by_label(up, "pod")"#, false),
        ("sum by (pod) (up)", false),
        ("stddev by (pod) (up)", false),
        ("quantile by (pod) (0.5, up)", false),
        ("quantile(0.5, up)", false),
        ("topk by (pod) (3, up)", false),
        ("limitk(100000, up)", false),
        (r#"count_values("v", up)"#, false),
        (r#"count_values by (pod) ("v", up)"#, false),
        (r#"count(label_replace(up, "a", "$1$1", "pod", "(.*)"))"#, false),
        (r#"count(label_join(up, "a", "-", "pod", "instance"))"#, false),
        ("count(up + on (pod) up)", false),
        ("count(up + on (pod) group_left (instance) up)", false),
        ("count(up + on (pod) fill (0) up)", false),
        ("count(up and on (pod) up)", false),
        ("count(up or on (pod) up)", false),
        ("count(up unless on (pod) up)", false),
        ("count(info(up))", false),
        ("max_over_time(up[1m:15s])", false),
        ("sum by (pod) (up)", true),
        ("avg by (instance) (rate(up[1m]))", true),
        ("sum by (instance) (up)", true),
        ("up", true),
        ("histogram_quantiles(up, \"q\", 0.1, 0.9)", true),
        ("topk(3, up) or up", true),
    ] {
        let fleet = Fleet { series: if native { 700 } else { 50_000 }, native };
        for query in [at(text, 60), over(text, 0, 60, 1)] {
            let mut answer = None;
            let most = most(|| answer = Some(engine.run(&fleet, &query, &Cancel::default())));
            let told = answer.map(|answer| answer.map_or_else(|error| error.to_string(), |_| String::new())).unwrap();
            assert!(told.is_empty() || told.contains("too many samples"), "{text}: {told}");
            assert!(most <= HELD + HELD / 4 + BESIDE, "{text}, step {}: {} KiB; {told:.60}", query.step, most >> 10);
            assert_eq!(engine.memory().0, 0, "{text}");
        }
    }
}

#[test]
fn a_list_of_very_many_labels_is_searched_by_halves() {
    let names: String = (0..200_000).map(|i| format!("label_{i},")).collect();
    let fleet = Fleet { series: 20_000, native: false };
    for text in [
        format!("sum by ({names}pod) (up)"),
        format!("count(up + on ({names}pod) up)"),
        format!("count(up + ignoring ({names}instance) up)"),
    ] {
        // Comparing each label of each series with each of the list would take hours.
        let query = Query { timeout: Some(Duration::from_secs(60)), ..at(&text, 60) };
        assert!(engine().run(&fleet, &query, &Cancel::default()).is_ok(), "{text:.40}");
    }
}

#[test]
fn a_short_query_that_finds_no_memory_to_be_read_in_may_come_again() {
    let engine = Engine::new(EngineOptions { max_samples_of_all: 100_000, ..EngineOptions::default() });
    let others = engine.room();
    assert!(others.take(100_000 * SAMPLE_BYTES as usize));
    let error = engine.run(&one(), &at("up", 60), &Cancel::default()).unwrap_err();
    assert!(matches!(error, QueryError::NoRoom(_)), "{error:?}");
    drop(others);
    assert!(engine.run(&one(), &at("up", 60), &Cancel::default()).is_ok());
}
