//! What operators do by habit: stop twice, guess a path, leave a variable empty, and look into the log.

use std::{
    io::Write,
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    http_client::{get, request},
    process::{Server, eventually, free_address, vctsdb},
};

/// A sender that has sent half of its body, and no more.
fn stuck_sender(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "POST /api/v1/write HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\nhalf";
    stream.write_all(head.as_bytes()).unwrap();
    let open = || get(address, "/metrics").unwrap().text().contains("vctsdb_http_requests_in_flight 2");
    assert!(eventually(Duration::from_secs(30), open), "the server has begun to read");
    stream
}

fn log(data: &Path) -> String {
    std::fs::read_to_string(data.with_extension("log")).unwrap()
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    for (first, second) in [("-INT", "-INT"), ("-TERM", "-INT"), ("-INT", "-TERM")] {
        let dir = tempfile::tempdir().unwrap();
        let (data, address) = (dir.path().join("data"), free_address());
        let mut server = vctsdb(&data, &address, &["--shutdown-timeout", "1h"]);
        let _sender = stuck_sender(&address);
        server.signal(first);
        assert!(eventually(Duration::from_secs(30), || log(&data).contains("stopping")), "{}", log(&data));
        assert!(server.runs(), "it waits for the sender");
        server.signal(second);
        assert!(eventually(Duration::from_secs(20), || !server.runs()), "{first} {second}: {}", log(&data));
        assert!(log(&data).contains("a second signal"), "{}", log(&data));
    }
}

#[test]
fn a_stuck_sender_holds_a_stop_no_longer_than_it_may() {
    let dir = tempfile::tempdir().unwrap();
    let (data, address) = (dir.path().join("data"), free_address());
    let mut server = vctsdb(&data, &address, &["--shutdown-timeout", "100ms"]);
    let _sender = stuck_sender(&address);
    let begun = Instant::now();
    assert!(server.terminate(), "{}", log(&data));
    // A body may pause for 30 s.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn a_path_that_people_mistake_is_answered_with_the_right_one() {
    let dir = tempfile::tempdir().unwrap();
    let (data, address) = (dir.path().join("data"), free_address());
    let _server = vctsdb(&data, &address, &[]);
    // What has been sent is read, or else the connection is reset before the answer is there.
    let body = vec![b'x'; 4 << 20];
    for (path, right) in [
        ("/api/v1/push", "/api/v1/write"),
        ("/api/prom/push", "/api/v1/write"),
        ("/prometheus/api/v1/write", "/api/v1/write"),
        ("/insert/0/prometheus/api/v1/write", "/api/v1/write"),
        ("/api/v1/receive", "/api/v1/write"),
        ("/api/v1/remote_write", "/api/v1/write"),
        ("/api/v1/prom/remote/write", "/api/v1/write"),
        ("/api/v1/write/api/v1/query", "/api/v1/query"),
        ("/prometheus/api/v1/label/job/values", "/api/v1/label/job/values"),
        ("/select/0/prometheus/api/v1/query_range", "/api/v1/query_range"),
        ("/read", "/api/v1/read"),
        ("/readyz", "/-/ready"),
        ("/ready", "/-/ready"),
        ("/livez", "/-/healthy"),
        ("/opentelemetry/v1/metrics", "/v1/metrics"),
    ] {
        let answer = request(&address, "POST", path, &[], &body).unwrap();
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        let said = answer.text();
        assert!(
            said.starts_with("404 page not found") && said.trim_end().ends_with(&format!(" {right}")),
            "{path}: {said}"
        );
    }
    for path in ["/nothing", "/api/v1/nothing", "/push/nothing", "/favicon.ico"] {
        assert_eq!(get(&address, path).unwrap().text(), "404 page not found\n", "{path}");
    }
}

#[test]
fn head_works_wherever_get_does_and_health_has_the_names_that_others_use() {
    let dir = tempfile::tempdir().unwrap();
    let (data, address) = (dir.path().join("data"), free_address());
    let _server = vctsdb(&data, &address, &["--self-scrape.interval", "off"]);
    for path in
        ["/", "/metrics", "/health", "/healthz", "/api/v1/query?query=1", "/api/v1/labels", "/federate?match[]=up"]
    {
        let got = get(&address, path).unwrap();
        let headed = request(&address, "HEAD", path, &[], b"").unwrap();
        assert_eq!((got.status, headed.status), (200, 200), "{path}");
        assert_eq!(got.header("content-type"), headed.header("content-type"), "{path}");
        assert!(!got.headers.contains("unknown") && headed.body.is_empty(), "{path}");
    }
    assert_eq!(get(&address, "/health").unwrap().text(), get(&address, "/-/healthy").unwrap().text());
}

#[test]
fn what_is_refused_leaves_one_line_in_the_log_and_not_one_each() {
    let dir = tempfile::tempdir().unwrap();
    let (data, address) = (dir.path().join("data"), free_address());
    let _server = vctsdb(&data, &address, &["--web.enable-admin-api"]);
    for _ in 0..5 {
        let post = |path: &str| request(&address, "POST", path, &[], b"no message").unwrap().status;
        assert_eq!(post("/api/v1/write"), 400);
        assert_eq!(post("/api/v1/push"), 404);
        assert_eq!(get(&address, "/no/such/page").unwrap().status, 404);
        assert_eq!(post("/api/v1/admin/tsdb/delete_series?match[]="), 400);
    }
    let lines = |wanted: &[&str]| {
        let all = log(&data);
        all.lines().filter(|line| wanted.iter().all(|part| line.contains(part))).count()
    };
    for wanted in [
        &["WARN", "a write was refused", "/api/v1/write", "status=400", "127.0.0.1"][..],
        &["WARN", "there is no such path", "/api/v1/push", "/api/v1/write"],
        &["INFO", "there is no such path", "/no/such/page"],
        &["WARN", "an admin call failed", "delete_series", "status=400"],
    ] {
        assert_eq!(lines(wanted), 1, "{wanted:?} in {}", log(&data));
    }
    assert_eq!(lines(&["there is no such path"]), 2, "{}", log(&data));
}

#[test]
fn a_query_log_that_cannot_be_written_is_said_once_and_not_for_each_query() {
    let dir = tempfile::tempdir().unwrap();
    let (data, address) = (dir.path().join("data"), free_address());
    let _server = vctsdb(&data, &address, &["--query.log", "/dev/full"]);
    for _ in 0..20 {
        assert_eq!(get(&address, "/api/v1/query?query=1").unwrap().status, 200);
    }
    assert_eq!(log(&data).matches("the query log can't be written").count(), 1, "{}", log(&data));
}

#[test]
fn a_log_that_cannot_be_written_is_said_once_and_not_for_each_write() {
    let dir = tempfile::tempdir().unwrap();
    let (data, address) = (dir.path().join("data"), free_address());
    // In blocks of 512 bytes; what is printed has the same limit.
    let mut command = Command::new("sh");
    command.arg("-c").arg("ulimit -f 64 && exec \"$0\" \"$@\"").arg(env!("CARGO_BIN_EXE_vctsdb"));
    command.arg("--data-dir").arg(&data).args(["--listen", &address, "--self-scrape.interval", "off"]);
    let _server = Server::start(&mut command, &address, "/-/ready", &data.with_extension("log"));
    let many: String = (0..8_000).map(|i| format!("some_series{{number=\"{i}\"}} {i}\n")).collect();
    for _ in 0..8 {
        let answer = request(&address, "POST", "/api/v1/import/prometheus", &[], many.as_bytes()).unwrap();
        assert!(answer.status >= 500, "{}: {}", answer.status, answer.text());
    }
    assert_eq!(log(&data).matches("writing the log failed").count(), 1, "{}", log(&data));
}

/// Starts with these variables and answers what a flag has become, or what is said instead.
fn started_with(variables: &[(&str, &str)], arguments: &[&str], flag: &str) -> Result<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let log = dir.path().join("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
    command.arg("--data-dir").arg(dir.path().join("data")).args(["--listen", &address]).args(arguments);
    command.envs(variables.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
    let ready = || get(&address, "/-/ready").is_ok_and(|answer| answer.status == 200);
    let mut ended = false;
    assert!(eventually(Duration::from_secs(60), || {
        ended = matches!(child.try_wait(), Ok(Some(_)));
        ended || ready()
    }));
    let value = || get(&address, "/api/v1/status/flags").unwrap().json()["data"][flag].as_str().map(str::to_owned);
    let found = if ended { None } else { value() };
    let _ = child.kill();
    let _ = child.wait();
    found.ok_or_else(|| std::fs::read_to_string(&log).unwrap())
}

#[test]
fn an_empty_variable_is_one_that_is_not_set() {
    let empty = [
        "VCTSDB_MEMORY",
        "VCTSDB_RETENTION_SIZE",
        "VCTSDB_RETENTION_TIME",
        "VCTSDB_READ_ONLY",
        "VCTSDB_LISTEN",
        "VCTSDB_QUERY_LOG",
        "VCTSDB_QUERY_MAX_SAMPLES",
        "VCTSDB_LOG_LEVEL",
        "VCTSDB_LOG_FORMAT",
        "VCTSDB_EXTERNAL_LABEL",
        "VCTSDB_ENABLE_FEATURE",
        "VCTSDB_WEB_CORS_ORIGIN",
        "VCTSDB_SELF_SCRAPE_INTERVAL",
    ]
    .map(|name| (name, ""));
    assert_eq!(started_with(&empty, &[], "self-scrape.interval"), Ok("15s".to_owned()));
    let asked = Command::new(env!("CARGO_BIN_EXE_vctsdb"))
        .args(["query", "up"])
        .env("VCTSDB_SERVER", "")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(asked.status.code() != Some(2), "it asks the usual server: {said}");
}

#[test]
fn a_switch_takes_the_words_for_yes_and_no_that_people_write() {
    for (value, on) in
        [("1", "true"), ("true", "true"), ("yes", "true"), ("0", "false"), ("false", "false"), ("", "false")]
    {
        let variables = [("VCTSDB_WEB_ENABLE_ADMIN_API", value)];
        assert_eq!(started_with(&variables, &[], "web.enable-admin-api"), Ok(on.to_owned()), "{value:?}");
    }
}

#[test]
fn sizes_mean_what_people_mean_or_the_wanted_form_is_named() {
    for (size, kept) in [("10Gi", "10GiB"), ("10gib", "10GiB"), ("0", "off"), ("off", "off"), ("512 Mi", "512MiB")] {
        let found = started_with(&[], &["--retention.size", size], "retention.size");
        assert_eq!(found, Ok(kept.to_owned()), "{size}");
    }
    for size in ["10G", "512m", "1.5GiB", "1 parsec", "ten"] {
        let said = started_with(&[], &["--retention.size", size], "retention.size").unwrap_err();
        assert!(said.contains("--retention.size") && said.contains("512MiB or 2GB"), "{size}: {said}");
    }
    let said = started_with(&[], &["--retention.size", "10G"], "retention.size").unwrap_err();
    assert!(said.contains("10GB") && said.contains("10GiB"), "{said}");
}
