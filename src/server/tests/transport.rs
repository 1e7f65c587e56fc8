//! Paths, methods, encodings, origins, limits and deadlines.

use std::{io::Read, time::Duration};

use hyper::{Method, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::harness::{SHORT, Server, many_bytes, some_series};
use crate::{seams::status::fake::FixedStatus, server::Deadlines};

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_told_apart() {
    let server = Server::start(some_series(1)).await;
    for path in ["/nothing", "/api/v1/nothing", "/api/v1/label//values", "/api/v2/buckets"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.text(), "404 page not found\n", "{path}");
    }
    for (method, path, allow) in [
        (Method::DELETE, "/api/v1/query", "GET, HEAD, POST, OPTIONS"),
        (Method::HEAD, "/api/v1/write", "POST, OPTIONS"),
        (Method::POST, "/api/v1/label/job/values", "GET, HEAD, OPTIONS"),
        (Method::GET, "/api/v1/write", "POST, OPTIONS"),
        (Method::PUT, "/metrics", "GET, HEAD, OPTIONS"),
    ] {
        let answer = server.ask(method.clone(), path, &[], b"").await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "{method} {path}");
    }
}

#[tokio::test]
async fn pages_of_loopback_origins_may_read_answers() {
    let server = Server::start(some_series(1)).await;
    let origin = [("origin", "http://localhost:3000")];
    for (method, status) in [(Method::OPTIONS, StatusCode::NO_CONTENT), (Method::GET, StatusCode::OK)] {
        let answer = server.ask(method, "/api/v1/labels", &origin, b"").await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:3000"));
        assert_eq!(answer.header("access-control-allow-methods"), Some("GET, POST, OPTIONS"));
        assert_eq!(answer.header("access-control-allow-headers"), Some("Accept, Authorization, Content-Type, Origin"));
        assert_eq!(answer.header("access-control-expose-headers"), Some("Date"));
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
    let others = [("origin", "http://grafana.example")];
    for headers in [&[][..], &others] {
        let answer = server.ask(Method::GET, "/api/v1/labels", headers, b"").await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (StatusCode::OK, None));
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
}

#[tokio::test]
async fn a_server_that_others_reach_trusts_no_page_and_answers_for_any_name() {
    let server = Server::reachable(some_series(1)).await;
    let origin = [("origin", "http://localhost:3000")];
    let answer = server.ask(Method::GET, "/api/v1/labels", &origin, b"").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (StatusCode::OK, None));
    let answer = server.ask(Method::POST, "/api/v1/import/prometheus", &origin, b"a 1\n").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = server.ask(Method::POST, "/api/v1/import/prometheus", &[("origin", "http://test")], b"a 1\n").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "its own page");
    let answer = server.raw(b"GET /-/ready HTTP/1.1\r\nHost: any.example\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn large_answers_are_streamed_in_the_encoding_the_client_wants() {
    let server = Server::start(some_series(5000)).await;
    let path = "/api/v1/series?match[]=up";
    let plain = server.get(path).await;
    assert_eq!(plain.header("content-length"), None, "streamed");
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.json()["data"].as_array().unwrap().len(), 5000);

    let gzip = server.ask(Method::GET, path, &[("accept-encoding", "gzip")], b"").await;
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert!(gzip.body.len() * 4 < plain.body.len());
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&gzip.body[..]).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.body);

    let zstd = server.ask(Method::GET, path, &[("accept-encoding", "gzip, zstd")], b"").await;
    assert_eq!(zstd.header("content-encoding"), Some("zstd"));
    assert_eq!(zstd::decode_all(&zstd.body[..]).unwrap(), plain.body);
}

#[tokio::test]
async fn answers_of_one_piece_have_a_length_and_small_ones_are_not_compressed() {
    let server = Server::start(some_series(100)).await;
    let gzip = [("accept-encoding", "gzip")];
    let answer = server.ask(Method::GET, "/api/v1/series?match[]=up", &gzip, b"").await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(answer.header("content-length").unwrap().parse(), Ok(answer.body.len()));
    let answer = server.ask(Method::GET, "/api/v1/labels", &gzip, b"").await;
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let metrics = server.ask(Method::GET, "/metrics", &gzip, b"").await;
    assert_eq!(metrics.header("content-encoding"), Some("gzip"));
}

#[tokio::test]
async fn before_the_store_is_open_only_health_checks_answer() {
    let server = Server::opening(Deadlines::default()).await;
    assert_eq!(server.get("/-/healthy").await.status, StatusCode::OK);
    assert_eq!(server.get("/metrics").await.status, StatusCode::OK);
    assert_eq!(server.get("/api/v1/status/walreplay").await.status, StatusCode::OK);
    for path in ["/-/ready", "/api/v1/query?query=1", "/api/v1/status/flags"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.header("x-prometheus-stopping"), Some("false"), "{path}");
        assert_eq!(answer.text(), "Service Unavailable\n", "{path}");
    }
    server.ready(some_series(1));
    assert_eq!(server.get("/-/ready").await.status, StatusCode::OK);
    let head = server.ask(Method::HEAD, "/-/ready", &[], b"").await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    server.state.stop();
    let answer = server.get("/-/ready").await;
    assert_eq!(answer.header("x-prometheus-stopping"), Some("true"));
    assert_eq!(server.get("/-/healthy").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_store_that_takes_no_writes_is_not_ready_and_answers_questions() {
    let server = Server::opening(Deadlines::default()).await;
    server.ready_with(
        some_series(1),
        FixedStatus { trouble: Some("a thread is gone".to_owned()), ..FixedStatus::default() },
    );
    let answer = server.get("/-/ready").await;
    assert_eq!((answer.status, answer.text().trim()), (StatusCode::SERVICE_UNAVAILABLE, "a thread is gone"));
    assert_eq!(server.get("/-/healthy").await.status, StatusCode::OK);
    assert_eq!(server.get("/api/v1/query?query=1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431() {
    let server = Server::start(some_series(1)).await;
    let one = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(300_000));
    let answer = server.raw(one.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(200));
    let answer = server.raw(many.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let answer = server.raw(b"nonsense\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn a_form_that_is_too_large_is_413() {
    let server = Server::start(some_series(1)).await;
    let head = "POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                Content-Length: 11534336\r\n\r\nquery=";
    let answer = server.raw(head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn clients_that_send_too_slowly_are_let_go() {
    let server = Server::opening(SHORT).await;
    server.ready(some_series(1));
    let answer = server.raw(b"GET / HTTP/1.1\r\nHost:").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "half a head: {answer}");
    let answer = server.raw(b"POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: "), "half a body: {answer}");
    let form = "POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                Content-Length: 5\r\n\r\nab";
    let answer = server.raw(form.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "half a form: {answer}");
}

#[test]
fn an_idle_connection_outlives_what_clients_keep() {
    // Rules are evaluated each minute, and Go's clients keep connections for 90 s.
    assert!(Deadlines::default().head >= Duration::from_secs(180));
}

#[tokio::test]
async fn a_body_that_trickles_is_let_go_in_the_end() {
    let server = Server::opening(SHORT).await;
    server.ready(some_series(1));
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n").await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let trickle = tokio::spawn(async move {
        // Each pause is short enough; only all of them together are too long.
        while write.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut answer = [0; 12];
    tokio::time::timeout(Duration::from_secs(10), read.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
    trickle.abort();
}

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go() {
    let server = Server::opening(SHORT).await;
    server.ready(many_bytes());
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = b"GET /api/v1/series?match[]=up HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    // The answer has some 26 MB, more than the sockets' buffers hold.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap();
    assert!(!answer.ends_with(b"0\r\n\r\n"), "the answer must not look complete");
}

#[tokio::test]
async fn requests_in_flight_finish_before_the_server_stops() {
    let server = Server::start(many_bytes()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /api/v1/series?match[]=up HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut begin = [0; 15];
    stream.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200 OK");
    let address = server.address;
    let stopping = tokio::spawn(server.stop());
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"0\r\n\r\n"), "the answer is complete, and its connection closed");
    stopping.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_stopping() {
    let server = Server::start(some_series(1)).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut begin = [0; 15];
    stream.read_exact(&mut begin).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), server.stop()).await.expect("stops at once");
}

#[tokio::test]
async fn requests_are_counted_by_route_not_by_path() {
    let server = Server::start(some_series(1)).await;
    server.get("/api/v1/label/some-name/values").await;
    server.get("/some/secret/path").await;
    let text = server.get("/metrics").await.text();
    assert!(text.contains(r#"vctsdb_http_requests_total{code="200",route="/api/v1/label/:name/values"}"#), "{text}");
    assert!(text.contains(r#"vctsdb_http_requests_total{code="404",route="unknown"}"#), "{text}");
    assert!(!text.contains("secret"));
}

/// What is asked and how the answer begins.
async fn begins(server: &Server, request: &str, begin: &str) -> String {
    let answer =
        server.raw(format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with(&format!("HTTP/1.1 {begin}")), "{request}: {answer}");
    answer
}

#[tokio::test]
async fn characters_that_should_be_escaped_in_a_url_are_taken_as_they_are() {
    let server = Server::start(some_series(3)).await;
    for request in [
        "GET /api/v1/query?query=up{job=\"a\"}",
        "GET /api/v1/query?query=up>0",
        "GET /api/v1/query?query=up<5",
        "GET /api/v1/query?query=up{job=\"ä\"}or`x`==`x`",
        "GET /api/v1/series?match[]={job=\"a\"}",
        "GET /federate?match[]={job=\"a\"}",
    ] {
        let answer = begins(&server, request, "").await;
        assert!(!answer.contains("400 Bad Request\r\ncontent-length: 0"), "{request}: {answer}");
    }
    let answer = begins(&server, "GET /api/v1/query?query=count(up{job=\"a\"}>0)", "200").await;
    assert!(answer.contains("\"2\"]"), "{answer}");
    // Requests may follow each other on a connection, and the heads of these be split anywhere.
    let one = "GET /api/v1/query?query=count(up{job=\"a\"}) HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let answer = server.raw(format!("{one}\r\n{one}{last}").as_bytes()).await;
    assert_eq!(answer.matches("\"3\"]").count(), 3, "{answer}");
}

#[tokio::test]
async fn what_cannot_be_read_is_told_why_and_counted() {
    let server = Server::start(some_series(1)).await;
    let long = "x".repeat(70_000);
    let many = "X-More: 1\r\n".repeat(200);
    for (request, status, says) in [
        (format!("GET /api/v1/query?query={long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), "414", "POST"),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"), "431", "headers"),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), "400", "HTTP"),
        ("GET /a b c HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), "400", "HTTP"),
        ("nonsense\r\n\r\n".to_owned(), "400", "HTTP"),
    ] {
        let answer = server.raw(request.as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{request:.60}: {answer}");
        assert!(body.contains(says) && head.contains(&format!("content-length: {}", body.len())), "{answer}");
    }
    let metrics = server.get("/metrics").await.text();
    assert!(metrics.contains("vctsdb_http_requests_total{code=\"414\",route=\"unreadable\"}"), "{metrics}");
}

#[tokio::test]
async fn paths_with_slashes_too_many_lead_to_those_without() {
    let server = Server::start(some_series(1)).await;
    for path in ["//api/v1/query", "/api/v1/query/", "/api//v1/query"] {
        let answer = begins(&server, &format!("GET {path}?query=1"), "301").await;
        assert!(answer.contains("location: /api/v1/query?query=1\r\n"), "{answer}");
    }
    begins(&server, "GET /no/such/", "404").await;
    begins(&server, "GET //localhost", "404").await;
}

#[tokio::test]
async fn a_bad_escape_in_what_nobody_reads_is_no_error() {
    let server = Server::start(some_series(1)).await;
    begins(&server, "GET /api/v1/query?query=1&who=%zz&%=1", "200").await;
    begins(&server, "GET /api/v1/query?query=%zz", "400").await;
    begins(&server, "GET /api/v1/series?match[]=up&match[]=%zz", "400").await;
}

#[tokio::test]
async fn a_form_may_come_in_parts() {
    let server = Server::start(some_series(3)).await;
    let body = "--b-1\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\ncount(up)\r\n--b-1\r\n\
                content-disposition: form-data; name=time\r\nContent-Type: text/plain\r\n\r\n1600000000\r\n--b-1--\r\n";
    let kind = ("content-type", "multipart/form-data; boundary=b-1");
    let answer = server.ask(Method::POST, "/api/v1/query", &[kind], body.as_bytes()).await;
    assert!(answer.status == StatusCode::OK && answer.text().contains("\"3\"]"), "{}", answer.text());
    let broken = server.ask(Method::POST, "/api/v1/query", &[kind], b"--b-1\r\nnothing").await;
    assert_eq!(broken.status, StatusCode::BAD_REQUEST, "{}", broken.text());
}
