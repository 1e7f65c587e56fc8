//! Kept answers change no answer: every function, aggregation and operator, and random expressions, over a range that has grown by one
//! step at either side since it was kept. What is evaluated then is one step, and has to be that step of the whole.

use std::sync::Arc;

use vctsdb::{
    promql::{Cancel, Engine, EngineOptions, Features, Query, QueryAnswer, QueryError, ResultCache, Value},
    remote::write::{Protocol, WriteLimits, receive},
    seams::env::{SimDisk, TestClock},
    storage::{Storage, StorageOptions},
};

use super::{catalogue, data, grammar, random::Random};

/// Random expressions beside the catalogue's.
const EXPRESSIONS: usize = 200;
/// Distance between steps, in ms.
const STEP: i64 = 300_000;

/// What the others bring too seldom: the query's own times, and parameters of aggregations, which are read at the first step where
/// the rest is fixed.
const LISTED: [&str; 24] = [
    "step()",
    "60 / step()",
    "vector(step())",
    "gauge + step()",
    "rate(counter_total[step()])",
    "sum_over_time(gauge[2 * step()])",
    "max_over_time(gauge[10m:step()])",
    "gauge offset step()",
    "min_of(step(), 3)",
    "end() - start()",
    "range() / step()",
    "gauge @ start()",
    "gauge @ end() offset step()",
    "topk(scalar(sum(small)) % 3, gauge @ 1735691000)",
    "quantile(scalar(sum(gauge)) / 1000, gauge @ 1735691000)",
    "count_values(\"v\", gauge @ 1735691000)",
    "limitk(scalar(count(small > 2)), gauge @ 1735691000)",
    "sum(topk(scalar(sum(small)) % 3, gauge @ 1735691000)) + gauge",
    "topk(2, gauge @ 1735691000)",
    "topk(time() / 300 % 4, gauge @ 1735691000)",
    "sum(quantile(scalar(hour(vector(time() * 12))) / 24, gauge @ 1735691000)) + gauge",
    "sort_desc(gauge)",
    "bottomk(scalar(small{job=\"db\",instance=\"0\"}), gauge)",
    "timestamp(gauge @ 1735691000) + time()",
];

/// An answer's series in order, as text, which tells NaN from NaN and 0 from -0.
fn told(answer: Result<QueryAnswer, QueryError>) -> String {
    match answer {
        Ok(QueryAnswer { value: Value::Matrix(mut series), annotations, .. }) => {
            series.sort_by(|a, b| a.labels.cmp(&b.labels));
            let mut annotations: Vec<String> = annotations.iter().map(|annotation| format!("{annotation:?}")).collect();
            annotations.sort();
            format!("{series:?} {annotations:?}")
        }
        Ok(answer) => {
            let mut annotations: Vec<String> = answer.annotations.iter().map(|one| format!("{one:?}")).collect();
            annotations.sort();
            format!("{:?} {annotations:?}", answer.value)
        }
        Err(error) => error.to_string(),
    }
}

/// A store with the data that differential tests ask about.
fn store() -> Storage {
    let disk = Arc::new(SimDisk::default());
    let storage = Storage::open(disk, Arc::new(TestClock::at(data::END)), StorageOptions::default()).unwrap();
    let body = snap::raw::Encoder::new().compress_vec(&data::request(3)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(receive(Protocol::V1, &body, data::END, &WriteLimits::default(), &storage)).unwrap();
    storage
}

/// Every function, aggregation and operator, and random expressions.
fn expressions() -> impl Iterator<Item = String> {
    let mut random = Random::new(0x9e37);
    let listed = LISTED.into_iter().map(str::to_owned).chain(catalogue::expressions());
    listed.chain(std::iter::repeat_with(move || grammar::expression(&mut random).to_string()).take(EXPRESSIONS))
}

#[test]
fn a_later_question_over_a_subquery_is_answered_as_if_nothing_were_kept() {
    let storage = store();
    let engine = Engine::new(EngineOptions { features: Features::ALL, threads: 2, ..EngineOptions::default() });
    // The rows of a subquery are not kept where names go at the end.
    let features = Features { delayed_name_removal: false, ..Features::ALL };
    let keeping = Engine::new(EngineOptions { features, threads: 2, ..EngineOptions::default() });
    let cancel = Cancel::default();
    let over = ["max_over_time", "sum_over_time", "last_over_time", "count_over_time", "rate", "absent_over_time"];
    let around = ["", "sum", "count", "sort", "-", "1 + "];
    let (mut asked, mut saved) = (0, 0);
    for (n, text) in expressions().enumerate() {
        let (over, around) = (over[n % over.len()], around[n / over.len() % around.len()]);
        let text = format!("{around}({over}(({text})[40m:5m]))");
        for engine in [&engine, &keeping] {
            let cache = ResultCache::new(16 << 20);
            let ask = |time: i64| {
                let query = Query {
                    text: &text,
                    start: time,
                    end: time,
                    step: 0,
                    lookback: None,
                    timeout: None,
                    per_step: false,
                };
                let plain = engine.run(&storage, &query, &cancel);
                let all = plain.as_ref().map_or(0, |answer| answer.stats.samples);
                let mut read = 0;
                let got = cache.run(engine, &storage, &storage, &query, &cancel).map(|found| {
                    if let Some(fresh) = found.fresh {
                        cache.keep(fresh, &found.answer.value);
                    }
                    read = found.answer.stats.samples;
                    found.answer
                });
                assert_eq!(told(got), told(plain), "{text} at {time}");
                all.saturating_sub(read)
            };
            let first = data::END - data::END % STEP - STEP;
            ask(first - 1_000);
            ask(first + 60_000);
            asked += 1;
            saved += usize::from(ask(first + STEP) > 0);
        }
    }
    println!("{saved} of {asked} questions read less");
    assert!(saved * 8 > asked, "{saved} of {asked}");
}

#[test]
fn a_range_that_has_grown_by_a_step_is_answered_as_if_nothing_were_kept() {
    let storage = store();
    let engine = Engine::new(EngineOptions { features: Features::ALL, threads: 2, ..EngineOptions::default() });
    let cancel = Cancel::default();
    let (mut asked, mut reused) = (0, 0);
    for text in expressions() {
        let cache = ResultCache::new(16 << 20);
        let ask = |start: i64, end: i64| {
            let query = Query { text: &text, start, end, step: STEP, lookback: None, timeout: None, per_step: false };
            let want = told(engine.run(&storage, &query, &cancel));
            let mut taken = 0;
            let got = cache.run(&engine, &storage, &storage, &query, &cancel).map(|found| {
                if let Some(fresh) = found.fresh {
                    cache.keep(fresh, &found.answer.value);
                }
                taken = found.reused;
                found.answer
            });
            assert_eq!(told(got), want, "{text} from {start} to {end}");
            taken
        };
        let last = data::END - data::END % STEP - STEP;
        let first = last - 2 * STEP;
        ask(first, last);
        asked += 1;
        reused += usize::from(ask(first - STEP, last + STEP) > 0);
    }
    println!("{reused} of {asked} answers took steps from a kept one");
    assert!(reused * 4 > asked, "{reused} of {asked}");
}
