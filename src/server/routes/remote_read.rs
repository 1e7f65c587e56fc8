//! `/api/v1/read`: remote read, as one message or as a stream of chunks.

use std::sync::Arc;

use hyper::{
    Request, StatusCode,
    body::Incoming,
    header::{CONTENT_ENCODING, HeaderValue},
};

use crate::{
    model::MatcherError,
    remote::read::{ReadError, ReadLimits, ResponseType, SinkClosed, chunks, decode, inflated_len, samples},
    seams::interrupt::Interrupt,
    server::{
        Response, ServerState,
        error::ApiError,
        limits::MAX_REMOTE_BYTES,
        metrics, read_body,
        request_body::RequestBody,
        respond,
        streaming::{StreamError, Unread, stream},
    },
    telemetry::log_each_minute,
};

/// The content type by which a client recognises a stream, byte for byte.
const STREAM_TYPE: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

/// An error's text is cut here.
const MAX_MESSAGE_CHARS: usize = 1_000;

/// Answers the request's queries.
pub(crate) async fn read(request: Request<Incoming>, state: Arc<ServerState>) -> Result<Response, ApiError> {
    let stores = state.stores()?.clone();
    let RequestBody { bytes: body, mut reservation } =
        read_body(request.into_body(), MAX_REMOTE_BYTES, &state.query_budget, &state).await?;
    let deadline = state.default_deadline();
    let limits = ReadLimits::beside_queries_of(state.engine.options().max_samples);
    let inflated = inflated_len(&body, &limits).map_err(refusal)?;
    reservation.grow((body.len() + 3 * inflated) as u64).await?;
    let room = state.engine.room();
    let mut request =
        decode(&body, &limits, &*room).map_err(refusal)?.with_external_labels(&state.options.external_labels);
    drop(body);
    reservation.shrink(2 * inflated as u64);
    let permit = state.remote_reads.enter(deadline.left()).await?;
    match request.response_type {
        ResponseType::Samples => {
            metrics::READS.with_label_values(&["samples"]).inc();
            let whole = state.whole_reads.enter(deadline.left()).await?;
            let job = move |interrupt: &Arc<dyn Interrupt>| {
                request.interrupt_by(interrupt);
                let (_permit, _reservation) = (whole, reservation);
                let goes_on = || interrupt.check().is_ok();
                let answer = samples(&request, &*stores.select, &goes_on, &limits, &*room);
                // A read that was interrupted has failed in some other way; the reason is known here.
                interrupt.check()?;
                answer.map_err(refusal)
            };
            let answer = deadline.run_admitted(permit, job).await?;
            let mut response = respond::typed("application/x-protobuf", answer);
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
            Ok(response)
        }
        ResponseType::StreamedXorChunks => {
            metrics::READS.with_label_values(&["chunks"]).inc();
            stream(&deadline, STREAM_TYPE, move |interrupt, sink| {
                // The place among the remote reads, and the memory of the request, until the last frame is sent.
                let _held = (permit, reservation);
                request.interrupt_by(interrupt);
                let goes_on = || interrupt.check().is_ok();
                let mut send = |frame| sink(frame).map_err(|Unread| SinkClosed);
                chunks(&request, &*stores.select, &goes_on, &room, &mut send)
            })
            .await
        }
    }
}

impl StreamError for ReadError {
    fn is_unheard(&self) -> bool {
        matches!(self, Self::Closed | Self::Interrupted(_))
    }

    fn refusal(self) -> ApiError {
        refusal(self)
    }
}

fn refusal(error: ReadError) -> ApiError {
    let status = match &error {
        ReadError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        ReadError::NoRoom | ReadError::Matcher(MatcherError::NoRoom(_)) => StatusCode::SERVICE_UNAVAILABLE,
        ReadError::Snappy(_)
        | ReadError::Message(_)
        | ReadError::Matcher(_)
        | ReadError::MatcherType(_)
        | ReadError::ResponseType(_)
        | ReadError::Limit(_) => StatusCode::BAD_REQUEST,
        // The client has gone.
        ReadError::Closed => StatusCode::INTERNAL_SERVER_ERROR,
        ReadError::Interrupted(_) => StatusCode::SERVICE_UNAVAILABLE,
        ReadError::Storage(_) => {
            log_each_minute!(error, %error, "a remote read failed");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    // The text repeats a matcher's expression, which may be as long as the body.
    ApiError::Plain(status, error.to_string().chars().take(MAX_MESSAGE_CHARS).collect())
}
