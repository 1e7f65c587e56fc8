//! A small HTTP client for the subcommands that talk to a running server.
//!
//! [`ServerUrl`] is a server's URL, shown without its credentials; [`tls`] is the handshake of `https`.

mod tls;
mod url;

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode,
    body::Bytes,
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use super::Failure;
pub(super) use url::ServerUrl;

/// A server on this machine or network accepts a connection at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Posts `form` to `path` of `server` and gives status and body.
pub(super) async fn post(
    server: &ServerUrl,
    path: &str,
    form: &[(&str, &str)],
) -> Result<(StatusCode, Bytes), Failure> {
    let said = |why: String| Failure::Said(format!("{server}: {why}"));
    let unreachable = |why: String| said(format!("no connection ({why}); is the server running there?"));
    let stream = match timeout(CONNECT_TIMEOUT, TcpStream::connect((server.host(), server.port()))).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(unreachable(error.to_string())),
        Err(_) => return Err(unreachable(format!("no answer for {} s", CONNECT_TIMEOUT.as_secs()))),
    };
    let request = Request::builder()
        .method(Method::POST)
        .uri(server.target(path))
        .header(HOST, server.authority())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let request = match server.authorization() {
        Some(basic) => request.header(AUTHORIZATION, basic),
        None => request,
    };
    let request = request.body(Full::new(Bytes::from(encode(form)))).map_err(|error| said(error.to_string()))?;
    let answered = if server.is_tls() {
        let handshake = timeout(CONNECT_TIMEOUT, tls::handshake(stream, server.host()));
        let no_answer = |_| said(format!("no TLS handshake for {} s", CONNECT_TIMEOUT.as_secs()));
        exchange(handshake.await.map_err(no_answer)?.map_err(said)?, request).await
    } else {
        exchange(stream, request).await
    };
    answered.map_err(|error| said(format!("the connection broke: {error}")))
}

/// Sends a request over a new connection, and reads its answer.
async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> hyper::Result<(StatusCode, Bytes)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends when the sender is dropped; its errors show in the answer.
    tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let status = response.status();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}

/// `name=value&…`, with everything but ASCII letters and digits escaped.
fn encode(form: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (i, (name, value)) in form.iter().enumerate() {
        out.push_str(if i > 0 { "&" } else { "" });
        out.push_str(name);
        out.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_escaped() {
        assert_eq!(encode(&[("query", "a{b=\"ü\"}"), ("time", "1")]), "query=a%7Bb%3D%22%C3%BC%22%7D&time=1");
    }
}
