//! Response bodies.
//!
//! A [`Body`] is whole, or written piece by piece as the client takes it. The latter has two shapes: a [`Source`] is
//! asked for its next piece whenever the connection has room, so an answer of any size takes the memory of one piece
//! and no thread; a channel takes pieces from a thread that produces them at its own pace and waits when the client is
//! slow. A channel that closes without saying that the body is complete aborts the connection: a client must never
//! take half an answer for a whole one.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

use super::{compress::Encoder, limits::CHUNK_BYTES};
use crate::seams::room::Room;

/// Writes a body piece by piece.
pub(crate) trait Source: Send {
    /// Appends the next piece to `out`; `false` when that was the last. A piece is about as large as a series.
    fn fill(&mut self, out: &mut Vec<u8>) -> bool;
}

/// A source whose memory was taken of a room.
struct Holding {
    source: Box<dyn Source>,
    _room: Arc<dyn Room>,
}

impl Source for Holding {
    fn fill(&mut self, out: &mut Vec<u8>) -> bool {
        self.source.fill(out)
    }
}

/// A piece of a body that another thread produces.
pub(crate) enum Piece {
    /// Some bytes.
    Data(Bytes),
    /// The body is complete.
    End,
}

/// The body could not be completed.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off")]
pub(crate) struct Broken;

/// A response body.
pub(crate) enum Body {
    /// All of it.
    Whole(Bytes),
    /// Not begun yet; compression may still be chosen.
    Source(Box<dyn Source>),
    /// Being written through an encoder. `None`: complete.
    Encoded(Option<(Box<dyn Source>, Encoder)>, Bytes),
    /// Produced by another thread. `None`: complete.
    Channel(Option<mpsc::Receiver<Piece>>),
}

impl Body {
    /// The body, which holds what it was taken of `room` until its client has it.
    pub(crate) fn holding(self, room: Arc<dyn Room>) -> Self {
        match self {
            Self::Source(source) => Self::Source(Box::new(Holding { source, _room: room })),
            other => other,
        }
    }

    /// A body without bytes.
    pub(crate) fn empty() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self::Whole(bytes.into())
    }
}

/// Fills `out` up to about [`CHUNK_BYTES`]; `false` when the source is at its end.
pub(crate) fn fill_chunk(source: &mut dyn Source, out: &mut Vec<u8>) -> bool {
    while out.len() < CHUNK_BYTES {
        if !source.fill(out) {
            return false;
        }
    }
    true
}

fn next_encoded(state: &mut Option<(Box<dyn Source>, Encoder)>) -> Option<Result<Bytes, Broken>> {
    loop {
        let (source, encoder) = state.as_mut()?;
        let mut plain = Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4);
        let more = fill_chunk(&mut **source, &mut plain);
        let bytes = encoder.encode(plain, !more);
        if !more || bytes.is_err() {
            *state = None;
        }
        match bytes {
            // A compressor may keep everything for itself at first.
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => return Some(Ok(bytes.into())),
            Err(_) => return Some(Err(Broken)),
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let next = match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => None,
            Self::Whole(bytes) => Some(Ok(std::mem::take(bytes))),
            Self::Source(_) => Some(Err(Broken)),
            Self::Encoded(state, first) if first.is_empty() => next_encoded(state),
            Self::Encoded(_, first) => Some(Ok(std::mem::take(first))),
            Self::Channel(receiver) => match receiver {
                None => None,
                Some(open) => match std::task::ready!(open.poll_recv(cx)) {
                    Some(Piece::Data(bytes)) => Some(Ok(bytes)),
                    Some(Piece::End) => {
                        *receiver = None;
                        None
                    }
                    None => Some(Err(Broken)),
                },
            },
        };
        Poll::Ready(next.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Encoded(state, first) => state.is_none() && first.is_empty(),
            Self::Channel(receiver) => receiver.is_none(),
            Self::Source(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
