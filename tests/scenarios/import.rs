//! Samples posted by hand, and read again by whoever scrapes `/federate`.

use std::{
    io::Write,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prost::Message;
use vctsdb::remote::proto::v1;

use super::{
    http_client::{Response, escape, get, request},
    process::{Server, eventually, free_address, peer, vctsdb},
};

const PATH: &str = "/api/v1/import/prometheus";

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn started(more: &[&str]) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let options = [&["--self-scrape.interval", "0"], more].concat();
    let server = vctsdb(&dir.path().join("data"), &free_address(), &options);
    (dir, server)
}

fn post(server: &Server, headers: &[(&str, &str)], body: &[u8]) -> Response {
    request(&server.address, "POST", PATH, headers, body).unwrap()
}

fn value(server: &Server, query: &str) -> serde_json::Value {
    let answer = get(&server.address, &format!("/api/v1/query?query={}", escape(query))).unwrap().json();
    answer["data"]["result"][0]["value"][1].clone()
}

#[test]
fn what_is_posted_as_text_is_stored_compressed_or_not() {
    let (_dir, server) = started(&[]);
    // What curl --data-binary says its body is.
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let text =
        format!("# TYPE temperature gauge\ntemperature{{room=\"a\\\\b\"}} 21.5 {}\ndoor_open 1\n", now() - 1_000);
    let answer = post(&server, &form, text.as_bytes());
    assert_eq!((answer.status, answer.body.len()), (204, 0), "{}", answer.text());
    assert_eq!(value(&server, "temperature{room=\"a\\\\b\"}"), "21.5");
    assert_eq!(value(&server, "door_open"), "1");
    let metadata = get(&server.address, "/api/v1/metadata?metric=temperature").unwrap().json();
    assert_eq!(metadata["data"]["temperature"][0]["type"], "gauge");

    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let seconds = now() as f64 / 1_000.0;
    let text = format!("a_total 7 {seconds:.3} # {{trace_id=\"t\"}} 0.5\n# EOF\n");
    gzip.write_all(text.as_bytes()).unwrap();
    let headers = [("Content-Encoding", "gzip"), ("Content-Type", "application/openmetrics-text; version=1.0.0")];
    let answer = post(&server, &headers, &gzip.finish().unwrap());
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(value(&server, "a_total"), "7");
    let exemplars = get(&server.address, "/api/v1/query_exemplars?query=a_total").unwrap().json();
    assert_eq!(exemplars["data"][0]["exemplars"][0]["labels"]["trace_id"], "t", "{exemplars}");
    let zstd = zstd::encode_all(&b"z 3\n"[..], 3).unwrap();
    assert_eq!(post(&server, &[("Content-Encoding", "zstd")], &zstd).status, 204);
    assert_eq!(value(&server, "z"), "3");
}

#[test]
fn a_wrong_line_is_named_and_nothing_is_stored() {
    let (_dir, server) = started(&[]);
    let answer = post(&server, &[], b"good 1\nbad{a=1} 2\ngood 2 x\n");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("line 2:7") && answer.text().contains("line 3:8"), "{}", answer.text());
    assert!(value(&server, "good").is_null(), "all or nothing");
    let ahead = format!("good 1 {}\n", now() + 3_600_000);
    assert_eq!(post(&server, &[], ahead.as_bytes()).status, 400);
    assert_eq!(post(&server, &[("Content-Encoding", "br")], b"good 1\n").status, 415);
    assert_eq!(post(&server, &[("Content-Encoding", "gzip")], b"good 1\n").status, 400);
    assert_eq!(post(&server, &[], &vec![b'\n'; 33 << 20]).status, 413);
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    bomb.write_all(&vec![b'\n'; 65 << 20]).unwrap();
    assert_eq!(post(&server, &[("Content-Encoding", "gzip")], &bomb.finish().unwrap()).status, 413);
    assert_eq!(get(&server.address, PATH).unwrap().status, 405);
    assert_eq!(request(&server.address, "POST", "/api/v1/import/other", &[], b"").unwrap().status, 404);
    assert!(value(&server, "good").is_null());
}

/// Posts a histogram with custom buckets.
fn post_custom(server: &Server, name: &str) {
    let histogram = v1::Histogram {
        count: Some(v1::histogram::Count::CountInt(7)),
        sum: 9.5,
        schema: -53,
        positive_spans: vec![v1::BucketSpan { offset: 0, length: 3 }],
        positive_deltas: vec![1, 1, 2],
        custom_values: vec![0.5, 1.0],
        timestamp: now(),
        ..Default::default()
    };
    let labels = vec![v1::Label { name: "__name__".into(), value: name.into() }];
    let series = v1::TimeSeries { labels, histograms: vec![histogram], ..Default::default() };
    let message = v1::WriteRequest { timeseries: vec![series], metadata: vec![] }.encode_to_vec();
    let body = snap::raw::Encoder::new().compress_vec(&message).unwrap();
    let headers = [("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy")];
    assert_eq!(request(&server.address, "POST", "/api/v1/write", &headers, &body).unwrap().status, 204);
}

#[test]
fn federation_shows_the_newest_samples_as_text() {
    let (_dir, server) = started(&["--external-label", "dc=eu", "--external-label", "room=none"]);
    let t = now() - 10_000;
    let text = format!(
        "b{{room=\"x\"}} 1 {}\nb{{room=\"x\"}} 2.5e-9 {t}\nb{{instance=\"i\",q=\"\\\"\\\\\\n\"}} NaN {t}\n\
         a:sum +Inf {t}\n{{\"c.dots\",\"l.dots\"=\"1\"}} 3 {t}\nold 1 {}\nother 1 {t}\n",
        t - 60_000,
        t - 600_000,
    );
    assert_eq!(post(&server, &[], text.as_bytes()).status, 204);
    let path = "/federate?match[]={__name__=~%22a.*|b|old%22}&match[]=b&match[]={%22c.dots%22}";
    let answer = get(&server.address, path).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.headers.contains("text/plain; version=0.0.4"), "{}", answer.headers);
    let want = format!(
        "# TYPE a:sum untyped\na:sum{{dc=\"eu\",room=\"none\",instance=\"\"}} +Inf {t}\n\
         # TYPE b untyped\nb{{dc=\"eu\",instance=\"i\",q=\"\\\"\\\\\\n\",room=\"none\"}} NaN {t}\n\
         b{{dc=\"eu\",room=\"x\",instance=\"\"}} 2.5e-09 {t}\n\
         # TYPE c_dots untyped\nc_dots{{dc=\"eu\",l_dots=\"1\",room=\"none\",instance=\"\"}} 3 {t}\n"
    );
    assert_eq!(answer.text(), want);
    let accept = [("Accept", "text/plain; version=1.0.0; escaping=allow-utf-8, */*;q=0.1")];
    let answer = request(&server.address, "GET", "/federate?match[]={%22c.dots%22}", &accept, b"").unwrap();
    let quoted = format!("{{\"c.dots\",dc=\"eu\",\"l.dots\"=\"1\",room=\"none\",instance=\"\"}} 3 {t}\n");
    assert!(answer.text().ends_with(&quoted), "{}", answer.text());
    assert_eq!(get(&server.address, "/federate").unwrap().body, b"", "nothing is asked for");
    assert_eq!(get(&server.address, "/federate?match[]={}").unwrap().status, 400);
    post_custom(&server, "sizes");
    let answer = get(&server.address, "/federate?match[]=sizes").unwrap().text();
    for line in
        ["# TYPE sizes histogram\n", "le=\"0.5\"} 1 ", "le=\"1\"} 3 ", "le=\"+Inf\"} 7 ", "sizes_sum{", "sizes_count{"]
    {
        assert!(answer.contains(line), "{line}: {answer}");
    }
}

#[test]
fn a_real_prometheus_scrapes_the_federation_and_our_own_import_reads_it() {
    let Some(program) = peer("PROMETHEUS_BIN", "prometheus") else { return };
    let (dir, server) = started(&["--external-label", "dc=eu"]);
    let t = now();
    let text = format!("fed{{room=\"a\"}} 1.25 {t}\n{{\"fed.dots\"}} 2 {t}\n");
    assert_eq!(post(&server, &[], text.as_bytes()).status, 204);
    let config = format!(
        "global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: federate
    honor_labels: true
    metrics_path: /federate
    params: {{'match[]': ['{{__name__=~\"fed.*\"}}']}}
    static_configs: [{{targets: ['{}']}}]
",
        server.address
    );
    let config_path = dir.path().join("prometheus.yml");
    std::fs::write(&config_path, config).unwrap();
    let address = free_address();
    let mut command = std::process::Command::new(program);
    command
        .arg(format!("--config.file={}", config_path.display()))
        .arg(format!("--storage.tsdb.path={}", dir.path().join("prometheus").display()))
        .arg(format!("--web.listen-address={address}"));
    let prometheus = Server::start(&mut command, &address, "/-/ready", &dir.path().join("prometheus.log"));
    let arrived = || value(&prometheus, "fed{dc=\"eu\",room=\"a\",instance=\"\"}") == "1.25";
    assert!(eventually(Duration::from_secs(20), arrived), "Prometheus has no federated sample");
    assert_eq!(value(&prometheus, "{\"fed.dots\"}"), "2", "names keep their dots where the scraper can read them");

    let (_other_dir, other) = started(&[]);
    let text = get(&server.address, "/federate?match[]={__name__=~%22fed.*%22}").unwrap();
    let answer = post(&other, &[], &text.body);
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(value(&other, "fed{dc=\"eu\"}"), "1.25");
}
