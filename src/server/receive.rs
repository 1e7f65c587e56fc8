//! Reading request bodies, with limits on size and time.

use http_body_util::BodyExt;
use hyper::{
    Request, StatusCode,
    body::{Body, Incoming},
};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    error::ApiError,
    limits::{DISCARD_TIMEOUT, Deadlines},
};

/// Reads a whole body of at most `limit` bytes. What its head announces is judged before a byte of
/// it is kept.
pub(crate) async fn read_body(
    request: Request<Incoming>,
    limit: usize,
    deadlines: &Deadlines,
) -> Result<Vec<u8>, ApiError> {
    let too_large =
        || ApiError::Plain(StatusCode::PAYLOAD_TOO_LARGE, format!("the request's body has more than {limit} bytes"));
    let mut incoming = request.into_body();
    let announced = incoming.size_hint().lower();
    if announced > limit as u64 {
        discard(incoming).await;
        return Err(too_large());
    }
    let slow = || ApiError::Plain(StatusCode::REQUEST_TIMEOUT, "the request's body came too slowly".to_owned());
    // Announcing costs nothing, so memory is taken as bytes arrive.
    let mut body = Vec::new();
    let end = Instant::now() + deadlines.body;
    loop {
        let frame = match timeout_at(end, timeout(deadlines.body_pause, incoming.frame())).await {
            Ok(Ok(Some(frame))) => frame,
            Ok(Ok(None)) => return Ok(body),
            Ok(Err(_)) | Err(_) => return Err(slow()),
        };
        let frame = frame.map_err(|error| {
            ApiError::Plain(StatusCode::BAD_REQUEST, format!("the request's body could not be read: {error}"))
        })?;
        let Some(data) = frame.data_ref() else { continue };
        if body.len() + data.len() > limit {
            discard(incoming).await;
            return Err(too_large());
        }
        body.extend_from_slice(data);
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
