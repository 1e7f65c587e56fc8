//! The samples that a query looks at are counted as Prometheus counts them, altogether and step by step.

use super::{
    data::{self, BEGIN, END},
    peers::{Peers, When},
};
use crate::scenarios::process::peer;

/// Every way to look at samples. What is written several times is computed once here and left out.
const EXPRESSIONS: [&str; 30] = [
    "gauge",
    "sum by (job) (gauge)",
    "gauge offset 1m",
    "gauge @ end()",
    "gauge @ end() + small",
    "timestamp(gauge)",
    "rate(counter_total[5m])",
    "increase(counter_total[47s])",
    "delta(gauge[2m] offset 30s)",
    "irate(counter_total[2m])",
    "avg_over_time(gauge[1m])",
    "max_over_time(gauge[5m])",
    "max_over_time(gauge[1m] @ start())",
    "predict_linear(gauge[2m] @ end(), 60)",
    "quantile_over_time(scalar(small{instance=\"0\",job=\"api\"}), gauge[2m])",
    "rate(counter_total[10s])",
    "absent(nothing)",
    "absent_over_time(gauge[1m])",
    "topk(2, gauge)",
    "gauge and on (job) small",
    "max_over_time(gauge[5m:1m])",
    "max_over_time(rate(counter_total[1m])[5m:30s])",
    "max_over_time(gauge[30s:10s] offset 1m)",
    "avg_over_time(max_over_time(gauge[1m:20s])[2m:30s])",
    "max_over_time(gauge[5m:1m] @ end())",
    "nat",
    "rate(nat[5m])",
    "histogram_quantile(0.9, nat)",
    "sum_over_time(nat[1m])",
    "3 + time()",
];

#[test]
fn looking_at_samples_is_counted_as_prometheus_counts_it() {
    let Some(program) = peer("PROMETHEUS_BIN", "prometheus") else { return };
    let peers = Peers::start(&program, &data::request(1));
    let (start, end) = (BEGIN + 600_000, END - 60_000);
    let mut wrong = vec![];
    for expr in EXPRESSIONS {
        for when in [When { start: end, end, step: 0 }, When { start, end, step: 50_000 }] {
            let (theirs, ours) = peers.samples(expr, when);
            assert!(theirs[0].is_u64(), "{expr}: {theirs}");
            if theirs != ours {
                wrong.push(format!("{expr} {when:?}\n   {theirs}\n   ours {ours}"));
            }
        }
    }
    for expr in ["gauge[5m]", "nat[2m]", "gauge[5m:1m]", "rate(counter_total[1m])[5m:1m]"] {
        let when = When { start: end, end, step: 0 };
        let (theirs, ours) = peers.samples(expr, when);
        if theirs != ours {
            wrong.push(format!("{expr} {when:?}\n   {theirs}\n   ours {ours}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
