//! What is imported: a file or standard input, compressed or not.

use std::{
    fs::File,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use crate::ingest::{ImportError, encoding::Inflater};

/// The name of standard input.
pub(super) const STANDARD_INPUT: &str = "-";
/// Bytes read at once.
const PIECE: usize = 128 << 10;
/// How compressed files begin, and what the compression is called.
const MAGIC: [(&[u8], &str); 2] = [(&[0x1f, 0x8b], "gzip"), (&[0x28, 0xb5, 0x2f, 0xfd], "zstd")];

/// An opened source.
pub(super) struct Source {
    input: Box<dyn Read + Send>,
    inflater: Option<Inflater>,
    /// What was read and not inflated yet begins at `at`.
    piece: Vec<u8>,
    at: usize,
}

/// Why reading a source failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    /// The operating system refuses.
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
    /// Its compression can't be undone.
    #[error("it is damaged: {0}")]
    Encoding(#[from] ImportError),
}

/// What tells a file from another that has its name later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) bytes: u64,
    /// When it was changed, in ns since 1970.
    pub(super) modified: u128,
}

impl Identity {
    /// That of `path`; `None` when it can't be read twice, as standard input and pipes.
    pub(super) fn of(path: &Path) -> io::Result<Option<Self>> {
        if path == Path::new(STANDARD_INPUT) {
            return Ok(None);
        }
        let about = std::fs::metadata(path)?;
        let modified = about.modified()?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        Ok(about.is_file().then_some(Self { bytes: about.len(), modified }))
    }
}

impl Source {
    /// Opens `path`; there are so many bytes of memory for what undoes its compression.
    pub(super) fn open(path: &PathBuf, memory: u64) -> Result<Self, SourceError> {
        let mut input: Box<dyn Read + Send> = if path == Path::new(STANDARD_INPUT) {
            Box::new(io::stdin())
        } else {
            let mut file = File::open(path)?;
            // A directory can be opened; this says what it is.
            let _ = file.stream_position();
            Box::new(file)
        };
        let mut piece = Vec::new();
        let longest = MAGIC.iter().map(|(magic, _)| magic.len()).max().unwrap_or_default() as u64;
        while (piece.len() as u64) < longest {
            // A pipe gives as few bytes as it likes.
            if input.by_ref().take(longest - piece.len() as u64).read_to_end(&mut piece)? == 0 {
                break;
            }
        }
        let encoding = MAGIC.iter().find(|(magic, _)| piece.starts_with(magic)).map_or("", |(_, name)| name);
        Ok(Self { input, inflater: Some(Inflater::new(encoding, memory)?), piece, at: 0 })
    }

    /// Appends some text to `out`, and says how many bytes of the source that were; `None` at its end.
    pub(super) fn read(&mut self, out: &mut Vec<u8>) -> Result<Option<u64>, SourceError> {
        let Some(inflater) = &mut self.inflater else { return Ok(None) };
        if self.at == self.piece.len() {
            self.piece.resize(PIECE, 0);
            let read = loop {
                match self.input.read(&mut self.piece) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read?,
                }
            };
            self.piece.truncate(read);
            self.at = 0;
        }
        let left = self.piece.get(self.at..).unwrap_or_default();
        if left.is_empty() {
            if let Some(inflater) = self.inflater.take() {
                inflater.finish(out)?;
            }
            return Ok(None);
        }
        let taken = inflater.inflate(left, out)?;
        self.at += taken;
        Ok(Some(taken as u64))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_is_read_whatever_its_compression_and_name() {
        let dir = tempfile::tempdir().unwrap();
        let text = b"up 1\n".repeat(100_000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let zstd = zstd::encode_all(&text[..], 1).unwrap();
        for bytes in [text.clone(), gzip.finish().unwrap(), zstd] {
            let path = dir.path().join("file.txt");
            std::fs::write(&path, &bytes).unwrap();
            let (mut source, mut out, mut read) = (Source::open(&path, 1 << 30).unwrap(), Vec::new(), 0);
            while let Some(bytes) = source.read(&mut out).unwrap() {
                read += bytes;
            }
            assert!(out == text && read == bytes.len() as u64);
            assert_eq!(Identity::of(&path).unwrap().unwrap().bytes, read);
        }
        let cut = dir.path().join("cut.gz");
        std::fs::write(&cut, [0x1f, 0x8b, 8]).unwrap();
        let mut source = Source::open(&cut, 1 << 30).unwrap();
        let failed = loop {
            match source.read(&mut Vec::new()) {
                Ok(Some(_)) => {}
                ended => break ended.is_err(),
            }
        };
        assert!(failed, "a file that was cut short is not a short file");
    }
}
