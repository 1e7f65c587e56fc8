//! Reading request bodies, with limits on size and time.

use http_body_util::BodyExt;
use hyper::{
    Request, StatusCode,
    body::{Body, Incoming},
};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    State,
    error::ApiError,
    limits::{DISCARD_TIMEOUT, FIRST_SHARE_BYTES},
    work::Share,
};

/// A request's body, and its share of the room for bodies.
#[derive(Debug)]
pub(crate) struct Received {
    /// The body.
    pub(crate) bytes: Vec<u8>,
    /// Kept for as long as what was made of the body takes as much memory.
    pub(crate) share: Share,
}

/// Reads a whole body of at most `limit` bytes. What its head announces is judged before a byte of
/// it is kept.
///
/// Room is taken for what has come, not for what is announced beyond the first bytes: else a few clients who announce much
/// and send nothing would keep everybody else out.
pub(crate) async fn read_body(request: Request<Incoming>, limit: usize, state: &State) -> Result<Received, ApiError> {
    let deadlines = &state.options.deadlines;
    let too_large =
        || ApiError::Plain(StatusCode::PAYLOAD_TOO_LARGE, format!("the request's body has more than {limit} bytes"));
    let mut incoming = request.into_body();
    let announced = incoming.size_hint().lower();
    if announced > limit as u64 {
        discard(incoming).await;
        return Err(too_large());
    }
    let slow = || ApiError::Plain(StatusCode::REQUEST_TIMEOUT, "the request's body came too slowly".to_owned());
    let most = incoming.size_hint().upper().unwrap_or(u64::MAX).min(limit as u64);
    let mut share = state.bodies.enter(most.min(FIRST_SHARE_BYTES)).await?;
    let mut bytes = Vec::with_capacity(announced.min(share.bytes()) as usize);
    let end = Instant::now() + deadlines.body;
    loop {
        let frame = match timeout_at(end, timeout(deadlines.body_pause, incoming.frame())).await {
            Ok(Ok(Some(frame))) => frame,
            Ok(Ok(None)) => return Ok(Received { bytes, share }),
            Ok(Err(_)) | Err(_) => return Err(slow()),
        };
        let frame = frame.map_err(|error| {
            ApiError::Plain(StatusCode::BAD_REQUEST, format!("the request's body could not be read: {error}"))
        })?;
        let Some(data) = frame.data_ref() else { continue };
        let held = bytes.len() + data.len();
        if held > limit {
            discard(incoming).await;
            return Err(too_large());
        }
        if held as u64 > share.bytes() {
            state.bodies.grow(&mut share, most.min(2 * held as u64)).await?;
        }
        bytes.extend_from_slice(data);
    }
}

/// Reads what a client still sends and throws it away, for a short time.
///
/// A connection closed with bytes unread is reset, and the reset can overtake the answer. A sender of remote writes
/// would then see a broken connection and retry the same body for ever, instead of a 413 or 415.
pub(crate) async fn discard(mut incoming: Incoming) {
    let drained = timeout(DISCARD_TIMEOUT, async { while let Some(Ok(_)) = incoming.frame().await {} });
    // Those who take longer have had their chance.
    let _ = drained.await;
}
