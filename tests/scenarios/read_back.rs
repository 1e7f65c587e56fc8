//! Remote read through a real Prometheus: what was written comes back through it bit for bit, in both forms of answer.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    process::Command,
};

use prost::{Message, encoding::encode_varint};
use vctsdb::remote::proto::v1::{self, histogram::Count, histogram::ZeroCount};

use super::{
    http_client::{escape, get, request},
    process::{Server, free_address, peer, vctsdb},
    sender::now,
};

const SERIES: usize = 1_000;
const SNAPPY: [(&str, &str); 2] = [("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy")];

/// A series as it was written, and as it must come back.
#[derive(Debug, Default, Clone, PartialEq)]
struct Written {
    floats: Vec<(i64, u64)>,
    histograms: Vec<(i64, Plain)>,
}

/// A histogram without the freedom to say the same in several ways: bits, and counts by bucket.
#[derive(Debug, Clone, PartialEq)]
struct Plain {
    stale: bool,
    gauge: bool,
    float: bool,
    schema: i32,
    bits: [u64; 4],
    positive: BTreeMap<i32, u64>,
    negative: BTreeMap<i32, u64>,
    bounds: Vec<u64>,
}

fn plain(h: &v1::Histogram) -> Plain {
    let stale = h.sum.to_bits() == 0x7ff0_0000_0000_0002;
    let float = matches!(h.count, Some(Count::CountFloat(_)));
    let side = |spans: &[v1::BucketSpan], deltas: &[i64], counts: &[f64]| {
        let mut buckets = BTreeMap::new();
        let (mut index, mut listed, mut running) = (0, 0, 0);
        for span in spans {
            index += span.offset;
            for _ in 0..span.length {
                let count = if float {
                    counts[listed].to_bits()
                } else {
                    running += deltas[listed];
                    running as u64
                };
                if count != 0 {
                    buckets.insert(index, count);
                }
                (index, listed) = (index + 1, listed + 1);
            }
        }
        buckets
    };
    if stale {
        let none = BTreeMap::new;
        let bits = [h.sum.to_bits(), 0, 0, 0];
        return Plain {
            stale,
            gauge: false,
            float: false,
            schema: 0,
            bits,
            positive: none(),
            negative: none(),
            bounds: vec![],
        };
    }
    let count = match h.count {
        Some(Count::CountInt(n)) => n,
        Some(Count::CountFloat(n)) => n.to_bits(),
        None => 0,
    };
    let zero = match h.zero_count {
        Some(ZeroCount::ZeroCountInt(n)) => n,
        Some(ZeroCount::ZeroCountFloat(n)) => n.to_bits(),
        None => 0,
    };
    Plain {
        stale,
        gauge: h.reset_hint == 3,
        float,
        schema: h.schema,
        bits: [h.sum.to_bits(), count, zero, h.zero_threshold.to_bits()],
        positive: side(&h.positive_spans, &h.positive_deltas, &h.positive_counts),
        negative: side(&h.negative_spans, &h.negative_deltas, &h.negative_counts),
        bounds: h.custom_values.iter().map(|b| b.to_bits()).collect(),
    }
}

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A value of the kind that series `kind` has.
    fn value(&mut self, kind: u64, before: f64) -> f64 {
        match kind % 5 {
            0 => f64::from_bits(self.next()),
            1 => before + self.below(100) as f64,
            2 => self.below(100_000) as f64 / 100.0,
            3 => before,
            _ => match self.below(10) {
                0 => f64::from_bits(0x7ff0_0000_0000_0002),
                1 => f64::from_bits(0x7ff8_0000_0000_0001),
                2 => f64::INFINITY,
                3 => f64::NEG_INFINITY,
                4 => -0.0,
                5 => f64::from_bits(self.below(1 << 52)),
                6 => f64::MAX,
                7 => 0.0,
                _ => f64::from_bits(0xfff0_0000_0000_0000 | self.below(1 << 51).max(1)),
            },
        }
    }

    fn histogram(&mut self, kind: u64, timestamp: i64) -> v1::Histogram {
        if self.below(20) == 0 {
            return v1::Histogram { sum: f64::from_bits(0x7ff0_0000_0000_0002), timestamp, ..Default::default() };
        }
        let spans = |dice: &mut Self, first: i32| -> Vec<v1::BucketSpan> {
            let more =
                |dice: &mut Self| v1::BucketSpan { offset: 1 + dice.below(3) as i32, length: 1 + dice.below(4) as u32 };
            let first = v1::BucketSpan { offset: first + dice.below(5) as i32, length: 1 + dice.below(4) as u32 };
            let later: Vec<_> = (0..dice.below(3)).map(|_| more(dice)).collect();
            [vec![first], later].concat()
        };
        let (custom, float, gauge) = (kind.is_multiple_of(3), kind.is_multiple_of(2), kind.is_multiple_of(7));
        let positive_spans = if custom { vec![v1::BucketSpan { offset: 0, length: 4 }] } else { spans(self, -2) };
        let negative_spans = if custom || kind.is_multiple_of(5) { vec![] } else { spans(self, -2) };
        let counts = |dice: &mut Self, spans: &[v1::BucketSpan]| -> Vec<u64> {
            (0..spans.iter().map(|s| s.length).sum::<u32>()).map(|_| dice.below(1_000)).collect()
        };
        let (positive, negative) = (counts(self, &positive_spans), counts(self, &negative_spans));
        let zero = if custom { 0 } else { self.below(50) };
        let total = zero + positive.iter().chain(&negative).sum::<u64>();
        let deltas = |counts: &[u64]| -> Vec<i64> {
            counts.iter().scan(0, |before, n| Some(*n as i64 - std::mem::replace(before, *n as i64))).collect()
        };
        let floats = |counts: &[u64]| -> Vec<f64> { counts.iter().map(|n| *n as f64 * 0.37).collect() };
        v1::Histogram {
            sum: if kind.is_multiple_of(11) { f64::NEG_INFINITY } else { self.below(1 << 40) as f64 * 0.001 },
            schema: if custom { -53 } else { (kind % 13) as i32 - 4 },
            zero_threshold: if custom { 0.0 } else { [2f64.powi(-128), 0.001, 0.0][kind as usize % 3] },
            count: Some(if float { Count::CountFloat(total as f64 * 0.37) } else { Count::CountInt(total) }),
            zero_count: Some(if float {
                ZeroCount::ZeroCountFloat(zero as f64 * 0.37)
            } else {
                ZeroCount::ZeroCountInt(zero)
            }),
            positive_deltas: if float { vec![] } else { deltas(&positive) },
            positive_counts: if float { floats(&positive) } else { vec![] },
            negative_deltas: if float { vec![] } else { deltas(&negative) },
            negative_counts: if float { floats(&negative) } else { vec![] },
            positive_spans,
            negative_spans,
            reset_hint: if gauge { 3 } else { 0 },
            timestamp,
            custom_values: if custom { vec![0.001, 0.25, 1.0 / 3.0] } else { vec![] },
        }
    }
}

/// Adds a message as field `number`.
fn put(number: u8, message: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    encode_varint(message.len() as u64, out);
    out.extend_from_slice(message);
}

/// Writes random series to `address`; gives them by number.
fn write_all(address: &str, begin: i64) -> BTreeMap<usize, Written> {
    let mut dice = Dice(42);
    let mut all = BTreeMap::new();
    let mut body = Vec::new();
    for number in 0..SERIES {
        let kind = dice.below(1 << 20);
        let label = |n: &str, v: &str| v1::Label { name: n.into(), value: v.into() };
        let labels = vec![label("__name__", "random"), label("number", &number.to_string())];
        let mixed = number % 9 == 0;
        let shape = match (number % 3, kind % 2) {
            _ if mixed => "mixed",
            (0, 0) => "fractional",
            (0, _) => "integer",
            _ => "float",
        };
        let labels = [labels, vec![label("shape", shape)]].concat();
        let mut series = v1::TimeSeries { labels, ..Default::default() }.encode_to_vec();
        let (mut written, mut time, mut value) = (Written::default(), begin + dice.below(1_000) as i64, 0.0);
        for _ in 0..20 + dice.below(130) {
            time += if kind.is_multiple_of(4) { 15_000 } else { 1 + dice.below(30_000) as i64 };
            let native = number % 3 == 0 && (!mixed || dice.below(2) == 0);
            if native {
                let histogram = dice.histogram(kind, time);
                put(4, &histogram.encode_to_vec(), &mut series);
                written.histograms.push((time, plain(&histogram)));
            } else {
                value = dice.value(kind, value);
                // By hand: the generated encoder takes -0 for nothing.
                let mut sample = vec![0x09];
                sample.extend_from_slice(&value.to_bits().to_le_bytes());
                sample.push(0x10);
                encode_varint(time as u64, &mut sample);
                put(2, &sample, &mut series);
                written.floats.push((time, value.to_bits()));
            }
        }
        put(1, &series, &mut body);
        all.insert(number, written);
        if number % 100 == 99 {
            let compressed = snap::raw::Encoder::new().compress_vec(&std::mem::take(&mut body)).unwrap();
            let answer = request(address, "POST", "/api/v1/write", &SNAPPY, &compressed).unwrap();
            assert_eq!(answer.status, 204, "{}", answer.text());
        }
    }
    all
}

/// Everything a server has of those series, asked for by remote read as plain samples.
fn read_all(address: &str, begin: i64, shape: &str) -> BTreeMap<usize, Written> {
    let matcher =
        |kind, name: &str, value: &str| v1::LabelMatcher { r#type: kind, name: name.into(), value: value.into() };
    let matchers = vec![matcher(0, "__name__", "random"), matcher(2, "shape", shape)];
    let end_timestamp_ms = begin + 6 * 3_600_000;
    let query = v1::Query { start_timestamp_ms: begin, end_timestamp_ms, matchers, hints: None };
    let message = v1::ReadRequest { queries: vec![query], accepted_response_types: vec![0] }.encode_to_vec();
    let body = snap::raw::Encoder::new().compress_vec(&message).unwrap();
    let answer = request(address, "POST", "/api/v1/read", &SNAPPY, &body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let message = snap::raw::Decoder::new().decompress_vec(&answer.body).unwrap();
    let response = v1::ReadResponse::decode(&message[..]).unwrap();
    let series = response.results[0].timeseries.iter().map(|series| {
        let number = series.labels.iter().find(|l| l.name == "number").unwrap().value.parse().unwrap();
        let floats = series.samples.iter().map(|s| (s.timestamp, s.value.to_bits())).collect();
        let histograms = series.histograms.iter().map(|h| (h.timestamp, plain(h))).collect();
        (number, Written { floats, histograms })
    });
    series.collect()
}

fn compare(what: &str, want: &BTreeMap<usize, Written>, found: &BTreeMap<usize, Written>) {
    assert_eq!(want.len(), found.len(), "{what}");
    for (number, series) in want {
        let found = &found[number];
        let lengths = |s: &Written| (s.floats.len(), s.histograms.len());
        assert_eq!(lengths(series), lengths(found), "{what}: series {number}");
        series.floats.iter().zip(&found.floats).for_each(|(a, b)| assert_eq!(a, b, "{what}: series {number}"));
        series.histograms.iter().zip(&found.histograms).for_each(|(a, b)| assert_eq!(a, b, "{what}: series {number}"));
    }
}

/// Stands between a Prometheus and us, and makes it accept plain samples only.
fn without_streaming(target: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let message = snap::raw::Decoder::new().decompress_vec(&body).unwrap();
            let mut message = v1::ReadRequest::decode(&message[..]).unwrap();
            message.accepted_response_types = vec![0];
            let body = snap::raw::Encoder::new().compress_vec(&message.encode_to_vec()).unwrap();
            let answer = request(&target, "POST", "/api/v1/read", &SNAPPY, &body).unwrap();
            let head = format!(
                "HTTP/1.1 {} X\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n",
                answer.status,
                answer.body.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer.body));
        }
    });
    address
}

fn prometheus(program: &Path, dir: &Path, name: &str, target: &str) -> Server {
    let config = dir.join(format!("{name}.yml"));
    let text = format!("remote_read: [{{url: 'http://{target}/api/v1/read', read_recent: true}}]\n");
    std::fs::write(&config, text).unwrap();
    let address = free_address();
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", dir.join(name).display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--enable-feature=native-histograms")
        .arg("--storage.remote.read-sample-limit=0");
    Server::start(&mut command, &address, "/-/ready", &dir.join(format!("{name}.log")))
}

#[test]
fn a_thousand_random_series_come_back_bit_for_bit_in_both_forms() {
    let Some(program) = peer("PROMETHEUS_BIN", "prometheus") else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = vctsdb(&dir.path().join("data"), &free_address(), &["--self-scrape.interval", "0"]);
    let begin = now() - 6 * 3_600_000;
    let written = write_all(&server.address, begin);
    compare("read from us", &written, &read_all(&server.address, begin, ".*"));

    // Prometheus' own encoder loses the sign of -0 and custom bounds; its query answers below show both.
    let mut passed_on = written.clone();
    passed_on.values_mut().flat_map(|s| &mut s.floats).filter(|s| s.1 == 1 << 63).for_each(|s| s.1 = 0);
    passed_on.values_mut().flat_map(|s| &mut s.histograms).for_each(|(_, histogram)| histogram.bounds.clear());
    let streamed = prometheus(&program, dir.path(), "streamed", &server.address);
    let sampled = prometheus(&program, dir.path(), "sampled", &without_streaming(server.address.clone()));
    for (form, through, shape) in [("streamed chunks", &streamed, ".*"), ("plain samples", &sampled, "float|integer")] {
        // From plain samples Prometheus 3.5 takes every histogram for an integer one and panics where it isn't, and
        // its iterator misses samples of series that have both floats and histograms.
        let strange = |s: &Written| s.histograms.iter().any(|h| h.1.float || !s.floats.is_empty());
        passed_on.retain(|_, series| shape == ".*" || !strange(series));
        compare(form, &passed_on, &read_all(&through.address, begin, shape));
        let query = format!(
            "/api/v1/query?query={}&time={}",
            escape(&format!("random{{shape=~\"{shape}\"}}[6h]")),
            begin / 1_000 + 21_600
        );
        let ask = |address: &str| {
            let answer = get(address, &query).unwrap();
            assert_eq!(answer.status, 200, "{form}: {}", answer.text());
            let mut result = answer.json()["data"]["result"].as_array().unwrap().clone();
            result.sort_by_key(|series| series["metric"].to_string());
            result
        };
        let (theirs, ours) = (ask(&through.address), ask(&server.address));
        assert_eq!(theirs.len(), ours.len(), "{form}");
        theirs.iter().zip(&ours).for_each(|(theirs, ours)| {
            assert_eq!(theirs["metric"], ours["metric"], "{form}");
            for kind in ["values", "histograms"] {
                let samples = |series: &serde_json::Value| series[kind].as_array().cloned().unwrap_or_default();
                let (theirs, ours) = (samples(theirs), samples(ours));
                assert_eq!(theirs.len(), ours.len(), "{form}");
                theirs.iter().zip(&ours).for_each(|(theirs, ours)| assert_eq!(theirs, ours, "{form}"));
            }
        });
    }
    let metrics = get(&server.address, "/metrics").unwrap().text();
    let reads = |kind: &str| {
        let name = format!("vctsdb_remote_read_requests_total{{type=\"{kind}\"}} ");
        metrics.lines().find_map(|l| l.strip_prefix(&name)).unwrap().parse::<u64>().unwrap()
    };
    assert!(reads("chunks") >= 2 && reads("samples") >= 3, "both forms were used");
    let samples: usize = written.values().map(|s| s.floats.len() + s.histograms.len()).sum();
    println!("{SERIES} series, {samples} samples equal in both forms");
}
