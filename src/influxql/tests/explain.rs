//! EXPLAIN and EXPLAIN ANALYZE.

use super::*;

fn store() -> Store {
    Store::default().points("m", "v", "a", &noise(0, 1_000, 1, 1)).points("m", "v", "b", &noise(0, 1_000, 1, 2))
}

#[test]
fn explain_tells_the_index_path_and_the_price_and_reads_nothing() {
    let told = store().ask(
        "EXPLAIN SELECT max(x) FROM (SELECT mean(v) AS x FROM m WHERE host = 'a' AND time < 500s GROUP BY time(1m))",
    );
    let lines = told.lines();
    for wanted in [
        "call: max of field x",
        "query inside",
        "  call: mean of field v",
        "  buckets of 1m",
        "    field v (float): metric m_v, 1 series, about 500 points",
        "      host=\"a\": all series one by one, 1 series",
        "price: about 1 of 2 series, about 500 points",
    ] {
        assert!(lines.iter().any(|line| line == wanted), "{wanted}: {lines:#?}");
    }
    assert!(!lines.iter().any(|line| line.starts_with("time:")), "{lines:#?}");
}

#[test]
fn explain_analyze_tells_what_each_operator_did_and_the_memory_of_all() {
    let lines = store().ask("EXPLAIN ANALYZE SELECT moving_average(median(v), 3) FROM m WHERE time >= 0s AND time < 600s GROUP BY time(1m, 0s, 2m)").lines();
    for wanted in [
        "call: moving_average of median of field v",
        "buckets of 1m, each of the points of 2m",
        "select: 2 series in ",
        "read: 1200 points in ",
        "compute: 8 points in ",
        "answer: 8 rows",
        "series read: 2",
        "samples read: 1200",
        "answer: 1 series, 8 rows",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(wanted)), "{wanted}: {lines:#?}");
    }
    let peak = lines.iter().find_map(|line| line.strip_prefix("peak memory: ")).unwrap();
    let peak: u64 = peak.split(' ').next().unwrap().parse().unwrap();
    assert!((1_200 * 16..1_000_000).contains(&peak), "{peak}");
    let approx = store().ask("EXPLAIN ANALYZE SELECT approx_percentile(v, 50) FROM m");
    assert!(approx.messages[0].contains("rank"), "{:?}", approx.messages);
}
