//! InfluxDB's routes: `/write` and `/api/v2/write` store line protocol, `/ping` and `/health` answer its clients, `/query` answers
//! InfluxQL.
//!
//! Errors are JSON of InfluxDB's shape, and all answers have the headers that its clients look for ([`dress`]). Credentials of any
//! kind are taken and not looked at, as nothing here has a login.

mod answer;
mod query;
mod write;

use hyper::{
    HeaderMap, Request, StatusCode,
    body::Incoming,
    header::{ACCEPT, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use serde_json::{Value, json};

use super::health;
use crate::server::{
    Response, ServerState, error::ApiError, negotiation::preferences, params::Params, rejection_log::ErrorReason,
    respond,
};
pub(crate) use query::{flux, query};
pub(crate) use write::write;

/// The version of InfluxDB whose clients are served.
const VERSION: &str = "1.8.10";
/// The most bytes of an error that its header repeats.
const MAX_ERROR_HEADER: usize = 1024;

/// What clients ask first: 204, or with `verbose` the version.
pub(crate) fn ping(request: &Request<Incoming>) -> Result<Response, ApiError> {
    let params = Params::of_url(request.uri())?;
    Ok(match params.get("verbose") {
        "" | "0" | "false" => respond::no_content(),
        _ => answer(StatusCode::OK, &json!({"version": VERSION})),
    })
}

/// Whether writes are taken, for a client that asks for JSON as InfluxDB's do; for others, that the process runs.
pub(crate) fn health(headers: &HeaderMap, state: &ServerState) -> Response {
    let wants_json = preferences(headers, ACCEPT).any(|wish| wish.is_any_of(&["application/json"]));
    if !wants_json {
        return health::healthy();
    }
    let trouble = match state.stores() {
        Ok(stores) => stores.status.trouble(),
        Err(error) => Some(error.to_string()),
    };
    let (status, word) =
        if trouble.is_none() { (StatusCode::OK, "pass") } else { (StatusCode::SERVICE_UNAVAILABLE, "fail") };
    let message = trouble.unwrap_or_else(|| "ready for queries and writes".to_owned());
    let checks: [Value; 0] = [];
    answer(
        status,
        &json!({"checks": checks, "message": message, "name": "influxdb", "status": word, "version": VERSION}),
    )
}

/// The answer as InfluxDB's clients read it: an error in their shape, and their headers. `id` is the request's.
pub(crate) fn dress(answer: Result<Response, ApiError>, id: &HeaderValue) -> Response {
    let mut response = answer.unwrap_or_else(|error| {
        let text = error.to_string();
        let plain = error.into_response();
        let mut response = failure(plain.status(), &text);
        if let Some(seconds) = plain.headers().get(RETRY_AFTER) {
            response.headers_mut().insert(RETRY_AFTER, seconds.clone());
        }
        response
    });
    let headers = response.headers_mut();
    headers.insert("x-influxdb-version", HeaderValue::from_static(VERSION));
    headers.insert("x-influxdb-build", HeaderValue::from_static("OSS"));
    headers.insert("request-id", id.clone());
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    response
}

/// JSON with a line feed behind it.
fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = respond::json(format!("{body}\n"));
    *response.status_mut() = status;
    response
}

/// An error: in the body, and in a header.
pub(crate) fn failure(status: StatusCode, text: &str) -> Response {
    let mut response = answer(status, &json!({"error": text}));
    let shown: Vec<u8> =
        text.bytes().take(MAX_ERROR_HEADER).map(|b| if b.is_ascii_control() { b' ' } else { b }).collect();
    if let Ok(value) = HeaderValue::from_bytes(&shown) {
        response.headers_mut().insert("x-influxdb-error", value);
    }
    response.extensions_mut().insert(ErrorReason::new(text));
    response
}

/// Whether a page sent the request.
fn is_from_page(headers: &HeaderMap) -> bool {
    headers.contains_key(hyper::header::ORIGIN)
}
