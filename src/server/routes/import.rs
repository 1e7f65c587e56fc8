//! `/api/v1/import/…`: the formats of [`ingest`](crate::ingest).
//!
//! Parameters are in the URL: `unit` (`s` or `ms`) is the unit of times, `allow_old=1` says that times before 2000 are meant, and
//! `counts=1` asks for an answer that tells how much was stored.

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
    ingest::{BITE_BYTES, Declared, Format, Import, ImportError, ImportLimits, Imported, Unit, encoding::Inflater},
    seams::{allocator, append::AppendError},
    server::{
        Response, ServerState, envelope::success_json, error::ApiError, limits::MAX_REMOTE_BYTES, metrics,
        params::Params, request_body::BodyReader, request_budget::Reservation, respond, senders::StoredSamples,
    },
    telemetry::log_each_minute,
};

/// Bytes that the connection buffers of a body.
const CHUNK_BYTES: usize = 128 << 10;
/// How long an import waits for the store to accept more.
const STORE_TIMEOUT: Duration = Duration::from_secs(20);
/// How often it asks meanwhile.
const STORE_PAUSE: Duration = Duration::from_millis(20);

/// Stores a body in `format`.
pub(crate) async fn import(
    format: &'static dyn Format,
    request: Request<Incoming>,
    state: Arc<ServerState>,
) -> Result<Response, ApiError> {
    let stores = state.stores()?;
    let params = Params::of_url(request.uri()).map_err(ApiError::plainly)?;
    let ImportParams { unit, allow_old, counts } = ImportParams::read(&params).map_err(ApiError::plainly)?;
    let content_type = text(request.headers(), CONTENT_TYPE);
    let content_encoding = text(request.headers(), CONTENT_ENCODING);
    let limits = ImportLimits {
        max_ahead: i64::try_from(state.options.max_ahead.as_millis()).unwrap_or(i64::MAX),
        ..ImportLimits::default()
    };
    let declared = Declared { content_type: &content_type, unit, allow_old };
    let mut import = Import::new(format, &declared, state.clock.now(), &limits, &*stores.append);
    let mut answer = match store(&mut import, request, &content_encoding, &state).await {
        Ok(imported) if counts => Ok(counted(&imported)),
        Ok(_) => Ok(respond::no_content()),
        Err(Refusal::Import(error)) => Ok(refusal(&error, import.stored())),
        Err(Refusal::Request(error)) => Err(error.after(&stored_before(import.stored()))),
    };
    if let Some((stored, _)) = import.stored() {
        metrics::WRITTEN.with_label_values(&["float"]).inc_by(stored.samples);
        metrics::WRITTEN.with_label_values(&["exemplar"]).inc_by(stored.exemplars);
        if let Ok(response) = &mut answer {
            response.extensions_mut().insert(StoredSamples(stored.samples));
        }
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

/// Stores the body as it comes, in one part if there is memory for it, else in several.
async fn store(
    import: &mut Import<'_>,
    request: Request<Incoming>,
    encoding: &str,
    state: &ServerState,
) -> Result<Imported, Refusal> {
    let mut reservation = state.import_budget.reserve_nothing();
    let mut inflater = Inflater::new(encoding, reservation.max())?;
    let overhead = inflater.memory(reservation.max()) + CHUNK_BYTES;
    let mut reader = BodyReader::begin(request.into_body(), MAX_REMOTE_BYTES, &state.import_budget, state).await?;
    while let Some(chunk) = reader.next().await? {
        let mut left = &chunk[..];
        while !left.is_empty() {
            reserve(import, overhead, &mut reservation, state).await?;
            reader.set_reserved(&reservation);
            let taken = inflater.inflate(left, import.text())?;
            left = left.get(taken..).unwrap_or_default();
            // Other requests need this thread too.
            tokio::task::yield_now().await;
            while import.step()? {
                reserve(import, overhead, &mut reservation, state).await?;
            }
        }
    }
    inflater.finish(import.text())?;
    while import.step()? {
        reserve(import, overhead, &mut reservation, state).await?;
    }
    wait_for_store(state).await?;
    let imported = import.finish().await?;
    allocator::give_back();
    Ok(imported)
}

/// Reserves memory for some more lines, by waiting for other requests or by ending a part.
async fn reserve(
    import: &mut Import<'_>,
    overhead: usize,
    reservation: &mut Reservation,
    state: &ServerState,
) -> Result<(), Refusal> {
    let needed = |import: &Import<'_>| (import.memory() + overhead + BITE_BYTES) as u64;
    if import.is_full() || needed(import) > reservation.max() {
        wait_for_store(state).await?;
        import.store().await?;
        allocator::give_back();
        // Other requests may have the memory meanwhile.
        reservation.shrink(0);
    }
    // Reserving a little more than is needed saves asking each time.
    let (needed, more) = (needed(import), needed(import) + BITE_BYTES as u64);
    if needed > reservation.bytes() && !reservation.try_grow(more) {
        reservation.grow(needed).await?;
    }
    Ok(())
}

/// Waits up to [`STORE_TIMEOUT`] for the store to accept more: it may have to flush first.
async fn wait_for_store(state: &ServerState) -> Result<(), Refusal> {
    let end = Instant::now() + STORE_TIMEOUT;
    while let Err(error) = state.stores()?.append.admits() {
        if Instant::now() >= end {
            return Err(Refusal::Import(error.into()));
        }
        tokio::time::sleep(STORE_PAUSE).await;
    }
    Ok(())
}

/// The parameters of an import.
struct ImportParams {
    /// The unit of times, where it is given.
    unit: Option<Unit>,
    /// Whether times before 2000 are meant.
    allow_old: bool,
    /// Whether the answer tells how much was stored.
    counts: bool,
}

impl ImportParams {
    fn read(params: &Params) -> Result<Self, ApiError> {
        params.only(&["allow_old", "counts", "unit"], "an import")?;
        let unit = match params.all("unit").next() {
            None => None,
            Some("ms") => Some(Unit::Milliseconds),
            Some("s") => Some(Unit::Seconds),
            Some(other) => return Err(ApiError::invalid("unit", format!("\"{other}\" is neither s nor ms"))),
        };
        Ok(Self { unit, allow_old: params.boolean("allow_old")?, counts: params.boolean("counts")? })
    }
}

/// The answer that tells how much was stored.
fn counted(imported: &Imported) -> Response {
    let Imported { samples, exemplars, metadata } = imported;
    success_json(&json!({"samples": samples, "exemplars": exemplars, "metadata": metadata}))
}

/// A header's text. One that isn't text names nothing that we know.
fn text(headers: &HeaderMap, name: HeaderName) -> String {
    headers.get(name).map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// What a refusal adds when something is stored nonetheless.
fn stored_before(stored: Option<(Imported, usize)>) -> String {
    stored.map_or_else(String::new, |(Imported { samples, .. }, line)| {
        format!(
            "; what stands before, {samples} samples up to line {line}, is stored, and posting it again changes nothing"
        )
    })
}

/// The answer to a body that was refused, as a whole or from some line on.
fn refusal(error: &ImportError, stored: Option<(Imported, usize)>) -> Response {
    let status = match error {
        ImportError::Faults(_) | ImportError::Encoding { .. } => StatusCode::BAD_REQUEST,
        ImportError::TooLarge(_) | ImportError::NoRoom => StatusCode::PAYLOAD_TOO_LARGE,
        ImportError::UnknownEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ImportError::Append(AppendError::Unavailable { .. }) => StatusCode::SERVICE_UNAVAILABLE,
        ImportError::Append(AppendError::SeriesExhausted | AppendError::Storage(_)) => {
            log_each_minute!(error, %error, "an import failed");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    let mut response = respond::text(status, format!("{error}{}", stored_before(stored)));
    if let ImportError::Append(AppendError::Unavailable { retry_after, .. }) = error {
        response.headers_mut().insert(RETRY_AFTER, (retry_after.as_secs_f64().ceil() as u64).max(1).into());
    }
    response
}
