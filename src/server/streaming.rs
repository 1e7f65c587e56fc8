//! Answers that a thread of their own makes piece by piece, at the pace of their client.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use hyper::{StatusCode, body::Bytes};
use tokio::sync::{mpsc, oneshot};

use super::{
    Response,
    admission::{self, Deadline},
    error::ApiError,
    respond,
    response_body::{BodyChunk, ResponseBody},
};
use crate::seams::interrupt::{Interrupt, Interrupted};

/// Pieces, of up to about a megabyte, that may wait for a slow client.
const PIECES_AHEAD: usize = 2;

/// Why an answer was not made to its end.
pub(crate) trait StreamError: std::error::Error + Send + 'static {
    /// Whether nobody waits for it any more, or not any longer.
    fn is_unheard(&self) -> bool;

    /// The answer where nothing was sent yet.
    fn refusal(self) -> ApiError;
}

/// Takes the pieces of an answer; the `Err` says that nobody reads them any more.
pub(crate) type Sink<'s> = dyn FnMut(Vec<u8>) -> Result<(), Unread> + 's;

/// Nobody reads the answer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client hung up")]
pub(crate) struct Unread;

/// Ends an answer when its client has gone, and, until the first piece, when its deadline has passed. From the first piece on the
/// client sets the pace.
#[derive(Debug)]
struct StreamInterrupt {
    pieces: mpsc::Sender<BodyChunk>,
    until: Arc<dyn Interrupt>,
    begun: AtomicBool,
}

impl Interrupt for StreamInterrupt {
    fn check(&self) -> Result<(), Interrupted> {
        if self.pieces.is_closed() {
            return Err(Interrupted::Canceled);
        }
        if self.begun.load(Ordering::Relaxed) { Ok(()) } else { self.until.check() }
    }
}

/// Begins an answer of type `content_type` that `produce` makes. A failure before its first piece still gets a proper answer; a later
/// one aborts the connection, so that nobody takes what came for all there is.
pub(crate) async fn stream<E: StreamError>(
    deadline: &Deadline,
    content_type: &'static str,
    produce: impl FnOnce(&Arc<dyn Interrupt>, &mut Sink<'_>) -> Result<(), E> + Send + 'static,
) -> Result<Response, ApiError> {
    let (pieces, receiver) = mpsc::channel(PIECES_AHEAD);
    let (begin, begun) = oneshot::channel();
    let ends = Arc::new(StreamInterrupt {
        pieces: pieces.clone(),
        until: deadline.interrupt(),
        begun: AtomicBool::new(false),
    });
    admission::spawn_blocking(move || {
        let mut begin = Some(begin);
        let interrupt: Arc<dyn Interrupt> = ends.clone();
        let result = produce(&interrupt, &mut |piece| {
            if let Some(begin) = begin.take() {
                ends.begun.store(true, Ordering::Relaxed);
                begin.send(Ok(())).map_err(|_| Unread)?;
            }
            pieces.blocking_send(BodyChunk::Data(Bytes::from(piece))).map_err(|_| Unread)
        });
        match (result, begin) {
            // The receivers are gone when the client is.
            (Ok(()), begin) => {
                let _ = begin.map(|begin| begin.send(Ok(())));
                let _ = pieces.blocking_send(BodyChunk::End);
            }
            (Err(error), Some(begin)) => {
                let _ = begin.send(Err(error));
            }
            (Err(error), None) if error.is_unheard() => {}
            (Err(error), None) => crate::telemetry::log_each_minute!(error, %error, "a streamed answer broke off"),
        }
    })?;
    let begun = tokio::time::timeout(deadline.left(), begun).await.map_err(|_| Interrupted::TimedOut)?;
    match begun {
        Ok(Ok(())) => Ok(respond::typed(content_type, ResponseBody::Channel(Some(receiver)))),
        Ok(Err(error)) => Err(error.refusal()),
        Err(_) => Err(ApiError::Plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the server failed to answer; its log says more".to_owned(),
        )),
    }
}
