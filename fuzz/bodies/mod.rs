//! What the fuzz targets do with an input. They are part of the library's own tests, so that they can't go stale, and the
//! few inputs here must pass; `fuzz_targets/` hands them to libFuzzer.

mod chunks;
mod csv;
mod exposition;
mod influxql;
mod json;
mod line_protocol;
mod manifest;
mod otlp;
mod promql;
mod protobuf;
mod query;
mod read;
mod segment;
mod table;
mod wal;
mod write;

use vctsdb::remote::write::Protocol;

/// Inputs that are nothing in particular.
fn inputs() -> Vec<Vec<u8>> {
    let mut noise = 1u64;
    let mut roll = || {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (noise >> 56) as u8
    };
    let mut inputs = vec![vec![], vec![0; 300], vec![0xff; 300], (0..=255).collect()];
    inputs.extend((0..8).map(|power| (0..1 << power).map(|_| roll()).collect()));
    inputs
}

const TEXTS: [&str; 5] = [
    "",
    "sum by (job) (rate(c_total{job=~\"a|b\"}[2m] offset 15s)) / on (job) group_left g",
    "histogram_quantile(0.9, rate(n[1m])) or topk(2, b) or info(g)",
    "max_over_time((g > 0)[1m:15s] @ end()) unless absent(nothing)",
    "sum(",
];

#[test]
fn every_target_takes_any_bytes() {
    for input in inputs() {
        for run in [
            chunks::run,
            csv::run,
            exposition::run,
            json::run,
            line_protocol::run,
            otlp::run,
            protobuf::run,
            read::run,
            segment::run,
            table::run,
            wal::run,
        ] {
            run(&input);
        }
        [Protocol::V1, Protocol::V2].into_iter().for_each(|protocol| write::run(protocol, &input));
        (0..4).for_each(|format| manifest::run(format, &input));
    }
}

const INFLUXQL: [&str; 4] = [
    "SELECT mean(v), count(n) FROM m WHERE a = 'x' AND v > 1 GROUP BY time(1m), * fill(previous) ORDER BY time DESC LIMIT 3",
    "SELECT derivative(max(v), 1s) / 2, * FROM (SELECT v FROM m, /./) GROUP BY time(1000w, -3d) tz('Europe/Berlin')",
    "SELECT kaufmans_adaptive_moving_average(v, 999999999999) FROM m; SELECT integral(v) FROM m GROUP BY time(1ns)",
    "SHOW TAG VALUES WITH KEY =~ /./ WHERE a != 'b' OR (c = 'd' AND time > now() - 1h); EXPLAIN ANALYZE SELECT top(v, a, 2) FROM m",
];

const JSON: [&str; 5] = [
    "{\"metric\":{\"__name__\":\"a\",\"b\":\"}\"},\"values\":[1,\"NaN\",null],\"timestamps\":[1,2,3]}\n{\"name\":\"c\",\"value\":1e3}\n",
    "[{\"labels\":{\"d\":\"\\u00e9\"},\"name\":\"a\",\"time\":\"2023-11-14T22:13:20Z\",\"value\":\"1.5\"},\n{\"name\":\"a\",\"value\":x}]",
    "{\"metric\":{\"__name__\":\"a\"}\n{\"metric\":{\"__name__\":\"b\"},\"value\":1}\n{\"name\":\"c\",\"value\":2}\n",
    "x}\n{\"metric\":{\"__name__\":\"a\"},\"value\":1}\n\"\n{\"name\":\"c\",\"value\":2}",
    "tamps\":[{\"metric\":{\"__name__\":\"a\",\"b\":\"}\"},\"values\":[1,\"NaN\",null],\"timestamps\":[1,2,3]}\n{\"=ne\":\"c\",\"valame\":\"c\",\"values\":[1,2,3]}\n{\"n\":1e3}\n",
];

const CSV: [&str; 3] = [
    "time,room,temperature\n1700000000,\"at,tic\",21.5\n1700000060,cellar,\n",
    "1:time:unix_s,2:label:a,3:metric:b\n1700000000,x,1\n1700000001,\"y\"\"\n\",2\n",
    "__name__;a;value;time\nup;b;1;2023-11-14T22:13:20Z\n",
];

const OTLP: &str = r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeMetrics":[{"metrics":[
    {"name":"a.b","unit":"ms","gauge":{"dataPoints":[{"timeUnixNano":"1","asInt":"5","attributes":[{"key":"c","value":{"arrayValue":{"values":[{"intValue":1}]}}}]}]}},
    {"name":"c","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"timeUnixNano":"2","startTimeUnixNano":"1","asDouble":1.5,"exemplars":[{"asDouble":1}]}]}},
    {"name":"h","histogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"3","count":"3","sum":4,"bucketCounts":["1","2"],"explicitBounds":[1]}]}},
    {"name":"e","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"4","count":"2","scale":1,"zeroCount":"1","positive":{"offset":1,"bucketCounts":["1"]}}]}},
    {"name":"s","summary":{"dataPoints":[{"timeUnixNano":"5","count":"1","sum":1,"quantileValues":[{"quantile":0.5,"value":1}]}]}}]}]}]}"#;

#[test]
fn every_target_takes_any_text() {
    INFLUXQL.into_iter().for_each(influxql::run);
    let noise = inputs().into_iter().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    for text in noise.chain(TEXTS.map(str::to_owned)) {
        promql::run(&text);
        (0..16).for_each(|how| query::run(how, &text));
        influxql::run(&text);
        exposition::run(text.as_bytes());
        line_protocol::run(text.as_bytes());
        json::run(text.as_bytes());
        csv::run(text.as_bytes());
    }
    JSON.into_iter().for_each(|body| json::run(body.as_bytes()));
    CSV.into_iter().for_each(|body| csv::run(body.as_bytes()));
    otlp::run(OTLP.as_bytes());
    exposition::run(b"# TYPE a counter\na_total{b=\"c\"} 1 # {d=\"e\"} 1\n# EOF\n");
    line_protocol::run(b"a\\ b,c=d e=\"f\ng\",h=1i,i=t 5\r\n# j\nk l=\n");
}
