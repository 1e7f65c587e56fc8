//! `http_server_config`: headers of all answers.

use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS, X_XSS_PROTECTION,
};

use crate::config::yaml::{Fault, Node};

/// Headers that may be given, and the values that they may have, where not all are fit.
const HEADERS: [(HeaderName, &[&str]); 5] = [
    (STRICT_TRANSPORT_SECURITY, &[]),
    (X_CONTENT_TYPE_OPTIONS, &["nosniff"]),
    (X_FRAME_OPTIONS, &["deny", "sameorigin"]),
    (X_XSS_PROTECTION, &[]),
    (CONTENT_SECURITY_POLICY, &[]),
];

/// The headers.
pub(super) fn headers(section: &Node) -> Result<Vec<(HeaderName, HeaderValue)>, Fault> {
    let mut headers = Vec::new();
    for (key, value) in section.entries("http_server_config")? {
        match key.text("a key of http_server_config")? {
            // There is only HTTP/1.1, which every client speaks.
            "http2" => drop(value.boolean("http2")?),
            "headers" => {
                for (key, value) in value.entries("headers")? {
                    headers.push(header(key, value)?);
                }
            }
            other => return Err(key.unknown("key of http_server_config", other, &["headers", "http2"])),
        }
    }
    Ok(headers)
}

fn header(key: &Node, value: &Node) -> Result<(HeaderName, HeaderValue), Fault> {
    let name = key.text("a header")?;
    let Some((header, values)) = HEADERS.into_iter().find(|(header, _)| name.eq_ignore_ascii_case(header.as_str()))
    else {
        let known: Vec<String> = HEADERS.iter().map(|(header, _)| header.to_string()).collect();
        return Err(
            key.fault(format!("HTTP header {name:?} can not be configured; expected one of {}", known.join(", ")))
        );
    };
    let text = value.text(name)?;
    if !(values.is_empty() || values.contains(&text)) {
        return Err(value.fault(format!("{name} has to be {}, found {text:?}", values.join(" or "))));
    }
    let value =
        HeaderValue::from_str(text).map_err(|_| value.fault(format!("{name} has a value that no header can have")))?;
    Ok((header, value))
}
