//! `/api/v1/read`: remote read, as one message or as a stream of chunks.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use hyper::{
    Request, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_ENCODING, HeaderValue},
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    model::MatcherError,
    remote::read::{
        ReadError, ReadLimits, ReadRequest, ResponseType, SinkClosed, chunks, decode, inflated_len, samples,
    },
    seams::{
        interrupt::{Interrupt, Interrupted},
        memory_budget::MemoryBudget,
    },
    server::{
        Response, ServerState, Stores,
        admission::{self, Deadline, Permit},
        error::ApiError,
        limits::MAX_REMOTE_BYTES,
        metrics, read_body,
        request_body::RequestBody,
        request_budget::Reservation,
        respond,
        response_body::{BodyChunk, ResponseBody},
    },
    telemetry::log_each_minute,
};

/// The content type by which a client recognises a stream, byte for byte.
const STREAM_TYPE: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

/// An error's text is cut here.
const MAX_MESSAGE_CHARS: usize = 1_000;

/// Frames, of up to about a megabyte, that may wait for a slow client.
const FRAMES_AHEAD: usize = 2;

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
            stream(request, stores, room, Held { _permit: permit, _reservation: reservation }, &deadline).await
        }
    }
}

/// What a stream keeps until its last frame is sent: its place among the remote reads, and the memory of its request.
struct Held {
    _permit: Permit,
    _reservation: Reservation,
}

/// Ends a stream when its client has gone, and, until the first frame, when its deadline has passed. From the first frame on the
/// client sets the pace.
#[derive(Debug)]
struct StreamInterrupt {
    frames: mpsc::Sender<BodyChunk>,
    until: Arc<dyn Interrupt>,
    begun: AtomicBool,
}

impl Interrupt for StreamInterrupt {
    fn check(&self) -> Result<(), Interrupted> {
        if self.frames.is_closed() {
            return Err(Interrupted::Canceled);
        }
        if self.begun.load(Ordering::Relaxed) { Ok(()) } else { self.until.check() }
    }
}

/// Begins a stream. A failure before its first frame still gets a proper answer; a later one aborts the connection.
async fn stream(
    mut request: ReadRequest,
    stores: Stores,
    room: Arc<dyn MemoryBudget>,
    held: Held,
    deadline: &Deadline,
) -> Result<Response, ApiError> {
    let (frames, receiver) = mpsc::channel(FRAMES_AHEAD);
    let (begin, begun) = oneshot::channel();
    let stream_interrupt = Arc::new(StreamInterrupt {
        frames: frames.clone(),
        until: deadline.interrupt(),
        begun: AtomicBool::new(false),
    });
    let interrupt: Arc<dyn Interrupt> = stream_interrupt.clone();
    request.interrupt_by(&interrupt);
    admission::spawn_blocking(move || {
        let _held = held;
        let mut begin = Some(begin);
        let result = chunks(&request, &*stores.select, &|| interrupt.check().is_ok(), &room, &mut |frame| {
            if let Some(begin) = begin.take() {
                stream_interrupt.begun.store(true, Ordering::Relaxed);
                begin.send(Ok(())).map_err(|_| SinkClosed)?;
            }
            frames.blocking_send(BodyChunk::Data(Bytes::from(frame))).map_err(|_| SinkClosed)
        });
        match (result, begin) {
            // The receivers are gone when the client is.
            (Ok(()), begin) => {
                let _ = begin.map(|begin| begin.send(Ok(())));
                let _ = frames.blocking_send(BodyChunk::End);
            }
            (Err(error), Some(begin)) => {
                let _ = begin.send(Err(error));
            }
            (Err(ReadError::Closed | ReadError::Interrupted(_)), None) => {}
            // Without an end the connection is aborted: the client must not take this for all there is.
            (Err(error), None) => log_each_minute!(error, %error, "a streamed remote read broke off"),
        }
    })?;
    let begun = tokio::time::timeout(deadline.left(), begun).await.map_err(|_| Interrupted::TimedOut)?;
    match begun {
        Ok(Ok(())) => Ok(respond::typed(STREAM_TYPE, ResponseBody::Channel(Some(receiver)))),
        Ok(Err(error)) => Err(refusal(error)),
        Err(_) => Err(ApiError::Plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the server failed to answer; its log says more".to_owned(),
        )),
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
