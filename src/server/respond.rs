//! Building responses.

use std::time::Duration;

use hyper::{
    StatusCode,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};

use super::{
    Response,
    rejection_log::ErrorReason,
    response_body::{BodySource, ResponseBody},
};

/// Says when the same request makes sense again: in whole seconds, one at least.
pub(crate) fn retry_after(response: &mut Response, after: Duration) {
    response.headers_mut().insert(RETRY_AFTER, (after.as_secs_f64().ceil() as u64).max(1).into());
}

/// Plain text, with a line feed behind it.
pub(crate) fn text(status: StatusCode, text: impl Into<String>) -> Response {
    let mut text: String = text.into();
    let why = (!status.is_success()).then(|| ErrorReason::new(&text));
    text.push('\n');
    let mut response = typed("text/plain; charset=utf-8", text);
    *response.status_mut() = status;
    if let Some(why) = why {
        response.extensions_mut().insert(why);
    }
    response
}

/// A body of JSON, status 200.
pub(crate) fn json(body: impl Into<ResponseBody>) -> Response {
    typed("application/json", body)
}

/// A streamed body of JSON, status 200.
pub(crate) fn stream(source: impl BodySource + 'static) -> Response {
    json(ResponseBody::Streamed(Box::new(source)))
}

/// No body, status 204.
pub(crate) fn no_content() -> Response {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A body of the given type, status 200.
pub(crate) fn typed(content_type: &'static str, body: impl Into<ResponseBody>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A page of our own, which loads nothing from elsewhere and stands in no other page's frame.
pub(crate) fn page(html: String) -> Response {
    let mut response = typed("text/html; charset=utf-8", html);
    let policy = HeaderValue::from_static("default-src 'self'; frame-ancestors 'none'");
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// A header value of our own making.
pub(crate) fn header(text: &str) -> HeaderValue {
    // Only text with control characters is refused, and nothing of ours has any.
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
