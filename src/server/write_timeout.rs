//! A stream whose writes fail when the client reads nothing, or next to nothing, for too long.
//!
//! hyper has deadlines for what clients send and none for what they read. An answer that is never read would hold its memory,
//! its view of the store and its permit for ever.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use super::limits::LEAST_TAKEN_BYTES;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

/// Wraps a stream. Once a write has to wait, the client has `timeout` to read all that was written, or [`LEAST_TAKEN_BYTES`] of it,
/// which begins a new timeout; else the write fails.
pub(crate) struct WriteTimeout<S> {
    stream: S,
    timeout: Duration,
    /// Runs while `stalled`.
    deadline: Pin<Box<Sleep>>,
    stalled: bool,
    /// Bytes written since the deadline was set.
    taken: usize,
}

impl<S> WriteTimeout<S> {
    /// Must be called inside a runtime: it owns a timer.
    pub(crate) fn new(stream: S, timeout: Duration) -> Self {
        Self { stream, timeout, deadline: Box::pin(tokio::time::sleep(timeout)), stalled: false, taken: 0 }
    }

    /// Passes on a write's result; one that is pending becomes an error at the deadline.
    fn limit<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            return written;
        }
        if !self.stalled {
            self.stalled = true;
            self.taken = 0;
            self.deadline.as_mut().reset(Instant::now() + self.timeout);
        }
        match self.deadline.as_mut().poll(cx) {
            Poll::Ready(()) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes no more bytes")))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Counts bytes written; enough of them end the wait.
    fn count(&mut self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.taken = self.taken.saturating_add(*bytes);
            self.stalled &= self.taken < LEAST_TAKEN_BYTES;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.count(&written);
        self.limit(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.count(&written);
        self.limit(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        // Asked for when everything is written.
        self.stalled &= flushed.is_pending();
        self.limit(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.limit(cx, closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_write_that_nobody_reads_fails_after_its_timeout() {
        let (near, mut far) = tokio::io::duplex(4);
        let mut near = WriteTimeout::new(near, Duration::from_millis(50));
        near.write_all(b"1234").await.unwrap();
        let error = near.write_all(b"5").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let mut read = [0; 4];
        far.read_exact(&mut read).await.unwrap();
        near.write_all(b"6").await.expect("the client reads again");
    }

    #[tokio::test]
    async fn a_client_that_takes_byte_by_byte_is_given_up_and_a_slow_one_is_not() {
        let timeout = Duration::from_secs(2);
        let (near, mut far) = tokio::io::duplex(4);
        let mut near = WriteTimeout::new(near, timeout);
        let reading = tokio::spawn(async move {
            while far.read_u8().await.is_ok() {
                tokio::time::sleep(timeout / 20).await;
            }
        });
        let begun = Instant::now();
        let error = near.write_all(&[0; 1_000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= timeout && begun.elapsed() < 10 * timeout, "{:?}", begun.elapsed());
        reading.abort();

        let (near, mut far) = tokio::io::duplex(LEAST_TAKEN_BYTES);
        let mut near = WriteTimeout::new(near, timeout);
        let reading = tokio::spawn(async move {
            let mut piece = vec![0; LEAST_TAKEN_BYTES / 2];
            for _ in 0..30 {
                tokio::time::sleep(timeout / 20).await;
                far.read_exact(&mut piece).await.unwrap();
            }
        });
        near.write_all(&vec![0; 15 * LEAST_TAKEN_BYTES]).await.expect("slow but steady");
        reading.await.unwrap();
    }
}
