//! What the server logs about rejected requests and its own state.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use super::{
    http_client::{get, request},
    process::{eventually, free_address, vctsdb},
    sender::write_one,
};

#[test]
fn a_start_says_which_program_has_which_directory_where_and_how_much_memory() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let log = dir.path().join("log");
    let file = std::fs::File::create(&log).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
    // A relative directory, as by default.
    command.current_dir(dir.path()).args(["--listen", &address, "--memory", "96MiB"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn().unwrap();
    let ready = || get(&address, "/-/ready").is_ok_and(|answer| answer.status == 200);
    let up = eventually(Duration::from_secs(60), ready);
    let said = || std::fs::read_to_string(&log).unwrap();
    let told = eventually(Duration::from_secs(10), || said().contains("ready"));
    let _ = child.kill();
    let _ = child.wait();
    assert!(up && told, "{}", said());
    let data = dir.path().canonicalize().unwrap().join("data");
    let version = env!("CARGO_PKG_VERSION");
    for want in [version, &data.to_string_lossy(), &address, "96MiB", "ready"] {
        assert!(said().lines().any(|line| line.contains(" INFO ") && line.contains(want)), "no {want} in {}", said());
    }
}

#[test]
fn a_level_that_is_none_is_refused_and_does_not_silence_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let start = |level: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
        command.arg("--data-dir").arg(dir.path().join("data")).args(["--listen", "127.0.0.1:0"]);
        let mut child = command
            .args(["--log.level", level])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Whoever takes the level serves until it is ended.
        let ended = eventually(Duration::from_secs(10), || matches!(child.try_wait(), Ok(Some(_))));
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        assert!(ended, "--log.level {level:?} is taken");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for level in
        ["warning", "verbose", "", "infos", "debug,warning", "vctsdb=warning", "vctsdb::storage=", "=info", "a b"]
    {
        let (code, said) = start(level);
        assert_eq!(code, Some(2), "{level:?}: {said}");
        assert!(said.contains("--log.level") && said.contains("error, warn, info, debug, trace"), "{level:?}: {said}");
    }
}

#[test]
fn levels_and_filters_are_taken() {
    for level in ["WARN", "off", "trace", "vctsdb::storage=debug,info", "info,hyper=off", "vctsdb::wal"] {
        let dir = tempfile::tempdir().unwrap();
        let mut server = vctsdb(&dir.path().join("data"), &free_address(), &["--log.level", level]);
        assert!(server.terminate(), "{level}");
    }
}

#[test]
fn a_life_is_told_in_words_that_people_use() {
    let dir = tempfile::tempdir().unwrap();
    let (data, address) = (dir.path().join("data"), free_address());
    let options = ["--self-scrape.interval", "0", "--web.enable-admin-api"];
    let post = |path: &str| request(&address, "POST", path, &[], b"").unwrap().status;
    for round in 0..3 {
        let mut server = vctsdb(&data, &address, &options);
        if round < 2 {
            write_one(&address, "kept", 1_000 + round, 7.0).unwrap();
            write_one(&address, "gone", 1_000 + round, 7.0).unwrap();
            assert_eq!(post("/api/v1/admin/tsdb/delete_series?match[]=gone"), 204);
            assert_eq!(post("/api/v1/admin/tsdb/delete_series?match[]=gone"), 204, "there is nothing left to flush");
        }
        // A description is in no memtable, but moves the log along.
        let help = format!("# HELP kept In round {round}.\n");
        let answer = request(&address, "POST", "/api/v1/import/prometheus", &[], help.as_bytes()).unwrap();
        assert_eq!(answer.status, 204);
        assert!(server.terminate());
    }
    let said = std::fs::read_to_string(data.with_extension("log")).unwrap();
    assert!(said.contains("deleted samples") && said.contains("flushed a memtable"), "{said}");
    // Names of types, ends of time as numbers, and work that wasn't any.
    for odd in ["TimeRange", "9223372036854775807", "9223372036854775808", "Some(", "samples=0", " {"] {
        assert!(!said.contains(odd), "{odd} in {said}");
    }
}
