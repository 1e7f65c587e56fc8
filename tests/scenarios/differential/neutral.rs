//! Optimisations change no answer: random expressions over random data, evaluated with everything off, with each switch
//! on by itself, and with all of them on.

use std::sync::Arc;

use vctsdb::{
    promql::{Cancel, Engine, EngineOptions, Optimise, Query},
    remote::write::{Protocol, WriteLimits, receive},
    seams::{
        env::{SimDisk, TestClock},
        select::Select,
    },
    storage::{Storage, StorageOptions},
};

use super::{When, data, grammar, random::Random, whens};

/// Random expressions for each seed.
const EXPRESSIONS: usize = 300;

/// What the random ones bring too seldom.
const LISTED: [&str; 24] = [
    "sum(gauge) / (sum(gauge) + sum(small))",
    "sum by (job) (rate(gauge[5m])) / sum by (job) (rate(gauge[5m]))",
    "max_over_time((sum(small) + sum(small))[5m:30s]) - sum(small)",
    "sum(sum by (job) (small)) + sum(sum by (job) (small))",
    "sum(small * 0) / sum(small * -0)",
    "topk(2, gauge) or topk(2, gauge)",
    "avg(mixed) + avg(mixed)",
    "gauge{job=\"api\"} / small",
    "gauge{job=\"api\"} / {__name__=~\"small|up\"}",
    "gauge / small{job=\"api\",env!=\"dev\"}",
    "rate(counter_total{job=\"api\"}[5m]) * gauge",
    "gauge{job=\"api\"} and on (job) small",
    "gauge unless small{job=\"api\"}",
    "gauge{job=\"api\"} unless on (instance) small",
    "gauge and small{instance=~\"0|1\"}",
    "gauge{job=\"api\"} / on (job) small",
    "nat{job=\"api\"} + gauge",
    "gauge{job=\"api\"} == small offset 5m",
    "limitk(2, gauge)",
    "limitk by (job) (1, {job=~\".+\"})",
    "limitk(3, {__name__=~\".+\"})",
    "limitk(scalar(small{job=\"db\",instance=\"0\"}), gauge)",
    "limitk(0, nat) or topk(0, nat)",
    "count(gauge) + -(1 + 2 * 3 ^ 2) + (1 == bool 1) + -(-1)",
];

/// The answer, annotations and all, as text: that tells NaN from NaN and 0 from -0 where numbers don't.
fn answer(select: &dyn Select, text: &str, when: When, optimise: Optimise) -> String {
    let engine = Engine::new(EngineOptions { optimise, threads: 2, ..EngineOptions::default() });
    let When { start, end, step } = when;
    let query = Query { text, start, end, step, lookback: None, timeout: None, per_step: false };
    match engine.run(select, &query, &Cancel::default()) {
        Ok(answer) => format!("{:?} {:?}", answer.value, answer.annotations),
        Err(error) => format!("{error:?}"),
    }
}

#[test]
fn an_optimisation_changes_no_answer() {
    let nothing = Optimise::NOTHING;
    let switches = [
        ("fold", Optimise { fold: true, ..nothing }),
        ("share", Optimise { share: true, ..nothing }),
        ("push_down", Optimise { push_down: true, ..nothing }),
        ("prune_labels", Optimise { prune_labels: true, ..nothing }),
        ("stop_early", Optimise { stop_early: true, ..nothing }),
        ("all", Optimise::default()),
    ];
    let (mut answered, mut asked) = (0, 0);
    for seed in 1..=2 {
        let disk = Arc::new(SimDisk::default());
        let storage = Storage::open(disk, Arc::new(TestClock::at(data::END)), StorageOptions::default()).unwrap();
        let body = snap::raw::Encoder::new().compress_vec(&data::request(seed)).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(receive(Protocol::V1, &body, data::END, &WriteLimits::default(), &storage)).unwrap();
        let mut random = Random::new(seed ^ 0x0971);
        let listed = LISTED.into_iter().map(str::to_owned);
        let texts: Vec<String> = listed
            .chain(std::iter::repeat_with(|| grammar::expression(&mut random).to_string()).take(EXPRESSIONS))
            .collect();
        for text in texts {
            for when in whens(&mut random) {
                let want = answer(&storage, &text, when, nothing);
                asked += 1;
                answered += usize::from(!want.starts_with("Parse"));
                for (name, optimise) in switches {
                    let got = answer(&storage, &text, when, optimise);
                    assert!(got == want, "{name}: {text}\n{when:?}\n  got {got}\n want {want}");
                }
            }
        }
    }
    assert!(answered * 4 > asked * 3, "{answered} of {asked} were evaluated");
}
