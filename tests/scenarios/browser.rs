//! A browser on the same machine: what pages can and can't do here, with the very heads that Chromium sends for them.

use super::{
    http_client::{Response, escape, exchange, get},
    process::{Server, free_address, vctsdb},
    sender::write_one,
};

const IMPORT: &str = "/api/v1/import/prometheus";
const DELETE: &str = "/api/v1/admin/tsdb/delete_series?match%5B%5D=kept";
const ALLOW_ORIGIN: &str = "access-control-allow-origin";

/// What Chromium sends with each request to this server, besides what depends on the page.
const ALWAYS: &str = "Connection: close\r\n\
    sec-ch-ua-platform: \"Linux\"\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
    sec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\n\
    sec-ch-ua-mobile: ?0\r\n\
    Accept-Language: en-US,en;q=0.9\r\n";

fn started(more: &[&str]) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let options = [&["--self-scrape.interval", "0", "--web.enable-admin-api"], more].concat();
    let server = vctsdb(&dir.path().join("data"), &free_address(), &options);
    write_one(&server.address, "kept", 1_000, 7.0).unwrap();
    (dir, server)
}

/// What a page makes the browser send. `of_page` are the headers that tell about the page and the kind of request.
fn browse(server: &Server, method: &str, path: &str, host: &str, of_page: &[(&str, &str)], body: &str) -> Response {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{ALWAYS}");
    for (name, value) in of_page {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if method != "GET" && method != "OPTIONS" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    exchange(&server.address, &head, body.as_bytes()).unwrap()
}

/// `fetch(…, {method, body, mode: "no-cors"})` of a page at `origin`.
fn simple<'a>(origin: &'a str, content_type: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("Content-Type", content_type),
        ("Accept", "*/*"),
        ("Origin", origin),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "no-cors"),
        ("Sec-Fetch-Dest", "empty"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ]
}

/// The form that a page at `origin` submits.
fn form(origin: &str) -> Vec<(&str, &str)> {
    vec![
        ("Cache-Control", "max-age=0"),
        ("Origin", origin),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Upgrade-Insecure-Requests", "1"),
        ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-User", "?1"),
        ("Sec-Fetch-Dest", "document"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ]
}

/// `fetch(…)` of a page at `origin`, which wants to read the answer.
fn reading(origin: &str) -> Vec<(&str, &str)> {
    vec![
        ("Accept", "*/*"),
        ("Origin", origin),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "cors"),
        ("Sec-Fetch-Dest", "empty"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ]
}

/// What the browser asks first, when a page at `origin` wants to send a request that isn't simple.
fn preflight<'a>(origin: &'a str, method: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("Accept", "*/*"),
        ("Access-Control-Request-Method", method),
        ("Access-Control-Request-Headers", "content-type"),
        ("Origin", origin),
        ("Sec-Fetch-Mode", "cors"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Dest", "empty"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ]
}

fn answers(server: &Server, query: &str) -> Vec<serde_json::Value> {
    let path = format!("/api/v1/query?time=1&query={}", escape(query));
    get(&server.address, &path).unwrap().json()["data"]["result"].as_array().unwrap().clone()
}

fn refused(server: &Server, reason: &str) -> String {
    let metrics = get(&server.address, "/metrics").unwrap().text();
    let line = format!("vctsdb_http_requests_refused_total{{reason=\"{reason}\"}} ");
    metrics.lines().find_map(|l| l.strip_prefix(&line)).unwrap_or_else(|| panic!("no {line}in {metrics}")).to_owned()
}

#[test]
fn a_page_of_another_site_changes_nothing_whatever_it_sends() {
    let (_dir, server) = started(&[]);
    let own = server.address.clone();
    let port = own.rsplit_once(':').unwrap().1;
    let mut sent = 0;
    for origin in [
        "https://evil.example",
        "http://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://evil-localhost",
        "http://127.0.0.1.evil.example:9201",
        "http://10.0.0.1",
        "file://",
        "",
    ] {
        for path in [IMPORT, "/api/v1/write", DELETE, "/api/v1/admin/tsdb/snapshot", "/no/such/path"] {
            for kind in ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "multipart/form-data", "a/b"]
            {
                let answer = browse(&server, "POST", path, &own, &simple(origin, kind), "stored_by_a_page 1\n");
                assert_eq!(answer.status, 403, "{origin} {path} {kind}: {}", answer.text());
                assert!(answer.text().contains("origin"), "{}", answer.text());
                assert_eq!(answer.header(ALLOW_ORIGIN), None);
                sent += 1;
            }
            let answer = browse(&server, "POST", path, &own, &form(origin), "stored_by_a_page 1\n");
            assert_eq!(answer.status, 403, "{origin} {path}: {}", answer.text());
            let answer = browse(&server, "PUT", path, &own, &simple(origin, "text/plain"), "");
            assert_eq!(answer.status, 403, "{origin} {path}: {}", answer.text());
            sent += 2;
        }
    }
    // Where the browser leaves the origin out, it still says that the page is another site's.
    let without: Vec<_> = form("").into_iter().filter(|(name, _)| *name != "Origin").collect();
    assert_eq!(browse(&server, "POST", IMPORT, &own, &without, "stored_by_a_page 1\n").status, 403);
    assert_eq!(refused(&server, "origin"), (sent + 1).to_string());
    assert_eq!(answers(&server, "kept").len(), 1, "nothing was deleted");
    assert_eq!(answers(&server, "last_over_time(stored_by_a_page[100y] @ 4e9)").len(), 0, "nothing was stored");

    // Allowed are its own pages, those of other programs on this machine, and clients that are no browsers.
    let ours = format!("http://{own}");
    let by_name = format!("http://localhost:{port}");
    for origin in [&ours, &by_name, "http://localhost:3000", "https://localhost", "http://[::1]:8080"] {
        let answer = browse(&server, "POST", IMPORT, &own, &simple(origin, "text/plain"), "good 1\n");
        assert_eq!(answer.status, 204, "{origin}: {}", answer.text());
    }
    let same_site = [("Sec-Fetch-Site", "same-origin"), ("Content-Type", "text/plain")];
    assert_eq!(browse(&server, "POST", IMPORT, &own, &same_site, "good 1\n").status, 204);
    let typed = [("Sec-Fetch-Site", "none")];
    assert_eq!(browse(&server, "GET", "/", &own, &typed, "").status, 200);
}

#[test]
fn a_page_of_another_site_reads_nothing() {
    let (_dir, server) = started(&[]);
    let own = server.address.clone();
    let query = "/api/v1/query?query=kept&time=1";
    for origin in ["https://evil.example", "null", "http://localhost.evil.example", "http://localhost:x"] {
        // The browser keeps the answer from the page when this header isn't there.
        let answer = browse(&server, "GET", query, &own, &reading(origin), "");
        assert_eq!((answer.status, answer.header(ALLOW_ORIGIN)), (200, None), "{origin}");
        assert!(answer.headers.contains("\r\nvary: Origin"), "{}", answer.headers);
        // A query changes nothing, so a page that can't read the answer may post it.
        let answer = browse(&server, "POST", query, &own, &form(origin), "");
        assert_eq!((answer.status, answer.header(ALLOW_ORIGIN)), (200, None), "{origin}");
        for method in ["POST", "PUT", "GET"] {
            let answer = browse(&server, "OPTIONS", IMPORT, &own, &preflight(origin, method), "");
            assert_eq!((answer.status, answer.header(ALLOW_ORIGIN)), (204, None), "{origin}");
            assert_eq!(answer.header("access-control-allow-methods"), None, "{origin}");
        }
    }
    for origin in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:8080"] {
        let answer = browse(&server, "GET", query, &own, &reading(origin), "");
        assert_eq!((answer.status, answer.header(ALLOW_ORIGIN)), (200, Some(origin)));
        let answer = browse(&server, "OPTIONS", IMPORT, &own, &preflight(origin, "POST"), "");
        assert_eq!((answer.status, answer.header(ALLOW_ORIGIN)), (204, Some(origin)));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}

#[test]
fn a_name_that_somebody_pointed_to_this_machine_is_refused() {
    let (_dir, server) = started(&["--web.allowed-hosts", "metrics.lan,*.box"]);
    let port = server.address.rsplit_once(':').unwrap().1.to_owned();
    let query = "/api/v1/query?query=kept&time=1";
    // To the browser the page and this server are one site then, and it says so.
    let same = [("Accept", "*/*"), ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "cors")];
    let mut sent = 0;
    for host in ["evil.example", "evil.example:{}", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", ""]
    {
        let host = host.replace("{}", &port);
        for (method, path) in [("GET", query), ("POST", IMPORT), ("OPTIONS", query), ("GET", "/metrics")] {
            let answer = browse(&server, method, path, &host, &same, "stored_by_a_page 1\n");
            assert_eq!(answer.status, 403, "{host} {path}: {}", answer.text());
            let name = host.split(':').next().unwrap();
            let said = format!("this server doesn't answer for the host \"{name}\"; see --web.allowed-hosts");
            assert!(answer.text().contains(&said), "{}", answer.text());
            sent += 1;
        }
    }
    assert_eq!(refused(&server, "host"), sent.to_string());
    for host in
        ["localhost", "LocalHost:{}", "localhost.", "a.localhost:1", "127.0.0.1:{}", "127.8.8.8", "[::1]:{}", "[::1]"]
            .into_iter()
            .chain(["metrics.lan", "metrics.lan:80", "my.box", "a.b.box"])
    {
        let host = host.replace("{}", &port);
        assert_eq!(browse(&server, "GET", query, &host, &same, "").status, 200, "{host}");
    }
    // The target of a request to a proxy names the host too, and counts.
    let absolute = format!("http://evil.example{query}");
    assert_eq!(browse(&server, "GET", &absolute, "localhost", &same, "").status, 403);
    // HTTP/1.0 needs no host.
    let old = exchange(&server.address, &format!("GET {query} HTTP/1.0\r\n"), b"").unwrap();
    assert_eq!(old.status, 200);
    for hosts in ["Host: localhost\r\nHost: evil.example\r\n", "Host: localhost\r\nhost: localhost\r\n", ""] {
        let head = format!("GET {query} HTTP/1.1\r\nConnection: close\r\n{hosts}");
        let answer = exchange(&server.address, &head, b"").unwrap();
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains("Host"), "{}", answer.text());
    }
}

#[test]
fn the_owner_says_which_pages_may_read() {
    let (_dir, server) = started(&["--web.cors.origin", r"https?://(a|b)\.example(:\d+)?"]);
    let own = server.address.clone();
    let query = "/api/v1/query?query=kept&time=1";
    for (origin, may) in [
        ("https://a.example", true),
        ("http://b.example:8080", true),
        ("https://aXexample", false),
        ("https://a.example.evil.example", false),
        ("http://evil.example/?https://a.example", false),
        ("http://localhost:3000", false),
        ("null", false),
    ] {
        let want = may.then_some(origin);
        assert_eq!(browse(&server, "GET", query, &own, &reading(origin), "").header(ALLOW_ORIGIN), want, "{origin}");
        let answer = browse(&server, "OPTIONS", query, &own, &preflight(origin, "POST"), "");
        assert_eq!((answer.status, answer.header(ALLOW_ORIGIN)), (204, want), "{origin}");
        let answer = browse(&server, "POST", IMPORT, &own, &simple(origin, "text/plain"), "good 1\n");
        assert_eq!(answer.status, if may { 204 } else { 403 }, "{origin}");
    }
    // Its own pages need no rule.
    let ours = format!("http://{own}");
    assert_eq!(browse(&server, "POST", IMPORT, &own, &simple(&ours, "text/plain"), "good 1\n").status, 204);

    // As Prometheus has it by default.
    let (_dir, server) = started(&["--web.cors.origin", ".*"]);
    let own = server.address.clone();
    let answer = browse(&server, "GET", query, &own, &reading("https://evil.example"), "");
    assert_eq!(answer.header(ALLOW_ORIGIN), Some("https://evil.example"));
    assert_eq!(browse(&server, "GET", query, &own, &reading("null"), "").header(ALLOW_ORIGIN), None);
}

#[test]
fn no_answer_is_taken_for_what_it_does_not_say_it_is() {
    let (_dir, server) = started(&[]);
    for path in ["/", "/metrics", "/-/healthy", "/api/v1/labels", "/api/v1/query", "/federate?match[]=kept", "/no"] {
        let answer = get(&server.address, path).unwrap();
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.headers.matches("nosniff").count(), 1, "{path}");
    }
}
