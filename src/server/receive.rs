//! Reading request bodies, with limits on size and time.

use std::{sync::Arc, time::Duration};

use http_body_util::BodyExt;
use hyper::{
    Request, StatusCode,
    body::{Body, Bytes, Frame, Incoming},
};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    ServerState,
    arrivals::{Arrival, Pool},
    error::ApiError,
    limits::{DISCARD_TIMEOUT, Deadlines},
    room::{Room, Share},
};

/// A request's body, and its share of the room for bodies.
#[derive(Debug)]
pub(crate) struct Received {
    /// The body.
    pub(crate) bytes: Vec<u8>,
    /// Kept for as long as what was made of the body takes as much memory.
    pub(crate) share: Share,
}

/// What the connection's task needs to pass on what lies in its socket.
const MOMENT: Duration = Duration::from_millis(50);

/// A body as it comes.
pub(crate) struct Pieces {
    incoming: Incoming,
    /// Bytes it may have.
    limit: usize,
    /// Bytes that have come.
    came: usize,
    pool: Pool,
    arrival: Arrival,
    deadlines: Deadlines,
    /// All of it has to be here by then.
    end: Instant,
}

impl Pieces {
    /// Begins to read a body of at most `limit` bytes for `room`. What its head announces is judged before a byte is read.
    pub(crate) async fn begin(
        request: Request<Incoming>,
        limit: usize,
        room: &Room,
        state: &ServerState,
    ) -> Result<Self, ApiError> {
        let incoming = request.into_body();
        if incoming.size_hint().lower() > limit as u64 {
            discard(incoming).await;
            return Err(too_large(limit));
        }
        let deadlines = state.options.deadlines;
        let (arrival, end) = (state.arrivals.begin(room.pool()), Instant::now() + deadlines.body);
        Ok(Self { incoming, limit, came: 0, pool: room.pool(), arrival, deadlines, end })
    }

    /// The next piece; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        loop {
            let frame = match self.arrival.wait(frame(&mut self.incoming, self.end, self.deadlines.body_pause)).await {
                None => return Err(ApiError::Dismissed),
                Some(Some(Some(frame))) => frame,
                Some(Some(None)) => return Ok(None),
                Some(None) => return Err(self.too_slow()),
            };
            let frame = frame.map_err(|error| {
                ApiError::Plain(StatusCode::BAD_REQUEST, format!("the request's body could not be read: {error}"))
            })?;
            let Ok(data) = frame.into_data() else { continue };
            self.arrival.came(data.len());
            self.came += data.len();
            if self.came <= self.limit {
                return Ok(Some(data));
            }
            drain(&mut self.incoming).await;
            return Err(too_large(self.limit));
        }
    }

    /// What is said to a sender who paused too long. Senders of samples drop what is answered with a 4xx, and this may go well
    /// the next time.
    fn too_slow(&self) -> ApiError {
        match self.pool {
            Pool::Written => ApiError::Slow,
            Pool::Asked => {
                ApiError::Plain(StatusCode::REQUEST_TIMEOUT, "the request's body came too slowly".to_owned())
            }
        }
    }

    /// Notes that the body holds so many bytes of its room.
    pub(crate) fn holds(&self, share: &Share) {
        self.arrival.holds(share.bytes());
    }

    /// How many bytes are still to come at most, going by what the head says.
    fn left(&self) -> usize {
        let announced = self.incoming.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
        announced.unwrap_or(usize::MAX).min(self.limit.saturating_sub(self.came))
    }
}

/// The next frame of a body, `None` when it is complete; the outer `None` when it came neither by `end` nor within `pause`.
///
/// Where the process, or the machine, was stopped for longer than that, what came meanwhile lies in the socket: a moment
/// more shows it.
async fn frame(
    incoming: &mut Incoming,
    end: Instant,
    pause: Duration,
) -> Option<Option<Result<Frame<Bytes>, hyper::Error>>> {
    match timeout_at(end, timeout(pause, incoming.frame())).await {
        Ok(Ok(frame)) => Some(frame),
        Ok(Err(_)) | Err(_) => timeout(MOMENT, incoming.frame()).await.ok(),
    }
}

fn too_large(limit: usize) -> ApiError {
    ApiError::Plain(StatusCode::PAYLOAD_TOO_LARGE, format!("the request's body has more than {limit} bytes"))
}

/// Reads a whole body of at most `limit` bytes.
///
/// Room is taken for what has come, not for what is announced: else a few clients who announce much and send nothing would
/// keep everybody else out.
pub(crate) async fn read_body(
    request: Request<Incoming>,
    limit: usize,
    room: &Arc<Room>,
    state: &ServerState,
) -> Result<Received, ApiError> {
    let mut pieces = Pieces::begin(request, limit, room, state).await?;
    let (mut bytes, mut share) = (Vec::new(), room.enter());
    while let Some(piece) = pieces.next().await? {
        let held = bytes.len() + piece.len();
        if held > bytes.capacity() {
            // Twice what is there, but no more than is to come; while it moves to its new place it takes both.
            let spare = room.most().saturating_sub((bytes.capacity() + held) as u64) as usize;
            let capacity = held + pieces.left().min(held).min(spare);
            share.grow((bytes.capacity() + capacity) as u64).await?;
            pieces.holds(&share);
            bytes.reserve_exact(capacity - bytes.len());
            share.shrink(bytes.capacity() as u64);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Received { bytes, share })
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
    // Those who take longer have had their chance.
    let _ = drained.await;
}
