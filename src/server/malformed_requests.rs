//! Explains, counts and logs requests that hyper can't parse.
//!
//! They never become a request, so no route sees them and nothing is measured: hyper answers a bare status by itself. That answer
//! is recognised as it is written, by its having no body, and replaced by one that says what was wrong.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hyper::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{limits::MAX_HEAD_BYTES, metrics};
use crate::telemetry::Throttle;

/// What hyper's own answers begin with.
const BEGIN: &[u8] = b"HTTP/1.1 4";
/// What tells them from ours.
const EMPTY: &[u8] = b"\r\ncontent-length: 0\r\n";

static LOGGED: Throttle = Throttle::each_minute();

/// A stream on which hyper's own answers are replaced by ones with an explanation.
pub(crate) struct ExplainMalformed<S> {
    stream: S,
    /// The answer that replaces hyper's; bytes before `at` are written.
    replacement: Vec<u8>,
    at: usize,
}

impl<S> ExplainMalformed<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, replacement: Vec::new(), at: 0 }
    }
}

/// The answer with an explanation, if `written` is one of hyper's own.
fn explained(written: &[u8]) -> Option<Vec<u8>> {
    let find = |what: &[u8]| written.windows(what.len()).position(|window| window == what);
    let code = written.strip_prefix(BEGIN).and_then(|rest| rest.get(..2))?;
    let code = StatusCode::from_bytes(&[b'4', *code.first()?, *code.get(1)?]).ok()?;
    let empty = find(EMPTY)?;
    let explanation = match code {
        StatusCode::URI_TOO_LONG => {
            "the URL is longer than 64 KiB: send the parameters as a form, with POST".to_owned()
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            format!("the headers are too many or have more than {MAX_HEAD_BYTES} bytes")
        }
        _ => "the request is not HTTP/1.1 that can be read: \
              expected a line such as GET /path HTTP/1.1, without blanks in the path, and headers"
            .to_owned(),
    };
    metrics::observe_request("unreadable", code, Duration::ZERO);
    if let Some(unsaid) = LOGGED.pass() {
        tracing::info!(code = code.as_u16(), unsaid, "refused what can't be read: {explanation}");
    }
    let headers = "content-type: text/plain; charset=utf-8\r\nx-content-type-options: nosniff";
    let mut replacement = written.get(..empty)?.to_vec();
    replacement.extend_from_slice(format!("\r\n{headers}\r\ncontent-length: {}\r\n", explanation.len() + 1).as_bytes());
    replacement.extend_from_slice(written.get(empty + EMPTY.len()..)?);
    replacement.extend_from_slice(format!("{explanation}\n").as_bytes());
    Some(replacement)
}

impl<S: AsyncWrite + Unpin> ExplainMalformed<S> {
    /// Writes what is left of the replacement.
    fn poll_replacement(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(left) = self.replacement.get(self.at..).filter(|left| !left.is_empty()) {
            match std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, left))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.at += written,
            }
        }
        (self.replacement, self.at) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ExplainMalformed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ExplainMalformed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(self.poll_replacement(cx))?;
        match explained(buf) {
            Some(replacement) => {
                self.replacement = replacement;
                Poll::Ready(Ok(buf.len()))
            }
            None => Pin::new(&mut self.stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match bufs.iter().find(|slice| !slice.is_empty()) {
            Some(first) if first.starts_with(BEGIN) => self.poll_write(cx, first),
            _ => {
                std::task::ready!(self.poll_replacement(cx))?;
                Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.poll_replacement(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.poll_replacement(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_without_a_body_are_given_words() {
        let own = b"HTTP/1.1 414 URI Too Long\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let told = String::from_utf8(explained(own).unwrap()).unwrap();
        let (head, body) = told.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 414 ") && head.ends_with("connection: close"), "{told}");
        assert!(body.contains("POST") && head.contains(&format!("content-length: {}\r\n", body.len())), "{told}");
        for other in [
            &b"HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\nabc"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 4",
            b"",
        ] {
            assert_eq!(explained(other), None);
        }
    }
}
