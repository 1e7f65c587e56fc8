//! Undoing a body's compression, within a limit.

use std::{borrow::Cow, io::Read};

use super::ImportError;

/// The bytes that `body` holds under its `Content-Encoding`.
///
/// # Errors
/// When the encoding is unknown, the body isn't what it says, or holds more than `limit` bytes.
pub fn decode<'a>(body: &'a [u8], encoding: &str, limit: usize) -> Result<Cow<'a, [u8]>, ImportError> {
    let decoded = match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Cow::Borrowed(body),
        "gzip" | "x-gzip" => Cow::Owned(read("gzip", flate2::read::MultiGzDecoder::new(body), limit)?),
        "zstd" => {
            let failed = |error: std::io::Error| ImportError::Encoding { encoding: "zstd", why: error.to_string() };
            let mut decoder = zstd::Decoder::with_buffer(body).map_err(failed)?;
            decoder.window_log_max(MAX_WINDOW_LOG).map_err(failed)?;
            Cow::Owned(read("zstd", decoder, limit)?)
        }
        _ => return Err(ImportError::UnknownEncoding(encoding.chars().take(100).collect())),
    };
    if decoded.len() > limit { Err(too_large(limit)) } else { Ok(decoded) }
}

/// A frame may ask its reader for a window of 2^this bytes: what compressors use short of their "ultra" levels.
const MAX_WINDOW_LOG: u32 = 23;

fn too_large(limit: usize) -> ImportError {
    ImportError::TooLarge(format!("{limit} bytes"))
}

/// Reads to the end, or to one byte more than allowed.
fn read(encoding: &'static str, decoder: impl Read, limit: usize) -> Result<Vec<u8>, ImportError> {
    let mut out = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    decoder
        .take(most)
        .read_to_end(&mut out)
        .map_err(|error| ImportError::Encoding { encoding, why: error.to_string() })?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn each_encoding_is_undone_up_to_the_limit() {
        let text = b"up 1\n".repeat(100);
        let zstd = zstd::encode_all(&text[..], 3).unwrap();
        for (encoding, body) in [("", text.clone()), ("GZIP", gzip(&text)), ("zstd", zstd)] {
            assert_eq!(decode(&body, encoding, 500).unwrap(), &text[..], "{encoding}");
            assert!(matches!(decode(&body, encoding, 499), Err(ImportError::TooLarge(_))), "{encoding}");
        }
        let two = [gzip(b"a 1\n"), gzip(b"b 2\n")].concat();
        assert_eq!(&*decode(&two, "gzip", 500).unwrap(), b"a 1\nb 2\n", "members one after the other");
    }

    #[test]
    fn bodies_that_are_not_what_they_say_are_refused() {
        assert!(matches!(decode(b"up 1\n", "gzip", 99), Err(ImportError::Encoding { encoding: "gzip", .. })));
        assert!(matches!(decode(b"up 1\n", "zstd", 99), Err(ImportError::Encoding { encoding: "zstd", .. })));
        let cut = gzip(&[b'x'; 1000]);
        assert!(decode(&cut[..cut.len() - 9], "gzip", 9_999).is_err());
        assert!(matches!(decode(b"", "br", 99), Err(ImportError::UnknownEncoding(name)) if name == "br"));
    }

    #[test]
    fn a_bomb_takes_no_more_than_the_limit() {
        let bomb = gzip(&vec![0; 32 << 20]);
        assert!(bomb.len() < 64 << 10);
        assert!(matches!(decode(&bomb, "gzip", 1 << 20), Err(ImportError::TooLarge(_))));
    }
}
