//! What a sample costs in each format: from the body to the store's door.
//!
//! All formats say the same: 2,000 series of 200 hosts, ten to a host, one sample each under seven labels, known to the store as they are
//! from the second body on. The store behind only looks series up and drops samples, so the figure is the format's own share. The lists
//! of 100 values a series are JSON's alone. What the whole way costs, beside VictoriaMetrics, is measured by
//! `cargo bench --bench peers -- --only formats`.

#![expect(clippy::expect_used, reason = "a benchmark that can't be set up has nothing to measure")]

#[path = "door/mod.rs"]
mod door;

use std::{collections::HashMap, fmt::Write as _, hint::black_box};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use door::{Door, now_or_never};
use prost::Message;
use vctsdb::{
    ingest::{Declared, ImportLimits, OnError, format_at},
    remote::{
        otlp::{self, OtlpSettings},
        proto::{v1, v2},
        write::{self, Protocol, WriteLimits},
    },
    seams::memory_budget::Unlimited,
};

const HOSTS: usize = 200;
const FIELDS: [&str; 10] =
    ["user", "system", "idle", "nice", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"];
const SAMPLES: usize = HOSTS * FIELDS.len();
/// Values of a series in a list.
const LONG: usize = 100;
const NOW: i64 = 1_700_000_000_000;

/// The labels of a host.
fn tags(host: usize) -> [(&'static str, String); 6] {
    [
        ("host", format!("host_{host}")),
        ("region", "eu-central-1".into()),
        ("datacenter", "eu-central-1a".into()),
        ("rack", format!("r{}", host % 20)),
        ("os", "Ubuntu22.04LTS".into()),
        ("arch", "x64".into()),
    ]
}

/// Percentages, counters and fractions with all their digits, as they come.
fn value(host: usize, field: usize, at: usize) -> f64 {
    let noise = (host * 7 + field * 13 + at * 29).wrapping_mul(2_654_435_761) % 100_000;
    match field % 3 {
        0 => noise as f64 / 100.0,
        1 => (host * 1_000_000 + at * 500 + noise) as f64,
        _ => noise as f64 / 99_991.0,
    }
}

/// Each series: host, number of the field, and its name.
fn all() -> impl Iterator<Item = (usize, usize, &'static str)> {
    (0..HOSTS).flat_map(|host| FIELDS.iter().enumerate().map(move |(field, name)| (host, field, *name)))
}

/// The tags with something between name and value, before a value, and behind all.
fn joined(host: usize, equals: &str, quote: &str, name_quote: &str) -> String {
    let pair = |(name, value): (&str, String)| format!("{name_quote}{name}{name_quote}{equals}{quote}{value}{quote}");
    tags(host).map(pair).join(",")
}

fn text(time: &str) -> Vec<u8> {
    let mut out = String::new();
    for (host, field, name) in all() {
        let _ = writeln!(out, "cpu_{name}{{{}}} {} {time}", joined(host, "=", "\"", ""), value(host, field, 0));
    }
    out.into_bytes()
}

fn json_lines(values: usize) -> Vec<u8> {
    let mut out = String::new();
    for (host, field, name) in all() {
        let list = |one: &dyn Fn(usize) -> String| (0..values).map(one).collect::<Vec<_>>().join(",");
        let (numbers, times) =
            (list(&|at| value(host, field, at).to_string()), list(&|at| (NOW - 1_000 * at as i64).to_string()));
        let labels = joined(host, ":", "\"", "\"");
        let _ = writeln!(
            out,
            "{{\"metric\":{{\"__name__\":\"cpu_{name}\",{labels}}},\"values\":[{numbers}],\"timestamps\":[{times}]}}"
        );
    }
    out.into_bytes()
}

fn plain_json() -> Vec<u8> {
    let object = |(host, field, name): (usize, usize, &str)| {
        let labels = joined(host, ":", "\"", "\"");
        let value = value(host, field, 0);
        format!("{{\"name\":\"cpu_{name}\",\"labels\":{{{labels}}},\"value\":{value},\"time\":{NOW}}}")
    };
    format!("[{}]", all().map(object).collect::<Vec<_>>().join(",\n")).into_bytes()
}

fn csv() -> Vec<u8> {
    let mut out =
        format!("time,{},{}\n", tags(0).map(|(name, _)| name).join(","), FIELDS.map(|f| format!("cpu_{f}")).join(","));
    for host in 0..HOSTS {
        let values: Vec<String> = (0..FIELDS.len()).map(|field| value(host, field, 0).to_string()).collect();
        let _ = writeln!(out, "{NOW},{},{}", tags(host).map(|(_, value)| value).join(","), values.join(","));
    }
    out.into_bytes()
}

fn line_protocol() -> Vec<u8> {
    let mut out = String::new();
    for host in 0..HOSTS {
        let field = |(field, name): (usize, &&str)| format!("{name}={}", value(host, field, 0));
        let fields: Vec<String> = FIELDS.iter().enumerate().map(field).collect();
        let _ = writeln!(out, "cpu,{} {} {NOW}000000", joined(host, "=", "", ""), fields.join(","));
    }
    out.into_bytes()
}

/// A request with a metric for each field, and a point in it for each host.
fn otlp_json() -> Vec<u8> {
    let point = |host: usize, field: usize| {
        let attribute =
            |(name, value): (&str, String)| format!("{{\"key\":\"{name}\",\"value\":{{\"stringValue\":\"{value}\"}}}}");
        format!(
            "{{\"timeUnixNano\":\"{NOW}000000\",\"asDouble\":{},\"attributes\":[{}]}}",
            value(host, field, 0),
            tags(host).map(attribute).join(",")
        )
    };
    let metric = |(field, name): (usize, &&str)| {
        let points: Vec<String> = (0..HOSTS).map(|host| point(host, field)).collect();
        format!("{{\"name\":\"cpu_{name}\",\"gauge\":{{\"dataPoints\":[{}]}}}}", points.join(","))
    };
    let metrics: Vec<String> = FIELDS.iter().enumerate().map(metric).collect();
    format!("{{\"resourceMetrics\":[{{\"scopeMetrics\":[{{\"metrics\":[{}]}}]}}]}}", metrics.join(",")).into_bytes()
}

/// The families of the client libraries, as far as gauges need them.
mod family {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct LabelPair {
        #[prost(string, tag = "1")]
        pub(crate) name: String,
        #[prost(string, tag = "2")]
        pub(crate) value: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Gauge {
        #[prost(double, tag = "1")]
        pub(crate) value: f64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Metric {
        #[prost(message, repeated, tag = "1")]
        pub(crate) label: Vec<LabelPair>,
        #[prost(message, optional, tag = "2")]
        pub(crate) gauge: Option<Gauge>,
        #[prost(int64, tag = "6")]
        pub(crate) timestamp_ms: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct MetricFamily {
        #[prost(string, tag = "1")]
        pub(crate) name: String,
        #[prost(int32, tag = "3")]
        pub(crate) metric_type: i32,
        #[prost(message, repeated, tag = "4")]
        pub(crate) metric: Vec<Metric>,
    }
}

fn delimited_protobuf() -> Vec<u8> {
    const GAUGE: i32 = 1;
    let mut out = Vec::new();
    for (field, name) in FIELDS.iter().enumerate() {
        let metric = |host| family::Metric {
            label: tags(host).map(|(name, value)| family::LabelPair { name: name.to_owned(), value }).to_vec(),
            gauge: Some(family::Gauge { value: value(host, field, 0) }),
            timestamp_ms: NOW,
        };
        let metric = (0..HOSTS).map(metric).collect();
        let family = family::MetricFamily { name: format!("cpu_{name}"), metric_type: GAUGE, metric };
        out.extend(family.encode_length_delimited_to_vec());
    }
    out
}

fn write_v1() -> Vec<u8> {
    let label = |(name, value): (&str, String)| v1::Label { name: name.to_owned(), value };
    let series = |(host, field, name): (usize, usize, &str)| v1::TimeSeries {
        labels: [("__name__", format!("cpu_{name}"))].into_iter().chain(tags(host)).map(label).collect(),
        samples: vec![v1::Sample { value: value(host, field, 0), timestamp: NOW }],
        ..Default::default()
    };
    v1::WriteRequest { timeseries: all().map(series).collect(), metadata: vec![] }.encode_to_vec()
}

fn write_v2() -> Vec<u8> {
    let mut symbols = vec![String::new()];
    let mut places = HashMap::from([(String::new(), 0)]);
    let mut symbol = |text: String| {
        *places.entry(text).or_insert_with_key(|text| {
            symbols.push(text.clone());
            symbols.len() as u32 - 1
        })
    };
    let series = |(host, field, name): (usize, usize, &str)| v2::TimeSeries {
        labels_refs: [("__name__", format!("cpu_{name}"))]
            .into_iter()
            .chain(tags(host))
            .flat_map(|(name, value)| [symbol(name.to_owned()), symbol(value)])
            .collect(),
        samples: vec![v2::Sample { value: value(host, field, 0), timestamp: NOW, start_timestamp: 0 }],
        ..Default::default()
    };
    let timeseries = all().map(series).collect();
    v2::Request { symbols, timeseries }.encode_to_vec()
}

/// How many samples of a body are taken by the format of a path.
fn import(path: &str, content_type: &str, body: &[u8], door: &Door) -> u64 {
    let declared = Declared {
        content_type: content_type.to_owned(),
        on_error: OnError::Skip,
        allow_old: true,
        ..Declared::default()
    };
    let limits = ImportLimits::default();
    let receiving = vctsdb::ingest::receive(format_at(path), body, &declared, NOW, &limits, door);
    now_or_never(receiving).and_then(Result::ok).map_or(0, |imported| imported.samples)
}

fn remote_write(protocol: Protocol, body: &[u8], door: &Door) -> u64 {
    let limits = WriteLimits::default();
    let receiving = write::receive(protocol, body, NOW, &limits, door);
    now_or_never(receiving).and_then(Result::ok).map_or(0, |written| written.samples)
}

fn otlp(body: &[u8], json: bool, door: &Door) -> u64 {
    let message = if json { otlp::json::to_protobuf(body).unwrap_or_default() } else { body.to_vec() };
    let taken = otlp::take_in(&message, &OtlpSettings::default(), NOW, door, &Unlimited).expect("it is taken");
    now_or_never(taken.store(door)).and_then(Result::ok).map_or(0, |received| received.floats)
}

fn formats(c: &mut Criterion) {
    const TEXT: &str = "/api/v1/import/prometheus";
    const JSON: &str = "/api/v1/import/json";
    type Take = Box<dyn Fn(&[u8], &Door) -> u64>;
    let of = |path: &'static str, media: &'static str| -> Take {
        Box::new(move |body, door| import(path, media, body, door))
    };
    let snappy = |message: &[u8]| snap::raw::Encoder::new().compress_vec(message).expect("snappy takes it");
    let otlp_protobuf = otlp::json::to_protobuf(&otlp_json()).expect("it is OTLP");
    let rows: [(&str, usize, Vec<u8>, Take); 12] = [
        ("text", 1, text(&NOW.to_string()), of(TEXT, "text/plain")),
        ("OpenMetrics", 1, text(&format!("{}.25", NOW / 1_000)), of(TEXT, "application/openmetrics-text")),
        ("JSON lines, a value each", 1, json_lines(1), of(JSON, "")),
        ("JSON lines, 100 values each", LONG, json_lines(LONG), of(JSON, "")),
        ("plain JSON", 1, plain_json(), of(JSON, "")),
        ("CSV", 1, csv(), of("/api/v1/import/csv", "")),
        ("line protocol", 1, line_protocol(), of("/api/v1/import/influx", "")),
        ("delimited protobuf", 1, delimited_protobuf(), of("/api/v1/import/protobuf", "")),
        ("OTLP protobuf", 1, otlp_protobuf, Box::new(|body, door| otlp(body, false, door))),
        ("OTLP JSON", 1, otlp_json(), Box::new(|body, door| otlp(body, true, door))),
        ("remote write 1.0", 1, snappy(&write_v1()), Box::new(|body, door| remote_write(Protocol::V1, body, door))),
        ("remote write 2.0", 1, snappy(&write_v2()), Box::new(|body, door| remote_write(Protocol::V2, body, door))),
    ];
    let mut group = c.benchmark_group("formats");
    for (name, values, body, take) in rows {
        let (samples, door) = ((SAMPLES * values) as u64, Door::default());
        assert_eq!(take(&body, &door), samples, "{name}");
        group.throughput(Throughput::Elements(samples));
        group.bench_function(format!("{name}, known series"), |b| b.iter(|| take(black_box(&body), &door)));
        group.bench_function(format!("{name}, new series"), |b| b.iter(|| take(black_box(&body), &Door::default())));
    }
    group.finish();
}

criterion_group!(benches, formats);
criterion_main!(benches);
