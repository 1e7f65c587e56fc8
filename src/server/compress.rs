//! Compression of responses, as the client's `Accept-Encoding` allows.

use std::io::{self, Write};

use flate2::{Compression, write::GzEncoder};
use hyper::{
    HeaderMap,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue},
};

use super::{
    Response,
    limits::MIN_COMPRESS_BYTES,
    negotiation::preferences,
    response_body::{ResponseBody, fill_chunk},
};

/// zstd's level: its default trades well, and lower ones gain little on JSON.
const ZSTD_LEVEL: i32 = 3;

/// How a response is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As it is.
    Identity,
    /// gzip
    Gzip,
    /// zstd
    Zstd,
}

impl Encoding {
    /// The encoding that the client weighs highest, zstd where gzip weighs the same.
    pub(crate) fn negotiate(headers: &HeaderMap) -> Self {
        let (gzip, zstd) = Self::weights(headers);
        if zstd > 0.0 && zstd >= gzip {
            Self::Zstd
        } else if gzip > 0.0 {
            Self::Gzip
        } else {
            Self::Identity
        }
    }

    /// Whether the client takes gzip, which some answers are encoded in already.
    pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
        Self::weights(headers).0 > 0.0
    }

    /// How the client weighs gzip and zstd.
    fn weights(headers: &HeaderMap) -> (f32, f32) {
        let (mut gzip, mut zstd, mut any) = (None, None, None);
        for preference in preferences(headers, ACCEPT_ENCODING) {
            let weight = Some(preference.weight);
            if preference.is_any_of(&["gzip", "x-gzip"]) {
                gzip = weight;
            } else if preference.is_any_of(&["zstd"]) {
                zstd = weight;
            } else if preference.is_any_of(&["*"]) {
                any = weight;
            }
        }
        (gzip.or(any).unwrap_or(0.0), zstd.or(any).unwrap_or(0.0))
    }
}

/// Encodes a body chunk by chunk.
pub(crate) enum Encoder {
    /// As it is.
    Identity,
    /// gzip
    Gzip(GzEncoder<Vec<u8>>),
    /// zstd
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    fn new(encoding: Encoding) -> io::Result<Self> {
        Ok(match encoding {
            Encoding::Identity => Self::Identity,
            Encoding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
            Encoding::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?),
        })
    }

    /// Takes `plain`, and returns what is ready to be sent, which is everything when `last`.
    pub(crate) fn encode(&mut self, plain: Vec<u8>, last: bool) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(plain),
            Self::Gzip(encoder) => {
                encoder.write_all(&plain)?;
                if last {
                    encoder.try_finish()?;
                }
                Ok(std::mem::take(encoder.get_mut()))
            }
            Self::Zstd(encoder) => {
                encoder.write_all(&plain)?;
                if last {
                    encoder.do_finish()?;
                }
                Ok(std::mem::take(encoder.get_mut()))
            }
        }
    }
}

/// Begins a response's body in `encoding`. A body of fewer than [`MIN_COMPRESS_BYTES`] is sent whole and unencoded.
pub(crate) fn encode(mut response: Response, encoding: Encoding) -> Response {
    let encoded_already = response.headers().contains_key(CONTENT_ENCODING);
    let encoding = if encoded_already { Encoding::Identity } else { encoding };
    let (plain, source) = match std::mem::replace(response.body_mut(), ResponseBody::empty()) {
        ResponseBody::Streamed(mut source) => {
            let mut plain = Vec::new();
            let more = fill_chunk(&mut *source, &mut plain);
            (plain, more.then_some(source))
        }
        ResponseBody::Whole(bytes) if encoding != Encoding::Identity && bytes.len() >= MIN_COMPRESS_BYTES => {
            (Vec::from(bytes), None)
        }
        other => {
            *response.body_mut() = other;
            return response;
        }
    };
    let small = source.is_none() && plain.len() < MIN_COMPRESS_BYTES;
    let encoding = if small { Encoding::Identity } else { encoding };
    let begun = Encoder::new(encoding).and_then(|mut encoder| {
        let first = encoder.encode(plain, source.is_none())?;
        Ok((encoder, first))
    });
    let Ok((encoder, first)) = begun else {
        // A compressor only fails for want of memory; a channel without sender aborts the connection.
        *response.body_mut() = ResponseBody::Channel(Some(tokio::sync::mpsc::channel(1).1));
        return response;
    };
    let name = match encoding {
        Encoding::Identity => None,
        Encoding::Gzip => Some("gzip"),
        Encoding::Zstd => Some("zstd"),
    };
    if let Some(name) = name {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    *response.body_mut() = match source {
        None => first.into(),
        Some(source) => ResponseBody::Encoded(Some((source, encoder)), first.into()),
    };
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_chooses_the_encoding() {
        for (accept, want) in [
            ("", Encoding::Identity),
            ("gzip, deflate, br", Encoding::Gzip),
            ("gzip, deflate, br, zstd", Encoding::Zstd),
            ("zstd;q=0.5, gzip;q=0.9", Encoding::Gzip),
            ("GZIP;q=0", Encoding::Identity),
            ("*", Encoding::Zstd),
            ("*, zstd; q=0", Encoding::Gzip),
            ("br;q=1.0, *;q=0", Encoding::Identity),
            ("gzip;q=nonsense", Encoding::Identity),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accept));
            assert_eq!(Encoding::negotiate(&headers), want, "{accept}");
        }
    }
}
