//! Requests of which a part can't be kept, labels as they come in practice, and senders that come again.

use prost::Message;
use vctsdb::remote::proto::{v1, v2};

use super::super::sender::now;
use super::{
    Receiver, V1,
    messages::{Request2, mixed},
    snappy, stated,
};

/// A 1.0 series with one sample.
fn series(labels: &[(&str, &str)], timestamp: i64) -> v1::TimeSeries {
    let label = |&(name, value): &(&str, &str)| v1::Label { name: name.into(), value: value.into() };
    let samples = vec![v1::Sample { value: 1.0, timestamp }];
    v1::TimeSeries { labels: labels.iter().map(label).collect(), samples, ..Default::default() }
}

fn good(name: &str) -> Request2 {
    Request2::of(&[("__name__", name)]).sample(now(), 1.0)
}

#[test]
fn bad_references_cost_their_series_and_nothing_else() {
    let receiver = Receiver::start();
    let t = now();
    let mut out_of_range = good("kept_0").and(&[("__name__", "bad")]).sample(t, 1.0);
    out_of_range.last().labels_refs[1] = 4_000_000_000;
    let message = receiver.refuses("a label out of range", &out_of_range, [1, 0, 0]);
    assert!(message.contains("4000000000"), "{message}");
    let mut odd = good("kept_1").and(&[("__name__", "bad")]).sample(t, 1.0);
    odd.last().labels_refs.push(0);
    receiver.refuses("an odd number", &odd, [1, 0, 0]);
    let mut help = good("kept_2").and(&[("__name__", "bad")]).sample(t, 1.0);
    help.last().metadata = Some(v2::Metadata { r#type: 1, help_ref: 77, unit_ref: 0 });
    receiver.refuses("a help text out of range", &help, [1, 0, 0]);
    let mut exemplar = good("kept_3").exemplar(&[], t, 1.0);
    exemplar.last().exemplars[0].labels_refs = vec![1, 99];
    receiver.refuses("an exemplar's label out of range", &exemplar, [1, 0, 0]);
    let no_symbols = v2::Request {
        symbols: vec![],
        timeseries: vec![v2::TimeSeries {
            labels_refs: vec![0, 1],
            samples: vec![v2::Sample { value: 1.0, timestamp: t, start_timestamp: 0 }],
            ..Default::default()
        }],
    };
    let answer = receiver.post(&super::V2, &snappy(&no_symbols.encode_to_vec()));
    assert_eq!((answer.status, stated(&answer)), (400, [Some(0); 3]), "{}", answer.text());
    assert_eq!(receiver.samples("{__name__=~\"kept_.*\"}"), 4);
    assert_eq!(receiver.samples("bad"), 0);
}

#[test]
fn labels_as_they_come_in_practice() {
    let receiver = Receiver::start();
    let t = now();
    let twice = good("kept_0").and(&[("__name__", "twice"), ("a", "1"), ("a", "2")]).sample(t, 1.0);
    receiver.refuses("a name twice", &twice, [1, 0, 0]);
    let nameless = good("kept_1").and(&[("__name__", "empty_name"), ("", "1")]).sample(t, 1.0);
    receiver.refuses("an empty label name", &nameless, [1, 0, 0]);
    let empty = Request2::of(&[("__name__", "empty_value"), ("gone", ""), ("kept", "1")]).sample(t, 1.0);
    receiver.stores("an empty label value", &empty, [1, 0, 0]);
    assert_eq!(receiver.samples("empty_value{gone=\"\",kept=\"1\"}"), 1);
    let unordered = Request2::of(&[("z", "1"), ("__name__", "sorted"), ("a", "2")]).sample(t, 1.0);
    receiver.stores("unordered", &unordered, [1, 0, 0]);
    let again = Request2::of(&[("a", "2"), ("z", "1"), ("__name__", "sorted")]).sample(t + 1, 1.0);
    receiver.stores("another order", &again, [1, 0, 0]);
    assert_eq!(receiver.data("/api/v1/series?match[]=sorted").as_array().unwrap().len(), 1, "one series all the same");

    // Over 1.0, where Prometheus answers 204 and forgets the series, a refusal is as loud.
    let bad: [&[(&str, &str)]; 4] = [
        &[("__name__", "v1_bad"), ("a", "1"), ("a", "2")],
        &[("__name__", "v1_bad"), ("", "1")],
        &[("__name__", "")],
        &[("job", "x")],
    ];
    for labels in bad {
        let timeseries = vec![series(&[("__name__", "v1_kept")], t), series(labels, t)];
        let message = v1::WriteRequest { timeseries, metadata: vec![] };
        let answer = receiver.post(&V1, &snappy(&message.encode_to_vec()));
        assert_eq!((answer.status, stated(&answer)), (400, [None; 3]), "{labels:?}: {}", answer.text());
    }
    assert_eq!((receiver.samples("v1_kept"), receiver.samples("v1_bad")), (1, 0));
}

#[test]
fn times_far_ahead_are_refused_and_all_others_stored() {
    let receiver = Receiver::start();
    let t = now();
    let ahead = good("clock").sample(t + 3_600_000, 1.0).histogram(mixed(t + 86_400_000));
    let message = receiver.refuses("an hour ahead", &ahead, [1, 0, 0]);
    assert!(message.contains("future") && message.contains("clock"), "{message}");
    let little = Request2::of(&[("__name__", "clock")]).sample(t + 300_000, 2.0);
    receiver.stores("five minutes ahead", &little, [1, 0, 0]);
    let old = [-1, 0, 1, i64::MIN, t - 400 * 86_400_000, t - 1];
    let old = old.iter().fold(Request2::of(&[("__name__", "past")]), |r, t| r.sample(*t, 3.0));
    receiver.stores("any time in the past, in any order", &old, [6, 0, 0]);
    let range = format!("/api/v1/query?query=past%5B1000d%5D&time={}", t as f64 / 1_000.0);
    let found = receiver.data(&range);
    assert_eq!(found["result"][0]["values"].as_array().map(Vec::len), Some(2), "{found}");
    let before_the_epoch = receiver.data("/api/v1/query?query=past%5B1s%5D&time=0.001");
    assert_eq!(before_the_epoch["result"][0]["values"].as_array().map(Vec::len), Some(3), "{before_the_epoch}");
}

#[test]
fn the_last_write_wins_and_a_retry_is_counted_but_changes_nothing() {
    let receiver = Receiver::start();
    let t = now();
    let first = Request2::of(&[("__name__", "again")]).sample(t, 1.0).exemplar(&[("a", "1")], t, 1.0);
    receiver.stores("sent twice", &first, [1, 0, 1]);
    let other = Request2::of(&[("__name__", "again")]).sample(t, 2.0);
    receiver.stores("another value", &other, [1, 0, 0]);
    let data = receiver.data("/api/v1/query?query=again%5B1h%5D");
    assert_eq!(data["result"][0]["values"].as_array().unwrap().len(), 1);
    assert_eq!(data["result"][0]["values"][0][1], "2");
    assert_eq!(receiver.exemplars("again").len(), 1);
}

#[test]
fn exemplars_that_are_too_long_and_messages_about_many_refusals_stay_short() {
    let receiver = Receiver::start();
    let t = now();
    let long = "x".repeat(129);
    let request = good("long").exemplar(&[("a", &long)], t, 1.0).exemplar(&[("a", "1")], t, 1.0);
    let message = receiver.refuses("129 characters", &request, [1, 0, 1]);
    assert!(message.contains("130") && message.contains("128"), "{message}");
    let many = (0..500).fold(good("many"), |r, _| r.and(&[("job", &long)]).sample(t, 1.0));
    let message = receiver.refuses("500 nameless", &many, [1, 0, 0]);
    assert!(message.starts_with("500 refused") && message.len() < 4_096, "{} bytes: {message}", message.len());
}
