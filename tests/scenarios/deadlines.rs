//! Every request has a deadline, whatever it asks for, and ends when its client leaves.

use std::{
    io::Write,
    net::TcpStream,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    http_client::{escape, get, request},
    process::{Server, eventually, free_address, vctsdb},
};

/// Series, each with a value of its own.
const SERIES: usize = 50_000;
/// Selectors that look at all of these; each takes some ten milliseconds, and more in a build for tests.
const SELECTORS: usize = 2_000;

fn started(more: &[&str]) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let options = [&["--self-scrape.interval", "0", "--web.enable-admin-api"], more].concat();
    let server = vctsdb(&dir.path().join("data"), &free_address(), &options);
    let text: String = (0..SERIES).map(|i| format!("slow{{id=\"a-name-of-some-length-{i}\"}} 1\n")).collect();
    let path = "/api/v1/import/prometheus";
    assert_eq!(request(&server.address, "POST", path, &[], text.as_bytes()).unwrap().status, 204);
    (dir, server)
}

/// Selectors of which none finds a series and each has to look at every value.
fn selectors() -> String {
    let matcher = |i| escape(&format!("{{id=~\".*e.*n.*x{i}y\"}}"));
    (0..SELECTORS).map(|i| format!("match[]={}", matcher(i))).collect::<Vec<_>>().join("&")
}

/// Seconds of CPU that the server has used.
fn cpu(server: &Server) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
    let behind_name = stat.rsplit(')').next().unwrap();
    let ticks: Vec<u64> = behind_name.split_whitespace().skip(11).take(2).map(|word| word.parse().unwrap()).collect();
    (ticks[0] + ticks[1]) as f64 / 100.0
}

/// Whether it has come to rest.
fn rests(server: &Server) -> bool {
    eventually(Duration::from_secs(20), || {
        let before = cpu(server);
        std::thread::sleep(Duration::from_millis(500));
        cpu(server) - before < 0.1
    })
}

#[test]
fn lists_federation_and_deletes_end_when_their_time_is_up() {
    let (_dir, server) = started(&["--query.timeout", "1s"]);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    for (method, path) in
        [("POST", "/api/v1/series"), ("POST", "/api/v1/labels"), ("PUT", "/api/v1/admin/tsdb/delete_series")]
    {
        let (path, body) = if method == "PUT" {
            // Its parameters are in the URL alone.
            let few = selectors().split('&').take(1_000).collect::<Vec<_>>().join("&");
            (format!("{path}?{few}"), String::new())
        } else {
            (path.to_owned(), selectors())
        };
        let answer = request(&server.address, method, &path, &form, body.as_bytes()).unwrap();
        assert_eq!(answer.status, 503, "{path:.60}: {:.300}", answer.text());
        assert!(answer.text().contains("timed out"), "{path:.60}: {:.300}", answer.text());
    }
    let few = selectors().split('&').take(1_000).collect::<Vec<_>>().join("&");
    for path in ["/api/v1/label/id/values", "/federate"] {
        let answer = get(&server.address, &format!("{path}?{few}")).unwrap();
        assert_eq!(answer.status, 503, "{path}: {:.300}", answer.text());
        assert!(answer.text().contains("timed out"), "{path}: {:.300}", answer.text());
    }
    let or = |i| format!("{{id=~\".*e.*n.*x{i}y\"}}");
    let exemplars = format!("query={}", escape(&(0..250).map(or).collect::<Vec<_>>().join(" or ")));
    let answer = request(&server.address, "POST", "/api/v1/query_exemplars", &form, exemplars.as_bytes()).unwrap();
    assert_eq!(answer.status, 503, "{:.300}", answer.text());
    assert!(rests(&server), "what has no time left goes on");
}

#[test]
fn a_list_ends_when_its_client_leaves() {
    let (_dir, server) = started(&[]);
    let body = selectors();
    for path in ["/api/v1/series", "/api/v1/labels"] {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let before = cpu(&server);
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        assert!(eventually(Duration::from_secs(20), || cpu(&server) - before > 0.5), "{path} has not begun");
        drop(stream);
        assert!(rests(&server), "nobody waits for {path} any more");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let alive = get(&server.address, &format!("/api/v1/query?query=1&time={now}")).unwrap();
    assert_eq!(alive.status, 200);
}

#[test]
fn a_running_query_is_stopped_by_the_id_of_its_request() {
    let (_dir, server) = started(&[]);
    let form = [("Content-Type", "application/x-www-form-urlencoded"), ("X-Request-Id", "long-1")];
    let or = |i| format!("{{id=~\".*e.*n.*x{i}y\"}}");
    let query = format!("query={}", escape(&(0..SELECTORS).map(or).collect::<Vec<_>>().join(" or ")));
    let answer = std::thread::scope(|scope| {
        let asking =
            scope.spawn(|| request(&server.address, "POST", "/api/v1/query", &form, query.as_bytes()).unwrap());
        let cancel = |id: &str| {
            let path = format!("/api/v1/status/queries/cancel?requestId={id}");
            let answer = request(&server.address, "POST", &path, &[], b"").unwrap().json();
            answer["data"]["canceled"].as_u64().unwrap()
        };
        assert!(eventually(Duration::from_secs(20), || cancel("long-1") == 1), "it runs");
        assert_eq!(cancel("another"), 0);
        asking.join().unwrap()
    });
    assert!(answer.text().contains("\"errorType\":\"canceled\""), "{:.300}", answer.text());
    assert!(rests(&server));
    let without = request(&server.address, "POST", "/api/v1/status/queries/cancel", &[], b"").unwrap();
    assert_eq!(without.status, 400);
}

#[test]
fn bodies_that_came_while_the_server_was_stopped_are_stored() {
    let dir = tempfile::tempdir().unwrap();
    let server = vctsdb(&dir.path().join("data"), &free_address(), &["--self-scrape.interval", "0"]);
    let body = |i: usize| format!("stopped{{i=\"{i}\"}} 1\n");
    let mut half: Vec<TcpStream> = (0..12)
        .map(|i| {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            let head = "POST /api/v1/import/prometheus HTTP/1.0\r\nHost: localhost\r\n";
            let first = body(i)[..5].to_owned();
            stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{first}", body(i).len()).as_bytes()).unwrap();
            stream
        })
        .collect();
    // Their requests have begun when one that came after them is answered.
    assert_eq!(get(&server.address, "/api/v1/query?query=1").unwrap().status, 200);
    server.signal("-STOP");
    half.iter_mut().enumerate().for_each(|(i, stream)| stream.write_all(&body(i).as_bytes()[5..]).unwrap());
    // Longer than a body may pause.
    std::thread::sleep(Duration::from_secs(31));
    server.signal("-CONT");
    for mut stream in half {
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 204") || answer.starts_with("HTTP/1.0 204"), "{answer}");
    }
}
