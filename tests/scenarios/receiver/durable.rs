//! Exemplars and metadata after restarts, as a client sees them.

use super::super::sender::now;
use super::{Receiver, messages::Request2};
use crate::scenarios::process::vctsdb;

#[test]
fn exemplars_and_metadata_are_served_after_a_stop_and_after_a_kill() {
    let mut receiver = Receiver::start();
    let t = now();
    let labels = [("__name__", "requests_total"), ("job", "x")];
    let write = |receiver: &Receiver, n: i64| {
        let trace = format!("trace-{n}");
        let request = Request2::of(&labels).sample(t + n, n as f64).metadata(1, "Requests.", "");
        receiver.stores("one", &request.exemplar(&[("trace_id", &trace)], t + n, 0.25), [1, 0, 1]);
    };
    let check = |receiver: &Receiver, count: usize| {
        let traces: Vec<_> =
            receiver.exemplars("requests_total").iter().map(|e| e["labels"]["trace_id"].clone()).collect();
        let want: Vec<_> = (0..count).map(|n| serde_json::Value::from(format!("trace-{n}"))).collect();
        assert_eq!(traces, want);
        let families = receiver.data("/api/v1/metadata?metric=requests_total");
        assert_eq!(families["requests_total"][0]["help"], "Requests.");
    };
    let address = receiver.server.address.clone();
    let data = receiver.dir.path().join("data");
    let options = ["--self-scrape.interval", "0"];
    write(&receiver, 0);
    assert!(receiver.server.terminate());
    receiver.server = vctsdb(&data, &address, &options);
    check(&receiver, 1);
    write(&receiver, 1);
    receiver.server.kill();
    receiver.server = vctsdb(&data, &address, &options);
    check(&receiver, 2);
    assert!(receiver.server.terminate());
    receiver.server = vctsdb(&data, &address, &options);
    check(&receiver, 2);
}
