//! Any text as a query over a small store: it is answered or refused within its bounds, and by any number of threads
//! the same way.

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use vctsdb::{
    model::{BucketCounts, BucketSpan, Histogram, Labels, SeriesBuf},
    promql::{Cancel, Engine, EngineOptions, Features, Query},
    seams::select::MemorySelect,
};

/// A query may take this long before it has to notice.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How late it may notice in this slow build.
const GRACE: Duration = Duration::from_secs(8);
/// Distance of samples in ms.
const INTERVAL: i64 = 15_000;

static STORE: LazyLock<MemorySelect> = LazyLock::new(store);
static ENGINES: LazyLock<[Engine; 2]> = LazyLock::new(|| {
    [1, 3].map(|threads| {
        let features = Features::ALL;
        Engine::new(EngineOptions {
            max_samples: 200_000,
            timeout: TIMEOUT,
            threads,
            features,
            ..EngineOptions::default()
        })
    })
});

fn store() -> MemorySelect {
    let mut out = MemorySelect::default();
    let mut add = |pairs: &[(&str, &str)], value: &dyn Fn(i64) -> f64| {
        let mut buffer = SeriesBuf::default();
        // Starts of every kind: none, known, of deltas, and wrong ones.
        let start = |i: i64| [0, 70_000, (i - 1) * INTERVAL, i * INTERVAL + 1][(i / 5 % 4) as usize];
        (0..40).for_each(|i| buffer.push_float_from(i * INTERVAL, value(i), start(i)));
        out.series.insert(Labels::from_pairs(pairs.iter().copied()).unwrap(), buffer);
    };
    for (job, instance) in [("a", "0"), ("a", "1"), ("b", "0")] {
        let labels = |name| [("__name__", name), ("job", job), ("instance", instance)];
        add(&labels("c_total"), &|i| (i % 17) as f64 * 3.0);
        add(&labels("g"), &|i| if i % 9 == 0 { f64::NAN } else { -(i as f64) / 7.0 });
        for (le, share) in [("0.1", 1.0), ("1", 2.0), ("+Inf", 3.0)] {
            add(&[("__name__", "b"), ("job", job), ("instance", instance), ("le", le)], &|i| i as f64 * share);
        }
    }
    add(&[("__name__", "target_info"), ("job", "a"), ("instance", "0"), ("v", "1")], &|_| 1.0);
    let mut buffer = SeriesBuf::default();
    for i in 0..40 {
        let spans = vec![BucketSpan { offset: 0, length: 2 }];
        let counts = BucketCounts::Float {
            count: 3.0 * i as f64,
            zero: 0.0,
            positive: vec![i as f64, 2.0 * i as f64],
            negative: vec![],
        };
        let sample = Histogram { sum: i as f64, positive_spans: spans, counts, ..Histogram::stale() };
        buffer.push_histogram(i * INTERVAL, Arc::new(sample), (i / 9) * 100_000);
    }
    out.series.insert(Labels::from_pairs([("__name__", "n"), ("job", "a")]).unwrap(), buffer);
    out
}

/// Takes an input.
pub(crate) fn run(how: u8, text: &str) {
    let step = [0, 1_000, 15_000, 60_000][usize::from(how % 4)];
    let end = if step == 0 { 300_000 } else { 600_000 };
    let per_step = how & 4 != 0;
    let query = Query { text, start: 300_000, end, step, lookback: None, timeout: None, per_step };
    let answers = ENGINES.each_ref().map(|engine| {
        let begun = Instant::now();
        let answer = engine.prepare(&query).and_then(|query| {
            // What was looked up to tell is used.
            let _ = how & 8 != 0 && query.is_cheap(&*STORE, &[query.steps()]);
            query.run(&*STORE, &Cancel::default())
        });
        assert!(begun.elapsed() < TIMEOUT + GRACE, "{text:?} took {:?}", begun.elapsed());
        // NaN differs from itself, its text doesn't.
        answer
            .map(|answer| format!("{:?} {:?}", answer.value, answer.samples_by_step))
            .map_err(|error| error.to_string())
    });
    // What a limit stops may be stopped by another of them first.
    if answers.iter().all(Result::is_ok) {
        assert_eq!(answers[0], answers[1], "{text:?}");
    }
}
