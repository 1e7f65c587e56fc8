//! Deleting and cleaning, where they are allowed.

use hyper::{Method, StatusCode};
use serde_json::json;

use super::harness::{Server, some_series};
use crate::model::TimeRange;

const DELETE: &str = "/api/v1/admin/tsdb/delete_series";
const CLEAN: &str = "/api/v1/admin/tsdb/clean_tombstones";

#[tokio::test]
async fn admin_routes_are_off_unless_allowed() {
    let server = Server::start(some_series(1)).await;
    for path in [&format!("{DELETE}?match[]=up"), CLEAN] {
        let answer = server.ask(Method::POST, path, &[], b"").await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.json()["errorType"], "unavailable");
        assert_eq!(answer.json()["error"], "admin APIs disabled; --web.enable-admin-api allows them");
    }
    assert!(server.admin.deletes.lock().is_empty());
}

#[tokio::test]
async fn a_delete_is_handed_on_and_answered_without_content() {
    let server = Server::administered().await;
    assert_eq!(server.get("/api/v1/features").await.json()["data"]["api"]["cancel_query"], true);
    let path = format!("{DELETE}?match[]=up&match[]={{job=%22a%22}}&start=1&end=2.5");
    for method in [Method::POST, Method::PUT] {
        let answer = server.ask(method, &path, &[], b"").await;
        assert_eq!((answer.status, answer.text().as_str()), (StatusCode::NO_CONTENT, ""));
    }
    let answer = server.post_form(DELETE, "match[]=up&dry_run=1").await;
    assert_eq!(answer.json(), json!({"status": "success", "data": {"series": 0, "samples": 0}}));
    let calls = server.admin.deletes.lock().clone();
    let both = vec!["__name__ Equal up".to_owned(), "job Equal a".to_owned()];
    assert_eq!(calls[0], (both.clone(), TimeRange::new(1_000, 2_500), false));
    assert_eq!(calls[1], calls[0]);
    assert_eq!(calls[2], (both[..1].to_vec(), TimeRange::ALL, true));
    assert_eq!(server.ask(Method::POST, CLEAN, &[], b"").await.status, StatusCode::NO_CONTENT);
    assert_eq!(*server.admin.cleanings.lock(), 1);
    assert_eq!(server.get(DELETE).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_delete_that_makes_no_sense_is_refused() {
    let server = Server::administered().await;
    for (query, why) in [
        ("", "no match[] parameter provided"),
        ("match[]={job=~%22.*%22}", "at least one non-empty matcher"),
        ("match[]=up&start=5&end=4", "end timestamp must not be before start"),
        ("match[]=up&start=x", "invalid time value for 'start'"),
        ("match[]=up&dry_run=maybe", "neither true nor false"),
        ("match[]=up&dry_run", "neither true nor false"),
        ("match[]=up&dryrun=1", "unknown parameter \"dryrun\"; a delete takes match[], start, end, dry_run"),
        ("match[]=up{", "parse error"),
    ] {
        let answer = server.ask(Method::POST, &format!("{DELETE}?{query}"), &[], b"").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(why), "{query}: {error}");
    }
    assert!(server.admin.deletes.lock().is_empty());
}

#[tokio::test]
async fn a_snapshot_is_made_by_post_and_put_and_answers_its_name() {
    let server = Server::administered().await;
    let path = "/api/v1/admin/tsdb/snapshot";
    let made = server.post_form(path, "").await;
    assert_eq!(made.status, StatusCode::OK);
    assert_eq!(made.json()["data"]["name"], "20200913T122640Z-0000000000000001");
    let made = server.ask(Method::PUT, &format!("{path}?skip_head=true"), &[], b"").await;
    assert_eq!(made.json()["data"]["name"], "20200913T122640Z-0000000000000002");
    assert_eq!(*server.admin.snapshots.lock(), [false, true]);
    assert_eq!(server.post_form(path, "skip_head=maybe").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(server.get(path).await.status, StatusCode::METHOD_NOT_ALLOWED);
    server.stop().await;
}

#[tokio::test]
async fn snapshots_are_listed_and_deleted_by_name() {
    let server = Server::administered().await;
    let path = "/api/v1/admin/tsdb/snapshots";
    assert_eq!(server.get(path).await.json(), json!({"status": "success", "data": []}));
    server.post_form("/api/v1/admin/tsdb/snapshot", "").await;
    let name = "20200913T122640Z-0000000000000001";
    let shown = json!([{"name": name, "time": "2020-09-13T12:26:40Z", "complete": true}]);
    assert_eq!(server.get(path).await.json()["data"], shown);

    let delete = async |query: &str| server.ask(Method::DELETE, &format!("{path}{query}"), &[], b"").await;
    let unknown = delete("?name=20200913T122640Z-0000000000000002").await;
    assert_eq!((unknown.status, unknown.json()["errorType"].clone()), (StatusCode::NOT_FOUND, "not_found".into()));
    for (query, why) in [("", "no name parameter"), ("?nam=x", "unknown parameter \"nam\"")] {
        let answer = delete(query).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.json()["error"].as_str().unwrap().contains(why), "{query}: {}", answer.text());
    }
    assert!(server.admin.deleted_snapshots.lock().is_empty());
    assert_eq!(delete(&format!("?name={name}")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(*server.admin.deleted_snapshots.lock(), [name]);
    server.stop().await;

    let server = Server::start(some_series(1)).await;
    for method in [Method::GET, Method::DELETE] {
        let answer = server.ask(method, &format!("{path}?name={name}"), &[], b"").await;
        assert_eq!(answer.json()["error"], "admin APIs disabled; --web.enable-admin-api allows them");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_store_is_shown_file_by_file() {
    let server = Server::start(some_series(1)).await;
    let answer = server.get("/api/v1/status/storage").await;
    assert_eq!(answer.status, StatusCode::OK);
    let data = &answer.json()["data"];
    for list in ["tables", "indexSegments", "memtables", "damage"] {
        assert!(data[list].is_array(), "{list}: {data}");
    }
    assert_eq!(data["walBytes"], 0);
    server.stop().await;
}
