//! Behind a proxy: a prefix in front of all paths, and a name that is another one outside.

use std::process::{Command, Stdio};

use super::{
    http_client::{Response, exchange, get, request},
    process::{Server, free_address},
};

/// A server with these flags, which answers health checks at `ready`.
fn started(flags: &[&str], ready: &str) -> (tempfile::TempDir, Server) {
    let (dir, address) = (tempfile::tempdir().unwrap(), free_address());
    let mut command = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
    command.arg("--data-dir").arg(dir.path().join("data")).args(["--listen", &address]).args(flags);
    let server = Server::start(&mut command, &address, ready, &dir.path().join("log"));
    (dir, server)
}

/// Status and where it leads.
fn led(server: &Server, path: &str) -> (u16, Option<String>) {
    let answer = get(&server.address, path).unwrap();
    (answer.status, answer.header("location").map(str::to_owned))
}

fn to(status: u16, location: &str) -> (u16, Option<String>) {
    (status, Some(location.to_owned()))
}

#[test]
fn the_path_of_an_external_url_is_in_front_of_everything() {
    let (_dir, server) = started(&["--web.external-url", "http://metrics.example/prom/"], "/prom/-/ready");
    for path in [
        "/prom/",
        "/prom/metrics",
        "/prom/-/healthy",
        "/prom/api/v1/query?query=1",
        "/prom/api/v1/label/__name__/values",
        "/prom/federate?match[]=up",
    ] {
        assert_eq!(led(&server, path), (200, None), "{path}");
    }
    let import = |path| request(&server.address, "POST", path, &[], b"a 1\n").unwrap();
    assert_eq!(import("/prom/api/v1/import/prometheus").status, 204);
    assert_eq!(led(&server, "/"), to(302, "/prom"));
    assert_eq!(led(&server, "/prom"), to(301, "/prom/"));
    assert_eq!(led(&server, "/prom//api/v1/query?query=1"), to(301, "/prom/api/v1/query?query=1"));
    for path in ["/metrics", "/-/healthy", "/api/v1/query?query=1", "/prometheus/metrics", "/promapi/v1/labels"] {
        assert_eq!(led(&server, path), (404, None), "{path}");
    }
    let wrong = import("/api/v1/write").text();
    assert!(wrong.trim_end().ends_with(" /prom/api/v1/write"), "{wrong}");
    let page = get(&server.address, "/prom/").unwrap().text();
    for link in page.split("href=\"").skip(1) {
        assert!(!link.starts_with('/'), "relative, so that a prefix needs no mention: {link}");
    }
}

#[test]
fn a_proxy_that_takes_the_prefix_away_is_told_with_a_prefix_of_none() {
    let flags = ["--web.external-url", "https://metrics.example/prom", "--web.route-prefix", "/", "--web.ui", "off"];
    let (_dir, server) = started(&flags, "/-/ready");
    assert_eq!(led(&server, "/api/v1/query?query=1"), (200, None));
    assert_eq!(led(&server, "/prom/api/v1/query?query=1").0, 404);
    assert_eq!(led(&server, "/api/v1/query/"), to(301, "/prom/api/v1/query"));
    let page = get(&server.address, "/").unwrap().text();
    assert!(page.contains("https://metrics.example/prom/api/v1/write") && page.contains("\"/prom/metrics\""), "{page}");
}

#[test]
fn a_prefix_alone_is_one_of_paths() {
    for prefix in ["/p/q", "p/q/", "/p/q/"] {
        let (_dir, server) = started(&["--web.route-prefix", prefix], "/p/q/-/ready");
        assert_eq!(led(&server, "/"), to(302, "/p/q"), "{prefix}");
        assert_eq!(led(&server, "/p/q/api/v1/query?query=1"), (200, None), "{prefix}");
        assert_eq!(led(&server, "/api/v1/query?query=1"), (404, None), "{prefix}");
    }
}

fn asked_as(server: &Server, host: &str, more: &str) -> Response {
    let head = format!("POST /prom/api/v1/import/prometheus HTTP/1.0\r\nHost: {host}\r\nContent-Length: 4\r\n{more}");
    exchange(&server.address, &head, b"a 1\n").unwrap()
}

#[test]
fn the_host_and_the_origin_of_the_external_url_are_its_own() {
    let (_dir, server) = started(&["--web.external-url", "https://metrics.example/prom"], "/prom/-/ready");
    assert_eq!(asked_as(&server, "metrics.example", "").status, 204);
    assert_eq!(asked_as(&server, "evil.example", "").status, 403);
    // The proxy ends TLS, and passes the name on or not.
    for host in ["metrics.example", "127.0.0.1"] {
        assert_eq!(asked_as(&server, host, "Origin: https://metrics.example\r\n").status, 204, "{host}");
        assert_eq!(asked_as(&server, host, "Origin: https://evil.example\r\n").status, 403, "{host}");
    }
}

#[test]
fn an_external_url_that_is_none_stops_the_start_and_names_the_wanted_form() {
    for url in
        ["metrics.example/prom", "ftp://metrics.example", "http://", "http://a b", "http://a/?x=1", "\"http://a\""]
    {
        let dir = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_vctsdb"))
            .args(["--listen", "127.0.0.1:0", "--web.external-url", url, "--data-dir"])
            .arg(dir.path().join("data"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{url}: {said}");
        assert!(said.contains("--web.external-url") && said.contains("https://metrics.example/prom"), "{url}: {said}");
    }
}

#[test]
fn retention_and_scrape_interval_stand_where_prometheus_has_them() {
    let data = |server: &Server, path: &str| get(&server.address, path).unwrap().json()["data"].clone();
    let flags = ["--retention.time", "90d", "--retention.size", "10GiB", "--self-scrape.interval", "30s"];
    let (_dir, server) = started(&flags, "/-/ready");
    let shown = data(&server, "/api/v1/status/flags");
    assert_eq!(shown["storage.tsdb.retention.time"], "90d");
    assert_eq!(shown["storage.tsdb.retention.size"], "10GiB");
    assert_eq!(data(&server, "/api/v1/status/runtimeinfo")["storageRetention"], "90d or 10GiB");
    let yaml = data(&server, "/api/v1/status/config")["yaml"].as_str().unwrap().to_owned();
    assert!(yaml.contains("global:\n  scrape_interval: 30s\n"), "{yaml}");

    // Without limits, as Prometheus says that there is none.
    let (_dir, server) = started(&["--self-scrape.interval", "off"], "/-/ready");
    let shown = data(&server, "/api/v1/status/flags");
    assert_eq!(shown["storage.tsdb.retention.time"], "0s");
    assert_eq!(shown["storage.tsdb.retention.size"], "0B");
    assert_eq!(data(&server, "/api/v1/status/runtimeinfo")["storageRetention"], "0s");
    let yaml = data(&server, "/api/v1/status/config")["yaml"].as_str().unwrap().to_owned();
    assert!(yaml.contains("global:\n  scrape_interval: 1m\n"), "{yaml}");
}
