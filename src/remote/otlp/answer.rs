//! What senders are told.
//!
//! ```text
//! ExportMetricsServiceResponse  1 {1 rejected points, 2 message}   nothing of it when all is taken
//! google.rpc.Status             1 code  2 message
//! ```

use prost::encoding::encode_varint;
use serde_json::json;

use super::Received;

/// How a request is encoded, and so its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Protobuf.
    Protobuf,
    /// JSON.
    Json,
}

impl Encoding {
    /// The encoding of a media type, parameters aside.
    #[must_use]
    pub fn of_media(media: &str) -> Option<Self> {
        let media = media.split(';').next().unwrap_or_default().trim();
        if media.eq_ignore_ascii_case("application/x-protobuf") {
            Some(Self::Protobuf)
        } else if media.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else {
            None
        }
    }

    /// Its media type.
    #[must_use]
    pub fn media(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// The answer to a request of which something is stored, or nothing had to be.
#[must_use]
pub fn taken(received: &Received, encoding: Encoding) -> Vec<u8> {
    let (rejected, message) = (received.rejected(), received.message());
    match (encoding, message) {
        (Encoding::Protobuf, None) => Vec::new(),
        (Encoding::Json, None) => b"{}".to_vec(),
        (Encoding::Protobuf, Some(message)) => {
            let mut partial = Vec::new();
            number(1, rejected, &mut partial);
            bytes(2, message.as_bytes(), &mut partial);
            let mut out = Vec::new();
            bytes(1, &partial, &mut out);
            out
        }
        (Encoding::Json, Some(message)) => {
            let partial = json!({"rejectedDataPoints": rejected.to_string(), "errorMessage": message});
            json!({"partialSuccess": partial}).to_string().into_bytes()
        }
    }
}

/// The answer to a request of which nothing is stored, with a code of gRPC.
#[must_use]
pub fn refused(code: u32, message: &str, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => {
            let mut out = Vec::new();
            number(1, u64::from(code), &mut out);
            bytes(2, message.as_bytes(), &mut out);
            out
        }
        Encoding::Json => json!({"code": code, "message": message}).to_string().into_bytes(),
    }
}

fn number(field: u32, value: u64, out: &mut Vec<u8>) {
    if value != 0 {
        encode_varint(u64::from(field << 3), out);
        encode_varint(value, out);
    }
}

fn bytes(field: u32, value: &[u8], out: &mut Vec<u8>) {
    encode_varint(u64::from(field << 3 | 2), out);
    encode_varint(value.len() as u64, out);
    out.extend(value);
}
