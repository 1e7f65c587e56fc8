//! `/api/v1/import/…`: the formats of [`ingest`](crate::ingest).
//!
//! Parameters are in the URL: `unit` (`s` or `ms`) says what times count, `allow_old=1` that times before 2000 are meant, and
//! `counts=1` asks for an answer of how much was stored.

use std::sync::Arc;

use hyper::{
    HeaderMap, Request, StatusCode,
    body::Incoming,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, RETRY_AFTER},
};

use serde_json::json;

use crate::{
    ingest::{Declared, ImportError, ImportLimits, Imported, Unit, encoding::Inflater, format_at, receive},
    server::{
        Response, State, envelope::success_json, error::ApiError, limits::MAX_REMOTE_BYTES, metrics, params::Params,
        read_body, receive::Received, respond, room::Share,
    },
};

/// Stores the body, which is in the format of `path`.
pub(crate) async fn import(
    path: &'static str,
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response, ApiError> {
    let stores = state.stores()?;
    let Some(format) = format_at(path) else {
        return Err(ApiError::Plain(StatusCode::NOT_FOUND, format!("no format is posted to {path}")));
    };
    let params = Params::of_url(request.uri()).map_err(ApiError::plainly)?;
    let (unit, allow_old, counts) = asked(&params).map_err(ApiError::plainly)?;
    let content_type = text(request.headers(), CONTENT_TYPE);
    let content_encoding = text(request.headers(), CONTENT_ENCODING);
    let limits = ImportLimits {
        max_ahead: i64::try_from(state.options.max_ahead.as_millis()).unwrap_or(i64::MAX),
        ..ImportLimits::default()
    };
    let Received { bytes, mut share } = read_body(request, MAX_REMOTE_BYTES, &state.imports, &state).await?;
    let imported = match inflate(&bytes, &content_encoding, limits.decoded, &mut share).await? {
        Ok(text) => {
            let declared = Declared { content_type: &content_type, unit, allow_old };
            receive(format, &text, &declared, state.clock.now(), &limits, &*stores.append).await
        }
        Err(error) => Err(error),
    };
    match imported {
        Ok(imported) => {
            metrics::WRITTEN.with_label_values(&["float"]).inc_by(imported.samples);
            metrics::WRITTEN.with_label_values(&["exemplar"]).inc_by(imported.exemplars);
            Ok(if counts { counted(&imported) } else { respond::no_content() })
        }
        Err(error) => Ok(refusal(&error)),
    }
}

/// What the URL says of times, and whether the answer should count.
fn asked(params: &Params) -> Result<(Option<Unit>, bool, bool), ApiError> {
    params.only(&["allow_old", "counts", "unit"], "an import")?;
    let unit = match params.all("unit").next() {
        None => None,
        Some("ms") => Some(Unit::Milliseconds),
        Some("s") => Some(Unit::Seconds),
        Some(other) => return Err(ApiError::invalid("unit", format!("\"{other}\" is neither s nor ms"))),
    };
    Ok((unit, params.switch("allow_old")?, params.switch("counts")?))
}

/// What was stored.
fn counted(imported: &Imported) -> Response {
    let Imported { samples, exemplars, metadata } = imported;
    success_json(&json!({"samples": samples, "exemplars": exemplars, "metadata": metadata}))
}

/// What the body holds; its share grows as that does.
async fn inflate(
    body: &[u8],
    encoding: &str,
    limit: usize,
    share: &mut Share,
) -> Result<Result<Vec<u8>, ImportError>, ApiError> {
    let memory = share.most();
    let mut inflater = match Inflater::new(encoding, memory) {
        Ok(inflater) => inflater,
        Err(error) => return Ok(Err(error)),
    };
    let (mut text, mut left) = (Vec::new(), body);
    while !left.is_empty() {
        share.grow((body.len() + inflater.memory(memory) + 3 * text.len()) as u64).await?;
        match inflater.inflate(left, &mut text) {
            Ok(taken) => left = left.get(taken..).unwrap_or_default(),
            Err(error) => return Ok(Err(error)),
        }
        if text.len() > limit {
            return Ok(Err(ImportError::TooLarge(format!("{limit} bytes"))));
        }
    }
    Ok(inflater.finish(&mut text).map(|()| text))
}

/// A header's text; what isn't text is none that we know.
fn text(headers: &HeaderMap, name: HeaderName) -> String {
    headers.get(name).map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn refusal(error: &ImportError) -> Response {
    let status = match error {
        ImportError::Faults(_) | ImportError::Encoding { .. } => StatusCode::BAD_REQUEST,
        ImportError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        ImportError::UnknownEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ImportError::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        ImportError::Internal(_) => {
            tracing::error!(%error, "an import failed");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    let mut response = respond::text(status, error.to_string());
    if let ImportError::Unavailable { retry_after, .. } = error {
        response.headers_mut().insert(RETRY_AFTER, (retry_after.as_secs_f64().ceil() as u64).max(1).into());
    }
    response
}
