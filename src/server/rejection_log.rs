//! Log lines about rejected requests, one of each kind a minute.
//!
//! A sender drops samples that are rejected, and an operator looks into the server's log before the sender's, so rejected writes
//! are logged here. Queries that fail aren't: their client is told why.

use std::net::IpAddr;

use hyper::{Method, StatusCode};

use super::{Response, access::Role, routes::Route};
use crate::telemetry::log_each_minute;

/// A reason or a path is cut to this many characters.
const MAX_LOGGED_CHARS: usize = 300;

/// The reason for an error, an extension of the response that tells it.
#[derive(Debug, Clone)]
pub(crate) struct ErrorReason(String);

impl ErrorReason {
    pub(crate) fn new(text: &str) -> Self {
        Self(cut(text))
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_LOGGED_CHARS).collect()
}

/// Logs that a request of `client` was rejected, if it was and an operator should know.
pub(crate) fn log_rejected(route: &Route, client: Option<IpAddr>, response: &Response) {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return;
    }
    let path = route.pattern;
    let why = response.extensions().get::<ErrorReason>().map_or("", |why| &why.0);
    let (client, status) = (client.map_or_else(String::new, |client| client.to_string()), status.as_u16());
    match route.role {
        // Each has a log line of its own: many requests that will be retried must not hide one that is lost.
        Role::Write if status < 500 => log_each_minute!(warn, path, client, status, why, "a write was refused"),
        Role::Write => log_each_minute!(warn, path, client, status, why, "a write was not taken"),
        Role::Backup | Role::Admin => log_each_minute!(warn, path, client, status, why, "an admin call failed"),
        Role::Health | Role::Metrics | Role::Read => {}
    }
}

/// Logs that there is no route at `path`, and the path that may be meant.
pub(crate) fn log_not_found(method: &Method, path: &str, client: Option<IpAddr>, instead: Option<&str>) {
    let (path, instead) = (cut(path), instead.unwrap_or_default());
    let (client, status) =
        (client.map_or_else(String::new, |client| client.to_string()), StatusCode::NOT_FOUND.as_u16());
    // Samples sent to a wrong path are lost.
    if method.is_safe() {
        log_each_minute!(info, path, client, status, instead, "there is no such path");
    } else {
        log_each_minute!(warn, path, client, status, instead, "there is no such path");
    }
}
