//! Samples posted by hand, and read again through `/federate`.

use std::{
    io::{Read, Write},
    time::Duration,
};

use prost::Message;
use vctsdb::remote::proto::v1;

use super::{
    http_client::{Response, escape, get, request},
    process::{Server, eventually, free_address, peer, vctsdb},
    sender::now,
};

const PATH: &str = "/api/v1/import/prometheus";

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
    assert_eq!(get(&server.address, PATH).unwrap().status, 405);
    assert_eq!(request(&server.address, "POST", "/api/v1/import/other", &[], b"").unwrap().status, 404);
    assert!(value(&server, "good").is_null());
}

fn post_with(server: &Server, parameters: &str, body: &str) -> Response {
    request(&server.address, "POST", &format!("{PATH}{parameters}"), &[], body.as_bytes()).unwrap()
}

#[test]
fn a_body_that_says_nothing_is_refused_with_the_likely_cause() {
    let (_dir, server) = started(&[]);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let multipart = ("Content-Type", "multipart/form-data; boundary=x");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(b"a 1\n").unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(&b"a 1\n"[..], 3).unwrap();
    let cases: &[((&str, &str), &[u8], &str)] = &[
        // What is left of a file that curl -d has read.
        (form, b"# HELP a Help.# TYPE a gaugea 1a{b=\"c\"} 2", "--data-binary"),
        (form, b"# TYPE a gaugea 1", "--data-binary"),
        (form, b"# HELP a Help.a{b=\"c\"} 2", "--data-binary"),
        (form, b"# what I measureda 1b 2 1700000000000", "--data-binary"),
        (form, b"# what I measured", "only comments"),
        (form, b"a 1b 2", "--data-binary"),
        (form, b"a 1 1700000000000b 2 1700000000000", "--data-binary"),
        (form, b"", "empty"),
        (form, b"# first\n#second\n", "only comments"),
        (form, b"\n \r\n\t\n", "only blank lines"),
        (multipart, b"--x\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\na 1\r\n--x--\r\n", "curl -F"),
        (form, b"{\"metric\":{\"__name__\":\"a\"},\"values\":[1],\"timestamps\":[1]}\n", "JSON"),
        (form, b"[{\"name\":\"a\",\"value\":1}]", "JSON"),
        (form, b"cpu,host=a usage=0.5 1700000000000000000\ncpu,host=b usage=0.5\n", "InfluxDB"),
        (form, b"a.b.c 1 1700000000\n", "line 1:2"),
        (form, b"<html></html>", "line 1:1"),
        (form, &gzip, "Content-Encoding: gzip"),
        (form, &zstd, "Content-Encoding: zstd"),
        (("Content-Type", "application/x-protobuf"), b"\x0c\x2c\x0a\x0a", "/api/v1/write"),
    ];
    for (content_type, body, says) in cases {
        let answer = post(&server, &[*content_type], body);
        let shown = String::from_utf8_lossy(body);
        assert_eq!(answer.status, 400, "{shown:?}: {}", answer.text());
        assert!(answer.text().contains(says), "{shown:?}: {}", answer.text());
    }
    for body in [
        "# HELP a Help.\n",
        "# HELP a Help, in a line without an end",
        "# HELP a At most 5.",
        "# TYPE a gauge",
        "# EOF\n",
        "# words\n# HELP a Help with a{b=\"c\"} 1\n",
        "# words\na 1",
    ] {
        let answer = post(&server, &[form], body.as_bytes());
        assert_eq!(answer.status, 204, "{body:?}: {}", answer.text());
    }
}

#[test]
fn a_time_that_can_hardly_be_in_milliseconds_is_refused_with_the_unit_it_seems_to_be_in() {
    let (_dir, server) = started(&[]);
    let s = now() / 1_000;
    for (time, says) in [
        (s.to_string(), "seconds"),
        (format!("{s}000000"), "microseconds"),
        (format!("{s}000000000"), "nanoseconds"),
        ("1000".to_owned(), "before 2000"),
        ("0".to_owned(), "before 2000"),
        ("-1".to_owned(), "before 2000"),
        ("946684799999".to_owned(), "before 2000"),
        ("7258118400000".to_owned(), "after 2200"),
    ] {
        let answer = post_with(&server, "", &format!("good 1\na 1 {time}\n"));
        assert_eq!(answer.status, 400, "{time}: {}", answer.text());
        assert!(answer.text().contains("line 2:5") && answer.text().contains(says), "{time}: {}", answer.text());
    }
    assert!(value(&server, "good").is_null());
    assert_eq!(post_with(&server, "", "a 1 946684800000\n").status, 204);
    // Who says what is meant is believed.
    assert_eq!(post_with(&server, "?allow_old=1", "old 1 1000\n").status, 204);
    assert_eq!(value(&server, "old @ 1"), "1");
    assert_eq!(post_with(&server, "?unit=ms", "old 2 2000\n").status, 204);
    assert_eq!(value(&server, "old @ 2"), "2");
    assert_eq!(post_with(&server, "?unit=s", &format!("now_s 3 {}.5\n", s - 1)).status, 204);
    assert_eq!(value(&server, "now_s"), "3");
    let metrics = [("Content-Type", "application/openmetrics-text")];
    assert_eq!(post(&server, &metrics, b"old 4 4\n# EOF\n").status, 204);
    assert_eq!(value(&server, "old @ 4"), "4");
    let answer = post_with(&server, "?allow_old=0", "old 1 1000\n");
    assert!(answer.status == 400 && answer.text().contains("allow_old=1"), "{}", answer.text());
}

#[test]
fn an_import_heeds_each_parameter_or_refuses_it_and_reports_when_asked() {
    let (_dir, server) = started(&[]);
    for (parameters, says) in [
        ("?extra_label=a", "extra_label"),
        ("?extra_label=%3Db", "extra_label"),
        ("?no_such=1", "\"no_such\""),
        ("?on_error=ignore", "on_error"),
        ("?allow_olds=1", "allow_old"),
        ("?allow_old", "allow_old"),
        ("?report=many", "report"),
        ("?unit=h", "unit"),
        ("?unit=%zz", "%zz"),
    ] {
        let answer = post_with(&server, parameters, "a 1\n");
        assert_eq!(answer.status, 400, "{parameters}: {}", answer.text());
        assert!(answer.text().contains(says), "{parameters}: {}", answer.text());
    }
    assert!(value(&server, "a").is_null());
    // A form's parameters are lines here, not parameters.
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let body = b"# TYPE a gauge\na{b=\"1\"} 1\na{b=\"2\"} 2 # {id=\"x\"} 1\na{b=\"1\"} 3 1700000000000\n";
    let data = serde_json::json!({
        "series": 2, "samples": 3, "exemplars": 1, "metadata": 1, "texts_left_out": 0, "rounded": 0, "skipped": 0, "first_faults": []
    });
    let want = serde_json::json!({"status": "success", "data": data});
    let dry = request(&server.address, "POST", &format!("{PATH}?report=1&dry_run=1"), &[form], body).unwrap();
    assert_eq!((dry.status, dry.json()), (200, want.clone()), "{}", dry.text());
    assert!(value(&server, "count({__name__=\"a\"})").is_null(), "a dry run stores nothing");
    let answer = request(&server.address, "POST", &format!("{PATH}?report=1"), &[form], body).unwrap();
    assert_eq!((answer.status, answer.json()), (200, want), "{}", answer.text());
    let json = [("Accept", "application/json")];
    let wrong = request(&server.address, "POST", PATH, &json, b"c 1\nc\n").unwrap();
    assert_eq!(wrong.status, 400);
    let said = wrong.json();
    assert_eq!((&said["status"], &said["errorType"]), (&"error".into(), &"bad_data".into()), "{said}");
    assert_eq!(said["data"]["first_faults"][0]["line"], 2, "{said}");
    assert!(value(&server, "c").is_null());
}

#[test]
fn wrong_records_are_left_out_when_asked_and_labels_are_added() {
    let (_dir, server) = started(&[]);
    let body = "c{a=\"own\"} 1\nc\nd{} x\ne 5\n";
    let path = "?on_error=skip&report=1&extra_label=a%3Dgiven&extra_label=z%3D%C3%A9";
    let answer = post_with(&server, path, body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let data = &answer.json()["data"];
    assert_eq!((&data["samples"], &data["skipped"]), (&2.into(), &2.into()), "{data}");
    assert_eq!(data["first_faults"][1], serde_json::json!({"line": 3, "column": 5, "error": "\"x\" is no number"}));
    assert_eq!(value(&server, "c{a=\"given\",z=\"é\"}"), "1");
    assert_eq!(value(&server, "e{a=\"given\",z=\"é\"}"), "5");
    let nothing = post_with(&server, "?on_error=skip", "c\nd\n");
    assert!(nothing.status == 400 && nothing.text().contains("nothing was stored"), "{}", nothing.text());
}

#[test]
fn the_format_of_a_body_is_found_out_or_all_of_them_are_named() {
    let (_dir, server) = started(&[]);
    let any = |parameters: &str, headers: &[(&str, &str)], body: &[u8]| {
        request(&server.address, "POST", &format!("/api/v1/import{parameters}"), headers, body).unwrap()
    };
    assert_eq!(any("", &[], b"# TYPE a gauge\na 1\n").status, 204);
    assert_eq!(any("", &[], b"\n\nb{c=\"d\"} 2").status, 204);
    let open_metrics = [("Content-Type", "application/openmetrics-text; version=1.0.0")];
    assert_eq!(any("", &open_metrics, format!("c 3 {}\n# EOF\n", now() / 1_000).as_bytes()).status, 204);
    for (name, want) in [("a", "1"), ("b", "2"), ("c", "3")] {
        assert_eq!(value(&server, name), want);
    }
    let unknown = any("", &[], b"<html></html>\n");
    assert!(unknown.status == 400 && unknown.text().contains("/api/v1/import/prometheus"), "{}", unknown.text());
    // A program that streams what another server exports finds nothing there at times.
    let chunked = b"POST /api/v1/import HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n";
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    stream.write_all(chunked).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    assert_eq!(any("", &[], b"").status, 400);
    let parameter = any("?rp=x", &[], b"a 1\n");
    assert!(parameter.status == 400 && parameter.text().contains("\"rp\""), "{}", parameter.text());
}

/// The bytes of an example in which some are written `\xNN`.
fn unescaped(example: &str) -> Vec<u8> {
    let mut parts = example.split("\\x");
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (number, text) = part.split_at(2);
        bytes.push(u8::from_str_radix(number, 16).unwrap());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

#[test]
fn the_examples_of_formats_in_the_documents_are_taken_at_their_paths_and_found_out() {
    let (_dir, server) = started(&[]);
    let text = include_str!("../../docs/http.md");
    let (_, table) = text.split_once("| format | path | example |\n").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let mut formats = std::collections::BTreeSet::new();
    for row in table.lines().skip(1) {
        let mut quoted = row.split('`').skip(1).step_by(2);
        let (path, example) = (quoted.next().unwrap(), quoted.next().unwrap().replace("\\n", "\n"));
        let format = row.split('|').nth(1).unwrap().trim();
        formats.insert(format);
        let (own, parameters) = path.split_once('?').unwrap_or((path, ""));
        for path in [own, "/api/v1/import"] {
            let path = format!("{path}?{parameters}&report=1").replace("?&", "?");
            // What a parameter says of the columns can't be found out, nor what bytes mean.
            let media = match format {
                "csv" if !parameters.is_empty() => Some("text/csv"),
                "protobuf" => Some("application/vnd.google.protobuf"),
                _ => None,
            };
            let headers: Vec<_> = media.map(|media| ("Content-Type", media)).into_iter().collect();
            let answer = request(&server.address, "POST", &path, &headers, &unescaped(&example)).unwrap();
            assert_eq!(answer.status, 200, "{path} {example}: {}", answer.text());
            assert!(answer.json()["data"]["samples"].as_u64().unwrap() > 0, "{path} {example}");
        }
    }
    let known: std::collections::BTreeSet<&str> = vctsdb::ingest::FORMATS.iter().map(|format| format.name()).collect();
    assert_eq!(formats, known, "each format has an example");
}

#[test]
fn a_table_of_results_can_be_posted_again_and_what_was_guessed_is_told() {
    let (_dir, server) = started(&[]);
    let t = now() / 1_000 * 1_000 - 60_000;
    let body = format!("a{{b=\"1,2\"}} NaN {t}\na{{b=\"\\\"\"}} -Inf {t}\na 1e-9 {t}\n");
    assert_eq!(post(&server, &[], body.as_bytes()).status, 204);
    let query = format!("/api/v1/query?query=a&time={}", t / 1_000);
    let table = request(&server.address, "GET", &query, &[("Accept", "text/csv")], b"").unwrap().text();
    let renamed = table.replace("\na,", "\nc,");
    let answer = request(&server.address, "POST", "/api/v1/import?report=1", &[], renamed.as_bytes()).unwrap();
    let report = &answer.json()["data"];
    assert_eq!((answer.status, &report["samples"]), (200, &3.into()), "{}", answer.text());
    let guessed = "columns 1: metric name, 2: label b, 3: time (seconds), 4: values";
    assert_eq!(report["guessed"], guessed);
    let again = query.replace("query=a", "query=c");
    let again = request(&server.address, "GET", &again, &[("Accept", "text/csv")], b"").unwrap().text();
    assert_eq!(again.replace("\nc,", "\na,"), table);
}

#[test]
fn what_is_exported_streams_in_each_format_and_can_be_imported_again() {
    let (_dir, server) = started(&[]);
    let t = now() - 60_000;
    let lines: String = (0..20_000).map(|i| format!("a{{b=\"{}\"}} {i}.5 {}\n", i % 3, t - i)).collect();
    assert_eq!(post(&server, &[], lines.as_bytes()).status, 204);
    let export = |path: &str| get(&server.address, &format!("/api/v1/export{path}match[]=a")).unwrap();
    let json = export("?");
    assert_eq!((json.status, json.text().lines().count()), (200, 6), "lines of at most 4,096 samples");
    assert_eq!(json.header("content-type"), Some("application/stream+json; charset=utf-8"));
    let table = export("/csv?header=1&format=__name__,b,__value__,__timestamp__&");
    assert_eq!(table.text().lines().next(), Some("__name__,b,value,time"));
    let text = export("/prometheus?");
    let digest = || value(&server, "sum(sum_over_time(a[2m]))");
    let before = digest();
    for again in [&json, &table, &text] {
        let answer = request(&server.address, "POST", "/api/v1/import?report=1", &[], &again.body).unwrap();
        assert_eq!(answer.json()["data"]["samples"], 20_000, "{}", answer.text());
        let extra = "?report=1&extra_label=again%3D1";
        let answer = request(&server.address, "POST", &format!("/api/v1/import{extra}"), &[], &again.body).unwrap();
        assert_eq!(answer.json()["data"]["series"], 3, "{}", answer.text());
    }
    assert_eq!(value(&server, "count(a)"), "6");
    assert_eq!(
        digest().as_str().map(|sum| sum.parse::<f64>().unwrap()),
        before.as_str().map(|sum| 2.0 * sum.parse::<f64>().unwrap())
    );
    for (path, says) in [
        ("/api/v1/export", "match[]"),
        ("/api/v1/export?match[]=a&max_rows_per_line=0", "max_rows_per_line"),
        ("/api/v1/export?match[]=a&format=x", "format"),
        ("/api/v1/export/csv?match[]=a", "format"),
        ("/api/v1/export/csv?match[]=a&format=b", "__value__"),
        ("/api/v1/export?match[]=a%7B", "match[]"),
        ("/api/v1/export?match[]=a&histograms=show", "histograms"),
    ] {
        let answer = get(&server.address, path).unwrap();
        assert!(answer.status == 400 && answer.text().contains(says), "{path}: {} {}", answer.status, answer.text());
    }
    post_custom(&server, "sizes");
    let refused = get(&server.address, "/api/v1/export?match[]=sizes").unwrap();
    assert!(refused.status == 400 && refused.text().contains("histograms=omit"), "{}", refused.text());
    assert_eq!(get(&server.address, "/api/v1/export?match[]=sizes&histograms=omit").unwrap().text(), "");
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
    post_histogram(server, name, histogram);
}

fn post_histogram(server: &Server, name: &str, histogram: v1::Histogram) {
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
    let everything = get(&server.address, "/federate?match[]={}").unwrap();
    assert_eq!((everything.status, everything.text().as_str()), (200, ""), "as in Prometheus");
    for wrong in ["a{", "1", "a%5B5m%5D"] {
        let answer = get(&server.address, &format!("/federate?match[]={wrong}")).unwrap();
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("text/plain; charset=utf-8")), "{wrong}");
        assert!(answer.text().starts_with("invalid parameter \"match[]\": "), "{wrong}: {}", answer.text());
    }
    post_custom(&server, "sizes");
    let answer = get(&server.address, "/federate?match[]=sizes").unwrap().text();
    for line in
        ["# TYPE sizes histogram\n", "le=\"0.5\"} 1 ", "le=\"1\"} 3 ", "le=\"+Inf\"} 7 ", "sizes_sum{", "sizes_count{"]
    {
        assert!(answer.contains(line), "{line}: {answer}");
    }
}

#[test]
fn native_histograms_that_federation_leaves_out_are_named() {
    let (_dir, server) = started(&[]);
    let native = v1::Histogram {
        count: Some(v1::histogram::Count::CountInt(3)),
        zero_count: Some(v1::histogram::ZeroCount::ZeroCountInt(1)),
        sum: 9.5,
        positive_spans: vec![v1::BucketSpan { offset: 0, length: 1 }],
        positive_deltas: vec![2],
        timestamp: now(),
        ..Default::default()
    };
    assert_eq!(post(&server, &[], b"latency 1\n").status, 204);
    for name in ["native", "native_too", "unasked"] {
        post_histogram(&server, name, native.clone());
    }
    let answer = get(&server.address, "/federate?match[]=latency&match[]={__name__=~%22native.*%22}").unwrap();
    assert_eq!(answer.status, 200);
    let said: Vec<String> = answer.text().lines().map(str::to_owned).collect();
    assert!(said[1].starts_with("latency{"), "{said:?}");
    for (line, name) in said[2..].iter().zip(["native", "native_too"]) {
        assert!(line.starts_with(&format!("# left out: {name}, ")) && line.contains("remote read"), "{said:?}");
    }
    assert_eq!(said.len(), 4, "{said:?}");
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
