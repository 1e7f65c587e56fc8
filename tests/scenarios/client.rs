//! `vctsdb query` as a client: of servers behind a login, behind TLS, and of ones that have nothing to show.

use std::{
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Output},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use super::{
    http_client::request,
    process::{eventually, free_address, vctsdb},
    sender::{now, write, write_one},
};

fn query(server: &str, expr: &str, certificates: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
    command.args(["query", "--server", server, expr]).env_remove("SSL_CERT_DIR").env_remove("SSL_CERT_FILE");
    if let Some(file) = certificates {
        command.env("SSL_CERT_FILE", file);
    }
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

/// A server for one request, which it gives back. Every question's answer is 42.
fn answers_once(status: &'static str, tls: Option<Arc<ServerConfig>>) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        match tls {
            None => answer(stream, status),
            Some(config) => answer(StreamOwned::new(ServerConnection::new(config).unwrap(), stream), status),
        }
    });
    (port, serving)
}

fn answer(mut stream: impl Read + Write, status: &str) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"query=answer") {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            // The client has had enough of our certificate.
            _ => return String::from_utf8(request).unwrap(),
        }
    }
    let body = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"42"]}}"#;
    let length = body.len();
    let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _ = stream.flush();
    String::from_utf8(request).unwrap()
}

/// A certificate for `name` and the CA that signed it, as PEM.
fn certified(name: &str) -> (Arc<ServerConfig>, String) {
    let mut of_ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    of_ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let ca = of_ca.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::from_params(&of_ca, &ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (Arc::new(config), ca.pem())
}

#[test]
fn a_name_and_password_in_the_url_become_basic_and_are_never_shown() {
    for (before, basic) in [
        ("grafana:s3cr%3At@", "Basic Z3JhZmFuYTpzM2NyOnQ="),
        ("bob@", "Basic Ym9iOg=="),
        ("a%40b:%C3%BC@", "Basic YUBiOsO8"),
    ] {
        let (port, served) = answers_once("200 OK", None);
        let output = query(&format!("http://{before}127.0.0.1:{port}/prefix/"), "answer", None);
        let request = served.join().unwrap();
        assert!(output.status.success() && said(&output) == "42\n", "{}", said(&output));
        assert!(request.starts_with("POST /prefix/api/v1/query HTTP/1.1\r\n"), "{request}");
        let lower = request.to_lowercase();
        assert!(lower.contains(&format!("\r\nhost: 127.0.0.1:{port}\r\n")), "{request}");
        assert!(request.contains(&format!("uthorization: {basic}\r\n")), "{request}");
    }
    let (port, served) = answers_once("200 OK", None);
    assert!(query(&format!("127.0.0.1:{port}"), "answer", None).status.success(), "a URL without its scheme");
    assert!(!served.join().unwrap().to_lowercase().contains("authorization"));

    // Whatever goes wrong, the password isn't said.
    let (port, served) = answers_once("401 Unauthorized", None);
    let refused = query(&format!("http://bob:s3cret@127.0.0.1:{port}"), "answer", None);
    served.join().unwrap();
    let closed = format!("http://bob:s3cret@{}", free_address());
    for output in [
        query(&closed, "answer", None),
        query("http://bob:s3cret@", "answer", None),
        query("http://bob:s3cret@host name/", "answer", None),
        query("ftp://bob:s3cret@127.0.0.1", "answer", None),
        query("bob:s3cret@127.0.0.1:x", "answer", None),
        refused,
    ] {
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(!said(&output).contains("s3cret"), "{}", said(&output));
    }
}

#[test]
fn a_server_behind_tls_is_asked_if_its_certificate_is_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let trusted = |pem: &str| {
        let path = dir.path().join("ca.pem");
        std::fs::write(&path, pem).unwrap();
        path
    };
    for name in ["localhost", "127.0.0.1"] {
        let (config, ca) = certified(name);
        let (port, served) = answers_once("200 OK", Some(config));
        let output = query(&format!("https://bob:pw@{name}:{port}"), "answer", Some(&trusted(&ca)));
        assert!(output.status.success() && said(&output) == "42\n", "{}", said(&output));
        assert!(served.join().unwrap().contains("uthorization: Basic Ym9iOnB3\r\n"));
    }
    let (config, ca) = certified("localhost");
    let (_, other) = certified("localhost");
    let (port, served) = answers_once("200 OK", Some(config.clone()));
    let output = query(&format!("https://bob:pw@localhost:{port}"), "answer", Some(&trusted(&other)));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said(&output).contains("SSL_CERT_FILE") && said(&output).contains("certificate"), "{}", said(&output));
    assert_eq!(served.join().unwrap(), "", "not a byte of the request, password included, was sent");
    let (port, served) = answers_once("200 OK", Some(config));
    let output = query(&format!("https://127.0.0.1:{port}"), "answer", Some(&trusted(&ca)));
    assert_eq!(output.status.code(), Some(1), "the certificate is for another name: {output:?}");
    served.join().unwrap();
    // A server without TLS.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 5]).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let output = query(&url, "answer", None);
    assert!(output.status.code() == Some(1) && said(&output).contains("TLS"), "{output:?}");
    served.join().unwrap();
}

#[test]
fn where_no_series_answers_the_newest_sample_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let server = vctsdb(&dir.path().join("data"), &address, &["--self-scrape.interval", "0"]);
    let now = now();
    write_one(&address, "old", now - 3 * 3_600_000, 1.0).unwrap();
    write(&address, &[("__name__", "room"), ("r", "a b")], &[(now - 90_000_000, 1.0)]).unwrap();
    // A series that has ended, as its marker says.
    let marker = f64::from_bits(0x7ff0_0000_0000_0002);
    write(&address, &[("__name__", "ended")], &[(now - 60_000, 1.0), (now - 50_000, marker)]).unwrap();
    write_one(&address, "fresh", now, 1.0).unwrap();
    let url = format!("http://{}", server.address);
    for (expr, wants) in [
        ("old", &["no series", "old", "3h", "last_over_time(old["][..]),
        ("sum(rate(room{r=\"a b\"}[5m])) / old", &["no series", "room{r=\"a b\"}", "1d1h", "old", "3h"]),
        ("ended", &["no series", "ended", "1m"]),
        ("nothing_like_it", &["no series", "nothing_like_it", "no sample"]),
    ] {
        let output = query(&url, expr, None);
        assert!(output.status.success(), "{expr}: {output:?}");
        for want in wants {
            assert!(said(&output).contains(want), "{expr}: no {want} in {}", said(&output));
        }
    }
    let output = query(&url, "fresh > 5", None);
    assert_eq!(said(&output), "no series\n", "samples are there, and the condition leaves them out");
    // What a program reads is the answer and nothing else.
    let output = Command::new(env!("CARGO_BIN_EXE_vctsdb"))
        .args(["query", "--server", &url, "-o", "json", "old"])
        .output()
        .unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["data"]["result"], serde_json::json!([]));
}

#[test]
fn influxql_answers_tables_and_says_which_statement_failed() {
    let dir = tempfile::tempdir().unwrap();
    let server = vctsdb(&dir.path().join("data"), &free_address(), &["--self-scrape.interval", "0"]);
    let lines =
        "cpu,host=a idle=1.5,cores=4i 60000000000\ncpu,host=b idle=2 60000000000\ncpu,host=a idle=3 120000000000\n";
    let answer = request(&server.address, "POST", "/write?db=t", &[], lines.as_bytes()).unwrap();
    assert_eq!(answer.status, 204, "{}", answer.text());
    let ask = |arguments: &[&str]| {
        let url = format!("http://{}", server.address);
        let mut command = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
        command.args(["query", "--server", &url, "--influxql"]).args(arguments).output().unwrap()
    };
    let output = ask(&["SELECT idle, cores FROM cpu GROUP BY host", "--db", "t"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        said(&output),
        "cpu  host=a\n\
         time                  idle  cores\n\
         1970-01-01T00:01:00Z  1.5   4\n\
         1970-01-01T00:02:00Z  3     \n\
         \n\
         cpu  host=b\n\
         time                  idle  cores\n\
         1970-01-01T00:01:00Z  2     \n"
    );
    let output = ask(&["SELECT idle FROM t..cpu WHERE host = 'c'"]);
    assert_eq!((said(&output).as_str(), output.status.code()), ("no rows\n", Some(0)));
    let output = ask(&["SELECT max(idle) FROM t..cpu; SELECT max(idle) FROM cpu; SHOW DATABASES"]);
    let (out, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(out.starts_with("cpu\ntime ") && !out.contains("databases"), "{out}");
    assert!(why.contains("database name required") && !why.contains("not executed"), "{why}");
    assert_eq!(output.status.code(), Some(1));
    let output = ask(&["SELECT FROM"]);
    assert!(said(&output).contains("line 1, char 8") && output.status.code() == Some(1), "{output:?}");
    let output = ask(&["SHOW DATABASES", "-o", "json"]);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("{\"results\":["), "{output:?}");
}

/// The commands of a block of README.md, in the words that a shell would see.
fn first_query_of_the_readme() -> Vec<String> {
    let readme = include_str!("../../README.md");
    let line = readme.lines().find(|line| line.starts_with("vctsdb query ")).unwrap();
    line.split_whitespace().skip(1).map(|word| word.trim_matches('\'').to_owned()).collect()
}

#[test]
fn the_first_query_of_the_readme_has_an_answer_as_soon_as_the_server_is_ready() {
    let dir = tempfile::tempdir().unwrap();
    // With nothing but defaults, and ready a moment ago.
    let server = vctsdb(&dir.path().join("data"), &free_address(), &[]);
    let url = format!("http://{}", server.address);
    let output = Command::new(env!("CARGO_BIN_EXE_vctsdb"))
        .args(first_query_of_the_readme())
        .env("VCTSDB_SERVER", &url)
        .output()
        .unwrap();
    assert!(output.status.success() && said(&output).contains("vctsdb"), "{}", said(&output));
    // Rates need two samples, and have them long before the usual interval has passed.
    let rate = "rate(vctsdb_http_requests_total[1m])";
    let begun = std::time::Instant::now();
    let answered = eventually(Duration::from_secs(60), || said(&query(&url, rate, None)).contains("route="));
    assert!(answered && begun.elapsed() < Duration::from_secs(12), "after {:?}", begun.elapsed());
}
