//! Files of a running server that somebody cuts short, removes or replaces: the process lives on and says what is wrong.

use std::{fs::File, path::Path};

use super::{
    http_client::{escape, get, request},
    process::{Server, free_address, vctsdb},
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
