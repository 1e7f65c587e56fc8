//! Answers with the result cache against answers without it, bit for bit.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use vctsdb::{
    model::TimeRange,
    promql::{
        Cancel, Engine, EngineOptions, Features, MatrixSeries, Query, QueryAnswer, QueryError, ResultCache,
        Value as Answer, VectorSample,
    },
    seams::env::{SimDisk, TestClock},
    storage::{Storage, StorageOptions},
};

use super::store::{Sample, Value, open, options, series, write};

const STEP: i64 = 15_000;

/// What dashboards ask, and what a cache could stumble over.
const EXPRESSIONS: [&str; 24] = [
    "metric_0",
    "sum(rate(metric_1[2m]))",
    "sum by (host) (rate(metric_1[90s]))",
    "max_over_time(sum(metric_0)[3m:1m])",
    "metric_0 offset 1m",
    "metric_0 offset -1m",
    "metric_0 - on (host) metric_0 offset 2m",
    "metric_1 / on () group_left sum(metric_0)",
    "metric_0 or metric_1",
    "sum(metric_0) or vector(0)",
    "absent(metric_2)",
    "count(metric_0 > 2)",
    "topk(2, metric_0)",
    "quantile(0.7, metric_1)",
    "avg_over_time(metric_2[1m]) * 3",
    "sum(metric_0 @ 300)",
    "metric_0 + on (host) metric_0 @ end()",
    "timestamp(metric_0) - time()",
    "limitk(1, metric_0)",
    "-(metric_0 or metric_1)",
    r#"rate({__name__=~"metric_.*"}[1m])"#,
    r#"label_replace(metric_0, "host", "one", "", "")"#,
    "time()",
    "stddev without (host) (metric_1)",
];

/// What is asked about one time again and again. Rows of some of their subqueries are kept.
const INSTANTS: [&str; 14] = [
    "max_over_time(sum(rate(metric_1[2m]))[10m:1m])",
    "avg_over_time(sum by (host) (metric_0)[5m:15s])",
    "sum_over_time(metric_1[5m:30s])",
    "sum(avg_over_time(metric_0[5m:1m]))",
    "count(max_over_time(metric_0[5m:1m]) > 3)",
    "max_over_time(sum(metric_0)[5m:1m] offset 1m) - min_over_time(sum(metric_1)[5m:30s])",
    "avg_over_time(topk(1, metric_0)[5m:1m])",
    "absent_over_time(metric_2[3m:1m])",
    "max_over_time(sum(metric_0 @ 300)[5m:1m])",
    "quantile_over_time(0.5, avg(metric_0)[8m:1m] @ 600)",
    "sum_over_time(rate(metric_1[90s])[5m:1m])",
    "stddev_over_time(max_over_time(sum(metric_0)[2m:30s])[5m:1m])",
    "sum_over_time(sum(metric_0 offset -1m)[3m:15s])",
    "avg_over_time((metric_0 or metric_1)[3m:1m])",
];

#[derive(Debug, Clone)]
enum Act {
    Write(Vec<Sample>),
    Delete(usize, i64, i64),
    Flush,
    Compact,
    /// Expression, first step and number of steps.
    Ask(usize, i64, i64),
    /// Expression and time.
    AskAt(usize, i64),
}

fn act() -> impl Strategy<Value = Act> {
    let time = prop_oneof![8 => (0i64..80).prop_map(|t| t * 15_000), 2 => 0i64..1_200_000];
    let value = (0i64..100).prop_map(|v| Value::Float((v as f64 / 8.0).to_bits()));
    let sample = (0usize..9, time, value).prop_map(|(s, t, v)| (series(s), t, v));
    prop_oneof![
        3 => proptest::collection::vec(sample, 1..8).prop_map(Act::Write),
        2 => (0usize..9, 0i64..1_200_000, 0i64..600_000).prop_map(|(s, from, len)| Act::Delete(s, from, from + len)),
        1 => Just(Act::Flush),
        1 => Just(Act::Compact),
        12 => (0..EXPRESSIONS.len(), 0i64..40, 2i64..60).prop_map(|(e, first, steps)| Act::Ask(e, first, steps)),
        12 => (0..INSTANTS.len(), 300_000i64..1_300_000).prop_map(|(e, time)| Act::AskAt(e, time)),
    ]
}

/// Labels and the bits of times and values.
fn bits(answer: &Answer) -> Vec<(String, Vec<(i64, u64)>)> {
    let series = match answer {
        Answer::Matrix(series) => series,
        Answer::Vector(samples) => {
            let sample = |s: &VectorSample| (s.labels.to_string(), vec![(s.time, s.value.to_bits())]);
            return samples.iter().map(sample).collect();
        }
        answer => panic!("{answer:?}"),
    };
    let samples =
        |s: &MatrixSeries| s.samples.times.iter().copied().zip(s.samples.values.iter().map(|v| v.to_bits())).collect();
    series.iter().map(|s| (s.labels.to_string(), samples(s))).collect()
}

fn annotations(answer: &QueryAnswer) -> BTreeSet<String> {
    answer.annotations.iter().map(|annotation| format!("{annotation:?}")).collect()
}

struct Desk {
    engine: Engine,
    cache: ResultCache,
}

impl Desk {
    fn new(bytes: usize) -> Self {
        Self {
            engine: Engine::new(EngineOptions {
                lookback: 60_000,
                features: Features { experimental_functions: true, ..Features::default() },
                ..EngineOptions::default()
            }),
            cache: ResultCache::new(bytes),
        }
    }

    /// Asks with the cache, keeps the answer, and says how many steps were reused.
    fn asked(&self, storage: &Storage, query: &Query<'_>) -> Result<(QueryAnswer, usize), QueryError> {
        let found = self.cache.run(&self.engine, storage, storage, query, &Cancel::default())?;
        if let Some(fresh) = found.fresh {
            self.cache.keep(fresh, &found.answer.value);
        }
        Ok((found.answer, found.reused))
    }

    /// Its value, how many samples were read, and how many steps reused.
    fn ask(&self, storage: &Storage, query: &Query<'_>) -> Result<(Answer, u64, usize), QueryError> {
        self.asked(storage, query).map(|(answer, reused)| (answer.value, answer.stats.samples, reused))
    }

    fn plain(&self, storage: &Storage, query: &Query<'_>) -> Result<QueryAnswer, QueryError> {
        self.engine.run(storage, query, &Cancel::default())
    }
}

fn range(text: &str, start: i64, end: i64) -> Query<'_> {
    Query { text, start, end, step: STEP, lookback: None, timeout: None, per_step: false }
}

fn instant(text: &str, time: i64) -> Query<'_> {
    Query { text, start: time, end: time, step: 0, lookback: None, timeout: None, per_step: false }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn cached_answers_are_those_of_an_evaluation(
        acts in proptest::collection::vec(act(), 1..80),
        favourite in 0..EXPRESSIONS.len(),
        bytes in prop_oneof![Just(1usize << 20), Just(20_000)],
    ) {
        let disk = SimDisk::new();
        let storage = open(&disk).unwrap();
        let desk = Desk::new(bytes);
        for (i, act) in acts.into_iter().enumerate() {
            match act {
                Act::Write(samples) => write(&storage, &samples).unwrap(),
                Act::Delete(number, from, to) => {
                    let labels = series(number);
                    let matchers = labels.iter().map(|(n, v)| matcher(n, v)).collect();
                    storage.delete(&[matchers], TimeRange::new(from, to), false).unwrap();
                }
                Act::Flush => storage.flush().unwrap(),
                Act::Compact => storage.compact().unwrap(),
                Act::Ask(..) | Act::AskAt(..) => {
                    // Mostly the same expression, so that there is something to reuse.
                    let number = |expression| if i % 3 == 0 { expression } else { favourite };
                    let query = match act {
                        Act::AskAt(expression, time) => instant(INSTANTS[number(expression) % INSTANTS.len()], time),
                        Act::Ask(expression, first, steps) => {
                            range(EXPRESSIONS[number(expression)], first * STEP, (first + steps) * STEP)
                        }
                        _ => continue,
                    };
                    let text = query.text;
                    match (desk.asked(&storage, &query), desk.plain(&storage, &query)) {
                        (Ok((cached, _)), Ok(plain)) => {
                            prop_assert_eq!(bits(&cached.value), bits(&plain.value), "{}", text);
                            prop_assert_eq!(annotations(&cached), annotations(&plain), "{}", text);
                        }
                        (cached, plain) => {
                            prop_assert_eq!(cached.err().map(|e| e.to_string()), plain.err().map(|e| e.to_string()));
                        }
                    }
                }
            }
        }
    }
}

fn matcher(name: &str, value: &str) -> vctsdb::model::Matcher {
    vctsdb::model::Matcher::new(vctsdb::model::MatchOp::Equal, name, value).unwrap()
}

/// An hour of one series of `metric_0`, every 15 s.
fn hour(storage: &Storage) {
    let samples: Vec<Sample> = (0..240).map(|i| (series(0), i * STEP, Value::Float((i as f64).to_bits()))).collect();
    write(storage, &samples).unwrap();
}

#[test]
fn a_refresh_reads_only_what_is_new_and_a_late_sample_only_what_it_touches() {
    let disk = SimDisk::new();
    let storage = open(&disk).unwrap();
    hour(&storage);
    let desk = Desk::new(1 << 20);
    let text = "sum(rate(metric_0[1m]))";
    let (_, all, reused) = desk.ask(&storage, &range(text, 600_000, 3_000_000)).unwrap();
    assert_eq!(reused, 0);
    let (_, few, reused) = desk.ask(&storage, &range(text, 630_000, 3_030_000)).unwrap();
    assert_eq!(reused, 159);
    assert!(few * 10 < all, "{few} samples read against {all}");

    write(&storage, &[(series(3), 2_900_000, Value::Float(0))]).unwrap();
    let (_, some, reused) = desk.ask(&storage, &range(text, 630_000, 3_030_000)).unwrap();
    assert_eq!(reused, (2_900_000 - 630_000) / STEP as usize + 1, "up to the slot of the late sample");
    assert!(some * 5 < all, "{some} samples read against {all}");
}

#[test]
fn a_question_about_a_later_time_reads_only_the_new_steps_of_its_subqueries() {
    let storage = open(&SimDisk::new()).unwrap();
    hour(&storage);
    let desk = Desk::new(1 << 20);
    let ask = |text: &'static str, time| {
        let query = instant(text, time);
        let (answer, samples, _) = desk.ask(&storage, &query).unwrap();
        assert_eq!(bits(&answer), bits(&desk.plain(&storage, &query).unwrap().value), "{text} at {time}");
        samples
    };
    for text in ["max_over_time(sum(rate(metric_0[1m]))[40m:1m])", "min_over_time(metric_0[40m:1m])"] {
        let all = ask(text, 2_810_000);
        let next = ask(text, 2_830_000);
        assert!(next <= 60 && all > 180, "{next} samples read against {all}");
        let next = ask(text, 2_890_000);
        assert!(next <= 60, "{next} samples read against {all}");
        write(&storage, &[(series(3), 2_200_000, Value::Float(0))]).unwrap();
        let late = ask(text, 2_890_000);
        assert!(late > next && late < all, "{late} samples read, and {next} before a late one");
        let selector = vec![matcher("__name__", "metric_0")];
        storage.delete(&[selector], TimeRange::new(1_000_000, 1_010_000), false).unwrap();
        ask(text, 2_890_000);
    }
}

#[test]
fn what_is_deleted_leaves_kept_answers_too() {
    let storage = open(&SimDisk::new()).unwrap();
    hour(&storage);
    let desk = Desk::new(1 << 20);
    let query = range("metric_0", 600_000, 3_000_000);
    let (before, ..) = desk.ask(&storage, &query).unwrap();
    let selector = vec![matcher("__name__", "metric_0")];
    storage.delete(&[selector], TimeRange::new(2_500_000, 2_600_000), false).unwrap();
    let (after, _, reused) = desk.ask(&storage, &query).unwrap();
    assert_ne!(bits(&before), bits(&after));
    assert_eq!(bits(&after), bits(&desk.plain(&storage, &query).unwrap().value));
    assert!(reused > 0, "what is before the deleted times is still good");
}

#[test]
fn what_retention_drops_leaves_kept_answers_too() {
    let clock = Arc::new(TestClock::at(3_600_000));
    let options = StorageOptions { retention_time: Some(3_000_000), ..options() };
    let storage = Storage::open(Arc::new(SimDisk::new()), clock.clone(), options).unwrap();
    hour(&storage);
    let desk = Desk::new(1 << 20);
    let query = range("metric_0", 900_000, 3_000_000);
    let (before, ..) = desk.ask(&storage, &query).unwrap();
    clock.advance(1_000_000);
    let (after, _, reused) = desk.ask(&storage, &query).unwrap();
    assert_ne!(bits(&before), bits(&after));
    assert_eq!(bits(&after), bits(&desk.plain(&storage, &query).unwrap().value));
    assert!(reused > 0, "what is behind the line is still good");
}
