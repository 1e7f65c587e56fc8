//! Bodies: announced and never sent, many at once, oversized and malformed.

use std::{
    io::Write,
    net::TcpStream,
    time::{Duration, Instant},
};

use super::super::sender::{now, server_with_a_sample};
use super::super::{
    http_client::{get, request},
    process::{eventually, free_address, vctsdb},
    sender::{write, write_one},
};
use super::{connect, memory, rest, served};

#[test]
fn who_announces_much_and_sends_nothing_keeps_nobody_from_writing() {
    let (_dir, server) = server_with_a_sample();
    let paths = ["/api/v1/write", "/api/v1/read", "/api/v1/import/prometheus", "/api/v1/query"];
    let greedy: Vec<TcpStream> = (0..100)
        .map(|i| {
            let mut stream = connect(&server);
            let length = ["Content-Length: 10000000", "Transfer-Encoding: chunked"][i / 4 % 2];
            let head = format!(
                "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                 Content-Encoding: \r\n{length}\r\n\r\n",
                paths[i % 4]
            );
            let head = if i % 4 == 0 { head.replace("x-www-form-urlencoded", "x-protobuf") } else { head };
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    // Their requests have begun when one that came after them is answered.
    served(&server);
    let begun = Instant::now();
    write_one(&server.address, "kept_writing", now(), 1.0).unwrap();
    served(&server);
    let taken = begun.elapsed();
    println!("100 clients keep 1 GB announced; a write and a query took {taken:?}");
    assert!(taken < Duration::from_secs(5), "{taken:?}");
    drop(greedy);
}

#[test]
fn twelve_imports_at_once_all_come_through_and_keep_neither_writes_nor_questions_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let options = ["--self-scrape.interval", "0", "--memory", "256MiB"];
    let server = vctsdb(&dir.path().join("data"), &free_address(), &options);
    write_one(&server.address, "kept", now(), 7.0).unwrap();
    // Mostly comments, which are quick to read: what matters is how much there is of it.
    let comment = format!("# {}\n", "x".repeat(1_000));
    let body = |i: usize| format!("imported{{i=\"{i}\"}} 1\n{}", comment.repeat(6_500));
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    std::thread::scope(|scope| {
        let imports: Vec<_> = (0..12)
            .map(|i| {
                let server = &server;
                scope.spawn(move || {
                    let path = "/api/v1/import/prometheus";
                    request(&server.address, "POST", path, &[], body(i).as_bytes()).unwrap().status
                })
            })
            .collect();
        while imports.iter().any(|import| !import.is_finished()) {
            write_one(&server.address, "kept_writing", now(), 1.0).unwrap();
            let asked = request(&server.address, "POST", "/api/v1/query", &form, b"query=kept").unwrap();
            assert_eq!(asked.status, 200, "{}", asked.text());
        }
        let statuses: Vec<u16> = imports.into_iter().map(|import| import.join().unwrap()).collect();
        assert_eq!(statuses, [204; 12]);
    });
    let answer = get(&server.address, "/api/v1/query?query=count(imported)").unwrap().json();
    assert_eq!(answer["data"]["result"][0]["value"][1], "12", "{answer}");
}

#[test]
fn whatever_is_oversized_is_refused_by_name_and_forgotten() {
    use prost::Message;
    use vctsdb::remote::proto::v1;
    let (_dir, server) = server_with_a_sample();
    let before = memory(&server);
    let snappy = |bytes: &[u8]| snap::raw::Encoder::new().compress_vec(bytes).unwrap();
    let written = |labels: Vec<(String, String)>| {
        let labels = labels.into_iter().map(|(name, value)| v1::Label { name, value }).collect();
        let samples = vec![v1::Sample { value: 1.0, timestamp: 1 }];
        let series = v1::TimeSeries { labels, samples, ..Default::default() };
        snappy(&v1::WriteRequest { timeseries: vec![series], ..Default::default() }.encode_to_vec())
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let name = || pair("__name__", "large");
    let many = (0..300).map(|i| pair(&format!("label_{i}"), "x")).chain([name()]).collect();
    let heavy = (0..5).map(|i| pair(&format!("label_{i}"), &"x".repeat(60 << 10))).chain([name()]).collect();
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        (0..100).for_each(|_| encoder.write_all(&[b'\n'; 1 << 20]).unwrap());
        encoder.finish().unwrap()
    };
    let zstd = zstd::bulk::compress(&vec![b'\n'; 100 << 20], 1).unwrap();
    let read = |matchers: Vec<v1::LabelMatcher>| {
        let query = v1::Query { start_timestamp_ms: 0, end_timestamp_ms: 9, matchers, hints: None };
        snappy(&v1::ReadRequest { queries: vec![query], accepted_response_types: vec![] }.encode_to_vec())
    };
    let regex = |value: String| v1::LabelMatcher { r#type: 2, name: "a".into(), value };
    let write = [("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy")];
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    type Headers<'a> = &'a [(&'a str, &'a str)];
    type Case<'a> = (&'a str, &'a str, Headers<'a>, Vec<u8>, u16, &'a str);
    let (plain, mebibytes) = (vec![b'1'; 33 << 20], |count: usize| vec![b'1'; count << 20]);
    let cases: [Case; 14] = [
        ("a write", "/api/v1/write", &write, plain.clone(), 413, "33554432 bytes"),
        ("a read", "/api/v1/read", &[], plain.clone(), 413, "33554432 bytes"),
        ("a line", "/api/v1/import/prometheus", &[], plain, 400, "the record has more than 1048576 bytes"),
        ("a form", "/api/v1/query", &form, mebibytes(11), 413, "10485760 bytes"),
        // Imports stream: what a bomb holds is read a little at a time, and never kept.
        ("a gzip bomb", "/api/v1/import/prometheus", &[("Content-Encoding", "gzip")], gzip, 400, "only blank lines"),
        ("a zstd bomb", "/api/v1/import/prometheus", &[("Content-Encoding", "zstd")], zstd, 400, "only blank lines"),
        ("a snappy bomb", "/api/v1/write", &write, vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0], 400, "33554432"),
        ("empty series", "/api/v1/write", &write, snappy(&[0x0a, 0].repeat(1 << 20)), 204, ""),
        ("empty samples", "/api/v1/write", &write, snappy(&samples_without_anything(5 << 20)), 400, "samples"),
        ("labels", "/api/v1/write", &write, written(many), 400, "256 labels"),
        ("a value", "/api/v1/write", &write, written(vec![name(), pair("a", &"x".repeat(1 << 20))]), 400, "\"a\""),
        ("a label set", "/api/v1/write", &write, written(heavy), 400, "262144"),
        ("a regex", "/api/v1/read", &[], read(vec![regex("(a|b){1000}".repeat(1_000))]), 400, "error parsing regexp"),
        ("matchers", "/api/v1/read", &[], read(vec![regex("a".into()); 600]), 400, "600 matchers"),
    ];
    for (what, path, headers, body, status, says) in cases {
        let answer = request(&server.address, "POST", path, headers, &body).unwrap();
        let text = answer.text();
        assert_eq!(answer.status, status, "{what}: {text:.300}");
        assert!(text.contains(says) && text.len() < 4_096, "{what}: {text:.300}");
    }
    let heads = [
        format!("GET /api/v1/query?query={} HTTP/1.1\r\nHost: localhost\r\n\r\n", "1".repeat(1 << 20)),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X-More: 1\r\n".repeat(500)),
        format!("{} / HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET".repeat(1 << 18)),
    ];
    for head in heads {
        let mut stream = connect(&server);
        // It may hang up before all of this is sent.
        let _ = stream.write_all(head.as_bytes());
        let answer = rest(&mut stream);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer:.200}");
    }
    let (mut after, given) = (0, Instant::now());
    // A thread gives back what it had once it works again or ends, which takes what it takes on a busy machine.
    let back = eventually(Duration::from_secs(120), || {
        served(&server);
        after = memory(&server);
        after < before + (64 << 10)
    });
    println!("KiB: {before} before, {after} after everything oversized, within {:?}", given.elapsed());
    assert!(back, "KiB: {before} before, {after} after");
}

/// A 1.0 message with one series of so many samples of two bytes each.
fn samples_without_anything(count: usize) -> Vec<u8> {
    let mut message = vec![0x0a];
    prost::encoding::encode_varint(2 * count as u64, &mut message);
    message.extend([0x12, 0].repeat(count));
    message
}

/// Numbers that are different in every place and the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// A valid request's bytes: lists of series with labels, samples and more, as both protocols have them.
fn valid(version: usize) -> Vec<u8> {
    use prost::Message;
    use vctsdb::remote::proto::{v1, v2};
    if version == 1 {
        let label = |n: &str, v: &str| v1::Label { name: n.into(), value: v.into() };
        let samples = (0..5).map(|i| v1::Sample { value: i as f64, timestamp: i }).collect();
        let labels = vec![label("__name__", "fuzzed"), label("job", "x")];
        let series = v1::TimeSeries { labels, samples, ..Default::default() };
        return v1::WriteRequest { timeseries: vec![series; 4], metadata: vec![] }.encode_to_vec();
    }
    let symbols = ["", "__name__", "fuzzed", "job", "x"].map(str::to_owned).to_vec();
    let samples = (0..5).map(|i| v2::Sample { value: i as f64, timestamp: i, start_timestamp: 0 }).collect();
    let histogram = v2::Histogram {
        positive_spans: vec![v2::BucketSpan { offset: 1, length: 2 }],
        positive_deltas: vec![1, 1],
        count: Some(v2::histogram::Count::CountInt(3)),
        timestamp: 9,
        ..Default::default()
    };
    let series =
        v2::TimeSeries { labels_refs: vec![1, 2, 3, 4], samples, histograms: vec![histogram], ..Default::default() };
    v2::Request { symbols, timeseries: vec![series; 4] }.encode_to_vec()
}

#[test]
fn a_thousand_malformed_bodies_are_refused_while_others_write() {
    let (_dir, server) = server_with_a_sample();
    let before = memory(&server);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut answers = std::collections::BTreeMap::<u16, usize>::new();
    for round in 0..1_000 {
        let version = 1 + round % 2;
        let mut message = valid(version);
        for _ in 0..=dice.below(8) {
            let at = dice.below(message.len());
            match dice.below(4) {
                0 => message[at] ^= 1 << dice.below(8),
                1 => message[at] = dice.next() as u8,
                2 => message.truncate(at.max(1)),
                _ => drop(message.splice(at..at, [0xff; 5])),
            }
        }
        let mut body = snap::raw::Encoder::new().compress_vec(&message).unwrap();
        if round % 5 == 0 {
            let at = dice.below(body.len());
            body[at] = dice.next() as u8;
        }
        let kind = if version == 1 {
            "application/x-protobuf"
        } else {
            "application/x-protobuf;proto=io.prometheus.write.v2.Request"
        };
        let (path, headers) = match round % 10 {
            8 => ("/api/v1/read", vec![]),
            9 => ("/api/v1/import/prometheus", vec![("Content-Encoding", ["", "gzip", "zstd"][dice.below(3)])]),
            _ => ("/api/v1/write", vec![("Content-Type", kind), ("Content-Encoding", "snappy")]),
        };
        let answer = request(&server.address, "POST", path, &headers, &body).unwrap();
        *answers.entry(answer.status).or_default() += 1;
        assert!(answer.status < 500, "{path}: {} {}", answer.status, answer.text());
        assert!(answer.body.len() < 8_192, "{} bytes of message", answer.body.len());
        if round % 100 == 0 {
            assert_eq!(write(&server.address, &[("__name__", "others")], &[(round as i64, 1.0)]).unwrap(), 204);
            served(&server);
        }
    }
    let after = memory(&server);
    println!("{answers:?}; KiB: {before} before, {after} after");
    assert!(answers[&400] > 500, "{answers:?}");
    assert!(after < before + (64 << 10), "KiB: {before} before, {after} after");
}
