//! A small HTTP client for the subcommands that talk to a running server.
//!
//! [`ServerUrl`] is a server's URL, shown without its credentials; [`tls`] is the handshake of `https`.

mod server_args;
mod tls;
mod url;

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

pub(super) use self::{
    server_args::{LoginArgs, ServerArgs},
    url::ServerUrl,
};
use super::Failure;

/// The media type of forms.
const FORM: &str = "application/x-www-form-urlencoded";
/// A server on this machine or network accepts a connection at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a server answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Posts `form` to `path` of `server` and gives status and body.
pub(super) async fn post(
    server: &ServerUrl,
    path: &str,
    form: &[(&str, &str)],
) -> Result<(StatusCode, Bytes), Failure> {
    let Answer { status, body, .. } =
        send(server, Method::POST, path, &[(CONTENT_TYPE, FORM)], Bytes::from(encode(form))).await?;
    Ok((status, body))
}

/// Posts `form`, and hands each piece of a successful answer to `take` as it comes. Any other answer is given as it is.
pub(super) async fn stream(
    server: &ServerUrl,
    path: &str,
    form: &[(&str, &str)],
    mut take: impl FnMut(Bytes) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let response = begin(server, Method::POST, path, &[(CONTENT_TYPE, FORM)], Bytes::from(encode(form))).await?;
    let (status, mut body) = (response.status(), response.into_body());
    if !status.is_success() {
        let body = body.collect().await.map_err(|error| broken(server, &error))?.to_bytes();
        return Err(refused(server, status, &body));
    }
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|error| broken(server, &error))?.into_data() {
            take(data)?;
        }
    }
    Ok(())
}

/// What `server` said against a request: the error of its answer, or the answer as it is.
pub(super) fn refused(server: &ServerUrl, status: StatusCode, body: &[u8]) -> Failure {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = String::from_utf8_lossy(body);
    let why = answer.get("error").and_then(serde_json::Value::as_str).unwrap_or_else(|| text.trim());
    Failure::Said(format!("{server}: {status}: {why}"))
}

/// Sends a request and gives its answer.
pub(super) async fn send(
    server: &ServerUrl,
    method: Method,
    path: &str,
    headers: &[(HeaderName, &str)],
    body: Bytes,
) -> Result<Answer, Failure> {
    let response = begin(server, method, path, headers, body).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| broken(server, &error))?.to_bytes();
    Ok(Answer { status: head.status, headers: head.headers, body })
}

fn broken(server: &ServerUrl, error: &hyper::Error) -> Failure {
    Failure::Said(format!("{server}: the connection broke: {error}"))
}

/// Sends a request over a connection of its own; the body of the answer is still to come.
async fn begin(
    server: &ServerUrl,
    method: Method,
    path: &str,
    headers: &[(HeaderName, &str)],
    body: Bytes,
) -> Result<Response<Incoming>, Failure> {
    let said = |why: String| Failure::Said(format!("{server}: {why}"));
    let unreachable = |why: String| said(format!("no connection ({why}); is the server running there?"));
    let stream = match timeout(CONNECT_TIMEOUT, TcpStream::connect((server.host(), server.port()))).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(unreachable(error.to_string())),
        Err(_) => return Err(unreachable(format!("no answer for {} s", CONNECT_TIMEOUT.as_secs()))),
    };
    let request = Request::builder()
        .method(method)
        .uri(server.target(path))
        .header(HOST, server.authority())
        .header(USER_AGENT, concat!("vctsdb/", env!("CARGO_PKG_VERSION")));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, *value));
    let request = match server.authorization() {
        Some(basic) => request.header(AUTHORIZATION, basic),
        None => request,
    };
    let request = request.body(Full::new(body)).map_err(|error| said(error.to_string()))?;
    let answered = if server.is_tls() {
        let handshake = timeout(CONNECT_TIMEOUT, tls::handshake(stream, server.host(), server.ca_file.as_deref()));
        let no_answer = |_| said(format!("no TLS handshake for {} s", CONNECT_TIMEOUT.as_secs()));
        exchange(handshake.await.map_err(no_answer)?.map_err(said)?, request).await
    } else {
        exchange(stream, request).await
    };
    answered.map_err(|error| broken(server, &error))
}

/// Sends a request over a new connection.
async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends when sender and answer are dropped; its errors show in the answer.
    tokio::spawn(connection);
    sender.send_request(request).await
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
