//! Snapshots over HTTP, and the store file by file.

use hyper::{Method, StatusCode};

use super::harness::{Server, some_series};
use crate::seams::select::fake::MemorySelect;

#[tokio::test]
async fn a_snapshot_is_made_by_post_and_put_and_answers_its_name() {
    let server = Server::start(MemorySelect::default()).await;
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
