//! Undoing a body's compression as it comes, a little at a time: what a few bytes inflate to is never held at once.

use std::io::{self, Write};

use super::ImportError;

/// A body under its `Content-Encoding`.
pub struct Inflater(Kind);

enum Kind {
    Plain,
    Gzip(Box<flate2::write::MultiGzDecoder<Vec<u8>>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Vec<u8>>>),
}

/// A step takes no more than this many bytes of what isn't compressed, and makes about as many of what is.
pub const STEP_BYTES: usize = 32 << 10;

/// A frame of zstd may ask its reader for a window of 2^this bytes: what compressors use short of their "ultra" levels.
const MAX_WINDOW_LOG: u32 = 23;
/// The largest window where memory is so short that one of [`MAX_WINDOW_LOG`] would take most of it: what compressors use
/// by default.
const SMALL_WINDOW_LOG: u32 = 21;
/// From this much memory on a large window may be asked for.
const ENOUGH_BYTES: u64 = 32 << 20;
/// What a decoder takes beside its window: tables, and the pieces before and behind it.
const DECODER_BYTES: usize = 384 << 10;

impl Inflater {
    /// For a body with this encoding, where there are so many bytes of memory.
    ///
    /// # Errors
    /// When the encoding is unknown.
    pub fn new(encoding: &str, memory: u64) -> Result<Self, ImportError> {
        Ok(Self(match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Kind::Plain,
            "gzip" | "x-gzip" => Kind::Gzip(Box::new(flate2::write::MultiGzDecoder::new(Vec::new()))),
            "zstd" => {
                let mut decoder =
                    zstd::stream::write::Decoder::new(Vec::new()).map_err(|error| fault("zstd", &error))?;
                decoder.window_log_max(window_log(memory)).map_err(|error| fault("zstd", &error))?;
                Kind::Zstd(Box::new(decoder))
            }
            _ => return Err(ImportError::UnknownEncoding(encoding.chars().take(100).collect())),
        }))
    }

    /// Whether there is no compression.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!(self.0, Kind::Plain)
    }

    /// Bytes of memory that it takes for itself, where there are so many.
    #[must_use]
    pub fn memory(&self, memory: u64) -> usize {
        match self.0 {
            Kind::Plain => STEP_BYTES,
            Kind::Gzip(_) => DECODER_BYTES,
            Kind::Zstd(_) => DECODER_BYTES + (1 << window_log(memory)),
        }
    }

    /// Appends to `out` what some of `bytes` hold, and says how many of them that were; at least one if there are any.
    ///
    /// # Errors
    /// When the body isn't what its encoding says.
    pub fn inflate(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, ImportError> {
        match &mut self.0 {
            Kind::Plain => {
                let some = bytes.get(..STEP_BYTES).unwrap_or(bytes);
                out.extend_from_slice(some);
                Ok(some.len())
            }
            Kind::Gzip(decoder) => {
                let taken = decoder.write(bytes).map_err(|error| fault("gzip", &error))?;
                out.append(decoder.get_mut());
                Ok(taken)
            }
            Kind::Zstd(decoder) => {
                let taken = decoder.write(bytes).map_err(|error| fault("zstd", &error))?;
                out.append(decoder.get_mut());
                Ok(taken)
            }
        }
    }

    /// Appends what is left when the body is complete.
    ///
    /// # Errors
    /// When it isn't.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), ImportError> {
        match self.0 {
            Kind::Plain => {}
            Kind::Gzip(decoder) => out.append(&mut decoder.finish().map_err(|error| fault("gzip", &error))?),
            Kind::Zstd(mut decoder) => {
                decoder.flush().map_err(|error| fault("zstd", &error))?;
                out.append(decoder.get_mut());
                decoder.finish().map_err(|error| fault("zstd", &error))?;
            }
        }
        Ok(())
    }
}

fn window_log(memory: u64) -> u32 {
    if memory < ENOUGH_BYTES { SMALL_WINDOW_LOG } else { MAX_WINDOW_LOG }
}

fn fault(encoding: &'static str, error: &io::Error) -> ImportError {
    ImportError::Encoding { encoding, why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: u64 = 1 << 30;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// What `body` inflates to when it comes in pieces of so many bytes.
    fn inflated(body: &[u8], encoding: &str, piece: usize) -> Result<Vec<u8>, ImportError> {
        let mut inflater = Inflater::new(encoding, MEMORY)?;
        let mut all = Vec::new();
        for mut piece in body.chunks(piece) {
            while !piece.is_empty() {
                let mut out = Vec::new();
                let taken = inflater.inflate(piece, &mut out)?;
                assert!((1..=piece.len()).contains(&taken) && out.len() <= 4 * STEP_BYTES, "{taken} {}", out.len());
                piece = &piece[taken..];
                all.append(&mut out);
            }
        }
        let mut out = Vec::new();
        inflater.finish(&mut out)?;
        assert!(out.len() <= 8 * STEP_BYTES, "{} bytes at the end", out.len());
        all.append(&mut out);
        Ok(all)
    }

    #[test]
    fn each_encoding_is_undone_in_pieces_of_any_size_and_a_bomb_a_little_at_a_time() {
        for text in [b"up 1\n".repeat(100), vec![0; 8 << 20], vec![]] {
            let zstd = zstd::encode_all(&text[..], 3).unwrap();
            for (encoding, body) in [("", text.clone()), ("GZIP", gzip(&text)), ("zstd", zstd)] {
                for piece in [1, 7, 64 << 10, 1 << 20] {
                    if body.len() / piece < 100_000 {
                        assert!(inflated(&body, encoding, piece).unwrap() == text, "{encoding} by {piece}");
                    }
                }
            }
        }
        let two = [gzip(b"a 1\n"), gzip(b"b 2\n")].concat();
        let zstd = [zstd::encode_all(&b"a 1\n"[..], 3).unwrap(), zstd::encode_all(&b"b 2\n"[..], 3).unwrap()].concat();
        for (encoding, body) in [("gzip", two), ("zstd", zstd)] {
            for piece in 1..body.len() {
                assert_eq!(inflated(&body, encoding, piece).unwrap(), b"a 1\nb 2\n", "one after the other");
            }
        }
    }

    #[test]
    fn bodies_that_are_not_what_they_say_are_refused() {
        assert!(matches!(inflated(b"up 1\n", "gzip", 99), Err(ImportError::Encoding { encoding: "gzip", .. })));
        assert!(matches!(inflated(b"up 1\n", "zstd", 99), Err(ImportError::Encoding { encoding: "zstd", .. })));
        for (encoding, whole) in
            [("gzip", gzip(&[b'x'; 1000])), ("zstd", zstd::encode_all(&[b'x'; 1000][..], 3).unwrap())]
        {
            for length in 1..whole.len() {
                assert!(inflated(&whole[..length], encoding, 99).is_err(), "{encoding} cut at {length}");
            }
        }
        assert!(matches!(inflated(b"", "br", 99), Err(ImportError::UnknownEncoding(name)) if name == "br"));
    }
}
