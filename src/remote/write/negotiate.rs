//! Which message a request holds, judged by its headers alone, before the body is read.

use super::Protocol;

/// The media type of both protocols.
const MEDIA_TYPE: &str = "application/x-protobuf";

/// Headers that announce something we don't read (415).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedMedia {
    /// The `Content-Type` is none of ours.
    #[error(
        "Content-Type {0:?} is not supported (expected {MEDIA_TYPE}, optionally with proto=prometheus.WriteRequest or \
         proto=io.prometheus.write.v2.Request)"
    )]
    ContentType(String),
    /// The `Content-Encoding` is not snappy.
    #[error("Content-Encoding {0:?} is not supported (expected snappy)")]
    ContentEncoding(String),
}

/// Chooses the protocol. The content type alone decides, absent it means 1.0; the encoding must be snappy or absent.
///
/// # Errors
/// When either header announces something else.
pub fn negotiate(content_type: Option<&str>, content_encoding: Option<&str>) -> Result<Protocol, UnsupportedMedia> {
    let protocol = match content_type.map(str::trim) {
        None | Some("") => Protocol::V1,
        Some(text) => protocol_of(text).ok_or_else(|| UnsupportedMedia::ContentType(shortened(text)))?,
    };
    match content_encoding.map(str::trim) {
        None | Some("") => Ok(protocol),
        Some(encoding) if encoding.eq_ignore_ascii_case("snappy") => Ok(protocol),
        Some(other) => Err(UnsupportedMedia::ContentEncoding(shortened(other))),
    }
}

fn protocol_of(content_type: &str) -> Option<Protocol> {
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(MEDIA_TYPE) {
        return None;
    }
    let mut protocol = Protocol::V1;
    for parameter in parts.filter(|p| !p.is_empty()) {
        let (name, value) = parameter.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("proto") {
            protocol = match value.trim().trim_matches('"') {
                "prometheus.WriteRequest" => Protocol::V1,
                "io.prometheus.write.v2.Request" => Protocol::V2,
                _ => return None,
            };
        }
    }
    Some(protocol)
}

/// Enough of a header to recognise it by.
fn shortened(header: &str) -> String {
    header.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

    #[test]
    fn the_content_type_alone_selects_the_protocol() {
        let of = |content_type| negotiate(content_type, Some("snappy"));
        assert_eq!(of(None), Ok(Protocol::V1));
        assert_eq!(of(Some("application/x-protobuf")), Ok(Protocol::V1));
        assert_eq!(of(Some("application/x-protobuf;proto=prometheus.WriteRequest")), Ok(Protocol::V1));
        assert_eq!(of(Some(V2)), Ok(Protocol::V2));
        assert_eq!(of(Some("application/x-protobuf; proto=io.prometheus.write.v2.Request")), Ok(Protocol::V2));
        assert_eq!(of(Some("application/x-protobuf; charset=utf-8")), Ok(Protocol::V1));
    }

    #[test]
    fn other_types_and_encodings_are_unsupported() {
        for bad in [
            "application/json",
            "image/png",
            "application/x-protobuf;proto=prometheus.ReadRequest",
            "application/x-protobuf;proto",
        ] {
            assert!(matches!(negotiate(Some(bad), None), Err(UnsupportedMedia::ContentType(_))), "{bad}");
        }
        for bad in ["gzip", "zstd", "deflate", "snappy, gzip"] {
            assert!(matches!(negotiate(Some(V2), Some(bad)), Err(UnsupportedMedia::ContentEncoding(_))), "{bad}");
        }
        assert_eq!(negotiate(Some(V2), None), Ok(Protocol::V2));
    }
}
