//! `/`, `/-/healthy`, `/-/ready` and `/metrics`: for people, supervisors and scrapers.

use std::sync::Arc;

use hyper::StatusCode;

use crate::{
    server::{Response, ServerState, admission, error::ApiError, metrics, respond},
    telemetry,
};

/// What this is and what to do with it.
pub(crate) fn landing(state: &ServerState) -> Response {
    let external = &state.options.external;
    let (address, base) = (external.shown(&state.options.instance), external.path());
    respond::page(format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>vctsdb</title>\n\
             <h1>vctsdb {version}</h1>\n\
             <p>A home for Prometheus data: remote write in, PromQL and remote read out.</p>\n\
             <p>In <code>prometheus.yml</code>:</p>\n\
             <pre>remote_write:\n  - url: {address}/api/v1/write\nremote_read:\n  - url: {address}/api/v1/read</pre>\n\
             <p>In Grafana: add a data source of type Prometheus with the URL <code>{address}</code>.</p>\n\
             <p>See <a href=\"{base}/metrics\">metrics</a>, <a href=\"{base}/api/v1/status/tsdb\">store</a>, \
             <a href=\"{base}/api/v1/status/flags\">flags</a>, <a href=\"{base}/api/v1/labels\">labels</a>, \
             <a href=\"{base}/-/ready\">readiness</a>.</p>\n</html>\n",
        version = env!("CARGO_PKG_VERSION"),
    ))
}

/// The process runs.
pub(crate) fn healthy() -> Response {
    respond::text(StatusCode::OK, "vctsdb is healthy.")
}

/// The store is open and takes writes.
pub(crate) fn ready(state: &ServerState) -> Result<Response, ApiError> {
    match state.stores()?.status.trouble() {
        Some(why) => Err(ApiError::Plain(StatusCode::SERVICE_UNAVAILABLE, why)),
        None => Ok(respond::text(StatusCode::OK, "vctsdb is ready.")),
    }
}

/// Our own metrics in the text format.
pub(crate) async fn metrics(state: Arc<ServerState>) -> Result<Response, ApiError> {
    // The store's numbers may need a look at its files.
    let text = admission::spawn_blocking(move || {
        if let Some(stores) = state.any_stores() {
            let status = stores.status.status();
            metrics::observe_store(&status, &state.memory(status.memory.clone()));
        }
        telemetry::text(&telemetry::gather())
    });
    let text = text?.await.map_err(|error| ApiError::Internal(format!("gathering metrics failed: {error}")))?;
    Ok(respond::typed(telemetry::TEXT_FORMAT, text))
}
