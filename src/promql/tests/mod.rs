//! The engine as a whole, on data in memory.

mod allocations;
mod cancelling;
mod chains;
mod faults;
mod functions;
mod memory;

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    model::{Histogram, Labels, STALE_NAN, SeriesBuf, Span},
    seams::select::MemorySelect,
};

/// Labels.
type Pairs<'a> = &'a [(&'a str, &'a str)];

/// A store of series written as `name{label="value"}` labels with samples at multiples of `every` seconds.
fn store(every: i64, series: &[(Pairs<'_>, &[f64])]) -> MemorySelect {
    let mut out = MemorySelect::default();
    for (labels, values) in series {
        let mut buffer = SeriesBuf::default();
        for (i, value) in (0..).zip(values.iter()) {
            buffer.push_float(i * every * 1000, *value);
        }
        out.series.insert(Labels::from_pairs(labels.iter().copied()).unwrap(), buffer);
    }
    out
}

fn engine() -> Engine {
    let features = Features { delayed_name_removal: false, type_and_unit_labels: false, ..Features::ALL };
    Engine::new(EngineOptions { threads: 2, features, ..EngineOptions::default() })
}

fn at(text: &str, seconds: i64) -> Query<'_> {
    Query { text, start: seconds * 1000, end: seconds * 1000, step: 0, lookback: None, timeout: None, per_step: false }
}

fn over(text: &str, start: i64, end: i64, step: i64) -> Query<'_> {
    Query {
        text,
        start: start * 1000,
        end: end * 1000,
        step: step * 1000,
        lookback: None,
        timeout: None,
        per_step: false,
    }
}

fn ask(data: &MemorySelect, query: &Query<'_>) -> Result<QueryAnswer, QueryError> {
    engine().run(data, query, &Cancel::default())
}

/// An instant vector as text and values.
fn vector(data: &MemorySelect, text: &str, seconds: i64) -> Vec<(String, f64)> {
    match ask(data, &at(text, seconds)).unwrap().value {
        Value::Vector(samples) => samples.into_iter().map(|s| (s.labels.to_string(), s.value)).collect(),
        other => panic!("{other:?}"),
    }
}

fn matrix(data: &MemorySelect, query: &Query<'_>) -> Vec<(String, Vec<(i64, f64)>)> {
    match ask(data, query).unwrap().value {
        Value::Matrix(all) => all
            .into_iter()
            .map(|s| {
                let times = s.samples.times.iter().map(|t| t / 1000);
                (s.labels.to_string(), times.zip(s.samples.values.iter().copied()).collect())
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn annotations(data: &MemorySelect, query: &Query<'_>) -> Vec<String> {
    ask(data, query).unwrap().annotations.iter().map(|a| a.message.clone()).collect()
}

fn failure(data: &MemorySelect, text: &str) -> String {
    ask(data, &at(text, 60)).unwrap_err().to_string()
}

fn requests() -> MemorySelect {
    store(
        60,
        &[
            (&[("__name__", "requests_total"), ("job", "a"), ("i", "0")], &[0.0, 60.0, 120.0, 180.0, 240.0]),
            (&[("__name__", "requests_total"), ("job", "a"), ("i", "1")], &[0.0, 120.0, 240.0, 360.0, 480.0]),
            (&[("__name__", "requests_total"), ("job", "b"), ("i", "0")], &[10.0, 10.0, 10.0, 10.0, 10.0]),
            (&[("__name__", "limit"), ("job", "a")], &[5.0, 5.0, 5.0, 5.0, 5.0]),
            (&[("__name__", "limit"), ("job", "b")], &[2.0, 2.0, 2.0, 2.0, 2.0]),
        ],
    )
}

#[test]
fn a_selector_sees_the_newest_sample_within_the_left_open_lookback() {
    let data = store(60, &[(&[("__name__", "x")], &[1.0, 2.0])]);
    assert_eq!(vector(&data, "x", 59), [(r#"{__name__="x"}"#.into(), 1.0)]);
    assert_eq!(vector(&data, "x", 60)[0].1, 2.0);
    assert_eq!(vector(&data, "x", 359)[0].1, 2.0);
    assert!(vector(&data, "x", 360).is_empty(), "exactly the lookback ago is too old");
    assert!(vector(&data, "x", -1).is_empty());
}

#[test]
fn a_staleness_marker_ends_a_series_and_is_in_no_window() {
    let data = store(60, &[(&[("__name__", "x")], &[1.0, 2.0, STALE_NAN, 4.0])]);
    assert!(vector(&data, "x", 150).is_empty());
    assert_eq!(vector(&data, "x", 180)[0].1, 4.0);
    assert_eq!(vector(&data, "count_over_time(x[5m])", 180)[0].1, 3.0);
}

#[test]
fn offset_and_at_move_what_is_looked_at() {
    let data = store(60, &[(&[("__name__", "x")], &[1.0, 2.0, 3.0, 4.0])]);
    assert_eq!(vector(&data, "x offset 1m", 120)[0].1, 2.0);
    assert_eq!(vector(&data, "x offset -1m", 120)[0].1, 4.0);
    assert_eq!(vector(&data, "x @ 60", 180)[0].1, 2.0);
    assert_eq!(vector(&data, "x @ 60 offset 1m", 180)[0].1, 1.0);
    let fixed = matrix(&data, &over("x @ end()", 0, 180, 60));
    assert_eq!(fixed[0].1, [(0, 4.0), (60, 4.0), (120, 4.0), (180, 4.0)]);
}

#[test]
fn rates_are_summed_by_job() {
    let rates = vector(&requests(), "sum by (job) (rate(requests_total[2m]))", 240);
    assert_eq!(rates, [(r#"{job="a"}"#.into(), 3.0), (r#"{job="b"}"#.into(), 0.0)]);
}

#[test]
fn functions_and_arithmetic_drop_the_name_and_filters_keep_it() {
    let data = requests();
    assert_eq!(vector(&data, "limit > 3", 60), [(r#"{__name__="limit", job="a"}"#.into(), 5.0)]);
    assert_eq!(vector(&data, "limit > bool 3", 60)[1], (r#"{job="b"}"#.into(), 0.0));
    assert_eq!(vector(&data, "-limit", 60)[0], (r#"{job="a"}"#.into(), -5.0));
    assert_eq!(vector(&data, "last_over_time(limit[1m])", 60)[0].0, r#"{__name__="limit", job="a"}"#);
    assert_eq!(vector(&data, "3 < limit", 60)[0].1, 5.0, "the vector's value stays on either side");
}

#[test]
fn names_that_vanish_must_not_make_series_equal() {
    let data = store(60, &[(&[("__name__", "x")], &[1.0, 2.0]), (&[("__name__", "y")], &[1.0, 2.0])]);
    let text = "vector cannot contain metrics with the same labelset";
    assert_eq!(failure(&data, r#"abs({__name__=~"x|y"})"#), text);
    assert_eq!(failure(&data, r#"rate({__name__=~"x|y"}[2m])"#), text);
    assert_eq!(failure(&data, r#"label_replace({__name__=~"x|y"}, "__name__", "z", "", "")"#), text);
}

#[test]
fn vectors_match_one_to_one_and_many_to_one() {
    let data = requests();
    let shares = vector(&data, "sum by (job) (requests_total) / on (job) limit", 60);
    assert_eq!(shares, [(r#"{job="a"}"#.into(), 36.0), (r#"{job="b"}"#.into(), 5.0)]);
    let each = vector(&data, "requests_total / on (job) group_left () limit", 60);
    assert_eq!(each[0], (r#"{i="0", job="a"}"#.into(), 12.0));
    assert_eq!(each.len(), 3);
    let swapped = vector(&data, "limit - on (job) group_right () requests_total", 60);
    assert_eq!(swapped[0], (r#"{i="0", job="a"}"#.into(), -55.0));
}

#[test]
fn ambiguous_matches_are_errors_that_name_the_series() {
    let data = requests();
    let text = failure(&data, "limit * on (job) requests_total");
    let expected = r#"found duplicate series for the match group {job="a"} on the right hand-side of the operation: [{__name__="requests_total", i="0", job="a"}, {__name__="requests_total", i="1", job="a"}];many-to-many matching not allowed: matching labels must be unique on one side"#;
    assert_eq!(text, expected);
    let text = failure(&data, "requests_total * on (job) limit");
    assert!(text.contains("many-to-one matching must be explicit"), "{text}");
    let text = failure(&data, "requests_total * on (job) group_left (i) limit");
    assert!(text.contains("grouping labels must ensure unique matches"), "{text}");
}

#[test]
fn series_that_take_turns_match_as_one() {
    let mut data = store(60, &[(&[("__name__", "x"), ("i", "0")], &[1.0, 1.0])]);
    data.series.extend(store(60, &[(&[("__name__", "y"), ("i", "0"), ("v", "old")], &[10.0, STALE_NAN])]).series);
    data.series.extend(store(60, &[(&[("__name__", "y"), ("i", "0"), ("v", "new")], &[STALE_NAN, 20.0])]).series);
    let sums = matrix(&data, &over("x + on (i) y", 0, 60, 60));
    assert_eq!(sums, [(r#"{i="0"}"#.into(), vec![(0, 11.0), (60, 21.0)])]);
}

#[test]
fn set_operations_work_step_by_step() {
    let data = store(
        60,
        &[
            (&[("__name__", "x"), ("i", "0")], &[1.0, 2.0, 3.0]),
            (&[("__name__", "x"), ("i", "1")], &[4.0, 5.0, 6.0]),
            (&[("__name__", "y"), ("i", "0")], &[0.0, 9.0, 0.0]),
        ],
    );
    assert_eq!(
        matrix(&data, &over("x and (y > 0)", 0, 120, 60)),
        [(r#"{__name__="x", i="0"}"#.into(), vec![(60, 2.0)])]
    );
    let left = matrix(&data, &over("x unless (y > 0)", 0, 120, 60));
    assert_eq!(left[0].1, [(0, 1.0), (120, 3.0)]);
    assert_eq!(left[1].1, [(0, 4.0), (60, 5.0), (120, 6.0)]);
    let either = matrix(&data, &over("(y > 0) or x", 0, 120, 60));
    assert_eq!(either.len(), 3);
    assert_eq!(either[0].1, [(0, 1.0), (120, 3.0)]);
}

#[test]
fn top_picks_come_best_first() {
    let data = requests();
    let top: Vec<f64> = vector(&data, "topk(2, requests_total)", 240).iter().map(|s| s.1).collect();
    assert_eq!(top, [480.0, 240.0]);
    let bottom: Vec<f64> = vector(&data, "bottomk by (job) (1, requests_total)", 240).iter().map(|s| s.1).collect();
    assert_eq!(bottom, [240.0, 10.0]);
    let sorted: Vec<f64> = vector(&data, "sort_desc(requests_total)", 240).iter().map(|s| s.1).collect();
    assert_eq!(sorted, [480.0, 240.0, 10.0]);
    assert!(vector(&data, "topk(0, requests_total)", 240).is_empty());
    assert_eq!(failure(&data, "topk(NaN, limit)"), "Parameter value is NaN");
}

#[test]
fn aggregation_parameters_may_change_from_step_to_step() {
    let picked = matrix(&requests(), &over("topk(scalar(limit{job=\"b\"}) - 1 + time() / 60 - 1, limit)", 0, 60, 60));
    assert_eq!(picked, [(r#"{__name__="limit", job="a"}"#.into(), vec![(60, 5.0)])]);
}

#[test]
fn values_are_counted_by_what_they_are() {
    let counts = vector(&requests(), r#"count_values("v", requests_total)"#, 0);
    assert_eq!(counts, [(r#"{v="0"}"#.into(), 2.0), (r#"{v="10"}"#.into(), 1.0)]);
}

#[test]
fn a_subquery_runs_on_absolute_multiples_of_its_step() {
    let data = store(10, &[(&[("__name__", "x")], &(0..20).map(f64::from).collect::<Vec<_>>())]);
    let inner = matrix(&data, &Query { step: 0, ..over("x[1m:20s]", 105, 105, 0) });
    assert_eq!(inner[0].1, [(60, 6.0), (80, 8.0), (100, 10.0)]);
    assert_eq!(vector(&data, "max_over_time(rate(x[30s])[1m:10s])", 120)[0].1, 0.1);
    assert_eq!(vector(&data, "sum_over_time(x[1m:20s] offset 45s)", 150)[0].1, 24.0);
    assert_eq!(vector(&data, "max_over_time(sum_over_time(x[20s:10s])[40s:20s])", 100)[0].1, 19.0);
}

#[test]
fn classic_histograms_have_quantiles_and_say_when_they_were_repaired() {
    let bucket =
        |le: &'static str, i: &'static str, v: f64| (vec![("__name__", "h_bucket"), ("le", le), ("i", i)], vec![v]);
    let all = [
        bucket("1", "0", 4.0),
        bucket("2", "0", 8.0),
        bucket("+Inf", "0", 10.0),
        bucket("1", "1", 4.0),
        bucket("2", "1", 3.0),
        bucket("+Inf", "1", 4.0),
    ];
    let slices: Vec<_> = all.iter().map(|(l, v)| (l.as_slice(), v.as_slice())).collect();
    let data = store(60, &slices);
    let quantiles = vector(&data, "histogram_quantile(0.6, h_bucket)", 0);
    assert_eq!(quantiles[0], (r#"{i="0"}"#.into(), 1.5));
    let told = annotations(&data, &at("histogram_quantile(0.6, h_bucket)", 0));
    assert!(told[0].contains("needed to be fixed for monotonicity"), "{told:?}");
    assert!(told[0].contains("from buckets 2 to 2, with a max diff of 1, over 1 samples"), "{told:?}");
    assert_eq!(vector(&data, "histogram_fraction(0, 1, h_bucket{i=\"0\"})", 0)[0].1, 0.4);
    assert_eq!(
        annotations(&data, &at("histogram_quantile(2, h_bucket{i=\"0\"})", 0)),
        ["quantile value should be between 0 and 1, got 2"]
    );
}

#[test]
fn a_subquery_is_evaluated_before_anything_else_is_judged() {
    let data =
        store(60, &[(&[("__name__", "x"), ("a", "1")], &[1.0; 9]), (&[("__name__", "x"), ("a", "2")], &[1.0; 9])]);
    let fault = |text: &str, seconds| ask(&data, &at(text, seconds)).err().map(|error| error.to_string());
    let equal = "label_replace(x, \"a\", \"\", \"\", \"\")";
    assert_eq!(
        fault(&format!("double_exponential_smoothing({equal}[5m:1m], 2, 0.5)"), 300).as_deref(),
        Some("vector cannot contain metrics with the same labelset")
    );
    let misnamed = "sum_over_time(label_join(x, \"\", \"-\", \"a\")[1s:1m])";
    assert!(fault(misnamed, 300).is_some());
    assert_eq!(fault(misnamed, 330), None, "there is no step to evaluate it at");
}

#[test]
fn a_selector_with_a_sign_has_the_time_of_evaluation() {
    let data = store(60, &[(&[("__name__", "x")], &[1.0; 5])]);
    let times = ["timestamp((x))", "timestamp(+x)", "timestamp((+(x)))", "timestamp(-x)"];
    assert_eq!(times.map(|text| vector(&data, text, 270)[0].1), [240.0, 270.0, 270.0, 270.0]);
}

#[test]
fn a_remark_about_a_call_comes_after_those_about_its_arguments() {
    let data = store(60, &[(&[("__name__", "x")], &[1.0; 9])]);
    let text = "quantile_over_time(2, quantile_over_time(2, x[2m])[2m:1m])";
    let answer = ask(&data, &at(text, 300)).unwrap();
    let places: Vec<_> = answer.annotations.iter().map(|a| a.span).collect();
    assert_eq!(places, [Some(Span::new(19, 20))]);
}

#[test]
fn what_is_absent_has_the_labels_that_were_asked_for() {
    let data = requests();
    assert_eq!(vector(&data, r#"absent(nothing{job="a", i=~"x|y"})"#, 0), [(r#"{job="a"}"#.into(), 1.0)]);
    // Conditions before the one with `=` don't count.
    for conditions in [r#"job=~".", job="a""#, r#"job!="b", job="a""#] {
        assert_eq!(vector(&data, &format!("absent(nothing{{{conditions}}})"), 0)[0].0, r#"{job="a"}"#, "{conditions}");
    }
    assert!(vector(&data, "absent(limit)", 0).is_empty());
    for conditions in [r#"job="a", job!="b""#, r#"job="a", job="a""#] {
        assert_eq!(vector(&data, &format!("absent(nothing{{{conditions}}})"), 0), [("{}".into(), 1.0)], "{conditions}");
    }
    assert_eq!(vector(&data, r#"absent_over_time(nothing{job="a"}[5m])"#, 0)[0].0, r#"{job="a"}"#);
    assert_eq!(matrix(&data, &over("absent(limit)", 240, 600, 120))[0].1, [(600, 1.0)]);
}

#[test]
fn labels_are_replaced_and_joined() {
    let data = requests();
    let replaced = vector(&data, r#"label_replace(limit, "team", "${1}-$x", "job", "(?P<x>a)")"#, 0);
    assert_eq!(replaced[0].0, r#"{__name__="limit", job="a", team="a-a"}"#);
    assert_eq!(replaced[1].0, r#"{__name__="limit", job="b"}"#);
    let joined = vector(&data, r#"label_join(limit, "both", "/", "job", "__name__")"#, 0);
    assert_eq!(joined[0].0, r#"{__name__="limit", both="a/limit", job="a"}"#);
}

#[test]
fn scalars_vectors_and_times_turn_into_each_other() {
    let data = requests();
    let value = |text| match ask(&data, &at(text, 90)).unwrap().value {
        Value::Scalar { value, .. } => value,
        other => panic!("{other:?}"),
    };
    assert_eq!(value("scalar(limit{job=\"a\"}) + 1"), 6.0);
    assert!(value("scalar(limit)").is_nan());
    assert_eq!(value("time()"), 90.0);
    assert_eq!(value("2 ^ 3 ^ 2"), 512.0);
    assert_eq!(vector(&data, "vector(time())", 90), [("{}".into(), 90.0)]);
    assert_eq!(vector(&data, "timestamp(limit)", 90)[0].1, 60.0);
    assert_eq!(vector(&data, "timestamp(-limit)", 90)[0].1, 90.0);
    assert_eq!(vector(&data, "hour(vector(7200))", 90)[0].1, 2.0);
    assert_eq!(vector(&data, "minute()", 90)[0].1, 1.0);
    assert_eq!(ask(&data, &at(r#""text""#, 1)).unwrap().value, Value::String { time: 1000, value: "text".into() });
}

#[test]
fn a_range_query_refuses_windows_and_strings() {
    for (text, name) in [("limit[5m]", "range vector"), (r#""s""#, "string")] {
        let error = ask(&requests(), &over(text, 0, 60, 60)).unwrap_err();
        let expected = format!("invalid expression type \"{name}\" for range query, must be Scalar or instant Vector");
        assert!(matches!(&error, QueryError::Type(message) if *message == expected), "{error}");
    }
}

#[test]
fn a_rate_of_what_is_not_called_a_counter_is_remarked() {
    assert_eq!(
        annotations(&requests(), &at("rate(limit[2m])", 120)),
        ["metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"limit\""]
    );
    assert!(annotations(&requests(), &at("rate(requests_total[2m])", 120)).is_empty());
    let query = over("sort(limit)", 0, 60, 60);
    assert!(annotations(&requests(), &query)[0].starts_with("sort is ineffective for range queries"));
}

#[test]
fn native_histograms_are_selected_counted_and_passed_on() {
    let mut data = MemorySelect::default();
    let histogram = Arc::new(Histogram { sum: 1.0, ..Histogram::stale() });
    let samples = SeriesBuf { histograms: vec![(0, Arc::clone(&histogram))], ..SeriesBuf::default() };
    data.series.insert(Labels::from_pairs([("__name__", "h")]).unwrap(), samples);
    for text in ["h", "last_over_time(h[1m])", "h offset -30s @ 30", "h and h", "topk(1, h) or h", "limitk(1, h)"] {
        let Value::Vector(found) = ask(&data, &at(text, 0)).unwrap().value else { panic!("{text}") };
        assert_eq!(found[0].histogram.as_ref(), Some(&histogram), "{text}");
    }
    assert_eq!(vector(&data, "count(h)", 0)[0].1, 1.0);
    assert_eq!(vector(&data, "count_over_time(h[1m])", 0)[0].1, 1.0);
}

#[test]
fn limits_stop_a_query_before_it_grows() {
    let data = requests();
    let small = Engine::new(EngineOptions { max_samples: 20, threads: 1, ..EngineOptions::default() });
    let run = |query: &Query<'_>, cancel: &Cancel| small.run(&data, query, cancel);
    let error = run(&over("requests_total", 0, 100, 10), &Cancel::default()).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("query processing would load too many samples into memory in query execution (limit 20"));
    assert!(text.contains("come from {__name__=\"requests_total\"}: narrow it"), "{text}");
    assert!(run(&over("vector(1)", 0, 86_400, 1), &Cancel::default()).is_err());
    let cancel = Cancel::default();
    cancel.cancel();
    assert!(matches!(run(&at("limit", 0), &cancel), Err(QueryError::Canceled(_))));
    let late = Query { timeout: Some(Duration::ZERO), ..at("limit", 0) };
    assert!(matches!(run(&late, &Cancel::default()), Err(QueryError::Timeout(_))));
}

#[test]
fn the_deepest_expressions_are_evaluated_on_a_small_stack() {
    let nested = |open: &str, core: &str, close: &str| {
        // As deep as the parser allows: it counts arguments and operands, not characters.
        let deep = |n: usize| format!("{}{core}{}", open.repeat(n), close.repeat(n));
        (1..MAX_DEPTH).rev().map(deep).find(|text| parse(text).is_ok()).unwrap()
    };
    let expressions = [
        vec!["limit"; MAX_DEPTH - 2].join(" + "),
        nested("sum(", "limit", ")"),
        nested("abs(", "limit", ")"),
        nested("-abs(", "limit", ")"),
        nested("max_over_time(", "limit", "[1m:1m])"),
        nested("label_replace(", "limit", r#", "a", "b", "", "")"#),
        nested("(limit unless ", "limit", ")"),
        nested("(limit * on (job) group_left () ", "limit", ")"),
        nested("topk(1, ", "limit", ")"),
        nested("scalar(vector(", "1", "))"),
        nested("histogram_quantile(0.5, ", "limit", ")"),
        nested("quantile(0.5, ", "limit", ")"),
    ];
    for text in expressions {
        let data = requests();
        let shown = text.chars().take(40).collect::<String>();
        let run = move || ask(&data, &over(&text, 0, 60, 60)).map(|a| a.value);
        let answer = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join();
        assert!(answer.unwrap().is_ok(), "{shown}");
    }
}

const EXPRESSIONS: [&str; 26] = [
    "x",
    "x offset 7s",
    "rate(x[30s])",
    "increase(x[45s] offset 10s)",
    "delta(x[20s])",
    "irate(x[40s])",
    "sum by (i) (x)",
    "avg(x)",
    "stddev(x)",
    "quantile(0.3, x)",
    "topk(2, x)",
    "bottomk by (j) (1, x)",
    "count_values(\"v\", round(x, 50))",
    "x + on (i, j) group_left () x",
    "x > 5 and on (i) x{j=\"0\"}",
    "x unless on (i) (x > 50)",
    "(x > 50) or x * 2",
    "max_over_time(x[25s:10s])",
    "sum_over_time(rate(x[20s])[1m:7s])",
    "changes(x[50s])",
    "resets(x[50s])",
    "deriv(x[50s])",
    "predict_linear(x[50s], 60)",
    "avg_over_time(x[33s])",
    "absent(x{i=\"0\"} > 80)",
    "scalar(sum(x)) + avg_over_time(x[1m] @ 50)",
];

fn random_store() -> impl Strategy<Value = MemorySelect> {
    let gaps = proptest::collection::vec((1i64..25_000, prop_oneof![4 => 0.0..100.0f64, 1 => Just(STALE_NAN)]), 0..30);
    proptest::collection::vec(gaps, 1..6).prop_map(|all| {
        let mut data = MemorySelect::default();
        for (number, gaps) in all.into_iter().enumerate() {
            let (i, j) = ((number / 2).to_string(), (number % 2).to_string());
            let labels = Labels::from_pairs([("__name__", "x"), ("i", &i), ("j", &j)]).unwrap();
            let (mut samples, mut time) = (SeriesBuf::default(), 0);
            for (gap, value) in gaps {
                time += gap;
                samples.push_float(time, value);
            }
            data.series.insert(labels, samples);
        }
        data
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_range_query_is_an_instant_query_at_every_step(
        data in random_store(), start in 0i64..60, step in 1i64..40, steps in 1i64..12,
    ) {
        let engine = Engine::new(EngineOptions { lookback: 30_000, ..EngineOptions::default() });
        for text in EXPRESSIONS {
            let whole = over(text, start, start + step * (steps - 1), step);
            let Value::Matrix(whole) = engine.run(&data, &whole, &Cancel::default()).unwrap().value else { panic!() };
            let mut found: Vec<(Labels, i64, u64)> = Vec::new();
            for series in &whole {
                let samples = series.samples.times.iter().zip(&series.samples.values);
                found.extend(samples.map(|(t, v)| (series.labels.clone(), *t, v.to_bits())));
            }
            let mut single: Vec<(Labels, i64, u64)> = Vec::new();
            for time in (0..steps).map(|k| start + k * step) {
                match engine.run(&data, &at(text, time), &Cancel::default()).unwrap().value {
                    Value::Vector(all) => {
                        single.extend(all.into_iter().map(|s| (s.labels, s.time, s.value.to_bits())));
                    }
                    other => panic!("{other:?}"),
                }
            }
            found.sort();
            single.sort();
            prop_assert_eq!(found, single, "{}", text);
        }
    }

    #[test]
    fn answers_do_not_depend_on_the_number_of_threads(seed in 0u64..1000) {
        let mut data = MemorySelect::default();
        for i in 0..300u64 {
            let mut samples = SeriesBuf::default();
            for t in 0..20i64 {
                let noise = (i * 31 + t as u64 * 17 + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
                samples.push_float(t * 10_000, noise as f64 / 7.0);
            }
            let labels = [("__name__", "x".to_owned()), ("i", i.to_string()), ("j", (i % 3).to_string())];
            data.series.insert(Labels::from_pairs(labels).unwrap(), samples);
        }
        for text in ["sum by (j) (rate(x[1m]))", "avg(x)", "topk(5, x)", "stddev(x)", "x * 2", "quantile(0.9, x)"] {
            let run = |threads| {
                let engine = Engine::new(EngineOptions { threads, ..EngineOptions::default() });
                engine.run(&data, &over(text, 0, 200, 10), &Cancel::default()).unwrap()
            };
            let (one, many) = (run(1), run(4));
            prop_assert_eq!(one.value, many.value, "{}", text);
            prop_assert_eq!(one.annotations, many.annotations, "{}", text);
        }
    }
}

#[test]
fn a_query_is_cheap_when_it_reads_few_series_at_few_steps() {
    let mut select = MemorySelect::default();
    for i in 0..100 {
        let mut samples = SeriesBuf::default();
        (0..100).for_each(|t| samples.push_float(t * 10_000, 1.0));
        let number = i.to_string();
        let pairs = [("__name__", "m"), ("few", if i < 3 { "yes" } else { "no" }), ("i", &number)];
        select.series.insert(Labels::from_pairs(pairs).unwrap(), samples);
    }
    let engine = Engine::new(EngineOptions::default());
    let is_cheap = |text: &str, steps: i64| {
        let query = over(text, 0, steps, 1);
        let prepared = engine.prepare(&query).unwrap();
        let is_cheap = prepared.is_cheap(&select, &[prepared.steps()]);
        let answer = prepared.run(&select, &Cancel::default()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(answer.value, engine.run(&select, &query, &Cancel::default()).unwrap().value);
        is_cheap
    };
    for text in ["m{i=\"7\"}", "sum(rate(m{few=\"yes\"}[1m]))", "m{i=~\"1|2\"} - 1", "1 + 1", "nothing"] {
        assert!(is_cheap(text, 50), "{text}");
    }
    for text in ["m", "m{i=~\"1.*\"}", "max_over_time(m{i=\"7\"}[1m:1s])", "vector(1) + m"] {
        assert!(!is_cheap(text, 50), "{text}");
    }
    assert!(!is_cheap("sum_over_time(m{few=\"yes\"}[1h])", 10_000), "all samples may be in all windows");
}
