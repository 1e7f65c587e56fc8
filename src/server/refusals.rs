//! Log lines about what was refused, for who looks into the log first: one of a kind each minute.
//!
//! A sender drops what is refused and an operator sees the sender's log last, so that a write that was refused is said here.
//! Questions that fail aren't: who asked is told why.

use std::net::IpAddr;

use hyper::{Method, StatusCode};

use super::{
    Response,
    routes::{Role, Row},
};
use crate::telemetry::log_each_minute;

/// So many characters of a reason or a path are said.
const SAID_CHARS: usize = 300;

/// Why an answer is an error, as an extension of the answer.
#[derive(Debug, Clone)]
pub(crate) struct Why(String);

impl Why {
    pub(crate) fn new(text: &str) -> Self {
        Self(cut(text))
    }
}

fn cut(text: &str) -> String {
    text.chars().take(SAID_CHARS).collect()
}

/// Says that what `client` asked of the route at `row` was refused, if it was and somebody else than the client should know.
pub(crate) fn note(row: &Row, client: Option<IpAddr>, response: &Response) {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return;
    }
    let path = row.pattern;
    let why = response.extensions().get::<Why>().map_or("", |why| &why.0);
    let (client, status) = (client.map_or_else(String::new, |client| client.to_string()), status.as_u16());
    match row.role {
        // Of their own each: many that may come again must not hide one that is lost.
        Role::Write if status < 500 => log_each_minute!(warn, path, client, status, why, "a write was refused"),
        Role::Write => log_each_minute!(warn, path, client, status, why, "a write was not taken"),
        Role::Backup | Role::Admin => log_each_minute!(warn, path, client, status, why, "an admin call failed"),
        Role::Health | Role::Metrics | Role::Read => {}
    }
}

/// Says that there is nothing at `path`, and where it is instead.
pub(crate) fn note_unknown(method: &Method, path: &str, client: Option<IpAddr>, instead: Option<&str>) {
    let (path, instead) = (cut(path), instead.unwrap_or_default());
    let (client, status) =
        (client.map_or_else(String::new, |client| client.to_string()), StatusCode::NOT_FOUND.as_u16());
    // What is sent to a wrong path is lost.
    if method.is_safe() {
        log_each_minute!(info, path, client, status, instead, "there is no such path");
    } else {
        log_each_minute!(warn, path, client, status, instead, "there is no such path");
    }
}
