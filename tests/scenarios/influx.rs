//! What clients of InfluxDB send, as they send it, and what becomes of it.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::json;

use super::{
    http_client::{Response, escape, exchange, get, request},
    process::{Server, eventually, free_address, peer, vctsdb},
    sender::now,
};

fn started() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = vctsdb(&dir.path().join("data"), &free_address(), &["--self-scrape.interval", "0"]);
    (dir, server)
}

fn write(server: &Server, target: &str, body: &str) -> Response {
    request(&server.address, "POST", target, &[], body.as_bytes()).unwrap()
}

fn value(server: &Server, query: &str) -> serde_json::Value {
    let answer = get(&server.address, &format!("/api/v1/query?query={}", escape(query))).unwrap().json();
    answer["data"]["result"][0]["value"][1].clone()
}

/// What InfluxDB's clients look for in an answer of any status.
fn is_influxdbs(answer: &Response) {
    assert!(answer.header("x-influxdb-version").is_some_and(|version| version.starts_with("1.8.")), "{answer:?}");
    assert_eq!(answer.header("x-influxdb-build"), Some("OSS"), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    assert!(answer.header("request-id").is_some() && answer.header("x-request-id") == answer.header("request-id"));
}

fn is_stored(answer: &Response) {
    assert_eq!((answer.status, answer.body.len()), (204, 0), "{}", answer.text());
    is_influxdbs(answer);
}

/// The text of an error, which stands in the body and in a header.
fn error(answer: &Response) -> String {
    is_influxdbs(answer);
    let text = answer.json()["error"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("x-influxdb-error").unwrap_or_default(), text.replace('\n', " "));
    text
}

#[test]
fn what_telegraf_sends_is_stored() {
    let (_dir, server) = started();
    let form = [("Content-Type", "application/x-www-form-urlencoded"), ("User-Agent", "Telegraf/1.30.0 Go/1.22.0")];
    let create = request(&server.address, "POST", "/query", &form, b"q=CREATE+DATABASE+%22telegraf%22").unwrap();
    assert_eq!((create.status, create.json()), (200, json!({"results": [{"statement_id": 0}]})));
    is_influxdbs(&create);
    let ns = (now() - 1_000) * 1_000_000;
    let lines = format!(
        "cpu,cpu=cpu-total,host=laptop usage_idle=98.5,usage_user=1.25 {ns}\n\
         mem,host=laptop total=16777216000i,used_percent=41.5,available=9814867968u {ns}\n\
         system,host=laptop uptime_format=\" 8:11\" {ns}\n\
         system,host=laptop load1=0.5,n_users=2i,uptime=29460i {ns}\n\
         redis,db=0,host=laptop keys=7i,role=\"master\",loading=false {ns}\n"
    );
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(lines.as_bytes()).unwrap();
    let headers =
        [("Content-Encoding", "gzip"), ("Content-Type", "text/plain; charset=utf-8"), ("Authorization", "Basic eDp5")];
    let body = gzip.finish().unwrap();
    is_stored(&request(&server.address, "POST", "/write?db=telegraf", &headers, &body).unwrap());
    for (query, want) in [
        ("cpu_usage_idle{cpu=\"cpu-total\",host=\"laptop\",influx_db=\"telegraf\"}", "98.5"),
        ("mem_total", "16777216000"),
        ("mem_available", "9814867968"),
        ("system_load1", "0.5"),
        ("redis_keys{db=\"0\",influx_db=\"telegraf\"}", "7"),
        ("redis_loading", "0"),
        ("count({influx_db=\"telegraf\"})", "10"),
    ] {
        assert_eq!(value(&server, query), want, "{query}");
    }
    let metrics = get(&server.address, "/metrics").unwrap().text();
    assert!(metrics.contains("vctsdb_import_altered_values_total{kind=\"text\"} 2"), "{metrics}");
    let senders = get(&server.address, "/api/v1/status/senders").unwrap().json();
    assert_eq!(senders["data"]["senders"][0]["samples"], 10, "{senders}");
}

#[test]
fn what_home_assistant_proxmox_and_collectd_send_is_stored() {
    let (_dir, server) = started();
    let ns = (now() - 1_000) * 1_000_000;
    // Home Assistant, by the Python client.
    let basic = [("Authorization", "Basic cm9vdDpyb290"), ("Accept", "application/x-msgpack")];
    let show = request(&server.address, "GET", "/query?q=SHOW+DATABASES%3B&db=home", &basic, b"").unwrap();
    assert_eq!(show.status, 200, "{}", show.text());
    let octets = [("Content-Type", "application/octet-stream"), basic[0]];
    let home = |body: &str| request(&server.address, "POST", "/write?db=home", &octets, body.as_bytes()).unwrap();
    is_stored(&home(""));
    is_stored(&home("\n"));
    let line = "°C,domain=sensor,entity_id=attic\\ room friendly_name_str=\"Attic \\\"room\\\"\",value=21.5";
    is_stored(&home(&format!("{line} {ns}\n")));
    assert_eq!(value(&server, "{\"°C\",entity_id=\"attic room\"}"), "21.5");
    // Proxmox VE.
    assert_eq!(get(&server.address, "/health").unwrap().status, 200);
    let token = [("Authorization", "Token secret")];
    let line = format!(
        "cpustat,host=pve,object=nodes cpu=0.01,cpus=4,wait=0 {ns}\nsystem,vmid=100,type=qemu name=\"vm\",status=\"running\",cpu=0.5 {ns}\n"
    );
    let target = "/api/v2/write?org=proxmox&bucket=proxmox";
    is_stored(&request(&server.address, "POST", target, &token, line.as_bytes()).unwrap());
    assert_eq!(value(&server, "system_cpu{influx_db=\"proxmox\",vmid=\"100\"}"), "0.5");
    // collectd counts in ms.
    let line = format!("cpu_value,host=h,instance=0,type=cpu,type_instance=idle value=42 {}\n", now() - 1_000);
    is_stored(&write(&server, "/write?db=collectd&precision=ms&consistency=all&rp=", &line));
    assert_eq!(value(&server, "cpu_value{type_instance=\"idle\"}"), "42");
    // What Prometheus writes to has no label.
    is_stored(&write(&server, "/write?db=prometheus&u=root&p=root", "up,__name__=up,job=x value=1"));
    assert_eq!(value(&server, "count(up{job=\"x\",influx_db=\"\"})"), "1");
}

#[test]
fn good_lines_stay_and_the_others_are_named() {
    let (_dir, server) = started();
    let answer = write(&server, "/write?db=t", "a v=1\nb v=\nc,time=x v=1\nd v=4\n");
    assert_eq!(answer.status, 400);
    assert_eq!(
        error(&answer),
        "partial write: unable to parse 'b v=': missing field value (line 2, column 5)\n\
         invalid tag key: input tag \"time\" on measurement \"c\" is invalid (line 3, column 1) dropped=1"
    );
    assert_eq!((value(&server, "a_v"), value(&server, "d_v")), (json!("1"), json!("4")));
    let answer = write(&server, "/write?db=t", "b v=\n");
    assert_eq!(
        (answer.status, error(&answer).as_str()),
        (400, "unable to parse 'b v=': missing field value (line 1, column 5)")
    );
    let answer = write(&server, "/write?db=t", &"é v=\n".repeat(9));
    let text = answer.json()["error"].as_str().unwrap().to_owned();
    assert!(text.ends_with("and 4 more lines") && answer.header("x-influxdb-error").is_some(), "{text}");
    let seconds = write(&server, "/write?db=t", &format!("a v=1 {}\n", now() / 1_000));
    assert!(error(&seconds).contains("say precision=s"), "{}", seconds.text());
    assert!(get(&server.address, "/api/v1/status/senders").unwrap().text().contains("say precision=s"));
}

#[test]
fn a_write_that_makes_no_sense_is_refused_with_influxdbs_status_and_words() {
    let (_dir, server) = started();
    for (target, status, says) in [
        ("/write", 400, "database is required"),
        ("/write?db=", 400, "database is required"),
        ("/api/v2/write?db=t", 400, "bucket is required"),
        ("/write?db=t&rp=week", 500, "retention policy not found: week"),
        ("/api/v2/write?bucket=t/week", 500, "retention policy not found: week"),
        ("/write?db=t&precision=x", 400, "invalid precision \"x\" (use n, u, ms, s, m or h)"),
        ("/write?db=t&consistency=most", 400, "invalid consistency level"),
        ("/write?db=%zz", 400, "%zz"),
        ("/write?db=t&retention=1", 400, "unknown parameter \"retention\""),
    ] {
        let answer = write(&server, target, "a v=1\n");
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        assert!(error(&answer).contains(says), "{target}: {}", answer.text());
    }
    let gzip = [("Content-Encoding", "gzip")];
    let broken = request(&server.address, "POST", "/write?db=t", &gzip, b"a v=1\n").unwrap();
    assert!(broken.status == 400 && error(&broken).contains("gzip"), "{}", broken.text());
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    bomb.write_all(&vec![b'\n'; 25_000_001]).unwrap();
    let large = request(&server.address, "POST", "/write?db=t", &gzip, &bomb.finish().unwrap()).unwrap();
    assert!(large.status == 413 && error(&large).starts_with("Request Entity Too Large"), "{}", large.text());
    let head = "POST /write?db=t HTTP/1.0\r\nHost: localhost\r\nContent-Length: 25000001\r\n";
    let announced = exchange(&server.address, head, &vec![b'\n'; 25_000_001]).unwrap();
    assert!(announced.status == 413 && error(&announced).starts_with("Request Entity Too Large"));
    assert!(value(&server, "a_v").is_null());
    assert_eq!(get(&server.address, "/write").unwrap().status, 405);
}

#[test]
fn a_field_keeps_its_kind_and_its_metric_over_restarts() {
    let (dir, mut server) = started();
    is_stored(&write(&server, "/write?db=t", "a v=1i,b=true,s=\"x\" 1000000\n"));
    let words = |field: &str, is: &str, was: &str| {
        format!(
            "field type conflict: input field \"{field}\" on measurement \"a\" is type {is}, already exists as type {was}"
        )
    };
    for round in 0..2 {
        let answer = write(
            &server,
            "/write?db=t",
            &format!(
                "a,x={round} v=true,b=1,w{round}=2 2000000\na,x={round} v=\"x\" 2000000\na,x={round} v=2.5 3000000\n"
            ),
        );
        assert_eq!(answer.status, 400);
        let was = if round == 0 { "integer" } else { "float" };
        let says = [
            format!("partial write: {} (line 1, column 7)", words("v", "boolean", was)),
            format!("{} (line 1, column 14)", words("b", "float", "boolean")),
            format!("{} (line 2, column 7) dropped=2", words("v", "string", was)),
        ];
        assert_eq!(error(&answer), says.join("\n"));
        let at = |name: &str| value(&server, &format!("count_over_time({name}{{x=\"{round}\"}}[1h] @ 10)"));
        assert_eq!((at(&format!("a_w{round}")), at("a_v"), at("a_b")), (json!("1"), json!("1"), json!(null)));
        is_stored(&write(&server, "/write?db=t", "cpu usage_idle=1 1000000\n"));
        let clash = write(&server, "/write?db=t", "cpu_usage idle=1,user=1 1000000\n");
        let text = error(&clash);
        for says in ["\"idle\" on measurement \"cpu_usage\"", "\"usage_idle\" on measurement \"cpu\"", "dropped=1"] {
            assert!(clash.status == 400 && text.contains(says), "{text}");
        }
        assert_eq!(value(&server, "count_over_time(cpu_usage_user[1h] @ 10)"), "1");
        let dry = write(&server, "/write?db=t&dry_run=1", "a v=true\n");
        assert!(dry.status == 400 && error(&dry).contains("field type conflict"), "{}", dry.text());
        let create = request(&server.address, "POST", "/query?q=CREATE%20DATABASE%20empty", &[], b"").unwrap();
        assert_eq!(create.json(), json!({"results": [{"statement_id": 0}]}));
        server.kill();
        server = vctsdb(&dir.path().join("data"), &free_address(), &["--self-scrape.interval", "0"]);
        let databases = get(&server.address, "/query?q=SHOW+DATABASES").unwrap().text();
        assert!(databases.contains("\"empty\"") && databases.contains("\"t\""), "{databases}");
    }
}

#[test]
fn datagrams_are_stored_each_by_itself_and_the_last_ones_before_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = port.to_string();
    let flags = [
        &["--self-scrape.interval", "0", "--influx.udp-listen-address", &listen][..],
        &["--influx.udp-precision", "ms", "--influx.udp-database", "net"],
    ]
    .concat();
    let mut server = vctsdb(&dir.path().join("data"), &free_address(), &flags);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let send = |lines: &str| socket.send_to(lines.as_bytes(), ("127.0.0.1", port)).unwrap();
    // collectd's plugin, a quote that nothing closes, and a line without its end.
    send(&format!("cpu_value,host=h,type=cpu value=42 {0}\nm a=1,b=2i {0}\n", now()));
    send("open v=\"x\n");
    send(&format!("last v=\"x\",w=7 {}", now()));
    let is_there = || value(&server, "last_w{influx_db=\"net\"}") == "7";
    assert!(eventually(Duration::from_secs(60), is_there));
    assert_eq!((value(&server, "cpu_value"), value(&server, "m_b")), (json!("42"), json!("2")));
    let metrics = get(&server.address, "/metrics").unwrap().text();
    for says in ["received\"} 3", "faulty\"} 1", "dropped\"} 0"] {
        assert!(metrics.contains(&format!("vctsdb_influx_udp_datagrams_total{{result=\"{says}")), "{says}: {metrics}");
    }
    for i in 0..50 {
        send(&format!("end,i={i} v={i} {}\n", now()));
    }
    assert!(server.terminate());
    let server = vctsdb(&dir.path().join("data"), &free_address(), &["--self-scrape.interval", "0"]);
    assert_eq!(value(&server, "count(end_v)"), "50");
}

#[test]
fn flags_name_the_label_and_the_separator_and_what_was_written_keeps_its_metric() {
    let (dir, mut server) = started();
    is_stored(&write(&server, "/write?db=t", "cpu usage_idle=1 1000000\n"));
    server.kill();
    let flags = ["--self-scrape.interval", "0", "--influx.database-label", "", "--influx.separator", ":"];
    let server = vctsdb(&dir.path().join("data"), &free_address(), &flags);
    is_stored(&write(&server, "/write?db=t", "cpu_usage idle=2 1000000\ncpu usage_idle=3 2000000\n"));
    for (query, want) in [
        ("cpu_usage_idle{influx_db=\"t\"} @ 10", json!("1")),
        ("{\"cpu_usage:idle\",influx_db=\"\"} @ 10", json!("2")),
        ("{\"cpu:usage_idle\",influx_db=\"\"} @ 10", json!("3")),
    ] {
        assert_eq!(value(&server, query), want, "{query}");
    }
    let databases = get(&server.address, "/query?q=SHOW+DATABASES").unwrap().text();
    assert!(databases.contains("[\"t\"]"), "{databases}");
    let label = write(&server, "/api/v1/import/influx?extra_label=__name__=x", "a v=1\n");
    assert!(label.status == 400 && label.text().contains("extra_label can't set __name__"), "{}", label.text());
}

#[test]
fn ping_health_and_the_first_statements_are_answered() {
    let (_dir, server) = started();
    for method in ["GET", "HEAD"] {
        is_stored(&request(&server.address, method, "/ping", &[("X-Request-Id", "abc")], b"").unwrap());
    }
    let named = request(&server.address, "GET", "/ping?verbose=true", &[("Request-Id", "abc")], b"").unwrap();
    assert_eq!((named.status, named.header("request-id")), (200, Some("abc")));
    assert_eq!(named.json()["version"], named.header("x-influxdb-version").unwrap());
    let json = [("Accept", "application/json")];
    let health = request(&server.address, "GET", "/health", &json, b"").unwrap();
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("pass")), "{}", health.text());

    let post = |q: &str| request(&server.address, "POST", &format!("/query?q={}", escape(q)), &[], b"").unwrap();
    let databases = |names: &[&str]| {
        let rows: Vec<_> = names.iter().map(|name| json!([name])).collect();
        json!({"results": [{"statement_id": 0, "series": [{"name": "databases", "columns": ["name"], "values": rows}]}]})
    };
    assert_eq!(post("SHOW DATABASES").json(), databases(&["prometheus"]));
    assert_eq!(
        post("create database \"my \\\"home\\\"\"; CREATE DATABASE t WITH DURATION 1d").json()["results"][1],
        json!({"statement_id": 1})
    );
    is_stored(&write(&server, "/write?db=written", "a v=1\n"));
    assert_eq!(post("show databases;").json(), databases(&["my \"home\"", "prometheus", "t", "written"]));
    let other = post("SELECT * FROM a; SHOW DATABASES");
    assert_eq!(
        (other.status, &other.json()["results"][1]),
        (200, &json!({"statement_id": 1, "error": "not executed"}))
    );
    assert_eq!(other.json()["results"][0]["error"], "database name required");
    let none = request(&server.address, "POST", "/query", &[], b"").unwrap();
    assert_eq!((none.status, error(&none).as_str()), (400, "missing required parameter \"q\""));
    let by_get = get(&server.address, "/query?q=CREATE+DATABASE+x").unwrap();
    assert!(by_get.json()["results"][0]["error"].as_str().unwrap().contains("POST"), "{}", by_get.text());
    let page = request(&server.address, "GET", "/query", &[("Accept", "text/html")], b"").unwrap();
    assert!(page.text().contains("<!doctype html>") || page.text().contains("<!DOCTYPE html>"), "{}", page.text());
}

#[test]
fn an_import_takes_line_protocol_whether_or_not_its_name_is_said() {
    let (_dir, server) = started();
    let ns = (now() - 1_000) * 1_000_000;
    let post = |target: &str, body: &str| write(&server, target, body);
    let by_name = post("/api/v1/import/influx?db=x&extra_label=a%3Db", &format!("m,t=1 v=1 {ns}\n"));
    assert_eq!(by_name.status, 204, "{}", by_name.text());
    assert_eq!(value(&server, "m_v{a=\"b\",influx_db=\"x\",t=\"1\"}"), "1");
    let found = post("/api/v1/import?report=1", &format!("# words\nm,t=2 v=2,s=\"x\" {ns}\n"));
    assert_eq!(found.json()["data"]["texts_left_out"], 1, "{}", found.text());
    assert_eq!(value(&server, "m_v{t=\"2\"}"), "2");
    let wrong = post("/api/v1/import", &format!("m v=3 {ns}\nm v=\n"));
    assert_eq!(wrong.status, 400);
    assert!(
        wrong.text().contains("nothing was stored: line 2:5: unable to parse 'm v=': missing field value"),
        "{}",
        wrong.text()
    );
    assert!(value(&server, "m_v{t=\"\"}").is_null(), "all or nothing");
    let empty = post("/api/v1/import/influx", "# words\n");
    assert!(empty.status == 400 && empty.text().contains("only blank lines and comments"), "{}", empty.text());
}

#[test]
fn the_influx_shell_inserts_and_imports() {
    let Some(program) = peer("INFLUX_BIN", "influx") else { return };
    let (dir, server) = started();
    let (host, port) = server.address.rsplit_once(':').unwrap();
    let shell = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(["-host", host, "-port", port]).args(arguments).env("HOME", dir.path()).stdin(Stdio::null());
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text)
    };
    let created = shell(&["-execute", "CREATE DATABASE home"]);
    assert!(created.0, "{}", created.1);
    let listed = shell(&["-execute", "SHOW DATABASES"]);
    assert!(listed.0 && listed.1.contains("home") && listed.1.contains("prometheus"), "{}", listed.1);
    let inserted = shell(&["-database", "home", "-execute", "INSERT temperature,room=attic value=21.5"]);
    assert!(inserted.0 && inserted.1.trim().is_empty(), "{}", inserted.1);
    assert_eq!(value(&server, "temperature{room=\"attic\",influx_db=\"home\"}"), "21.5");
    let wrong = shell(&["-database", "home", "-execute", "INSERT temperature,room=attic value="]);
    assert!(wrong.1.contains("missing field value"), "{}", wrong.1);
    let s = now() / 1_000 - 1;
    let file = dir.path().join("lines");
    let lines =
        format!("# DDL\nCREATE DATABASE imported\n# DML\n# CONTEXT-DATABASE: imported\nm,t=a v=1 {s}\nm,t=b v=2 {s}\n");
    std::fs::write(&file, lines).unwrap();
    let imported = shell(&["-import", "-path", file.to_str().unwrap(), "-precision", "s"]);
    assert!(imported.0, "{}", imported.1);
    assert_eq!(value(&server, "sum(m_v{influx_db=\"imported\"})"), "3");
}
