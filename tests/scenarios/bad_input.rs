//! Whatever arrives on the socket: the right status, a message that helps, and nothing stored is harmed.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::Duration,
};

use super::{
    http_client::{Response, escape, get, request},
    process::{Server, free_address},
    sender::{now, server_with_a_sample},
};

const WRITE: [(&str, &str); 2] = [("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy")];

fn still_well(server: &Server) {
    let answer = get(&server.address, "/api/v1/query?query=kept").unwrap().json();
    assert_eq!(answer["data"]["result"][0]["value"][1], "7", "{answer}");
    let series = get(&server.address, "/api/v1/series?match[]={__name__!=%22%22}").unwrap().json();
    assert_eq!(series["data"].as_array().unwrap().len(), 1, "nothing else was stored: {series}");
}

fn snappy(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

fn post(server: &Server, headers: &[(&str, &str)], body: &[u8]) -> Response {
    request(&server.address, "POST", "/api/v1/write", headers, body).unwrap()
}

#[test]
fn malformed_writes_are_refused_with_the_right_status_and_harm_nothing() {
    let (_dir, server) = server_with_a_sample();
    let series =
        |labels: &[u8], sample: &[u8]| snappy(&[&[0x0a, (labels.len() + sample.len()) as u8], labels, sample].concat());
    let name = b"\x0a\x0d\x0a\x08__name__\x12\x01x";
    let sample = |millis: i64| {
        let mut bytes = vec![0x12, 0x0b, 0x10];
        let mut rest = millis as u64;
        while rest >= 0x80 {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
        bytes[1] = bytes.len() as u8 - 2;
        bytes
    };
    let lying_length = [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], b"abc"].concat();
    let huge_field = snappy(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3]);
    let duplicate = [&name[..], name].concat();
    let tomorrow = series(name, &sample(now() + 86_400_000));
    let microseconds = series(name, &sample(now() * 1_000));
    type Headers<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, Headers, Vec<u8>, u16); 10] = [
        ("no snappy", &WRITE, b"garbage".to_vec(), 400),
        ("a lying snappy length", &WRITE, lying_length, 400),
        ("truncated snappy", &WRITE, snappy(&[7; 1_000])[..20].to_vec(), 400),
        ("a huge length inside", &WRITE, huge_field, 400),
        ("no metric name", &WRITE, series(b"\x0a\x06\x0a\x01a\x12\x01b", &sample(now())), 400),
        ("a label twice", &WRITE, series(&duplicate, &sample(now())), 400),
        ("a time in µs", &WRITE, microseconds, 400),
        ("a time far ahead", &WRITE, tomorrow, 400),
        ("JSON", &[("Content-Type", "application/json")], b"{}".to_vec(), 415),
        ("zstd", &[("Content-Type", "application/x-protobuf"), ("Content-Encoding", "zstd")], vec![1], 415),
    ];
    for (what, headers, body, status) in cases {
        let answer = post(&server, headers, &body);
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        assert!(answer.text().len() > 15, "{what}: the message says something: {:?}", answer.text());
    }
    let symbols = snappy(b"\x22\x00\x2a\x06\x0a\x02\x05\x09\x12\x00");
    let v2 = [("Content-Type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"), WRITE[1]];
    let answer = post(&server, &v2, &symbols);
    assert_eq!(answer.status, 400, "bad symbol references: {}", answer.text());
    assert!(
        answer.headers.to_lowercase().contains("x-prometheus-remote-write-samples-written: 0"),
        "{}",
        answer.headers
    );
    assert_eq!(post(&server, &WRITE, &vec![0; 33 << 20]).status, 413);
    assert_eq!(get(&server.address, "/api/v1/write").unwrap().status, 405);
    assert_eq!(request(&server.address, "POST", "/api/v1/read", &WRITE, b"garbage").unwrap().status, 400);
    still_well(&server);
}

#[test]
fn bad_queries_get_prometheus_errors() {
    let (_dir, server) = server_with_a_sample();
    let query = |text: &str| format!("/api/v1/query?query={}", escape(text));
    let range = |start: &str, end: &str, step: &str| {
        format!("/api/v1/query_range?query=kept&start={start}&end={end}&step={step}")
    };
    let cases = [
        (query("sum(kept"), 400, "bad_data", "parse error"),
        (query("rate(kept)"), 400, "bad_data", "1:6: parse error: expected type range vector"),
        (query("{}"), 400, "bad_data", "at least one non-empty matcher"),
        (query("kept{a=~\"(\"}"), 400, "bad_data", "error parsing regexp"),
        (query(&"(".repeat(2_000)), 400, "bad_data", "parse error"),
        (
            query("kept * on() {__name__=~\"kept\"} + on() group_left() kept") + "&time=soon",
            400,
            "bad_data",
            "\"time\"",
        ),
        (range("5", "1", "1"), 400, "bad_data", "end timestamp must not be before start time"),
        (range("1", "5", "0"), 400, "bad_data", "zero or negative query resolution step"),
        (range("x", "5", "1"), 400, "bad_data", "\"start\""),
        (range("0", "11001", "1"), 400, "bad_data", "11,000 points"),
        ("/api/v1/series".to_owned(), 400, "bad_data", "no match[] parameter provided"),
        ("/api/v1/labels?start=yesterday".to_owned(), 400, "bad_data", "yesterday"),
    ];
    for (path, status, kind, message) in cases {
        let answer = get(&server.address, &path).unwrap();
        assert_eq!(answer.status, status, "{path:.200}: {:.200}", answer.text());
        let json = answer.json();
        assert_eq!((&json["status"], &json["errorType"]), (&"error".into(), &kind.into()), "{path}: {json}");
        assert!(json["error"].as_str().unwrap().contains(message), "{path}: {json}");
    }
    assert_eq!(get(&server.address, &range("0", "11000", "1")).unwrap().status, 200, "11001 points pass");
    assert_eq!(get(&server.address, "/api/v1/nothing").unwrap().status, 404);
    still_well(&server);
}

#[test]
fn slow_and_oversized_clients_disturb_nobody() {
    let (_dir, server) = server_with_a_sample();
    let slow: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            stream.write_all(b"POST /api/v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Le").unwrap();
            stream
        })
        .collect();
    let long = "a".repeat(1 << 20);
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // The server may hang up before it has read all of this.
    let _ = stream.write_all(format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}\r\n\r\n").as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
    still_well(&server);
    drop(slow);
}

#[test]
fn a_data_directory_that_cannot_be_used_ends_the_program_with_a_sentence() {
    let (dir, _server) = server_with_a_sample();
    let run = |data: &std::path::Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_vctsdb"))
            .arg("--data-dir")
            .arg(data)
            .args(["--listen", &free_address()])
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, message) = run(&dir.path().join("data"));
    assert!(code == Some(1) && message.contains("in use by another vctsdb"), "{code:?} {message}");

    std::fs::create_dir(dir.path().join("foreign")).unwrap();
    std::fs::write(dir.path().join("foreign/holiday.jpg"), "x").unwrap();
    let (code, message) = run(&dir.path().join("foreign"));
    assert!(code == Some(1) && message.contains("holiday.jpg"), "{code:?} {message}");

    std::fs::write(dir.path().join("file"), "x").unwrap();
    let (code, message) = run(&dir.path().join("file/data"));
    assert!(code == Some(1) && message.contains("data directory"), "{code:?} {message}");
}
