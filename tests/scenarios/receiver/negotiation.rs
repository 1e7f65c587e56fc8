//! Which message a request holds, by its headers, and what the answer's headers say.

use prost::Message;
use vctsdb::remote::proto::v1;

use super::super::sender::now;
use super::{
    Receiver, V1, V2,
    messages::{Request2, mixed},
    snappy, stated,
};
use crate::scenarios::http_client::request;

fn v1_body(name: &str) -> Vec<u8> {
    let label = v1::Label { name: "__name__".into(), value: name.into() };
    let samples = vec![v1::Sample { value: 1.0, timestamp: now() }];
    let series = v1::TimeSeries { labels: vec![label], samples, ..Default::default() };
    snappy(&v1::WriteRequest { timeseries: vec![series], metadata: vec![] }.encode_to_vec())
}

fn v2_body(name: &str) -> Vec<u8> {
    snappy(&Request2::of(&[("__name__", name)]).sample(now(), 1.0).encode())
}

#[test]
fn the_content_type_alone_selects_the_message() {
    let receiver = Receiver::start();
    let ones = [
        None,
        Some("application/x-protobuf"),
        Some("application/x-protobuf;proto=prometheus.WriteRequest"),
        Some("application/x-protobuf; charset=utf-8"),
        Some("Application/X-Protobuf"),
    ];
    // The version header is for people; some senders leave it out or lie in it.
    for (i, kind) in ones.into_iter().enumerate() {
        let mut headers = vec![V1[1], ("X-Prometheus-Remote-Write-Version", "2.0.0"), ("Retry-Attempt", "3")];
        headers.extend(kind.map(|kind| ("Content-Type", kind)));
        let name = format!("one_{i}");
        let answer = receiver.post(&headers, &v1_body(&name));
        assert_eq!((answer.status, stated(&answer)), (204, [None; 3]), "{kind:?}: {}", answer.text());
        assert_eq!(receiver.samples(&name), 1, "{kind:?}");
    }
    let twos = [
        "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        "application/x-protobuf; proto=io.prometheus.write.v2.Request",
        "application/x-protobuf;charset=utf-8;proto=io.prometheus.write.v2.Request",
        "application/x-protobuf; proto=\"io.prometheus.write.v2.Request\"",
    ];
    for (i, kind) in twos.into_iter().enumerate() {
        let headers = [("Content-Type", kind), V2[1], ("X-Prometheus-Remote-Write-Version", "0.1.0")];
        let name = format!("two_{i}");
        let answer = receiver.post(&headers, &v2_body(&name));
        assert_eq!((answer.status, stated(&answer)), (204, [Some(1), Some(0), Some(0)]), "{kind}: {}", answer.text());
        assert_eq!(receiver.samples(&name), 1, "{kind}");
    }
    let unknown = [
        "text/plain",
        "application/protobuf",
        "application/x-protobuf;proto=prometheus.ReadRequest",
        "application/x-protobuf;proto=",
        "application/x-protobuf;proto",
    ];
    for kind in unknown {
        let answer = receiver.post(&[("Content-Type", kind), V2[1]], &v2_body("unknown"));
        assert_eq!(answer.status, 415, "{kind}: {}", answer.text());
        assert!(answer.text().contains(kind), "the message names what came: {}", answer.text());
    }
    assert_eq!(receiver.samples("unknown"), 0);
}

#[test]
fn the_encoding_is_a_snappy_block_also_when_no_header_says_so() {
    let receiver = Receiver::start();
    assert_eq!(receiver.post(&[V2[0]], &v2_body("silent")).status, 204);
    for encoding in ["gzip", "deflate", "br", "snappy, gzip"] {
        let answer = receiver.post(&[V2[0], ("Content-Encoding", encoding)], &v2_body("other"));
        assert_eq!(answer.status, 415, "{encoding}: {}", answer.text());
    }
    let framed = receiver.post(&V2, b"\xff\x06\x00\x00sNaPpY\x00\x00");
    assert_eq!((framed.status, stated(&framed)), (400, [Some(0); 3]));
    assert!(framed.text().contains("framed"), "{}", framed.text());
    let plain = Request2::of(&[("__name__", "plain")]).sample(now(), 1.0).encode();
    assert_eq!(receiver.post(&[V2[0]], &plain).status, 400, "not compressed at all");
    assert_eq!(receiver.samples("{__name__=~\"other|plain\"}"), 0);
}

#[test]
fn every_answer_to_protocol_2_counts_and_none_to_protocol_1_does() {
    let receiver = Receiver::start();
    let large = vec![0; 33 << 20];
    let bomb = [&[0x80, 0x80, 0x80, 0x80, 0x08][..], &[0; 64]].concat();
    for (what, body, status) in [("broken", &b"broken"[..], 400), ("too large", &large, 413), ("a bomb", &bomb, 400)] {
        let answer = receiver.post(&V2, body);
        assert_eq!((answer.status, stated(&answer)), (status, [Some(0); 3]), "{what}: {}", answer.text());
        let answer = receiver.post(&V1, body);
        assert_eq!((answer.status, stated(&answer)), (status, [None; 3]), "{what}: {}", answer.text());
    }
    let both = Request2::of(&[("__name__", "both")]).sample(now(), 1.0).histogram(mixed(now() - 1));
    receiver.stores("floats and histograms of one series", &both, [1, 1, 0]);
    let empty = receiver.post(&V2, &snappy(b""));
    assert_eq!((empty.status, stated(&empty)), (204, [Some(0); 3]), "an empty request is stored whole");
}

#[test]
fn only_posting_is_allowed() {
    let receiver = Receiver::start();
    for method in ["GET", "PUT", "DELETE", "HEAD"] {
        let answer = request(&receiver.server.address, method, "/api/v1/write", &V2, &v2_body("never")).unwrap();
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.headers.to_lowercase().contains("allow: post"), "{}", answer.headers);
    }
    assert_eq!(receiver.samples("never"), 0);
}
