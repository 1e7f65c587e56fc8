//! The commands that look after a data directory, as a person runs them.

use std::{
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use super::{
    http_client::get,
    process::{eventually, free_address, vctsdb},
};

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vctsdb")).args(args).output().unwrap()
}

#[test]
fn a_script_that_evaluates_nothing_is_no_success() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("nothing.test");
    std::fs::write(&script, "# all of it is commented out\nload 1m\n  a 1 2\n").unwrap();
    let run = run(&["test", text(&script)]);
    assert_eq!(run.status.code(), Some(1), "{run:?}");
    assert!(String::from_utf8_lossy(&run.stderr).contains("nothing.test: it evaluates nothing"), "{run:?}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_running_servers_data_is_backed_up_restored_damaged_and_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copy, restored) = (dir.path().join("data"), dir.path().join("copy"), dir.path().join("restored"));
    let address = free_address();
    // The server stores its own metrics: something to keep.
    let mut server = vctsdb(&data, &address, &["--web.enable-admin-api", "--self-scrape.interval", "1s"]);
    let stored = || get(&address, "/api/v1/status/tsdb").is_ok_and(|r| !r.text().contains("\"numSeries\":0"));
    assert!(eventually(Duration::from_secs(30), stored));

    let in_use = run(&["verify", text(&data)]);
    assert_eq!(in_use.status.code(), Some(1), "{in_use:?}");
    let without = run(&["backup", text(&data), text(&copy)]);
    assert!(String::from_utf8_lossy(&without.stderr).contains("--server"), "{without:?}");
    for _ in 0..2 {
        let made = run(&["backup", text(&data), text(&copy), "--server", &format!("http://{address}")]);
        assert!(made.status.success(), "{made:?}");
    }
    assert_eq!(std::fs::read_dir(data.join("snapshots")).unwrap().count(), 0, "its snapshots are gone again");
    assert!(server.terminate());

    for dir in [&data, &copy] {
        let clean = run(&["verify", text(dir)]);
        assert!(clean.status.success(), "{clean:?}");
    }
    assert!(run(&["restore", text(&copy), text(&restored)]).status.success());
    let again = run(&["restore", text(&copy), text(&restored)]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");

    let table = std::fs::read_dir(restored.join("tables")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&table).unwrap();
    bytes[100] ^= 4;
    std::fs::write(&table, &bytes).unwrap();
    let damaged = run(&["verify", text(&restored)]);
    assert_eq!(damaged.status.code(), Some(1));
    let said = String::from_utf8_lossy(&damaged.stdout).into_owned();
    assert!(said.contains("DAMAGED tables/") && said.contains("samples of series"), "{said}");
    let planned = run(&["repair", "--dry-run", text(&restored)]);
    assert!(planned.status.success() && std::fs::read(&table).unwrap() == bytes);
    assert!(run(&["repair", text(&restored)]).status.success());
    assert!(run(&["verify", text(&restored)]).status.success());
    assert_eq!(run(&["verify", text(&dir.path().join("nothing"))]).status.code(), Some(2));
}

#[test]
fn a_query_is_explained_and_one_that_was_running_at_a_crash_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (data, log) = (dir.path().join("data"), dir.path().join("queries.log"));
    let address = free_address();
    let mut server = vctsdb(&data, &address, &["--query.log", text(&log)]);
    let url = format!("http://{address}");
    let stored = || get(&address, "/api/v1/query?query=up").is_ok_and(|r| r.text().contains("vctsdb"));
    assert!(eventually(Duration::from_secs(30), stored));
    let explained = run(&["query", "--server", &url, "--analyze", "sum(up{job=~\"v.*\"})"]);
    let said = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(explained.status.success(), "{explained:?}");
    for want in
        ["sum   sum(up{", "postings of one value", "scan of the values that begin with \"v\"", "actual: 1 series"]
    {
        assert!(said.contains(want), "no {want} in\n{said}");
    }
    assert!(std::fs::read_to_string(&log).unwrap().contains("\"query\":\"up\""));
    server.kill();

    // As if the process had died in the middle of it.
    let mut slot = b"{\"query\":\"fatal_query\",\"requestId\":\"r\",\"timestamp_sec\":1}\n".to_vec();
    slot.resize(1024, 0);
    std::fs::write(data.join("queries.active"), slot).unwrap();
    let mut server = vctsdb(&data, &address, &[]);
    let said = std::fs::read_to_string(data.with_extension("log")).unwrap();
    let line = said.lines().find(|line| line.contains("fatal_query")).unwrap_or_default();
    assert!(line.contains("was running when the last process died"), "{said}");
    assert!(server.terminate());
}
