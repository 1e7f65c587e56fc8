//! `/v1/metrics` and `/api/v1/otlp/v1/metrics`: metrics as OpenTelemetry's SDKs and collectors send them.
//!
//! Answers are in the encoding of the request, errors too: senders read them as `google.rpc.Status`. They repeat 429, 502, 503 and 504
//! and nothing else, and an answer of 200 says how many points are not stored, which most of them never show to anybody: so it is
//! counted and logged here as well.

use std::{sync::Arc, time::Duration};

use hyper::{
    HeaderMap, Request, StatusCode,
    body::Incoming,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue},
};

use super::import::max_ahead;
use crate::{
    ingest::{ImportError, encoding::Inflater},
    remote::otlp::{
        MAX_DECODED, OtlpError, Received, Taken,
        answer::{self, Encoding},
        json, take_in,
    },
    seams::append::AppendError,
    server::{
        Response, ServerState, clock_skew::WitnessedAppend, discard, error::ApiError, metrics, params::Params,
        read_body, request_body::RequestBody, request_budget::Reservation, respond, response_body::ResponseBody,
        senders::StoredSamples,
    },
    telemetry::log_each_minute,
};

/// Senders should try again this late while our clock is wrong: a person has to set it.
const CLOCK_RETRY: Duration = Duration::from_secs(30);
/// What a body that is inflated grows by at most before its memory is looked at again.
const STEP_BYTES: usize = 256 << 10;

/// Stores the request's points.
pub(crate) async fn metrics(request: Request<Incoming>, state: Arc<ServerState>) -> Result<Response, ApiError> {
    // A parameter that other servers heed must not be ignored: its effect would be missed only much later.
    if let Err(error) = Params::of_url(request.uri()).and_then(|params| params.only(&[], "OTLP")) {
        discard(request.into_body()).await;
        return Err(error.plainly());
    }
    let Some(encoding) = Encoding::of_media(text(request.headers(), &CONTENT_TYPE)) else {
        discard(request.into_body()).await;
        let expected = [Encoding::Protobuf, Encoding::Json].map(Encoding::media).join(" or ");
        metrics::OTLP_REQUESTS.with_label_values(&[StatusCode::UNSUPPORTED_MEDIA_TYPE.as_str()]).inc();
        return Ok(respond::text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("the Content-Type of OTLP metrics is {expected}"),
        ));
    };
    let mut stored = 0;
    let mut response = match store(request, encoding, &state).await {
        Ok(received) => {
            count(&received);
            stored = received.floats + received.histograms;
            typed(answer::taken(&received, encoding), encoding)
        }
        Err(error) => refusal(error, encoding),
    };
    metrics::OTLP_REQUESTS.with_label_values(&[response.status().as_str()]).inc();
    response.extensions_mut().insert(StoredSamples(stored));
    Ok(response)
}

/// A header's text. One that isn't text names nothing that we know.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers.get(name).map_or("", |value| value.to_str().unwrap_or("?"))
}

/// Why nothing of a request is stored.
enum Refusal {
    Otlp(OtlpError),
    Request(ApiError),
}

impl From<OtlpError> for Refusal {
    fn from(error: OtlpError) -> Self {
        Self::Otlp(error)
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Request(error)
    }
}

impl From<ImportError> for Refusal {
    fn from(error: ImportError) -> Self {
        let status = super::import::status(&error);
        Self::Request(ApiError::Plain(status, error.to_string()))
    }
}

async fn store(request: Request<Incoming>, encoding: Encoding, state: &ServerState) -> Result<Received, Refusal> {
    let stores = state.stores()?;
    let inflater = match Inflater::new(text(request.headers(), &CONTENT_ENCODING), state.write_budget.max_reservation())
    {
        Ok(inflater) => inflater,
        Err(error) => {
            discard(request.into_body()).await;
            return Err(error.into());
        }
    };
    let RequestBody { bytes, mut reservation } =
        read_body(request.into_body(), MAX_DECODED, &state.write_budget, state).await?;
    let mut message = inflated(inflater, bytes, &mut reservation).await?;
    if encoding == Encoding::Json {
        reservation.grow((message.capacity() + json::GROWTH * message.len()) as u64).await?;
        message = json::to_protobuf(&message).map_err(|error| {
            ApiError::Plain(StatusCode::BAD_REQUEST, format!("the body is no OTLP request: {error}"))
        })?;
        reservation.shrink(message.capacity() as u64);
    }
    let taken = take(message, &mut reservation, state).await?;
    let clock = &*state.clock;
    let append = WitnessedAppend { append: &*stores.append, clock_skew: &state.clock_skew, clock };
    let received = taken.store(&append).await?;
    if let Some(reason) = received.future.and_then(|time| state.clock_skew.doubt(time, clock)) {
        // Sending it again changes nothing about the points that were stored.
        count(&received);
        return Err(OtlpError::Append(AppendError::Unavailable { reason, retry_after: CLOCK_RETRY }).into());
    }
    Ok(received)
}

/// Undoes the compression of a body.
async fn inflated(mut inflater: Inflater, body: Vec<u8>, reservation: &mut Reservation) -> Result<Vec<u8>, Refusal> {
    if inflater.is_plain() {
        return Ok(body);
    }
    let held = body.len() + inflater.memory(reservation.max());
    let (mut out, mut at) = (Vec::new(), 0);
    while at < body.len() {
        if out.capacity() - out.len() < STEP_BYTES {
            // Both places are there while the bytes move.
            let capacity = (2 * out.capacity()).clamp(2 * STEP_BYTES, MAX_DECODED + 2 * STEP_BYTES);
            reservation.grow((held + out.capacity() + capacity) as u64).await?;
            out.reserve_exact(capacity - out.len());
        }
        at += inflater.inflate(body.get(at..).unwrap_or_default(), &mut out)?;
        if out.len() > MAX_DECODED {
            return Err(too_large());
        }
    }
    inflater.finish(&mut out)?;
    if out.len() > MAX_DECODED {
        return Err(too_large());
    }
    drop(body);
    reservation.shrink(out.capacity() as u64);
    Ok(out)
}

fn too_large() -> Refusal {
    let text =
        format!("the request has more than {MAX_DECODED} bytes once its compression is undone: send smaller ones");
    Refusal::Request(ApiError::Plain(StatusCode::PAYLOAD_TOO_LARGE, text))
}

async fn take(message: Vec<u8>, reservation: &mut Reservation, state: &ServerState) -> Result<Taken, Refusal> {
    let append = &*state.stores()?.append;
    let latest = state.clock_skew.now(&*state.clock).saturating_add(max_ahead(state));
    let decode = |budget: &dyn crate::seams::memory_budget::MemoryBudget| match take_in(
        &message,
        &state.options.otlp,
        latest,
        append,
        budget,
    ) {
        Err(OtlpError::NoRoom) => None,
        taken => Some(taken),
    };
    let taken = reservation.decode(message.capacity() as u64, decode).await??;
    drop(message);
    reservation.shrink(taken.memory() as u64);
    Ok(taken)
}

/// Counts what was stored and what wasn't, and says once a minute why.
fn count(received: &Received) {
    metrics::OTLP_POINTS.inc_by(received.points);
    for (kind, count) in
        [("float", received.floats), ("histogram", received.histograms), ("exemplar", received.exemplars)]
    {
        metrics::WRITTEN.with_label_values(&[kind]).inc_by(count);
    }
    for (reason, count) in &received.refused {
        metrics::OTLP_REJECTED.with_label_values(&[reason.name()]).inc_by(*count);
    }
    if received.rejected() > 0 {
        let (rejected, why) = (received.rejected(), received.message().unwrap_or_default());
        log_each_minute!(warn, rejected, %why, "points of an OTLP request were refused");
    }
}

fn typed(body: Vec<u8>, encoding: Encoding) -> Response {
    respond::typed(encoding.media(), body)
}

/// The answer to a request of which nothing is stored.
fn refusal(refusal: Refusal, encoding: Encoding) -> Response {
    let (text, mut response) = match refusal {
        Refusal::Request(error) => (error.to_string(), error.into_response()),
        Refusal::Otlp(error) => {
            let status = match &error {
                OtlpError::Malformed { .. } | OtlpError::TooMany | OtlpError::Append(AppendError::SeriesLimit(_)) => {
                    StatusCode::BAD_REQUEST
                }
                OtlpError::NoRoom => StatusCode::PAYLOAD_TOO_LARGE,
                OtlpError::Append(AppendError::Unavailable { .. }) => StatusCode::SERVICE_UNAVAILABLE,
                OtlpError::Append(AppendError::SeriesExhausted | AppendError::Storage(_)) => {
                    log_each_minute!(error, %error, "an OTLP request failed");
                    StatusCode::INTERNAL_SERVER_ERROR
                }
            };
            let mut response = respond::text(status, error.to_string());
            if let OtlpError::Append(AppendError::Unavailable { retry_after, .. }) = &error {
                respond::retry_after(&mut response, *retry_after);
            }
            (error.to_string(), response)
        }
    };
    *response.body_mut() = ResponseBody::from(answer::refused(grpc_code(response.status()), &text, encoding));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(encoding.media()));
    response
}

/// The code of gRPC that means the same.
fn grpc_code(status: StatusCode) -> u32 {
    match status {
        StatusCode::SERVICE_UNAVAILABLE => 14,
        StatusCode::PAYLOAD_TOO_LARGE => 8,
        status if status.is_client_error() => 3,
        _ => 13,
    }
}
