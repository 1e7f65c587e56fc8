//! `/api/v1/import/…`: the formats of [`ingest`](crate::ingest).
//!
//! Parameters are in the URL: `unit` (`s` or `ms`) says what times count, `allow_old=1` that times before 2000 are meant, and
//! `counts=1` asks for an answer of how much was stored.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::{
    HeaderMap, Request, StatusCode,
    body::Incoming,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, RETRY_AFTER},
};

use serde_json::json;

use crate::{
    ingest::{BITE_BYTES, Declared, Import, ImportError, ImportLimits, Imported, Unit, encoding::Inflater, format_at},
    seams::allocator,
    server::{
        Response, ServerState, envelope::success_json, error::ApiError, limits::MAX_REMOTE_BYTES, metrics,
        params::Params, receive::Pieces, respond, room::Share,
    },
    telemetry::log_each_minute,
};

/// What the connection keeps of a body.
const PIECE_BYTES: usize = 128 << 10;
/// How long an import waits for the store to take more …
const STORE_TIMEOUT: Duration = Duration::from_secs(20);
/// … looking this often.
const STORE_PAUSE: Duration = Duration::from_millis(20);

/// Stores the body, which is in the format of `path`.
pub(crate) async fn import(
    path: &'static str,
    request: Request<Incoming>,
    state: Arc<ServerState>,
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
    let declared = Declared { content_type: &content_type, unit, allow_old };
    let mut import = Import::new(format, &declared, state.clock.now(), &limits, &*stores.append);
    let answer = match store(&mut import, request, &content_encoding, &state).await {
        Ok(imported) if counts => Ok(counted(&imported)),
        Ok(_) => Ok(respond::no_content()),
        Err(Refusal::Import(error)) => Ok(refusal(&error, import.stored())),
        Err(Refusal::Request(error)) => Err(error.after(&before(import.stored()))),
    };
    if let Some((stored, _)) = import.stored() {
        metrics::WRITTEN.with_label_values(&["float"]).inc_by(stored.samples);
        metrics::WRITTEN.with_label_values(&["exemplar"]).inc_by(stored.exemplars);
    }
    answer
}

/// Why a body was not stored, or not to its end.
enum Refusal {
    Import(ImportError),
    Request(ApiError),
}

impl From<ImportError> for Refusal {
    fn from(error: ImportError) -> Self {
        Self::Import(error)
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Request(error)
    }
}

/// Stores the body as it comes: in one part if there is memory for it, else in several.
async fn store(
    import: &mut Import<'_>,
    request: Request<Incoming>,
    encoding: &str,
    state: &ServerState,
) -> Result<Imported, Refusal> {
    let mut share = state.imports.enter();
    let mut inflater = Inflater::new(encoding, share.most())?;
    let overhead = inflater.memory(share.most()) + PIECE_BYTES;
    let mut pieces = Pieces::begin(request, MAX_REMOTE_BYTES, &state.imports, state).await?;
    while let Some(piece) = pieces.next().await? {
        let mut left = &piece[..];
        while !left.is_empty() {
            make_room(import, overhead, &mut share, state).await?;
            pieces.holds(&share);
            let taken = inflater.inflate(left, import.text())?;
            left = left.get(taken..).unwrap_or_default();
            // Others have work for this thread too.
            tokio::task::yield_now().await;
            while import.step()? {
                make_room(import, overhead, &mut share, state).await?;
            }
        }
    }
    inflater.finish(import.text())?;
    while import.step()? {
        make_room(import, overhead, &mut share, state).await?;
    }
    wait_for(state).await?;
    let imported = import.finish().await?;
    allocator::give_back();
    Ok(imported)
}

/// Makes sure that there is memory for some more lines: by waiting for others, or by ending a part.
async fn make_room(
    import: &mut Import<'_>,
    overhead: usize,
    share: &mut Share,
    state: &ServerState,
) -> Result<(), Refusal> {
    let needed = |import: &Import<'_>| (import.memory() + overhead + BITE_BYTES) as u64;
    if import.is_full() || needed(import) > share.most() {
        wait_for(state).await?;
        import.store().await?;
        allocator::give_back();
        // Others may have the memory meanwhile.
        share.shrink(0);
    }
    // Taking a little more than is needed saves asking each time.
    let (needed, more) = (needed(import), needed(import) + BITE_BYTES as u64);
    if needed > share.bytes() && !share.try_grow(more) {
        share.grow(needed).await?;
    }
    Ok(())
}

/// Waits a while for the store to take more: it may have to flush first what it has.
async fn wait_for(state: &ServerState) -> Result<(), Refusal> {
    let end = Instant::now() + STORE_TIMEOUT;
    while let Err(error) = state.stores()?.append.admits() {
        if Instant::now() >= end {
            return Err(Refusal::Import(error.into()));
        }
        tokio::time::sleep(STORE_PAUSE).await;
    }
    Ok(())
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

/// A header's text; what isn't text is none that we know.
fn text(headers: &HeaderMap, name: HeaderName) -> String {
    headers.get(name).map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// What is told beside a refusal when something is stored nonetheless.
fn before(stored: Option<(Imported, usize)>) -> String {
    stored.map_or_else(String::new, |(Imported { samples, .. }, line)| {
        format!(
            "; what stands before, {samples} samples up to line {line}, is stored, and posting it again changes nothing"
        )
    })
}

/// Says why the body, or the part behind what is stored, was refused.
fn refusal(error: &ImportError, stored: Option<(Imported, usize)>) -> Response {
    let status = match error {
        ImportError::Faults(_) | ImportError::Encoding { .. } => StatusCode::BAD_REQUEST,
        ImportError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        ImportError::UnknownEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ImportError::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        ImportError::Internal(_) => {
            log_each_minute!(error, %error, "an import failed");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    let mut response = respond::text(status, format!("{error}{}", before(stored)));
    if let ImportError::Unavailable { retry_after, .. } = error {
        response.headers_mut().insert(RETRY_AFTER, (retry_after.as_secs_f64().ceil() as u64).max(1).into());
    }
    response
}
