//! `vctsdb import` and `vctsdb export`, as a person runs them.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::process::{Server, free_address, vctsdb};

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
    command.env_remove("VCTSDB_SERVER").stdin(Stdio::null()).args(args).output().unwrap()
}

fn started() -> (tempfile::TempDir, Server, String) {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let server = vctsdb(&dir.path().join("data"), &address, &["--self-scrape.interval", "0"]);
    (dir, server, format!("http://{address}"))
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn file(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// JSON lines of values whose bits are hard to keep, in the order in which they are exported.
fn lines() -> String {
    let values =
        "[0.1,-0,5e-324,1.7976931348623157e+308,\"Infinity\",\"-Infinity\",null,\"StaleNaN\",0.30000000000000004]";
    let times: Vec<i64> = (0..9).map(|i| 1_700_000_000_000 + i * 1_001).collect();
    let series = |name: &str| {
        format!(
            "{{\"metric\":{{\"__name__\":\"{name}\",\"l\":\"é\\n\"}},\"values\":{values},\"timestamps\":{times:?}}}\n"
        )
    };
    [series("a"), series("b.c")].concat().replace(", ", ",")
}

#[test]
fn what_is_exported_and_imported_back_is_the_same_bits_with_a_server_and_without() {
    let (dir, _server, url) = started();
    let dir = dir.path();
    let lines = lines();
    let first = file(dir, "first.jsonl", lines.as_bytes());
    let stored = run(&["import", text(&first), "--server", &url]);
    assert!(stored.status.success(), "{stored:?}");
    assert!(said(&stored.stdout).contains("first.jsonl: 18 samples stored"), "{stored:?}");
    let out = run(&["export", "--server", &url]);
    assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
    assert_eq!(said(&out.stdout), lines, "by a server");

    let (data, back) = (dir.join("offline"), dir.join("back.jsonl"));
    for (name, magic) in [("out.jsonl.gz", [0x1f, 0x8b]), ("out.jsonl.zst", [0x28, 0xb5])] {
        let compressed = dir.join(name);
        let out = run(&["export", "-o", text(&compressed), "--server", &url]);
        assert!(out.status.success() && out.stdout.is_empty(), "{out:?}");
        assert_eq!(std::fs::read(&compressed).unwrap()[..2], magic);
        let stored = run(&["import", text(&compressed), "--offline", text(&data), "--memory", "96MiB"]);
        assert!(stored.status.success(), "{stored:?}");
        let out = run(&["export", "--offline", text(&data), "-o", text(&back)]);
        assert!(out.status.success(), "{out:?}");
        assert_eq!(std::fs::read_to_string(&back).unwrap(), lines, "{name}");
    }
    assert!(run(&["verify", text(&data)]).status.success());
    let selected =
        run(&["export", "a", "--start", "1700000000", "--end", "1700000001.5", "--format", "text", "--server", &url]);
    assert_eq!(said(&selected.stdout), "a{l=\"é\\n\"} 0.1 1700000000000\na{l=\"é\\n\"} -0 1700000001001\n");
    let columns = "__name__,l,__value__,__timestamp__:unix_ms";
    let table = run(&[
        "export",
        "a",
        "--format",
        "csv",
        "--columns",
        columns,
        "--server",
        &url,
        "-o",
        text(&dir.join("t.csv")),
    ]);
    assert!(table.status.success(), "{table:?}");
    let again = run(&["import", text(&dir.join("t.csv")), "--offline", text(&dir.join("table"))]);
    assert!(said(&again.stdout).contains("8 samples stored"), "all but the marker: {again:?}");
    let left: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        !left.iter().any(|name| name.to_string_lossy().contains("import") || name.to_string_lossy().contains("part")),
        "{left:?}"
    );
}

#[test]
fn faults_are_named_by_file_line_and_column_and_the_exit_code_tells_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let wrong = file(dir.path(), "wrong.txt", b"good 1 1700000000000\nbad x 1700000000000\nbad 1 1700000000\n");
    let good = file(dir.path(), "good.lp", b"cpu,host=a idle=1 1700000000000000000\n");
    let offline = ["--offline", text(&data)];
    let refused = run(&[&["import", text(&wrong), text(&good)][..], &offline].concat());
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let errors = said(&refused.stderr);
    assert!(errors.contains("wrong.txt:2:5: \"x\" is no number"), "{errors}");
    assert!(errors.contains("wrong.txt:3:7: ") && errors.contains("looks like seconds"), "{errors}");
    assert!(errors.contains("wrong.txt: nothing was stored") && errors.contains("1 of 2 files"), "{errors}");
    assert!(said(&refused.stdout).contains("good.lp: 1 samples stored"), "{refused:?}");
    let skipped = run(&[&["import", text(&wrong), "--on-error", "skip"][..], &offline].concat());
    assert_eq!(skipped.status.code(), Some(1), "{skipped:?}");
    assert!(said(&skipped.stdout).contains("wrong.txt: 1 samples stored, 2 records skipped"), "{skipped:?}");
    let out = run(&["export", "--offline", text(&data), "--format", "text"]);
    // The two files were read at once: either series may have been met first.
    let mut lines: Vec<String> = said(&out.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["cpu_idle{host=\"a\"} 1 1700000000000", "good 1 1700000000000"]);

    let dry = run(&["import", text(&good), "--dry-run", "--offline", text(&dir.path().join("none"))]);
    assert!(dry.status.success() && !dir.path().join("none").exists(), "{dry:?}");
    assert!(said(&dry.stdout).contains("1 samples would be stored"), "{dry:?}");
    for (args, says) in [
        (&["import", "/nowhere/a.csv"][..], "/nowhere/a.csv"),
        (&["import", text(&good), "--server", "http://127.0.0.1:1", "--unit", "h"], "expected s, ms, us or ns"),
        (&["import", text(&good), "--format", "xml"], "the formats are json, influx"),
        (&["export", "--format", "csv"], "--columns"),
        (&["export", "a{", "--offline", text(&data)], "a{"),
        (&["export", "--offline", "/nowhere"], "/nowhere"),
    ] {
        let run = run(args);
        assert!(!run.status.success() && said(&run.stderr).contains(says), "{args:?}: {run:?}");
    }
}

#[test]
fn standard_input_may_come_compressed_and_labels_are_added() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut command = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
    command.args(["import", "-", "--offline", text(&data), "--extra-label", "site=x", "--unit", "s"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let body = zstd::encode_all(&b"a{site=\"y\"} 1 1.5\n"[..], 1).unwrap();
    child.stdin.take().unwrap().write_all(&body).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let out = run(&["export", "--offline", text(&data), "--format", "text"]);
    assert_eq!(said(&out.stdout), "a{site=\"x\"} 1 1500\n");
}

/// A server that takes so many remote writes and refuses all others: its URL, that limit, and how many it took.
fn takes(most: usize) -> (String, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (limit, taken) = (Arc::new(AtomicUsize::new(most)), Arc::new(AtomicUsize::new(0)));
    let (most, counter) = (Arc::clone(&limit), Arc::clone(&taken));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let good = counter.load(Ordering::Relaxed) < most.load(Ordering::Relaxed);
            counter.fetch_add(usize::from(good), Ordering::Relaxed);
            answer(stream.unwrap(), if good { "204 No Content" } else { "400 Bad Request" });
        }
    });
    (url, limit, taken)
}

fn answer(mut stream: TcpStream, status: &str) {
    let (mut request, mut piece) = (Vec::new(), [0; 64 << 10]);
    loop {
        let read = stream.read(&mut piece).unwrap();
        request.extend_from_slice(&piece[..read]);
        let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = said(&request[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if read == 0 || request.len() >= end + 4 + length.parse::<usize>().unwrap() {
            break;
        }
    }
    let _ =
        stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfull").as_bytes());
}

#[test]
fn an_interrupted_import_goes_on_behind_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut body = Vec::new();
    for part in 0..3 {
        writeln!(body, "part_{part} 1 1700000000000").unwrap();
        (0..9 << 4).for_each(|_| writeln!(body, "# {}", "x".repeat(64 << 10)).unwrap());
    }
    let long = file(dir.path(), "long.txt", &body);
    let (url, limit, taken) = takes(1);
    let import = |more: &[&str]| run(&[&["import", text(&long), "--server", &url][..], more].concat());
    let stopped = import(&[]);
    assert_eq!((stopped.status.code(), taken.load(Ordering::Relaxed)), (Some(1), 1), "{stopped:?}");
    let errors = said(&stopped.stderr);
    assert!(errors.contains("400 Bad Request: full") && errors.contains("stored up to line"), "{errors}");
    let notes = dir.path().join("long.txt.vctsdb-import");
    assert!(notes.exists());

    let began_anew = import(&["--restart"]);
    assert!(!said(&began_anew.stderr).contains("going on"), "{began_anew:?}");

    // The same place takes two more, which is the rest and no more than that.
    taken.store(0, Ordering::Relaxed);
    limit.store(2, Ordering::Relaxed);
    let rest = import(&[]);
    assert!(rest.status.success(), "{rest:?}");
    assert!(said(&rest.stderr).contains("going on behind line"), "{rest:?}");
    assert_eq!((taken.load(Ordering::Relaxed), notes.exists()), (2, false));
}

#[test]
fn a_series_that_a_refused_file_left_without_samples_is_stored_by_the_next_one() {
    // The store removes such a series when it is opened, while the next import may already count on it.
    let dir = tempfile::tempdir().unwrap();
    let wrong = file(dir.path(), "wrong.txt", b"a 1 1700000000000\na x\n");
    let good = file(dir.path(), "good.txt", b"b 1 1700000000000\n");
    for round in 0..20 {
        let data = dir.path().join(format!("data_{round}"));
        run(&["import", text(&wrong), text(&good), "--offline", text(&data)]);
        let skipped = run(&["import", text(&wrong), "--on-error", "skip", "--offline", text(&data)]);
        assert!(said(&skipped.stdout).contains("wrong.txt: 1 samples stored, 1 records skipped"), "{skipped:?}");
    }
}
