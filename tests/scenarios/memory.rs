//! A small memory budget, under load, heavy questions, a kill and the replay after it: each part and the process stay
//! within it. Less than this is refused.

use std::{fs, io::Write, path::Path, time::Duration};

use prost::Message;
use vctsdb::remote::proto::v1::{Label, Sample, TimeSeries, WriteRequest};

use super::{
    http_client::{escape, get, request},
    process::{Server, eventually, free_address, vctsdb},
    sender::now,
};

const BUDGET: u64 = 96 << 20;
/// Each brings series of its own: together with their labels they take more than all memtables may.
const REQUESTS: usize = 120;
const SERIES: usize = 500;
const SAMPLES: usize = 5;
/// Between samples (ms).
const STEP: i64 = 15_000;

/// The most memory a process has had, without the pages of the program's own file: a test build has many.
fn most(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let bytes = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    };
    bytes("VmHWM:") - bytes("RssFile:")
}

fn start(dir: &Path, address: &str) -> Server {
    vctsdb(dir, address, &["--memory", "96MiB", "--self-scrape.interval", "off"])
}

/// Request `number`: new series of a fleet, some samples each, the last at `end`.
fn body(number: usize, end: i64) -> Vec<u8> {
    let label = |name: &str, value: String| Label { name: name.to_owned(), value };
    let series = |i: usize| TimeSeries {
        labels: vec![
            label("__name__", "container_memory_working_set_bytes".to_owned()),
            label("container", format!("container-{}", i % 50)),
            label("id", format!("/kubepods/burstable/pod-{number:08}-{i:08}")),
            label("instance", format!("node-{:04}.example.com:10250", number % 40)),
            label("job", "kubelet".to_owned()),
            label("namespace", format!("namespace-{}", number % 20)),
        ],
        samples: (0..SAMPLES)
            .map(|n| Sample { value: (number * i + n) as f64, timestamp: end - (SAMPLES - 1 - n) as i64 * STEP })
            .collect(),
        ..TimeSeries::default()
    };
    let message = WriteRequest { timeseries: (0..SERIES).map(series).collect(), ..WriteRequest::default() };
    snap::raw::Encoder::new().compress_vec(&message.encode_to_vec()).unwrap()
}

/// Sends a body until it is taken; a server that is short of memory for a moment says so and is asked again.
fn send(address: &str, body: &[u8]) {
    let headers = [("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy")];
    assert!(eventually(Duration::from_secs(60), || {
        match request(address, "POST", "/api/v1/write", &headers, body).unwrap().status {
            204 => true,
            status => {
                assert_eq!(status, 503);
                false
            }
        }
    }));
}

fn ask(address: &str, text: &str, end: i64) -> (u16, serde_json::Value) {
    ask_of(address, text, end, (200, 1))
}

/// Asks about the last `length` seconds before `end` (ms).
fn ask_of(address: &str, text: &str, end: i64, (length, step): (i64, i64)) -> (u16, serde_json::Value) {
    let (text, end) = (escape(text), end / 1000);
    let path = format!("/api/v1/query_range?query={text}&start={}&end={end}&step={step}&nocache=1", end - length);
    let answer = get(address, &path).unwrap();
    (answer.status, answer.json())
}

#[test]
fn each_part_keeps_to_its_limit_and_the_process_to_its_budget_under_load_and_when_it_replays() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut server = start(&dir.path().join("data"), &address);
    let end = now() / STEP * STEP;
    std::thread::scope(|scope| {
        let sending: Vec<_> = (0..2)
            .map(|half| {
                let address = &address;
                scope.spawn(move || (half..REQUESTS).step_by(2).for_each(|n| send(address, &body(n, end))))
            })
            .collect();
        while sending.iter().any(|thread| !thread.is_finished()) {
            let (status, _) = ask(&address, "sum by (namespace) (rate(container_memory_working_set_bytes[1m]))", end);
            assert_eq!(status, 200);
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let (status, refused) = ask(&address, "container_memory_working_set_bytes", end);
    let message = refused["error"].as_str().unwrap().to_owned();
    assert!(status == 422 && message.contains("{__name__=\"container_memory_working_set_bytes\"}"), "{message}");

    let list = |path: &str| get(&address, &format!("/api/v1/{path}")).unwrap();
    let refused = list("series?match[]=container_memory_working_set_bytes");
    assert!(refused.status == 422 && refused.text().contains("set a limit"), "{}", refused.text());
    let some = list("series?match[]=container_memory_working_set_bytes&limit=3").json();
    assert_eq!(some["data"].as_array().unwrap().len(), 3);
    assert_eq!(some["warnings"][0], "results truncated due to limit");
    let first = list("label/id/values?limit=2").json();
    let pod = |i: usize| format!("/kubepods/burstable/pod-00000000-{i:08}");
    assert_eq!(first["data"], serde_json::json!([pod(0), pod(1)]));

    let shown = get(&address, "/api/v1/status/storage").unwrap().json();
    let memory = &shown["data"]["memory"];
    assert_eq!(memory["budgetBytes"], BUDGET);
    let parts = memory["parts"].as_array().unwrap();
    for part in parts {
        assert!(part["usedBytes"].as_u64() <= part["limitBytes"].as_u64(), "{memory}");
    }
    let limits: u64 = parts.iter().filter_map(|part| part["limitBytes"].as_u64()).sum();
    assert!(parts.len() >= 6 && limits < BUDGET, "{memory}");
    assert!(get(&address, "/metrics").unwrap().text().contains("vctsdb_memory_used_bytes{part=\"block cache\"}"));
    let loaded = most(&server);
    server.kill();

    let mut server = start(&dir.path().join("data"), &address);
    let all = escape("sum(count_over_time(container_memory_working_set_bytes[10m]))");
    let path = format!("/api/v1/query?query={all}&time={}", end / 1000);
    let count = get(&address, &path).unwrap().json();
    let want = (REQUESTS * SERIES * SAMPLES).to_string();
    assert_eq!(count["data"]["result"][0]["value"][1], want, "{count}");
    let replayed = most(&server);
    server.kill();
    eprintln!("most memory: under load {} KiB, replaying and asked {} KiB", loaded >> 10, replayed >> 10);
    assert!(loaded < BUDGET && replayed < BUDGET, "{loaded} and {replayed} of {BUDGET} bytes");
}

/// The memory a process has now, without the pages of the program's own file.
fn resident(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn threads_that_idle_give_back_what_questions_took() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut server = vctsdb(&dir.path().join("data"), &address, &["--memory", "1GiB", "--self-scrape.interval", "off"]);
    let end = now() / STEP * STEP;
    (0..REQUESTS / 2).for_each(|n| send(&address, &body(n, end)));
    let before = resident(&server);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let text = r#"count(label_replace(container_memory_working_set_bytes, "copy", "$1-$1", "id", "(.*)"))"#;
                let (status, answer) = ask(&address, text, end);
                assert_eq!(status, 200, "{answer}");
            });
        }
    });
    let asked = most(&server);
    assert!(asked > before + (24 << 20), "the questions take memory: {asked} after {before} bytes");
    // A second is what is promised; machines that test are busy.
    let given = eventually(Duration::from_secs(5), || resident(&server) < before + (asked - before) / 3);
    let after = resident(&server);
    server.kill();
    eprintln!("before {} KiB, at most {} KiB, idle {} KiB", before >> 10, asked >> 10, after >> 10);
    assert!(given, "{before}, then {asked}, and still {after} bytes");
}

/// Series of the measured times, in requests of ten.
const NOISY: usize = 4_000;
/// Samples of each, up to the end.
const LONG: usize = 400;

/// Ten series with all digits in use, which nothing makes small.
fn noise(request: usize, end: i64) -> Vec<u8> {
    let label = |name: &str, value: String| Label { name: name.to_owned(), value };
    let value = |i: usize, n: usize| {
        let mixed = ((i * LONG + n) as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 29) as f64 / u64::MAX as f64
    };
    let series = |i: usize| TimeSeries {
        labels: vec![label("__name__", "took_seconds".to_owned()), label("instance", format!("node-{i:05}"))],
        samples: (0..LONG)
            .map(|n| Sample { value: value(i, n), timestamp: end - (LONG - 1 - n) as i64 * STEP })
            .collect(),
        ..TimeSeries::default()
    };
    let timeseries = (request * 10..request * 10 + 10).map(series).collect();
    let message = WriteRequest { timeseries, ..WriteRequest::default() };
    snap::raw::Encoder::new().compress_vec(&message.encode_to_vec()).unwrap()
}

#[test]
fn questions_over_more_than_the_cache_holds_asked_by_several_at_once_keep_the_process_within_its_budget() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let end = now() / STEP * STEP;
    let mut server = start(&dir.path().join("data"), &address);
    (0..NOISY / 10).for_each(|request| send(&address, &noise(request, end)));
    server.terminate();
    let mut server = start(&dir.path().join("data"), &address);
    let texts = ["sum(rate(took_seconds[5m]))", "quantile(0.9, took_seconds)", "avg(took_seconds) / max(took_seconds)"];
    std::thread::scope(|scope| {
        for client in 0..12 {
            let (address, texts) = (&address, &texts);
            scope.spawn(move || {
                for round in 0..6 {
                    let (status, answer) = ask_of(address, texts[(client + round) % 3], end, (5_400, 60));
                    // Together they may want more than all queries may have.
                    assert!(status == 200 || status == 422, "{answer}");
                }
            });
        }
    });
    let (status, answer) = ask_of(&address, texts[0], end, (5_400, 60));
    assert_eq!(status, 200, "{answer}");
    let most = most(&server);
    server.kill();
    eprintln!("most memory: {} KiB", most >> 10);
    assert!(most < BUDGET, "{most} of {BUDGET} bytes");
}

/// Series of an import whose parsed text takes more than there is.
const IMPORTED: usize = 300_000;

/// Posts text, again while the server says that it has no room, and expects that to be taken.
fn import(address: &str, headers: &[(&str, &str)], body: &[u8]) {
    let taken = eventually(Duration::from_secs(120), || {
        let answer = request(address, "POST", "/api/v1/import/prometheus", headers, body).unwrap();
        assert!(answer.status == 204 || answer.status == 503, "{}", answer.text());
        answer.status == 204
    });
    assert!(taken, "the server has no room for an import by itself");
}

#[test]
fn imports_of_any_number_of_series_keep_the_process_within_its_budget_and_all_of_them_are_stored() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut server = start(&dir.path().join("data"), &address);
    let text: String = (0..IMPORTED).map(|i| format!("deflated{{a=\"{i}\",b=\"x{}\"}} {i}\n", i % 100)).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    import(&address, &[("Content-Encoding", "gzip")], &gzip.finish().unwrap());
    let plain = |client: usize| -> String {
        let line = |i| format!("plain{{instance=\"host-{client}\",path=\"/var/lib/a/name/of/some/length/{i}\"}} {i}\n");
        (0..50_000).map(line).collect()
    };
    std::thread::scope(|scope| {
        for client in 0..4 {
            let address = &address;
            scope.spawn(move || import(address, &[], plain(client).as_bytes()));
        }
    });
    let most = most(&server);
    for (name, want) in [("deflated", IMPORTED), ("plain", 200_000)] {
        let path = format!("/api/v1/query?query={}", escape(&format!("count({name})")));
        let count = get(&address, &path).unwrap().json();
        assert_eq!(count["data"]["result"][0]["value"][1], want.to_string(), "{count}");
    }
    server.kill();
    eprintln!("most memory: {} KiB", most >> 10);
    assert!(most < BUDGET, "{most} of {BUDGET} bytes");
}

/// A request of protocol 2.0 in which each of `series` series has labels of 180 KiB, though the message says them once; half
/// of them stand in exemplars.
fn repeated(series: u32) -> Vec<u8> {
    use vctsdb::remote::proto::v2;
    let long = "x".repeat(60 << 10);
    let mut symbols = ["", "__name__", "repeated", "a", "b", "c", "i", &long].map(str::to_owned).to_vec();
    symbols.extend((0..series).map(|i| i.to_string()));
    let labels = |i| vec![1, 2, 3, 7, 4, 7, 5, 7, 6, 8 + i];
    let exemplar = |i| v2::Exemplar { labels_refs: labels(i), value: 1.0, timestamp: 1 };
    let timeseries = (0..series).map(|i| v2::TimeSeries {
        labels_refs: labels(i / 2),
        samples: vec![v2::Sample { value: 1.0, timestamp: 1, start_timestamp: 0 }],
        exemplars: if i == 0 { (0..series / 2).map(exemplar).collect() } else { vec![] },
        ..Default::default()
    });
    let message = v2::Request { timeseries: timeseries.collect(), symbols }.encode_to_vec();
    snap::raw::Encoder::new().compress_vec(&message).unwrap()
}

#[test]
fn writes_whose_labels_or_samples_take_far_more_than_their_bytes_are_refused_within_the_budget() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut server = start(&dir.path().join("data"), &address);
    let v2 = [("Content-Type", "application/x-protobuf;proto=io.prometheus.write.v2.Request")];
    let v1 = [("Content-Type", "application/x-protobuf")];
    // A series of so many samples of two bytes each.
    let mut samples = vec![0x0a];
    prost::encoding::encode_varint(2 * (3 << 20), &mut samples);
    samples.extend([0x12, 0].repeat(3 << 20));
    let samples = snap::raw::Encoder::new().compress_vec(&samples).unwrap();
    let bodies = [(&v2[..], repeated(2_000)), (&v1[..], samples)];
    let answers = std::thread::scope(|scope| {
        let post = |(headers, body): &(&[(&str, &str)], Vec<u8>)| {
            request(&address, "POST", "/api/v1/write", headers, body).unwrap()
        };
        let posting: Vec<_> =
            [&bodies, &bodies].into_iter().flatten().map(|one| scope.spawn(move || post(one))).collect();
        posting.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    send(&address, &body(1, 0));
    let most = most(&server);
    server.kill();
    eprintln!("most memory: {} KiB", most >> 10);
    for answer in answers {
        assert!(answer.status == 413 && answer.text().contains("--memory"), "{} {}", answer.status, answer.text());
    }
    assert!(most < BUDGET, "{most} of {BUDGET} bytes");
}

#[test]
fn questions_that_fit_alone_wait_for_each_other_instead_of_being_refused() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut server = start(&dir.path().join("data"), &address);
    let end = now();
    let text: String = (0..900).map(|i| format!("alone{{i=\"{i}\"}} {i} {}\n", end - 200_000)).collect();
    import(&address, &[], text.as_bytes());
    // More than half of what all questions may hold.
    let (status, answer) = ask_of(&address, "alone", end, (500, 1));
    assert_eq!(status, 200, "{answer}");
    let statuses: Vec<(u16, String)> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let (status, answer) = ask_of(&address, "alone", end, (500, 1));
                    (status, if status == 200 { String::new() } else { answer.to_string() })
                })
            })
            .collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    server.kill();
    assert!(statuses.iter().all(|(status, _)| *status == 200), "{statuses:?}");
}
