//! Response bodies.
//!
//! A [`ResponseBody`] is whole, or written in chunks as the client reads them. The latter has two shapes: a [`BodySource`] is
//! asked for its next chunk whenever the connection has room, so an answer of any size takes the memory of one chunk and no
//! thread; a channel takes chunks from a thread that produces them at its own pace and waits when the client is slow. A channel
//! that closes without [`BodyChunk::End`] aborts the connection: a client must never take half an answer for a whole one.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hyper::body::{Body as HyperBody, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

use super::{compress::Encoder, limits::CHUNK_BYTES};
use crate::seams::memory_budget::MemoryBudget;

/// Writes a body chunk by chunk.
pub(crate) trait BodySource: Send {
    /// Appends the next chunk to `out`; `false` when that was the last. A chunk is about as large as a series.
    fn fill(&mut self, out: &mut Vec<u8>) -> bool;
}

/// A source that keeps the memory counted for it until it is dropped.
struct Counted {
    source: Box<dyn BodySource>,
    _room: Arc<dyn MemoryBudget>,
}

impl BodySource for Counted {
    fn fill(&mut self, out: &mut Vec<u8>) -> bool {
        self.source.fill(out)
    }
}

/// A chunk of a body that another thread produces.
pub(crate) enum BodyChunk {
    /// Some bytes.
    Data(Bytes),
    /// The body is complete.
    End,
}

/// The body could not be completed.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off")]
pub(crate) struct Aborted;

/// A response body.
pub(crate) enum ResponseBody {
    /// All of it.
    Whole(Bytes),
    /// Not begun yet, so that its compression can still be chosen.
    Streamed(Box<dyn BodySource>),
    /// Being written through an encoder. `None`: complete.
    Encoded(Option<(Box<dyn BodySource>, Encoder)>, Bytes),
    /// Produced by another thread. `None`: complete.
    Channel(Option<mpsc::Receiver<BodyChunk>>),
}

impl ResponseBody {
    /// The body, which keeps `room` until its client has read all of it.
    pub(crate) fn keeping(self, room: Arc<dyn MemoryBudget>) -> Self {
        match self {
            Self::Streamed(source) => Self::Streamed(Box::new(Counted { source, _room: room })),
            other => other,
        }
    }

    /// A body without bytes.
    pub(crate) fn empty() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl<T: Into<Bytes>> From<T> for ResponseBody {
    fn from(bytes: T) -> Self {
        Self::Whole(bytes.into())
    }
}

/// Fills `out` up to about [`CHUNK_BYTES`]; `false` when the source is at its end.
pub(crate) fn fill_chunk(source: &mut dyn BodySource, out: &mut Vec<u8>) -> bool {
    while out.len() < CHUNK_BYTES {
        if !source.fill(out) {
            return false;
        }
    }
    true
}

fn next_encoded(state: &mut Option<(Box<dyn BodySource>, Encoder)>) -> Option<Result<Bytes, Aborted>> {
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
            Err(_) => return Some(Err(Aborted)),
        }
    }
}

impl HyperBody for ResponseBody {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        let next = match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => None,
            Self::Whole(bytes) => Some(Ok(std::mem::take(bytes))),
            Self::Streamed(_) => Some(Err(Aborted)),
            Self::Encoded(state, first) if first.is_empty() => next_encoded(state),
            Self::Encoded(_, first) => Some(Ok(std::mem::take(first))),
            Self::Channel(receiver) => match receiver {
                None => None,
                Some(open) => match std::task::ready!(open.poll_recv(cx)) {
                    Some(BodyChunk::Data(bytes)) => Some(Ok(bytes)),
                    Some(BodyChunk::End) => {
                        *receiver = None;
                        None
                    }
                    None => Some(Err(Aborted)),
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
            Self::Streamed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
