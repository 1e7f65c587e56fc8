//! `/api/v1/write`: remote write 1.0 and 2.0.
//!
//! The headers are judged before the body is read. Once a request is known to be of protocol 2.0 every answer, error or
//! not, says how much of it was stored; answers to 1.0 never do, because a sender would take that for 2.0.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::{
    HeaderMap, Request, StatusCode,
    body::Incoming,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName},
};

use super::import::max_ahead;
use crate::{
    remote::write::{Protocol, Taken, WriteError, WriteLimits, Written, inflated_len, negotiate, take_in},
    seams::{append::AppendError, memory_budget::MemoryBudget},
    server::{
        Response, ServerState, clock_skew::WitnessedAppend, discard, error::ApiError, limits::MAX_REMOTE_BYTES,
        metrics, params::Params, read_body, request_body::RequestBody, request_budget::Reservation, respond,
        senders::StoredSamples,
    },
    telemetry::log_each_minute,
};

/// Senders should try again this late while our clock is wrong: a person has to set it.
const CLOCK_RETRY: Duration = Duration::from_secs(30);

/// Stores the request's samples.
pub(crate) async fn write(request: Request<Incoming>, state: Arc<ServerState>) -> Result<Response, ApiError> {
    // A parameter that other servers heed, to add a label say, must not be ignored: its effect would be missed only much later.
    if let Err(error) = Params::of_url(request.uri()).and_then(|params| params.only(&[], "a remote write")) {
        discard(request.into_body()).await;
        return Err(error.plainly());
    }
    let protocol = match negotiate(text(request.headers(), CONTENT_TYPE)?, text(request.headers(), CONTENT_ENCODING)?) {
        Ok(protocol) => protocol,
        Err(error) => {
            discard(request.into_body()).await;
            return Ok(respond::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, error.to_string()));
        }
    };
    let (mut response, written) = match store(protocol, request, &state).await {
        Ok(answer) => answer,
        Err(error) => (error.into_response(), Written::default()),
    };
    let version = match protocol {
        Protocol::V1 => "1.0",
        Protocol::V2 => "2.0",
    };
    if protocol == Protocol::V2 {
        let headers = response.headers_mut();
        headers.insert("x-prometheus-remote-write-samples-written", written.samples.into());
        headers.insert("x-prometheus-remote-write-histograms-written", written.histograms.into());
        headers.insert("x-prometheus-remote-write-exemplars-written", written.exemplars.into());
    }
    metrics::WRITES.with_label_values(&[version, response.status().as_str()]).inc();
    for (kind, count) in
        [("float", written.samples), ("histogram", written.histograms), ("exemplar", written.exemplars)]
    {
        metrics::WRITTEN.with_label_values(&[kind]).inc_by(count);
    }
    response.extensions_mut().insert(StoredSamples(written.samples + written.histograms));
    Ok(response)
}

/// A header as text. One that isn't text names no encoding that we know.
fn text(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, ApiError> {
    let unsupported = || {
        let text = format!("the {name} header is not text");
        ApiError::Plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text)
    };
    headers.get(&name).map(|value| value.to_str().map_err(|_| unsupported())).transpose()
}

async fn store(
    protocol: Protocol,
    request: Request<Incoming>,
    state: &ServerState,
) -> Result<(Response, Written), ApiError> {
    let stores = state.stores()?;
    let RequestBody { bytes: body, mut reservation } =
        read_body(request.into_body(), MAX_REMOTE_BYTES, &state.write_budget, state).await?;
    metrics::WRITE_BYTES.inc_by(body.len() as u64);
    let limits = WriteLimits { compressed: MAX_REMOTE_BYTES, max_ahead: max_ahead(state), ..WriteLimits::default() };
    let begun = Instant::now();
    let clock = &*state.clock;
    let append = WitnessedAppend { append: &*stores.append, clock_skew: &state.clock_skew, clock };
    let received = match take(protocol, &body, &mut reservation, &limits, state).await? {
        Ok(taken) => {
            drop(body);
            reservation.shrink(taken.memory() as u64);
            taken.store(&append).await
        }
        Err(error) => Err(error),
    };
    metrics::WRITE_SECONDS.observe(begun.elapsed().as_secs_f64());
    Ok(match received {
        Ok(written) => (respond::no_content(), written),
        Err(WriteError::Rejected { written, future: Some(time), .. })
            if let Some(reason) = state.clock_skew.doubt(time, clock) =>
        {
            // Sending it again changes nothing about the samples that were stored.
            (refusal(&AppendError::Unavailable { reason, retry_after: CLOCK_RETRY }.into()), written)
        }
        Err(error) => (refusal(&error), error.written()),
    })
}

/// Decodes the body. The inner error is what the protocol refuses, the outer one what any request may meet.
async fn take(
    protocol: Protocol,
    body: &[u8],
    reservation: &mut Reservation,
    limits: &WriteLimits,
    state: &ServerState,
) -> Result<Result<Taken, WriteError>, ApiError> {
    let append = &*state.stores()?.append;
    let inflated = match inflated_len(body, limits) {
        Ok(bytes) => bytes,
        Err(error) => return Ok(Err(error)),
    };
    let now = state.clock_skew.now(&*state.clock);
    let decode = |budget: &dyn MemoryBudget| match take_in(protocol, body, now, limits, append, budget) {
        Err(WriteError::NoRoom) => None,
        taken => Some(taken),
    };
    reservation.decode((body.len() + inflated) as u64, decode).await
}

fn refusal(error: &WriteError) -> Response {
    let status = match error {
        WriteError::Malformed(_) | WriteError::Rejected { .. } | WriteError::Append(AppendError::SeriesLimit(_)) => {
            StatusCode::BAD_REQUEST
        }
        WriteError::TooLarge { .. } | WriteError::NoRoom => StatusCode::PAYLOAD_TOO_LARGE,
        WriteError::Append(AppendError::Unavailable { .. }) => StatusCode::SERVICE_UNAVAILABLE,
        WriteError::Append(AppendError::SeriesExhausted | AppendError::Storage(_)) => {
            log_each_minute!(error, %error, "a remote write failed");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    let mut response = respond::text(status, error.to_string());
    if let WriteError::Append(AppendError::Unavailable { retry_after, .. }) = error {
        // The header counts whole seconds, and "at once" would be a busy loop.
        respond::retry_after(&mut response, *retry_after);
    }
    response
}
