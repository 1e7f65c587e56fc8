//! Pushes, as clients of a Pushgateway send them.

use super::{
    http_client::{Response, escape, get, request},
    process::{Server, free_address, vctsdb},
    sender::now,
};

/// What Go's client sends by default.
const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

fn started() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = vctsdb(&dir.path().join("data"), &free_address(), &["--self-scrape.interval", "0"]);
    (dir, server)
}

fn push(server: &Server, method: &str, path: &str, body: &str) -> Response {
    // As the Python client has it.
    let headers = [("Content-Type", "text/plain; version=0.0.4; charset=utf-8"), ("Accept-Encoding", "identity")];
    request(&server.address, method, &format!("/metrics/job{path}"), &headers, body.as_bytes()).unwrap()
}

fn pushed(server: &Server, method: &str, path: &str, body: &str) {
    let answer = push(server, method, path, body);
    let want = if method == "DELETE" { 202 } else { 200 };
    assert_eq!((answer.status, answer.text().as_str()), (want, ""), "{method} {path}");
}

/// The series that an instant query finds, without those of the server's own, each with its value.
fn live(server: &Server, selector: &str) -> Vec<String> {
    // Of two pushes in a millisecond the second one is stored in the next.
    let time = now() / 1_000 + 1;
    let answer = get(&server.address, &format!("/api/v1/query?query={}&time={time}", escape(selector))).unwrap().json();
    let series = answer["data"]["result"].as_array().unwrap().iter();
    let mut words: Vec<String> = series
        .map(|series| {
            let labels = series["metric"].as_object().unwrap();
            let labels: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap())).collect();
            format!("{} {}", labels.join(","), series["value"][1].as_str().unwrap())
        })
        .collect();
    words.sort();
    words
}

const OF_JOB: &str = "{job=\"batch\", __name__!~\"push_.*\"}";

#[test]
fn a_put_replaces_its_group_a_post_its_metrics_and_a_delete_ends_it() {
    let (_dir, server) = started();
    pushed(&server, "PUT", "/batch", "# TYPE a gauge\na{l=\"1\"} 1\na{l=\"2\"} 2\nb 3\n");
    assert_eq!(
        live(&server, OF_JOB),
        ["__name__=a,job=batch,l=1 1", "__name__=a,job=batch,l=2 2", "__name__=b,job=batch 3"]
    );
    pushed(&server, "POST", "/batch", "a{l=\"1\"} 4\n");
    assert_eq!(live(&server, OF_JOB), ["__name__=a,job=batch,l=1 4", "__name__=b,job=batch 3"], "b stays");
    pushed(&server, "PUT", "/batch", "c 5\n");
    assert_eq!(live(&server, OF_JOB), ["__name__=c,job=batch 5"]);
    assert_eq!(live(&server, "count_over_time(a[1h])").len(), 2, "what was stored stays");
    assert_eq!(live(&server, "push_time_seconds > bool 0"), ["job=batch 1"]);
    assert_eq!(
        live(&server, "push_failure_time_seconds"),
        ["__name__=push_failure_time_seconds,job=batch 0"],
        "never refused"
    );
    pushed(&server, "POST", "/batch", "");
    assert_eq!(live(&server, OF_JOB), ["__name__=c,job=batch 5"], "a push of nothing only says when it was");
    pushed(&server, "DELETE", "/batch", "");
    assert_eq!(live(&server, "{job=\"batch\"}"), [""; 0]);
    pushed(&server, "DELETE", "/never", "");
    pushed(&server, "PUT", "/batch", "c 6\n");
    pushed(&server, "PUT", "/batch", "");
    assert_eq!(live(&server, OF_JOB), [""; 0], "a put of nothing empties the group");
    assert_eq!(live(&server, "count_over_time(push_time_seconds[1h]) > bool 5"), ["job=batch 1"]);
}

#[test]
fn a_group_comes_back_however_fast_it_is_deleted_and_pushed_to_again() {
    let (_dir, server) = started();
    for round in 0..40 {
        pushed(&server, "PUT", "/batch", &format!("a {round}\n"));
        assert_eq!(live(&server, OF_JOB), [format!("__name__=a,job=batch {round}")]);
        pushed(&server, "DELETE", "/batch", "");
        assert_eq!(live(&server, OF_JOB), [""; 0], "{round}");
    }
}

#[test]
fn groups_are_apart_and_series_that_come_another_way_are_in_none() {
    let (_dir, server) = started();
    let import = request(
        &server.address,
        "POST",
        "/api/v1/import/prometheus",
        &[],
        b"scraped{job=\"batch\",instance=\"i\"} 1\n",
    );
    assert_eq!(import.unwrap().status, 204);
    pushed(&server, "PUT", "/batch/instance/i", "a 1\n");
    pushed(&server, "PUT", "/batch/instance/j", "a 2\n");
    pushed(&server, "PUT", "/batch", "a 3\n");
    pushed(&server, "PUT", "/batch", "b 4\n");
    let all = [
        "__name__=a,instance=i,job=batch 1",
        "__name__=a,instance=j,job=batch 2",
        "__name__=b,job=batch 4",
        "__name__=scraped,instance=i,job=batch 1",
    ];
    assert_eq!(live(&server, OF_JOB), all);
    pushed(&server, "DELETE", "/batch", "");
    assert_eq!(live(&server, OF_JOB), [all[0], all[1], all[3]]);
    pushed(&server, "DELETE", "/batch/instance/i", "");
    assert_eq!(live(&server, OF_JOB), [all[1], all[3]]);
}

#[test]
fn labels_of_the_path_win_over_those_of_the_body_and_may_be_in_base64() {
    let (_dir, server) = started();
    pushed(
        &server,
        "PUT",
        "/a%2Fb/instance@base64/L3RtcC94/x@base64/=",
        "m{instance=\"mine\",x=\"gone\",y=\"kept\",job=\"z\"} 1\n",
    );
    assert_eq!(live(&server, "m"), ["__name__=m,instance=/tmp/x,job=a/b,y=kept 1"]);
    let answer =
        request(&server.address, "PUT", "/metrics/job@base64/YS9i/instance@base64/L3RtcC94", &[], b"n 1\n").unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        live(&server, "{job=\"a/b\", __name__!~\"push_.*\"}"),
        ["__name__=n,instance=/tmp/x,job=a/b 1"],
        "the same group"
    );
}

#[test]
fn what_is_wrong_is_refused_as_a_pushgateway_does_and_noted() {
    let (_dir, server) = started();
    pushed(&server, "PUT", "/batch", "a 1\n");
    let refused = |method: &str, path: &str, body: &str, says: &str| {
        let answer = push(&server, method, path, body);
        assert_eq!(answer.status, 400, "{path} {body}");
        assert!(answer.text().contains(says), "{path} {body}: {}", answer.text());
    };
    let inconsistent = "pushed metrics are invalid or inconsistent with existing metrics: ";
    refused("PUT", "/batch", "a 2 1700000000000\n", "line 1:5: pushed metrics must not have timestamps");
    refused("PUT", "/batch", "a 2 5\n", "line 1:5: pushed metrics must not have timestamps");
    refused("POST", "/batch", "a 2\na 3\n", inconsistent);
    refused("POST", "/batch", "a 2\na 3\n", "was collected before with the same name and label values");
    refused("PUT", "/batch", "a x\n", "line 1:3: \"x\" is no number");
    refused("PUT", "/batch", "push_time_seconds{l=\"1\"} 3\n", "push_time_seconds is written by the server");
    refused("PUT", "/", "a 1\n", "job name is required");
    refused("PUT", "/batch/x", "a 1\n", "odd number of components in label string \"/x\"");
    refused("DELETE", "/batch/9/x", "", "improper label name \"9\"");
    refused("PUT", "/batch?extra=1", "a 1\n", "\"extra\"");
    assert_eq!(live(&server, OF_JOB), ["__name__=a,job=batch 1"], "nothing of a refused push is stored");
    assert_eq!(live(&server, "push_failure_time_seconds >= bool push_time_seconds"), ["job=batch 1"]);
    refused("PUT", "/new", "a x\n", "is no number");
    assert_eq!(live(&server, "push_time_seconds{job=\"new\"}"), ["__name__=push_time_seconds,job=new 0"]);
    assert_eq!(push(&server, "GET", "/batch", "").status, 405);
    let metrics = get(&server.address, "/metrics").unwrap();
    assert!(
        metrics.status == 200 && metrics.text().contains("vctsdb_build_info"),
        "our own metrics are where they were"
    );
}

#[test]
fn families_in_protobuf_are_pushed_as_goes_client_does() {
    let (_dir, server) = started();
    // Made by hand: `up`, a gauge of 1, and a counter of 2 with the label `l`.
    let gauge = b"\x13\x0a\x02up\x18\x01\x22\x0b\x12\x09\x09\x00\x00\x00\x00\x00\x00\xf0\x3f";
    let counter =
        b"\x1c\x0a\x03c_t\x18\x00\x22\x13\x0a\x06\x0a\x01l\x12\x01v\x1a\x09\x09\x00\x00\x00\x00\x00\x00\x00\x40";
    let body = [&gauge[..], &counter[..]].concat();
    let answer = request(&server.address, "PUT", "/metrics/job/batch", &[("Content-Type", PROTOBUF)], &body).unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    assert_eq!(live(&server, OF_JOB), ["__name__=c_t,job=batch,l=v 2", "__name__=up,job=batch 1"]);
    let answer =
        request(&server.address, "POST", "/metrics/job/batch", &[("Content-Type", PROTOBUF)], &body[..9]).unwrap();
    assert!(answer.status == 400 && answer.text().contains("the body ends inside it"), "{}", answer.text());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, gauge).unwrap();
    let headers = [("Content-Type", PROTOBUF), ("Content-Encoding", "gzip")];
    let answer = request(&server.address, "PUT", "/metrics/job/batch", &headers, &gzip.finish().unwrap()).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(live(&server, OF_JOB), ["__name__=up,job=batch 1"]);
}

#[test]
fn pushes_to_a_group_at_once_leave_it_as_one_of_them_would() {
    let (_dir, server) = started();
    std::thread::scope(|scope| {
        for i in 0..8 {
            let server = &server;
            scope.spawn(move || pushed(server, "PUT", "/batch", &format!("own{i} {i}\nshared {i}\n")));
        }
    });
    let left = live(&server, OF_JOB);
    let [own, shared] = &left[..] else { panic!("{left:?}") };
    let number = |series: &str| series.rsplit(' ').next().unwrap().to_owned();
    assert_eq!(number(own), number(shared), "{left:?}");
    assert_eq!(live(&server, "count_over_time(shared[1h])"), ["job=batch 8"], "each has a time of its own");
}
