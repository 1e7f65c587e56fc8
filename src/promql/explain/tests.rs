use crate::{
    model::{Labels, SeriesBuf},
    promql::{Cancel, Engine, EngineOptions, Query, QueryError},
    seams::select::MemorySelect,
};

/// Series `m` of one sample every 10 s from 0 to 1000 s.
fn store(series: usize) -> MemorySelect {
    let mut select = MemorySelect::default();
    for i in 0..series {
        let mut samples = SeriesBuf::default();
        (0..=100).for_each(|t| samples.push_float(t * 10_000, t as f64));
        let labels = Labels::from_pairs([("__name__", "m"), ("i", i.to_string().as_str())]).unwrap();
        select.series.insert(labels, samples);
    }
    select
}

fn query(text: &str) -> Query<'_> {
    Query { text, start: 0, end: 1_000_000, step: 10_000, lookback: None, timeout: None, per_step: false }
}

fn engine(max_samples: u64) -> Engine {
    Engine::new(EngineOptions { max_samples, threads: 1, ..EngineOptions::default() })
}

#[test]
fn a_query_whose_answer_cannot_fit_is_refused_before_it_reads() {
    // 20 series of 101 steps.
    let select = store(20);
    let run = |text: &str, max| engine(max).run(&select, &query(text), &Cancel::default());
    for text in ["m", "m * 2", "-m", "max_over_time(m[1m])", "abs(m)"] {
        let Err(QueryError::Execution(why)) = run(text, 900) else { panic!("{text} was not refused") };
        assert!(why.contains("an estimated 2"), "{text}: {why}");
        assert!(why.contains("{__name__=\"m\"}, 20 series with about 2020 samples"), "{text}: {why}");
    }
    // What values or labels decide is found out while it runs.
    for text in ["sum(m)", "m > 1000", "m == bool 1 and m > 1000", "topk(1, m)"] {
        assert!(run(text, 1_300).is_ok(), "{text}");
    }
    // An estimate isn't exact; close to the limit the query itself finds out.
    let Err(QueryError::Execution(why)) = run("m", 1_500) else { panic!("it can't fit") };
    assert!(!why.contains("estimated"), "{why}");
}

#[test]
fn an_estimate_is_close_where_nothing_has_to_be_guessed() {
    let select = store(20);
    for text in ["m", "rate(m[1m])", "sum(m)", "sum(m) / sum(m)", "m + m", "m offset 1m"] {
        let explained = engine(1 << 30).explain(&select, &query(text), true, &Cancel::default()).unwrap();
        let actual = explained.plan.actual.unwrap();
        let estimated = explained.plan.estimate;
        assert_eq!(estimated.series, actual.series, "{text}");
        let ratio = estimated.samples as f64 / actual.samples as f64;
        assert!((0.9..1.2).contains(&ratio), "{text}: {estimated:?} {actual:?}");
        let peak = explained.analyzed.unwrap().stats.peak_samples;
        let ratio = explained.estimated_peak as f64 / peak as f64;
        // Aggregations computed once are counted as often as they occur.
        assert!((0.4..3.0).contains(&ratio), "{text}: {} {peak}", explained.estimated_peak);
    }
}
