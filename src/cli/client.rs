//! A small HTTP client for the subcommands that talk to a running server.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode, Uri,
    body::Bytes,
    client::conn::http1,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::Failure;

/// A server on this machine or in this house answers a connection at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Posts `form` to `path` of `server` and gives status and body.
pub(super) async fn post(server: &str, path: &str, form: &[(&str, &str)]) -> Result<(StatusCode, Bytes), Failure> {
    let said = |why: String| Failure::Said(format!("{server}: {why}"));
    let uri: Uri = server.parse().map_err(|error| said(format!("not a URL: {error}")))?;
    if uri.scheme_str() != Some("http") {
        return Err(said("expected a URL that begins with http://".to_owned()));
    }
    let authority = uri.authority().ok_or_else(|| said("the URL names no host".to_owned()))?;
    let address = (authority.host().trim_matches(['[', ']']), authority.port_u16().unwrap_or(80));
    let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect(address));
    let unreachable = |why: String| said(format!("no connection ({why}); is the server running there?"));
    let stream = match connecting.await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(unreachable(error.to_string())),
        Err(_) => return Err(unreachable(format!("no answer for {} s", CONNECT_TIMEOUT.as_secs()))),
    };
    let broken = |error: hyper::Error| said(format!("the connection broke: {error}"));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Ends when the sender is dropped; what goes wrong on the way shows in the answer.
    tokio::spawn(connection);
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{}{path}", uri.path().trim_end_matches('/')))
        .header(HOST, authority.as_str())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(encode(form))))
        .map_err(|error| said(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(broken)?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(broken)?.to_bytes();
    Ok((status, body))
}

/// `name=value&…`, everything but plain letters and digits escaped.
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
