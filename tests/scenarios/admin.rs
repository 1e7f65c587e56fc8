//! The admin routes of a real server: deleting, cleaning, snapshots, and backups of what it is writing.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use super::{
    http_client::{Response, escape, get, request},
    process::{Server, free_address, vctsdb},
    sender::write,
};

const NOW: i64 = 1_700_000_000_000;

/// A server that keeps no metrics of its own.
fn start(data: &Path) -> Server {
    vctsdb(data, &free_address(), &["--web.enable-admin-api", "--self-scrape.interval", "0"])
}

/// Writes samples 0 to 9 of `name`, a minute apart, each its number.
fn fill(server: &Server, name: &str) {
    let samples: Vec<(i64, f64)> = (0..10).map(|i| (NOW + i * 60_000, i as f64)).collect();
    assert_eq!(write(&server.address, &[("__name__", name), ("job", "test")], &samples).unwrap(), 204);
}

/// How many samples of `name` there are.
fn count(server: &Server, name: &str) -> u64 {
    let query = escape(&format!("count_over_time({name}[1h])"));
    let answer = get(&server.address, &format!("/api/v1/query?query={query}&time={}", NOW / 1_000 + 1_800)).unwrap();
    answer.json()["data"]["result"][0]["value"][1].as_str().map_or(0, |text| text.parse().unwrap())
}

fn admin(server: &Server, path: &str) -> Response {
    request(&server.address, "POST", &format!("/api/v1/admin/tsdb/{path}"), &[], &[]).unwrap()
}

/// What a delete of `selector` in `range` would take: series and samples.
fn would_take(server: &Server, selector: &str, range: &str) -> (u64, u64) {
    let answer = admin(server, &format!("delete_series?match[]={}{range}&dry_run=1", escape(selector))).json();
    (answer["data"]["series"].as_u64().unwrap(), answer["data"]["samples"].as_u64().unwrap())
}

fn tombstones(server: &Server) -> Value {
    let metrics = get(&server.address, "/metrics").unwrap().text();
    let line = metrics.lines().find(|line| line.starts_with("vctsdb_tombstones ")).map(str::to_owned);
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(Value::Null)
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vctsdb")).args(args).output().unwrap()
}

#[test]
fn samples_are_counted_deleted_and_cleaned_away_over_http() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut server = start(&data);
    ["goes", "stays"].iter().for_each(|name| fill(&server, name));
    let some = format!("&start={}&end={}", NOW / 1_000 + 120, NOW / 1_000 + 240);
    assert_eq!(would_take(&server, "goes", &some), (1, 3));
    assert_eq!(would_take(&server, "{job=\"test\"}", ""), (2, 20));
    assert_eq!((count(&server, "goes"), count(&server, "stays")), (10, 10), "so far nothing is deleted");

    let reversed = format!("&start={}&end={}", NOW / 1_000 + 240, NOW / 1_000 + 120);
    for (what, path, status, said) in [
        ("no selector", "delete_series".to_owned(), 400, "no match[] parameter"),
        ("a reversed range", format!("delete_series?match[]=goes{reversed}"), 400, "must not be before start"),
        ("a broken selector", "delete_series?match[]=goes%7B".to_owned(), 400, "parse error"),
        ("nothing matched", "delete_series?match[]=nobody".to_owned(), 204, ""),
        ("nothing in the range", "delete_series?match[]=goes&start=1&end=2".to_owned(), 204, ""),
        ("nothing to clean", "clean_tombstones".to_owned(), 204, ""),
    ] {
        let answer = admin(&server, &path);
        assert!(answer.status == status && answer.text().contains(said), "{what}: {} {}", answer.status, answer.text());
        assert_eq!((count(&server, "goes"), tombstones(&server)), (10, 0.into()), "{what}");
    }

    assert_eq!(admin(&server, &format!("delete_series?match[]=goes{some}")).status, 204);
    assert_eq!((count(&server, "goes"), count(&server, "stays"), tombstones(&server)), (7, 10, 1.into()));
    server.kill();
    server = start(&data);
    assert_eq!((count(&server, "goes"), count(&server, "stays")), (7, 10), "still deleted after a crash");
    assert_eq!(admin(&server, "clean_tombstones").status, 204);
    assert_eq!((count(&server, "goes"), count(&server, "stays"), tombstones(&server)), (7, 10, 0.into()));
    fill(&server, "goes");
    assert_eq!(count(&server, "goes"), 10, "what is written again shows");
}

#[test]
fn a_snapshot_is_served_by_another_server_while_the_first_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = start(&data);
    fill(&server, "kept");
    let name = admin(&server, "snapshot").json()["data"]["name"].as_str().unwrap().to_owned();
    fill(&server, "later");
    assert_eq!(admin(&server, "delete_series?match[]=kept").status, 204);
    assert_eq!(admin(&server, "clean_tombstones").status, 204);
    let copy = start(&data.join("snapshots").join(&name));
    assert_eq!((count(&copy, "kept"), count(&copy, "later")), (10, 0));
    assert_eq!((count(&server, "kept"), count(&server, "later")), (0, 10));

    let snapshots = "/api/v1/admin/tsdb/snapshots";
    let listed = || get(&server.address, snapshots).unwrap().json()["data"].clone();
    assert_eq!((&listed()[0]["name"], &listed()[0]["complete"]), (&name.as_str().into(), &true.into()));
    let delete =
        |name: &str| request(&server.address, "DELETE", &format!("{snapshots}?name={name}"), &[], &[]).unwrap();
    let used = delete(&name);
    assert_eq!(used.status, 422, "{}", used.text());
    assert!(used.text().contains("another server has it open"), "{}", used.text());
    assert_eq!(count(&copy, "kept"), 10);
    drop(copy);
    for elsewhere in ["..", "../tables", "%2e%2e%2ftables", ""] {
        assert!([400, 404].contains(&delete(elsewhere).status), "{elsewhere}");
    }
    assert_eq!(delete(&name).status, 204);
    assert_eq!((listed(), delete(&name).status), (Value::Array(Vec::new()), 404));
    assert!(!data.join("snapshots").join(&name).exists());
    assert_eq!((count(&server, "kept"), count(&server, "later")), (0, 10));
}

#[test]
fn a_backup_made_beside_writes_copies_what_is_new_and_restores_beside_them_too() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copy, back) = (dir.path().join("data"), dir.path().join("copy"), dir.path().join("back"));
    let server = start(&data);
    let url = format!("http://{}", server.address);
    let backup = || {
        let made = run(&["backup", data.to_str().unwrap(), copy.to_str().unwrap(), "--server", &url]);
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).unwrap()
    };
    fill(&server, "first");
    let said = backup();
    assert!(said.contains("2 files copied") && said.contains(" 0 there already"), "{said}");
    let said = backup();
    assert!(said.contains("0 files copied") && said.contains(" 2 there already"), "{said}");
    fill(&server, "second");
    let said = backup();
    assert!(said.contains("2 files copied") && said.contains(" 2 there already"), "{said}");
    fill(&server, "third");

    let restored = run(&["restore", copy.to_str().unwrap(), back.to_str().unwrap()]);
    assert!(restored.status.success(), "{restored:?}");
    let other = start(&back);
    assert_eq!(["first", "second", "third"].map(|name| count(&other, name)), [10, 10, 0]);
    assert_eq!(["first", "second", "third"].map(|name| count(&server, name)), [10, 10, 10]);
    let into_live = run(&["restore", copy.to_str().unwrap(), data.to_str().unwrap()]);
    assert!(!into_live.status.success() && String::from_utf8_lossy(&into_live.stderr).contains("empty directory only"));
}

#[test]
fn a_budget_too_small_and_a_place_that_cant_be_written_are_said_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let address = free_address();
    let small = run(&["--data-dir", data.to_str().unwrap(), "--listen", &address, "--memory", "1MiB"]);
    let said = String::from_utf8_lossy(&small.stderr).into_owned();
    assert!(small.status.code() == Some(2) && said.contains("at least 96MiB"), "{said}");
    assert!(!data.exists());
    let nowhere = run(&["--data-dir", "/proc/vctsdb", "--listen", &address]);
    let said = String::from_utf8_lossy(&nowhere.stderr).into_owned();
    assert!(nowhere.status.code() == Some(1) && said.contains("creating the data directory"), "{said}");
}
