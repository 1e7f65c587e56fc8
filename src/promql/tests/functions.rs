//! What the table of functions says of each, against how it behaves.

use super::*;
use crate::{
    model::{BucketCounts, BucketSpan, ResetHint},
    promql::{
        ast::ValueType,
        signature::{Buckets, Computation, EvaluationTime, Output, QueryTime},
    },
};

/// Three series of floats every 10 s, whose label `i` and values ascend or descend with their order by `a`; the buckets of
/// one classic histogram; an info metric; and native histograms with buckets or without.
fn data(ascending: bool, with_buckets: bool) -> MemorySelect {
    let mut out = MemorySelect::default();
    let mut add = |labels: &[(&str, &str)], sample: &dyn Fn(i64, &mut SeriesBuf)| {
        let mut buffer = SeriesBuf::default();
        (0..=60).for_each(|k| sample(k, &mut buffer));
        out.series.insert(Labels::from_pairs(labels.iter().copied()).unwrap(), buffer);
    };
    for number in 1..=3 {
        let place = if ascending { number } else { 4 - number };
        let (a, i) = (number.to_string(), place.to_string());
        let labels = [("__name__", "m"), ("a", &*a), ("i", &*i), ("instance", "x"), ("job", "y")];
        add(&labels, &|k, out| out.push_float_from(k * 10_000, (place * 100 + k) as f64 / 1000.0, k * 10_000 - 5));
        let le = ["1", "2", "+Inf"][number as usize - 1];
        add(&[("__name__", "buckets"), ("le", le)], &|k, out| out.push_float(k * 10_000, (number * (k + 1)) as f64));
    }
    add(&[("__name__", "target_info"), ("data", "z"), ("instance", "x"), ("job", "y")], &|k, out| {
        out.push_float(k * 10_000, 1.0);
    });
    add(&[("__name__", "h")], &|k, out| {
        let (count, positive) = if with_buckets { (6.0, vec![1.0, 5.0]) } else { (6.0, Vec::new()) };
        let spans = if with_buckets { vec![BucketSpan { offset: 0, length: 2 }] } else { Vec::new() };
        let counts = BucketCounts::Float { count, zero: 0.0, positive, negative: Vec::new() };
        let hint = ResetHint::Gauge;
        let h = Histogram { sum: 9.0, reset_hint: hint, counts, positive_spans: spans, ..Histogram::stale() };
        out.push_histogram(k * 10_000, Arc::new(h), 0);
    });
    out
}

/// A call of the function with `vector` or the window of it where it wants one.
fn call(function: &Signature, vector: &str, window: &str) -> String {
    let args = function.args.iter().enumerate().map(|(i, kind)| match kind {
        ValueType::Vector if i == 1 && has_two_vectors(function) => "{data=~\".+\"}".to_owned(),
        ValueType::Vector => vector.to_owned(),
        ValueType::Matrix => window.to_owned(),
        ValueType::Scalar => (0.5 + i as f64 / 8.0).to_string(),
        ValueType::String => ["", "\"i\"", "\"$1\"", "\"a\"", "\"(.*)\""].get(i).unwrap_or(&"\"a\"").to_string(),
    });
    format!("{}({})", function.name, args.collect::<Vec<_>>().join(", "))
}

fn answer(data: &MemorySelect, text: &str, seconds: i64) -> Vec<(Labels, String)> {
    let engine = Engine::new(EngineOptions { threads: 1, features: Features::ALL, ..EngineOptions::default() });
    match engine.run(data, &at(text, seconds), &Cancel::default()).unwrap_or_else(|e| panic!("{text}: {e}")).value {
        Value::Vector(samples) => {
            samples.into_iter().map(|s| (s.labels, format!("{} {:?}", s.value, s.histogram))).collect()
        }
        Value::Scalar { value, .. } => vec![(Labels::empty(), value.to_string())],
        other => panic!("{text}: {other:?}"),
    }
}

fn has_two_vectors(f: &Signature) -> bool {
    f.args.starts_with(&[ValueType::Vector; 2])
}

fn is_about_histograms(f: &Signature) -> bool {
    matches!(f.computation, Computation::Histogram(_)) || f.output == Output::OfBuckets
}

/// The labels of an answer but for names, in order.
fn nameless(answer: &[(Labels, String)]) -> Vec<Labels> {
    let mut all: Vec<_> = answer.iter().map(|(l, _)| l.filtered(|name| name != b"__name__".as_slice())).collect();
    all.sort();
    all
}

#[test]
fn every_row_answers_every_column_as_its_function_behaves() {
    let store = data(true, true);
    let input = nameless(&answer(&store, "m", 300));
    for f in Signature::all() {
        let name = f.name;
        let vector = if is_about_histograms(f) { "h" } else { "m" };
        let plain = call(f, vector, "m[1m]");
        let given = answer(&store, &plain, 300);

        let experimental = parse_with(&plain, Features::default(), &|_| true).is_err();
        assert_eq!(f.experimental, experimental, "{name}: behind a feature flag");
        assert_eq!(parse(&plain).unwrap().value_type(), f.returns, "{name}: type");
        assert_eq!(f.looks_up_labels, has_two_vectors(f), "{name}: takes labels to look up");

        // A day in 1970 and one in 2001, which have no part in common.
        let asked_at = |text: &str| [0, 1_000_000_000].map(|seconds| answer(&store, text, seconds));
        let of_time = match f.min_args() {
            0 => format!("{name}()"),
            _ => call(f, &format!("{vector} @ 300"), "m[1m] @ 300"),
        };
        let [early, late] = asked_at(&of_time);
        let is_fixed = match f.computation {
            Computation::QueryTime(QueryTime::Range | QueryTime::Step) => true,
            Computation::QueryTime(_) => false,
            _ => f.evaluation_time != EvaluationTime::Used,
        };
        assert_eq!(early == late, is_fixed, "{of_time}: the same at any time");
        if f.args.first() == Some(&ValueType::Vector) && f.min_args() > 0 {
            let [early, late] = asked_at(&call(f, &format!("(-(-{vector} @ 300))"), ""));
            let is_fixed = f.evaluation_time == EvaluationTime::Ignored;
            assert_eq!(early == late, is_fixed, "{name} of what is no selector: the same at any time");
        }

        let takes_series = f.args.iter().any(|kind| matches!(kind, ValueType::Vector | ValueType::Matrix));
        match f.output {
            Output::One => assert!(given.len() <= 1, "{name}: one series"),
            // One, or one for each quantile that is asked for, of three.
            Output::OfBuckets => assert!(answer(&store, &call(f, "buckets", ""), 300).len() < 3, "{name}: buckets"),
            // Of a window with one sample, too.
            Output::Same if takes_series => {
                assert_eq!(answer(&store, &call(f, "m", "m[10s]"), 300).len(), input.len(), "{name}: as many samples");
            }
            Output::Same | Output::Fewer => {}
        }

        if is_about_histograms(f) {
            let [with, without] = [true, false].map(|buckets| answer(&data(true, buckets), &plain, 300));
            match f.buckets {
                Buckets::Unneeded => assert_eq!(with, without, "{name}: without buckets"),
                Buckets::Needed => assert_ne!(with, without, "{name}: without buckets"),
                Buckets::AsAbove => {}
            }
        } else {
            assert_eq!(f.buckets, Buckets::AsAbove, "{name}: buckets of what isn't about histograms");
        }

        let is_sorted = |ascending| {
            let given = answer(&data(ascending, true), &plain, 300);
            given.is_sorted_by(|a, b| a.0 <= b.0)
        };
        assert_eq!(f.sorts, !(is_sorted(true) && is_sorted(false)), "{name}: an order of its own");

        if f.keeps_labels {
            assert_eq!(nameless(&given), input, "{name}: labels of its argument");
        }
        let descending = data(false, true);
        let known = nameless(&answer(&descending, "m", 300));
        let given = nameless(&answer(&descending, &plain, 300));
        let new = given.iter().any(|labels| !labels.is_empty() && !known.contains(labels));
        let says_new = f.is_opaque || matches!(f.computation, Computation::HistogramQuantiles);
        assert_eq!(new, says_new, "{name}: labels that its argument doesn't have");

        if f.args.first() == Some(&ValueType::Vector) {
            let of = |text: &str| {
                let given = answer(&store, &call(f, text, ""), 300);
                (nameless(&given), given.into_iter().map(|(_, value)| value).collect::<Vec<_>>())
            };
            let selector = if matches!(f.computation, Computation::Absent) { "m{a=\"9\"}" } else { vector };
            let offset = format!("{selector} offset 7s");
            let differs = of(&offset) != of(&format!("(-(-{offset}))"));
            assert_eq!(f.sees_selector, differs, "{name}: looks at the selector itself");
        }
    }
}
