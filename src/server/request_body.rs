//! Reading request bodies, with limits on size and time.

use std::{sync::Arc, time::Duration};

use http_body_util::BodyExt;
use hyper::{
    StatusCode,
    body::{Body, Bytes, Frame, Incoming},
};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    ServerState,
    error::ApiError,
    incoming_bodies::{BodyKind, IncomingBody},
    limits::{DISCARD_TIMEOUT, Deadlines},
    request_budget::{RequestBudget, Reservation},
};

/// A whole request body, and the memory reserved for it.
#[derive(Debug)]
pub(crate) struct RequestBody {
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// To be kept for as long as what was decoded from the body takes as much memory.
    pub(crate) reservation: Reservation,
}

/// Time for the connection's task to pass on what is already in its socket.
const SOCKET_GRACE: Duration = Duration::from_millis(50);

/// Reads a request body chunk by chunk, within limits on size and time.
pub(crate) struct BodyReader {
    incoming: Incoming,
    /// The most bytes it may have.
    limit: usize,
    /// Bytes received.
    received: usize,
    kind: BodyKind,
    progress: IncomingBody,
    deadlines: Deadlines,
    /// When all of it has to be here; none for a body of which parts are stored as they come.
    deadline: Option<Instant>,
}

impl BodyReader {
    /// Begins to read a body of at most `limit` bytes. One that announces more is refused before a byte of it is read.
    pub(crate) async fn begin(
        incoming: Incoming,
        limit: usize,
        budget: &RequestBudget,
        state: &ServerState,
    ) -> Result<Self, ApiError> {
        if incoming.size_hint().lower() > limit as u64 {
            discard(incoming).await;
            return Err(too_large(limit));
        }
        let deadline = Some(Instant::now() + state.options.deadlines.body);
        Ok(Self { limit, deadline, ..Self::endless(incoming, budget, state) })
    }

    /// Begins to read a body of any size that may come for as long as it comes: it is never held whole.
    pub(crate) fn endless(incoming: Incoming, budget: &RequestBudget, state: &ServerState) -> Self {
        let (kind, deadlines) = (budget.kind(), state.options.deadlines);
        let progress = state.incoming_bodies.begin(kind);
        Self { incoming, limit: usize::MAX, received: 0, kind, progress, deadlines, deadline: None }
    }

    /// The next chunk; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        loop {
            let frame =
                match self.progress.wait(frame(&mut self.incoming, self.deadline, self.deadlines.body_pause)).await {
                    None => return Err(ApiError::Evicted),
                    Some(Some(Some(frame))) => frame,
                    Some(Some(None)) => return Ok(None),
                    Some(None) => return Err(self.too_slow()),
                };
            let frame = frame.map_err(|error| {
                ApiError::Plain(StatusCode::BAD_REQUEST, format!("the request's body could not be read: {error}"))
            })?;
            let Ok(data) = frame.into_data() else { continue };
            self.progress.received(data.len());
            self.received = self.received.saturating_add(data.len());
            if self.received <= self.limit {
                return Ok(Some(data));
            }
            drain(&mut self.incoming).await;
            return Err(too_large(self.limit));
        }
    }

    /// Reads what the client still sends and throws it away, for a short time ([`discard`]).
    pub(crate) async fn discard(mut self) {
        drain(&mut self.incoming).await;
    }

    /// The answer to a sender that paused too long. Senders of samples drop what is answered with a 4xx and should try this again.
    fn too_slow(&self) -> ApiError {
        match self.kind {
            BodyKind::Write => ApiError::Slow,
            BodyKind::Query => {
                ApiError::Plain(StatusCode::REQUEST_TIMEOUT, "the request's body came too slowly".to_owned())
            }
        }
    }

    /// Tells how much memory the body holds, which decides whether evicting it helps others.
    pub(crate) fn set_reserved(&self, reservation: &Reservation) {
        self.progress.set_reserved(reservation.bytes());
    }

    /// The most bytes that are still to come, by the request's head.
    fn remaining(&self) -> usize {
        let announced = self.incoming.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
        announced.unwrap_or(usize::MAX).min(self.limit.saturating_sub(self.received))
    }
}

/// The next frame of a body, `None` when it is complete; the outer `None` when it came neither by `deadline`, if there is one, nor within `pause`.
///
/// Where the process or the machine was suspended for longer than that, what came meanwhile is in the socket, and
/// [`SOCKET_GRACE`] is enough to read it.
async fn frame(
    incoming: &mut Incoming,
    deadline: Option<Instant>,
    pause: Duration,
) -> Option<Option<Result<Frame<Bytes>, hyper::Error>>> {
    let end = Instant::now() + pause;
    match timeout_at(deadline.map_or(end, |deadline| deadline.min(end)), incoming.frame()).await {
        Ok(frame) => Some(frame),
        Err(_) => timeout(SOCKET_GRACE, incoming.frame()).await.ok(),
    }
}

fn too_large(limit: usize) -> ApiError {
    ApiError::Plain(StatusCode::PAYLOAD_TOO_LARGE, format!("the request's body has more than {limit} bytes"))
}

/// Reads a whole body of at most `limit` bytes.
///
/// Memory is reserved for what has come, not for what is announced: else a few clients that announce much and send nothing would
/// keep all others out.
pub(crate) async fn read_body(
    incoming: Incoming,
    limit: usize,
    budget: &Arc<RequestBudget>,
    state: &ServerState,
) -> Result<RequestBody, ApiError> {
    let mut reader = BodyReader::begin(incoming, limit, budget, state).await?;
    let (mut bytes, mut reservation) = (Vec::new(), budget.reserve_nothing());
    while let Some(chunk) = reader.next().await? {
        let held = bytes.len() + chunk.len();
        if held > bytes.capacity() {
            // Twice as much, but no more than is to come; both buffers are there while the bytes move.
            let spare = budget.max_reservation().saturating_sub((bytes.capacity() + held) as u64) as usize;
            let capacity = held + reader.remaining().min(held).min(spare);
            reservation.grow((bytes.capacity() + capacity) as u64).await?;
            reader.set_reserved(&reservation);
            bytes.reserve_exact(capacity - bytes.len());
            reservation.shrink(bytes.capacity() as u64);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(RequestBody { bytes, reservation })
}

/// Reads what a client still sends and throws it away, for a short time.
///
/// A connection closed with bytes unread is reset, and the reset can overtake the answer. A sender of remote writes
/// would then see a broken connection and retry the same body for ever, instead of a 413 or 415.
pub(crate) async fn discard(mut incoming: Incoming) {
    drain(&mut incoming).await;
}

async fn drain(incoming: &mut Incoming) {
    let drained = timeout(DISCARD_TIMEOUT, async { while let Some(Ok(_)) = incoming.frame().await {} });
    // A client that takes longer may see a reset.
    let _ = drained.await;
}
