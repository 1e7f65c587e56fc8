//! Login and TLS from outside: which certificates get in, what a real Prometheus sends, when a server refuses to start.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};

use super::{
    http_client::{escape, get, request},
    process::{Server, eventually, free_address, peer},
    sender::write_one,
};

/// A CA in a folder, and what it signs.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: PathBuf,
}

impl Authority {
    fn new(dir: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(dir.join(format!("{name}.pem")), issuer.pem()).unwrap();
        Self { issuer, dir: dir.to_owned() }
    }

    /// Writes `FILE.pem` and `FILE.key` for a name.
    fn sign(&self, file: &str, name: &str) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.try_into().unwrap()),
        }];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.dir.join(format!("{file}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.dir.join(format!("{file}.key")), key.serialize_pem()).unwrap();
    }
}

/// A GET over TLS: the whole answer.
fn get_by_tls(dir: &Path, address: &str, path: &str, identity: Option<&str>, login: &str) -> io::Result<String> {
    let login = if login.is_empty() { String::new() } else { format!("Authorization: {login}\r\n") };
    ask_by_tls(dir, address, &format!("GET {path}"), identity, &format!("{login}\r\n"))
}

/// Asks over TLS with the certificate of `identity`, if one is named, trusting the CA "ca". An error is one of the handshake.
fn ask_by_tls(dir: &Path, address: &str, target: &str, identity: Option<&str>, rest: &str) -> io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.join("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let chain = vec![CertificateDer::from_pem_file(dir.join(format!("{name}.pem"))).unwrap()];
            let key = PrivateKeyDer::from_pem_file(dir.join(format!("{name}.key"))).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut stream = StreamOwned::new(connection, stream);
    write!(stream, "{target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{rest}")?;
    let mut answer = String::new();
    // The server may close without a farewell; what came before it counts.
    match stream.read_to_string(&mut answer) {
        Err(error) if answer.is_empty() => Err(error),
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(answer),
    }
}

fn vctsdb_with(dir: &Path, address: &str, config: &str, is_up: impl Fn() -> bool) -> Server {
    let path = dir.join("web.yml");
    std::fs::write(&path, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
    command.arg("--data-dir").arg(dir.join("data")).args(["--listen", address, "--self-scrape.interval", "0"]);
    command.arg("--web.config.file").arg(path);
    Server::start_until(&mut command, address, &dir.join("vctsdb.log"), is_up)
}

fn is_ready(dir: &Path, address: &str, identity: Option<&str>) -> bool {
    get_by_tls(dir, address, "/-/ready", identity, "").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

const TLS: &str = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";

#[test]
fn clients_get_in_by_the_certificates_that_the_file_asks_for() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (ca, rogue) = (Authority::new(dir, "ca"), Authority::new(dir, "rogue-ca"));
    ca.sign("server", "127.0.0.1");
    ca.sign("client", "client.example");
    rogue.sign("rogue", "client.example");
    let with_ca = |kind: &str| format!("{TLS}  client_ca_file: ca.pem\n  client_auth_type: {kind}\n");
    for (config, none, signed, by_another) in [
        (TLS.to_owned(), true, true, true),
        (with_ca("VerifyClientCertIfGiven"), true, true, false),
        (with_ca("RequireAndVerifyClientCert"), false, true, false),
        (with_ca("RequireAndVerifyClientCert") + "  client_allowed_sans: [client.example]\n", false, true, false),
        (with_ca("RequireAndVerifyClientCert") + "  client_allowed_sans: [other.example]\n", false, false, false),
    ] {
        let address = free_address();
        // Where nobody gets in, that the port is open has to do.
        let up = || if signed { is_ready(dir, &address, Some("client")) } else { TcpStream::connect(&address).is_ok() };
        let server = vctsdb_with(dir, &address, &config, up);
        for (identity, gets_in) in [(None, none), (Some("client"), signed), (Some("rogue"), by_another)] {
            assert_eq!(is_ready(dir, &server.address, identity), gets_in, "{identity:?} with {config}");
        }
        let plain = get(&server.address, "/-/ready").unwrap();
        assert_eq!(plain.status, 400, "{}", plain.text());
        assert!(plain.text().contains("HTTP request to an HTTPS server"), "{}", plain.text());
    }
}

#[test]
fn a_new_certificate_counts_at_the_next_handshake_and_a_wrong_one_never() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let ca = Authority::new(dir, "ca");
    ca.sign("server", "127.0.0.1");
    let address = free_address();
    let server = vctsdb_with(dir, &address, TLS, || is_ready(dir, &address, None));
    let log = || std::fs::read_to_string(dir.join("vctsdb.log")).unwrap();
    // Its key is another's.
    std::fs::write(dir.join("server.key"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert!(
        eventually(Duration::from_secs(20), || log().contains("private key does not match public key")),
        "{}",
        log()
    );
    assert!(is_ready(dir, &server.address, None), "the old one is kept");
    // One for another name, which the client refuses: it is the new one.
    ca.sign("server", "elsewhere.example");
    assert!(eventually(Duration::from_secs(20), || !is_ready(dir, &server.address, None)), "{}", log());
    ca.sign("server", "127.0.0.1");
    assert!(eventually(Duration::from_secs(20), || is_ready(dir, &server.address, None)), "{}", log());
}

/// Runs the program to its end, with a text on standard input.
fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vctsdb"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// The line of `vctsdb password`.
fn user(name: &str, password: &str) -> String {
    String::from_utf8(run(&["password", name], &format!("{password}\n")).stdout).unwrap()
}

/// The token and the line of `vctsdb token`.
fn new_token(name: &str, role: &str) -> (String, String) {
    let output = run(&["token", name, "--role", role], "");
    let text = String::from_utf8(output.stdout).unwrap();
    let (token, line) = text.split_once('\n').unwrap();
    (token.to_owned(), line.to_owned())
}

#[test]
fn a_real_prometheus_writes_with_a_token_and_scrapes_with_a_password_over_tls() {
    let Some(prometheus) = peer("PROMETHEUS_BIN", "prometheus") else { return };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let ca = Authority::new(dir, "ca");
    ca.sign("server", "127.0.0.1");
    let (token, line) = new_token("prom-eu", "write");
    let (reader, reads) = new_token("grafana", "read");
    let password = user("alice", "secret");
    let config =
        format!("{TLS}basic_auth_users:\n{password}vctsdb:\n  tokens:\n{line}{reads}\n  roles: {{alice: metrics}}\n");
    let address = free_address();
    let server = vctsdb_with(dir, &address, &config, || is_ready(dir, &address, None));
    let checked = run(&["check", "web-config", dir.join("web.yml").to_str().unwrap()], "");
    assert!(checked.status.success(), "{checked:?}");

    let own = free_address();
    let path = dir.join("prometheus.yml");
    let ca = dir.join("ca.pem");
    let tls = format!("{{ca_file: {}}}", ca.display());
    std::fs::write(
        &path,
        format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - {{job_name: prometheus, static_configs: [{{targets: ['{own}']}}]}}
  - job_name: vctsdb
    scheme: https
    tls_config: {tls}
    basic_auth: {{username: alice, password: secret}}
    static_configs: [{{targets: ['{address}']}}]
remote_write:
  - url: https://{address}/api/v1/write
    tls_config: {tls}
    authorization: {{credentials: {token}}}
    queue_config: {{batch_send_deadline: 200ms}}
remote_read:
  - url: https://{address}/api/v1/read
    read_recent: true
    tls_config: {tls}
    authorization: {{credentials: {reader}}}
"
        ),
    )
    .unwrap();
    let mut command = Command::new(&prometheus);
    command
        .arg(format!("--config.file={}", path.display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("prometheus").display()))
        .arg(format!("--web.listen-address={own}"));
    let peer = Server::start(&mut command, &own, "/-/ready", &dir.join("prometheus.log"));
    let bearer = format!("Bearer {reader}");
    let query = format!("/api/v1/query?query={}", escape("count(up == 1)"));
    let log = || std::fs::read_to_string(dir.join("prometheus.log")).unwrap();
    let both = || get_by_tls(dir, &server.address, &query, None, &bearer).is_ok_and(|answer| answer.contains("\"2\"]"));
    assert!(eventually(Duration::from_secs(60), both), "both targets are up, and arrived: {}", log());
    // Only ours has it: Prometheus reads it through the login.
    let (writer, text) = (format!("Bearer {token}"), "kept_here 7\n");
    assert!(post_by_tls(dir, &server.address, "/api/v1/import/prometheus", &writer, text).starts_with("HTTP/1.1 204"));
    let answer = || get(&peer.address, "/api/v1/query?query=kept_here").map(|answer| answer.text()).unwrap_or_default();
    assert!(eventually(Duration::from_secs(20), || answer().contains("\"7\"")), "{}: {}", answer(), log());
    // Our own command line comes in by the same ways.
    let token_file = dir.join("token");
    std::fs::write(&token_file, &reader).unwrap();
    let (url, ca) = (format!("https://{address}"), ca.to_str().unwrap());
    let with_token =
        ["query", "--server", &url, "--ca-file", ca, "--token-file", token_file.to_str().unwrap(), "kept_here"];
    let output = run(&with_token, "");
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains('7'), "{output:?}");
    let output = run(&["query", "--server", &url, "--ca-file", ca, "--user", "alice:secret", "kept_here"], "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("403"), "alice only reads metrics: {output:?}");
    // The other way round neither may.
    assert!(get_by_tls(dir, &server.address, &query, None, &writer).unwrap().starts_with("HTTP/1.1 403"));
    assert!(post_by_tls(dir, &server.address, "/api/v1/import/prometheus", &bearer, text).starts_with("HTTP/1.1 403"));
}

#[test]
fn a_real_vmagent_writes_with_a_password_and_a_certificate_of_its_own() {
    let Some(vmagent) = peer("VMAGENT_BIN", "vmagent") else { return };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let ca = Authority::new(dir, "ca");
    ca.sign("server", "127.0.0.1");
    ca.sign("client", "agent.example");
    let (reader, reads) = new_token("grafana", "read");
    let (client, password) = (
        "  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [agent.example]\n",
        user("agent", "secret"),
    );
    let config =
        format!("{TLS}{client}basic_auth_users:\n{password}vctsdb:\n  tokens:\n{reads}\n  roles: {{agent: write}}\n");
    let address = free_address();
    let server = vctsdb_with(dir, &address, &config, || is_ready(dir, &address, Some("client")));

    let own = free_address();
    let scrape = dir.join("scrape.yml");
    let target = format!("{{job_name: vmagent, static_configs: [{{targets: ['{own}']}}]}}");
    std::fs::write(&scrape, format!("global: {{scrape_interval: 1s}}\nscrape_configs:\n  - {target}\n")).unwrap();
    let file = |name: &str| dir.join(name).display().to_string();
    let mut command = Command::new(vmagent);
    command
        .arg(format!("-promscrape.config={}", scrape.display()))
        .arg(format!("-remoteWrite.url=https://{address}/api/v1/write"))
        .args(["-remoteWrite.basicAuth.username=agent", "-remoteWrite.basicAuth.password=secret"])
        .arg(format!("-remoteWrite.tlsCAFile={}", file("ca.pem")))
        .arg(format!("-remoteWrite.tlsCertFile={}", file("client.pem")))
        .arg(format!("-remoteWrite.tlsKeyFile={}", file("client.key")))
        .arg(format!("-remoteWrite.tmpDataPath={}", file("queue")))
        .arg(format!("-httpListenAddr={own}"))
        .arg("-remoteWrite.flushInterval=1s");
    let _vmagent = Server::start(&mut command, &own, "/metrics", &dir.join("vmagent.log"));
    let query = format!("/api/v1/query?query={}", escape("count(up{job=\"vmagent\"} == 1)"));
    let bearer = format!("Bearer {reader}");
    let ask = || get_by_tls(dir, &server.address, &query, Some("client"), &bearer);
    let arrived = || ask().is_ok_and(|answer| answer.contains("\"1\"]"));
    let log = || std::fs::read_to_string(dir.join("vmagent.log")).unwrap_or_default();
    assert!(eventually(Duration::from_secs(60), arrived), "{:?}: {}", ask(), log());
    let metrics = get(&own, "/metrics").unwrap().text();
    let dropped: Vec<&str> =
        metrics.lines().filter(|line| line.starts_with("vmagent_remotewrite_packets_dropped_total")).collect();
    assert!(!dropped.is_empty() && dropped.iter().all(|line| line.ends_with(" 0")), "{dropped:?}");
}

/// A POST of a text over TLS: the whole answer.
fn post_by_tls(dir: &Path, address: &str, path: &str, login: &str, text: &str) -> String {
    let rest = format!("Authorization: {login}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    ask_by_tls(dir, address, &format!("POST {path}"), None, &rest).unwrap()
}

#[test]
fn an_address_that_others_reach_needs_a_login_or_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let web = dir.path().join("web.yml");
    let start = |more: &[&str]| {
        let data = dir.path().join("data");
        let arguments = [&["--data-dir", data.to_str().unwrap(), "--listen", "0.0.0.0:0"], more].concat();
        run(&arguments, "")
    };
    let output = start(&[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--web.config.file") && said.contains("--web.allow-anonymous"), "{said}");
    std::fs::write(&web, "http_server_config: {headers: {X-Frame-Options: deny}}\n").unwrap();
    let output = start(&["--web.config.file", web.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "a file without users is no login: {output:?}");
    std::fs::write(&web, "basic_auth_users: {alice: secret}\n").unwrap();
    let output = start(&["--web.config.file", web.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("web.yml:1:27: "), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn a_login_is_asked_for_where_a_file_has_users_and_the_command_line_knows_how() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let config = format!("basic_auth_users:\n{}", user("alice", "secret"));
    let server =
        vctsdb_with(dir.path(), &address, &config, || get(&address, "/-/ready").is_ok_and(|r| r.status == 200));
    assert!(write_one(&server.address, "probe", 1_600_000_000_000, 1.0).is_err());
    assert_eq!(get(&server.address, "/").unwrap().status, 401, "the page too");
    let ask = |url: &str| run(&["query", "--server", url, "vector(1)"], "");
    assert!(String::from_utf8_lossy(&ask(&format!("http://{address}")).stderr).contains("401"));
    assert!(ask(&format!("http://alice:secret@{address}")).status.success());
    let login = [("Authorization", "Basic YWxpY2U6c2VjcmV0")];
    let answer = request(&server.address, "GET", "/api/v1/status/flags", &login, b"").unwrap();
    assert_eq!(answer.status, 200);
    assert!(!answer.text().contains("$2y$"), "{}", answer.text());
}
