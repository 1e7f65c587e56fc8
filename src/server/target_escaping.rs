//! Escapes bytes in request targets that hyper refuses.
//!
//! `curl 'http://…/api/v1/query?query=up{job="a"}'` sends the quotes as they are. hyper refuses a request line with such
//! bytes before we see it, while every server that our clients know accepts them. So they are escaped here, on the way to hyper,
//! in request lines only: of a connection only what is certainly a head is looked at, and once a request announces a body the rest
//! of the connection is passed on as it is.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Headers that announce a body, in lower case.
const OF_BODIES: [&[u8]; 2] = [b"content-length:", b"transfer-encoding:"];
/// The longest of them.
const LONGEST: usize = 18;

/// A stream whose request lines are escaped.
pub(crate) struct TargetEscaping<S> {
    stream: S,
    position: Position,
    /// Escaped bytes that the reader's buffer had no room for; those before `at` were handed over.
    ready: Vec<u8>,
    at: usize,
}

/// Where in a request the next byte stands.
#[derive(Debug, Clone, Copy)]
enum Position {
    /// In a request line, behind `blanks` blanks; `empty` until its first byte, as empty lines may precede it.
    Line { empty: bool, blanks: usize },
    /// In a header; the beginning of its name is kept.
    Header { name: [u8; LONGEST], len: usize, body: bool },
    /// In or behind a body.
    Body,
}

const NEW_LINE: Position = Position::Line { empty: true, blanks: 0 };

impl Position {
    /// The position behind `byte`, and whether `byte` has to be escaped.
    fn step(self, byte: u8) -> (Self, bool) {
        match (self, byte) {
            (Self::Line { empty: true, .. }, b'\r' | b'\n') => (self, false),
            (Self::Line { .. }, b'\n') => (Self::Header { name: [0; LONGEST], len: 0, body: false }, false),
            (Self::Line { blanks, .. }, b' ') => (Self::Line { empty: false, blanks: blanks + 1 }, false),
            (Self::Line { blanks, .. }, _) => (Self::Line { empty: false, blanks }, blanks == 1 && is_refused(byte)),
            (Self::Header { len: 0, body, .. }, b'\n') => (if body { Self::Body } else { NEW_LINE }, false),
            (Self::Header { name, len, body }, b'\n') => {
                let said = name.get(..len).unwrap_or_default();
                let body = body || OF_BODIES.iter().any(|header| said.starts_with(header));
                (Self::Header { name: [0; LONGEST], len: 0, body }, false)
            }
            (Self::Header { len: 0, .. }, b'\r') | (Self::Body, _) => (self, false),
            (Self::Header { mut name, len, body }, _) => {
                if let Some(place) = name.get_mut(len) {
                    *place = byte.to_ascii_lowercase();
                }
                (Self::Header { name, len: (len + 1).min(LONGEST), body }, false)
            }
        }
    }
}

/// Whether hyper refuses the byte in a target, although its meaning is clear.
fn is_refused(byte: u8) -> bool {
    matches!(byte, b'"' | b'#' | b'<' | b'>' | b'`' | 0x7f..)
}

impl<S> TargetEscaping<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, position: NEW_LINE, ready: Vec::new(), at: 0 }
    }

    /// Follows the bytes read; with escapes, if there have to be any.
    fn escape(&mut self, read: &[u8]) -> Option<Vec<u8>> {
        if matches!(self.position, Position::Body) {
            return None;
        }
        let mut escaped: Option<Vec<u8>> = None;
        for (at, byte) in read.iter().enumerate() {
            let (position, refused) = self.position.step(*byte);
            self.position = position;
            match (&mut escaped, refused) {
                (None, true) => {
                    let mut begun = read.get(..at).unwrap_or_default().to_vec();
                    begun.extend_from_slice(format!("%{byte:02X}").as_bytes());
                    escaped = Some(begun);
                }
                (Some(escaped), true) => escaped.extend_from_slice(format!("%{byte:02X}").as_bytes()),
                (Some(escaped), false) => escaped.push(*byte),
                (None, false) => {}
            }
        }
        escaped
    }

    /// Copies escaped bytes to the reader's buffer.
    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let left = self.ready.get(self.at..).unwrap_or_default();
        let some = left.get(..buf.remaining()).unwrap_or(left);
        buf.put_slice(some);
        self.at += some.len();
        if self.at == self.ready.len() {
            (self.ready, self.at) = (Vec::new(), 0);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TargetEscaping<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ready.is_empty() {
            let before = buf.filled().len();
            std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
            let Some(escaped) = self.escape(buf.filled().get(before..).unwrap_or_default()) else {
                return Poll::Ready(Ok(()));
            };
            buf.set_filled(before);
            self.ready = escaped;
        }
        self.hand_over(buf);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TargetEscaping<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncReadExt;

    use super::*;

    /// What comes out of `sent`, read in pieces of so many bytes.
    fn read(sent: &str, piece: usize) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut targets = TargetEscaping::new(tokio::io::join(sent.as_bytes(), tokio::io::sink()));
            let (mut all, mut some) = (Vec::new(), vec![0; piece]);
            while let count @ 1.. = targets.read(&mut some).await.unwrap() {
                all.extend_from_slice(&some[..count]);
            }
            String::from_utf8(all).unwrap()
        })
    }

    #[test]
    fn targets_are_escaped_and_nothing_else_is_in_pieces_of_any_size() {
        let head = "\r\nGET /a?b=\"<é>\" HTTP/1.1\r\nX: \"<>\"\r\n\r\n";
        let escaped = "\r\nGET /a?b=%22%3C%C3%A9%3E%22 HTTP/1.1\r\nX: \"<>\"\r\n\r\n";
        let post = "POST /\" HTTP/1.1\r\ncontent-LENGTH: 9\r\n\r\nGET /\" \r\n";
        for piece in 1..80 {
            assert_eq!(
                read(&[head, head, post, head].concat(), piece),
                format!("{escaped}{escaped}{}{head}", post.replacen('"', "%22", 1))
            );
        }
        let chunked = "POST / HTTP/1.1\nA:b\nTransfer-Encoding: chunked\n\n7\r\nGET /\" \r\n0\r\n\r\n";
        assert_eq!(read(chunked, 16), chunked);
    }

    proptest! {
        #[test]
        fn what_needs_no_escape_is_passed_on(sent in "[A-Z a-z/:\r\n%{}0-9]{0,200}", piece in 1usize..50) {
            prop_assert_eq!(read(&sent, piece), sent);
        }
    }
}
