//! The reading of scripts, and that nothing but the expected answer passes.

use super::{command::Eval, compare::almost_equal, series::Point, *};
use crate::{
    model::{Labels, ResetHint, STALE_NAN, SeriesBuf},
    promql::{MatrixSeries, Value, VectorSample},
};

fn points(text: &str) -> Vec<Point> {
    series::points(&format!(" {text}")).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn floats(text: &str) -> Vec<Option<f64>> {
    let float = |p: &Point| match p {
        Point::Float(value) => Some(*value),
        Point::Omitted => None,
        Point::Histogram(..) => panic!("{p:?}"),
    };
    points(text).iter().map(float).collect()
}

fn eval(script: &str) -> Eval {
    match command::commands(script).remove(0).outcome {
        Ok(Outcome::Eval(eval)) => *eval,
        Ok(_) => panic!("no eval"),
        Err(error) => panic!("{error}"),
    }
}

fn labels(text: &str) -> Labels {
    series::metric(text).unwrap().0
}

#[test]
fn values_repeat_and_step() {
    assert_eq!(
        floats("1 2+3x2 _ 5-1x1 _x2 7x1"),
        [Some(1.0), Some(2.0), Some(5.0), Some(8.0), None, Some(5.0), Some(4.0), None, None, Some(7.0), Some(7.0)]
    );
    assert_eq!(floats("-3 1e2 +Inf 1e-1+1e1x1"), [-3.0, 100.0, f64::INFINITY, 0.1, 10.1].map(Some));
    let stale = floats("stale NaN");
    assert_eq!(stale[0].unwrap().to_bits(), STALE_NAN.to_bits());
    assert!(stale[1].unwrap().is_nan() && stale[1].unwrap().to_bits() != STALE_NAN.to_bits());
    for wrong in ["1+1", "_a4", "3+3x4-4", "x2", "1xx", "fresh", "1x99999999"] {
        assert!(series::points(&format!(" {wrong}")).is_err(), "{wrong}");
    }
}

#[test]
fn labels_may_be_quoted() {
    let (labels, rest) = series::metric(r#"{"my.metric", "a b"="}", c='x'} 1"#).unwrap();
    assert_eq!(labels.to_string(), r#"{__name__="my.metric", "a b"="}", c="x"}"#);
    assert_eq!(rest, " 1");
    assert!(series::metric("{a='1', a='2'} 1").is_err());
    assert!(series::metric("1 2").is_err());
}

#[test]
fn histograms_are_read_with_their_steps() {
    let parsed = points(
        "{{schema:1 sum:4 count:3 z_bucket:1 z_bucket_w:0.5 buckets:[1 0 1] offset:-1 n_buckets:[2]}}+{{sum:1 count:2}}x1 {{}}x1",
    );
    assert_eq!(parsed.len(), 4);
    let Point::Histogram(second, false) = &parsed[1] else { panic!("{parsed:?}") };
    assert_eq!((second.schema, second.sum, second.count, second.zero), (1, 5.0, 5.0, 1.0));
    assert_eq!(second.positive.iter().map(|b| (*b.0, *b.1)).collect::<Vec<_>>(), [(-1, 1.0), (0, 0.0), (1, 1.0)]);
    let stepped = points("{{count:1 buckets:[1]}}-{{count:2 buckets:[0 2] counter_reset_hint:gauge}}x1");
    let Point::Histogram(second, true) = &stepped[1] else { panic!("{stepped:?}") };
    assert_eq!((second.count, second.hint, second.positive[&1]), (-1.0, ResetHint::Gauge, -2.0));
    let finer = points("{{schema:-1 buckets:[1] offset:1}}+{{buckets:[2 2] offset:1}}x1");
    let Point::Histogram(second, _) = &finer[1] else { panic!("{finer:?}") };
    assert_eq!(second.positive.iter().map(|b| (*b.0, *b.1)).collect::<Vec<_>>(), [(1, 5.0)]);
    for wrong in [
        "{{sum:1 sum:2}}",
        "{{sum}}",
        "{{nope:1}}",
        "{{buckets:[1}}",
        "{{schema:1 buckets:[1]}}+{{buckets:[1]}}x1",
        "{{}}+{{}}",
        "{{}}y",
    ] {
        assert!(series::points(&format!(" {wrong}")).is_err(), "{wrong}");
    }
}

#[test]
fn a_histogram_of_a_script_survives_the_form_that_storage_has() {
    for text in [
        "{{schema:2 count:7 sum:3 z_bucket:1 z_bucket_w:0.1 buckets:[1 0 2] offset:-2 n_buckets:[3] n_offset:4}}",
        "{{schema:-53 custom_values:[1 2] buckets:[1 2 3]}}",
    ] {
        let parsed = histogram::parse(text).unwrap().0;
        assert_eq!(histogram::ScriptHistogram::from_model(&parsed.to_model()), parsed);
    }
}

#[test]
fn a_wrong_answer_does_not_pass() {
    let eval = eval("eval instant at 1m m\n  m{a=\"1\"} 1\n  m{a=\"2\"} 2\n  expect ordered");
    let sample = |text: &str, value| VectorSample { labels: labels(text), time: 60_000, value, histogram: None };
    let right = vec![sample("m{a='1'}", 1.0), sample("m{a='2'}", 2.0000001)];
    let against = |samples: Vec<VectorSample>| compare::compare(&eval, &Value::Vector(samples));
    assert_eq!(against(right.clone()), Ok(()));
    assert!(against(right[..1].to_vec()).unwrap_err().contains("not found"));
    assert!(against(vec![right[1].clone(), right[0].clone()]).unwrap_err().contains("position"));
    assert!(against(vec![right[0].clone(), sample("m{a='2'}", 2.1)]).unwrap_err().contains("expected 2, got 2.1"));
    assert!(against([right.clone(), vec![sample("n", 1.0)]].concat()).unwrap_err().contains("unexpected series"));
    assert!(against([right.clone(), right.clone()].concat()).unwrap_err().contains("twice"));
    assert!(compare::compare(&eval, &Value::Scalar { time: 0, value: 1.0 }).is_err());
    assert!(compare::compare(&eval, &Value::String { time: 0, value: String::new() }).is_err());
}

#[test]
fn a_matrix_must_have_exactly_the_expected_points() {
    let eval = eval("eval range from 0 to 2m step 1m m\n  m 1 _ 3");
    let series = |times: &[i64], values: &[f64]| {
        let samples = SeriesBuf { times: times.to_vec(), values: values.to_vec(), ..SeriesBuf::default() };
        compare::compare(&eval, &Value::Matrix(vec![MatrixSeries { labels: labels("m"), samples }]))
    };
    assert_eq!(series(&[0, 120_000], &[1.0, 3.0]), Ok(()));
    assert!(series(&[0, 60_000, 120_000], &[1.0, 2.0, 3.0]).is_err());
    assert!(series(&[0], &[1.0]).is_err());
    assert!(series(&[0, 120_000], &[1.0, 4.0]).is_err());
    assert!(compare::compare(&eval, &Value::Matrix(vec![])).is_err());
}

#[test]
fn rounding_is_forgiven_and_kinds_of_nan_are_not() {
    assert!(almost_equal(1.0, 1.0 + 1e-7) && !almost_equal(1.0, 1.0 + 1e-5));
    assert!(!almost_equal(0.0, 1e-300) && almost_equal(0.0, -0.0));
    assert!(almost_equal(f64::NAN, -f64::NAN) && !almost_equal(f64::NAN, STALE_NAN));
    assert!(almost_equal(STALE_NAN, STALE_NAN) && !almost_equal(f64::INFINITY, f64::MAX));
}

#[test]
fn histograms_compare_by_bucket_and_the_hint_only_when_given() {
    let parsed = |text: &str| histogram::parse(text).unwrap().0;
    let answer = |text: &str| {
        let histogram = Some(std::sync::Arc::new(parsed(text).to_model()));
        Value::Vector(vec![VectorSample { labels: Labels::empty(), time: 0, value: 0.0, histogram }])
    };
    let eval = |text: &str| eval(&format!("eval instant at 0 m\n  {{}} {text}"));
    let want = eval("{{count:3 sum:5 buckets:[0 1 2 0]}}");
    assert_eq!(
        compare::compare(&want, &answer("{{count:3 sum:5 buckets:[1 2] offset:1 counter_reset_hint:gauge}}")),
        Ok(())
    );
    assert!(compare::compare(&want, &answer("{{count:3 sum:5 buckets:[1 2]}}")).is_err());
    assert!(compare::compare(&want, &answer("{{count:3 sum:6 buckets:[0 1 2]}}")).is_err());
    let hinted = eval("{{count:3 counter_reset_hint:reset}}");
    assert!(compare::compare(&hinted, &answer("{{count:3}}")).is_err());
    assert_eq!(compare::compare(&hinted, &answer("{{count:3 counter_reset_hint:reset}}")), Ok(()));
}

#[test]
fn an_eval_says_what_it_expects() {
    let eval = eval(
        "eval range from 1m to 1h step 30s sum by (x) (m)\n  expect warn regex: .*mix.*\n  expect no_info\n  {x=\"1\"} 1x3",
    );
    assert_eq!((eval.start, eval.end, eval.step), (60_000, 3_600_000, 30_000));
    assert_eq!(eval.expr, "sum by (x) (m)");
    assert!(eval.warn[0].accepts("a mix of") && !eval.warn[0].accepts("other"));
    assert!(eval.no_info && !eval.no_warn && eval.series[0].1.len() == 4);
    let commands = command::commands(
        "eval instant at 1 1\n\nevil\nload 1m\n  m 1 x\n  m 2\n\neval instant at 1m 1\n 1\nclear\n# end",
    );
    let broken: Vec<_> = commands.iter().filter_map(|c| Some((c.line, c.outcome.as_ref().err()?.clone()))).collect();
    assert_eq!(broken.len(), 3, "{broken:?}");
    assert_eq!(broken[1], (3, "invalid command \"evil\"".to_owned()));
    assert!(broken[2].1.starts_with("line 5: "), "{broken:?}");
    assert_eq!(commands.len(), 5);
}

#[test]
fn classic_histograms_become_native_ones() {
    let script = "load_with_nhcb 1m\n h_bucket{le=\"1\",a=\"b\"} 1 2\n h_bucket{le=\"+Inf\",a=\"b\"} 3 5\n h_sum{a=\"b\"} 7 9\n h_count{a=\"b\"} 3 5";
    let Ok(Outcome::Load(load)) = command::commands(script).remove(0).outcome else { panic!() };
    let native = nhcb::convert(&load.series).unwrap();
    assert_eq!(native[0].0.to_string(), r#"{__name__="h", a="b"}"#);
    let Point::Histogram(second, _) = &native[0].1[1] else { panic!() };
    assert_eq!(**second, histogram::parse("{{schema:-53 count:5 sum:9 custom_values:[1] buckets:[2 3]}}").unwrap().0);
}

#[test]
fn stored_histograms_have_the_hints_of_prometheus_storage() {
    let mut store = store::Store::default();
    let script = "load 1m\n m {{count:1 buckets:[1]}} {{count:2 buckets:[2]}} {{count:2 buckets:[1 1]}} {{count:9 counter_reset_hint:gauge}} 1 {{count:9}}";
    let Ok(Outcome::Load(load)) = command::commands(script).remove(0).outcome else { panic!() };
    store.load(&load).unwrap();
    let hints: Vec<_> = store.select().series[&labels("m")].histograms.iter().map(|h| h.1.reset_hint).collect();
    use ResetHint::{Gauge, NotReset, Unknown};
    assert_eq!(hints, [Unknown, NotReset, Unknown, Gauge, Unknown]);
}
