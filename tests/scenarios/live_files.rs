//! Files of a running server are truncated, removed or replaced: the process goes on and reports what is wrong.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::{
    http_client::{escape, get, request},
    process::{Server, eventually, free_address, vctsdb},
};

const QUIET: [&str; 2] = ["--self-scrape.interval", "off"];

/// Imports `count` series `NAME{pod="…"} 1`.
fn import(address: &str, name: &str, count: usize) {
    let lines: String = (0..count)
        .map(|i| format!("{name}{{pod=\"{:016x}\"}} 1\n", (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    let answer = request(address, "POST", "/api/v1/import/prometheus", &[], lines.as_bytes()).unwrap();
    assert_eq!(answer.status, 204, "{}", answer.text());
}

/// A server whose series are all in index segments and tables.
fn settled(data: &Path, address: &str, count: usize) -> Server {
    let mut server = vctsdb(data, address, &QUIET);
    import(address, "kept", count);
    assert!(server.terminate());
    vctsdb(data, address, &QUIET)
}

fn ask(address: &str, query: &str) -> (u16, String) {
    let answer = get(address, &format!("/api/v1/query?query={}", escape(query))).unwrap();
    (answer.status, answer.text())
}

#[test]
fn a_live_index_segment_cut_short_fails_questions_that_need_it_and_not_the_server() {
    for keep in [0, 4_096] {
        let dir = tempfile::tempdir().unwrap();
        let (data, address) = (dir.path().join("data"), free_address());
        let _server = settled(&data, &address, 20_000);
        let segment = std::fs::read_dir(data.join("index")).unwrap().next().unwrap().unwrap().path();
        File::options().write(true).open(&segment).unwrap().set_len(keep).unwrap();
        let (status, said) = ask(&address, "count({pod=~\".*[a-e].*\"})");
        assert!(status == 200 || said.contains(segment.file_name().unwrap().to_str().unwrap()), "{status}: {said}");
        assert_eq!(get(&address, "/-/healthy").unwrap().status, 200);
        for path in ["/api/v1/labels", "/api/v1/label/pod/values", "/api/v1/series?match[]=kept", "/api/v1/status/tsdb"]
        {
            get(&address, path).unwrap_or_else(|error| panic!("{path}: {error}"));
        }
        // New series don't rest on it.
        import(&address, "new", 3);
        let (status, said) = ask(&address, "count(new)");
        assert!(status == 200 && said.contains("\"3\""), "{status}: {said}");
        let damage = get(&address, "/api/v1/status/storage").unwrap().json()["data"]["damage"].to_string();
        assert!(damage.contains(segment.file_name().unwrap().to_str().unwrap()), "{damage}");
    }
}

fn try_import(address: &str, line: &str) -> (u16, String) {
    let answer = request(address, "POST", "/api/v1/import/prometheus", &[], line.as_bytes()).unwrap();
    (answer.status, answer.text())
}

#[test]
fn a_second_process_is_kept_out_although_the_lock_file_was_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (data, address) = (dir.path().join("data"), free_address());
    let _server = vctsdb(&data, &address, &QUIET);
    import(&address, "kept", 1);
    for _ in 0..2 {
        std::fs::remove_file(data.join("LOCK")).unwrap();
        let mut second = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
        second.arg("--data-dir").arg(&data).args(["--listen", &free_address()]).args(QUIET);
        let ended = ended_by_itself(second.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
        assert!(ended.contains("in use by another vctsdb"), "{ended}");
        let verified = Command::new(env!("CARGO_BIN_EXE_vctsdb")).arg("verify").arg(&data).output().unwrap();
        assert!(String::from_utf8_lossy(&verified.stderr).contains("in use by another vctsdb"));
        // Nobody has taken what is ours: the lock file is there again after the next write.
        import(&address, "later", 1);
        assert!(data.join("LOCK").exists());
    }
}

/// What a process said that fails within half a minute.
fn ended_by_itself(mut child: Child) -> String {
    let ended = eventually(Duration::from_secs(30), || matches!(child.try_wait(), Ok(Some(_))));
    let _ = child.kill();
    let said = child.wait_with_output().unwrap();
    assert!(ended && !said.status.success(), "it went on: {}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8_lossy(&said.stderr).into_owned()
}

#[test]
fn a_server_whose_lock_file_another_process_holds_acknowledges_nothing_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (data, address) = (dir.path().join("data"), free_address());
    let mut server = vctsdb(&data, &address, &QUIET);
    import(&address, "kept", 1);
    // As a version does that doesn't know of the lock of the directory itself.
    std::fs::remove_file(data.join("LOCK")).unwrap();
    let other = File::create(data.join("LOCK")).unwrap();
    other.try_lock().unwrap();
    let before = std::fs::read(data.join("MANIFEST")).unwrap();
    for _ in 0..2 {
        let (status, said) = try_import(&address, "lost 1\n");
        assert!(status == 503 && said.contains("another process"), "{status}: {said}");
    }
    let ready = get(&address, "/-/ready").unwrap();
    assert!(ready.status == 503 && ready.text().contains("another process"), "{}", ready.text());
    // It never knows again what the other did, though that may be gone.
    drop(other);
    let (status, said) = try_import(&address, "lost 1\n");
    assert_eq!(status, 503, "{said}");
    assert!(ask(&address, "kept").1.contains("\"__name__\":\"kept\""), "questions go on");
    server.terminate();
    assert!(std::fs::read(data.join("MANIFEST")).unwrap() == before, "nor does the end write anything");
    let log = std::fs::read_to_string(data.with_extension("log")).unwrap();
    assert!(log.lines().any(|line| line.contains("ERROR") && line.contains("another process")), "{log}");
}

#[test]
fn a_server_whose_directory_is_removed_acknowledges_nothing_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (data, address) = (dir.path().join("data"), free_address());
    let _server = vctsdb(&data, &address, &QUIET);
    import(&address, "kept", 1);
    std::fs::rename(&data, dir.path().join("elsewhere")).unwrap();
    let refused = || {
        let (status, said) = try_import(&address, "lost 1\n");
        assert!(status == 503 && said.contains("removed or replaced"), "{status}: {said}");
        let ready = get(&address, "/-/ready").unwrap();
        assert!(ready.status == 503 && ready.text().contains("removed or replaced"), "{}", ready.text());
    };
    refused();
    std::fs::create_dir(&data).unwrap();
    refused();
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(dir.path().join("elsewhere"), &data).unwrap();
    import(&address, "back", 1);
    assert_eq!(get(&address, "/-/ready").unwrap().status, 200, "it is the same directory again");
    std::fs::remove_dir_all(&data).unwrap();
    refused();
    let log = std::fs::read_to_string(data.with_extension("log")).unwrap();
    assert!(log.lines().any(|line| line.contains("ERROR") && line.contains("removed or replaced")), "{log}");
}

#[test]
fn what_can_only_be_read_is_served_for_reading() {
    let dir = tempfile::tempdir().unwrap();
    let (data, address) = (dir.path().join("data"), free_address());
    drop(settled(&data, &address, 10));
    let mut server = vctsdb(&data, &address, &QUIET);
    import(&address, "logged", 3);
    server.kill();
    let contents = || {
        let paths = ["", "wal", "tables", "index"].iter().flat_map(|sub| std::fs::read_dir(data.join(sub)).unwrap());
        let mut files: Vec<_> = paths.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
        files.sort();
        files.into_iter().map(|path| (std::fs::read(&path).unwrap(), path)).collect::<Vec<_>>()
    };
    std::fs::remove_file(data.join("LOCK")).unwrap();
    std::fs::remove_file(data.join("queries.active")).unwrap();
    let before = contents();
    let mut server = vctsdb(&data, &address, &[QUIET[0], QUIET[1], "--read-only"]);
    for (query, count) in [("count(kept)", "\"10\""), ("count(logged)", "\"3\"")] {
        let (status, said) = ask(&address, query);
        assert!(status == 200 && said.contains(count), "{query}: {said}");
    }
    let (status, said) = try_import(&address, "more 1\n");
    assert!(status == 503 && said.contains("reading only"), "{status}: {said}");
    assert!(server.terminate(), "it ends well");
    let mut after = contents();
    after.retain(|(_, path)| path.file_name().unwrap() != "LOCK");
    assert!(before == after, "nothing was written");
}

#[test]
fn a_server_whose_output_nobody_takes_serves_flushes_and_ends_as_ever() {
    let dir = tempfile::tempdir().unwrap();
    let (data, address) = (dir.path().join("data"), free_address());
    for format in ["text", "json"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
        command.arg("--data-dir").arg(&data).args(["--listen", &address, "--web.enable-admin-api"]);
        command.args(["--log.level", "debug", "--log.format", format]).args(QUIET);
        // Every write to it fails: no space left.
        let mut server = Server::start(&mut command, &address, "/-/ready", Path::new("/dev/full"));
        for name in ["first", "second"] {
            import(&address, name, 3);
            let made = request(&address, "POST", "/api/v1/admin/tsdb/snapshot", &[], b"").unwrap();
            assert_eq!(made.status, 200, "{format}: {}", made.text());
            assert_eq!(get(&address, "/-/ready").unwrap().status, 200, "{format}");
            assert_eq!(ask(&address, &format!("count({name})")).0, 200);
        }
        assert!(server.terminate(), "{format}: it ends well");
    }
    for (command, code) in [(["verify", "nowhere"], 2), (["--data-dir", "/dev/null/nowhere"], 1)] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut failing = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
        let ended = failing.args(command).stdout(full.try_clone().unwrap()).stderr(full).status().unwrap();
        assert_eq!(ended.code(), Some(code), "{command:?}");
    }
}
