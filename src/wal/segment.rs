//! Segment files: their names, their header, and which there are.
//!
//! `wal/00000007.wal` is segment 7: the number in decimal, at least eight digits. It starts with 32 bytes, numbers in
//! little endian:
//!
//! ```text
//!  0  8  magic "vctswal\n"
//!  8  4  format version, 3; still read: 2, without catalogs in its records, and 1, without start times besides
//! 12  8  number of the segment
//! 20  8  valid length of the segment before, in bytes; 2^64 - 1: there is none
//! 28  4  crc32 of bytes 0 to 27
//! 32     frames, to the end
//! ```
//!
//! The valid length is what makes it possible to walk away from a segment after a failed write or sync: whatever lies
//! behind it was never acknowledged, may be anything, and is neither replayed nor called damage. A segment without a
//! byte that was synced has valid length 0 and may be missing.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::WalError;
use crate::{codec::checksum::crc32, seams::env::Disk};

const MAGIC: &[u8; 8] = b"vctswal\n";
const VERSION: u32 = 3;
const NO_PREVIOUS: u64 = u64::MAX;
const SUFFIX: &str = ".wal";
/// Bytes of the header: where the first frame starts.
pub(super) const HEADER: usize = 32;

/// The path of segment `number` in the log's directory.
#[must_use]
pub fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}{SUFFIX}"))
}

/// Numbers of the segments in `dir`, ascending. Other files are left alone.
///
/// # Errors
/// When the directory can't be listed; a missing one has no segments.
pub fn segments(disk: &dyn Disk, dir: &Path) -> Result<Vec<u64>, WalError> {
    let names = match disk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(WalError::io(dir, "listing"))?,
    };
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| number_of(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Bytes of all segments in `dir`.
///
/// # Errors
/// When the directory can't be listed or a segment can't be opened.
pub fn size(disk: &dyn Disk, dir: &Path) -> Result<u64, WalError> {
    let mut bytes = 0;
    for number in segments(disk, dir)? {
        let path = path_of(dir, number);
        bytes += disk.open(&path).map_err(WalError::io(&path, "opening"))?.len();
    }
    Ok(bytes)
}

/// Removes the segments before `number` and syncs the directory; answers how many there were.
///
/// Ascending, so that a crash in between leaves no gap.
///
/// # Errors
/// When a file can't be removed; those before it are.
pub fn remove_before(disk: &dyn Disk, dir: &Path, number: u64) -> Result<usize, WalError> {
    let mut removed = 0;
    for old in segments(disk, dir)?.into_iter().take_while(|n| *n < number) {
        let path = path_of(dir, old);
        disk.remove(&path).map_err(WalError::io(&path, "removing"))?;
        removed += 1;
    }
    if removed > 0 {
        disk.sync_dir(dir).map_err(WalError::io(dir, "syncing the directory"))?;
    }
    Ok(removed)
}

fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let number = digits.parse().ok()?;
    // Only the one spelling that `path_of` gives: "+7.wal" or "7.wal" would stand for a file that isn't there.
    (format!("{number:08}") == digits).then_some(number)
}

/// What a readable header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Valid length of the segment before, if there is one.
    pub(super) previous: Option<u64>,
}

impl Header {
    pub(super) fn encode(self, number: u64) -> [u8; HEADER] {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&self.previous.unwrap_or(NO_PREVIOUS).to_le_bytes());
        out.extend_from_slice(&crc32(&out).to_le_bytes());
        let mut header = [0; HEADER];
        header.copy_from_slice(&out);
        header
    }

    /// The header of segment `number`, or `None` when these bytes are none.
    ///
    /// # Errors
    /// When it is whole, but of a newer version.
    pub(super) fn decode(bytes: &[u8], number: u64, path: &Path) -> Result<Option<Self>, WalError> {
        Ok(match fields(bytes) {
            Some((version, ..)) if version > VERSION => {
                return Err(WalError::Version { path: path.to_owned(), got: version, want: VERSION });
            }
            Some((_, own, previous)) if own == number => {
                Some(Self { previous: (previous != NO_PREVIOUS).then_some(previous) })
            }
            _ => None,
        })
    }
}

/// Version, number and previous length, when magic and checksum are right.
fn fields(bytes: &[u8]) -> Option<(u32, u64, u64)> {
    let (body, crc) = bytes.get(..HEADER)?.split_last_chunk::<4>()?;
    let (magic, rest) = body.split_first_chunk::<8>()?;
    let (version, rest) = rest.split_first_chunk::<4>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let (previous, _) = rest.split_first_chunk::<8>()?;
    (magic == MAGIC && crc32(body) == u32::from_le_bytes(*crc)).then_some((
        u32::from_le_bytes(*version),
        u64::from_le_bytes(*number),
        u64::from_le_bytes(*previous),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_spelling_of_a_number_is_a_segment() {
        for name in
            ["7.wal", "+0000007.wal", "00000007.wal.tmp", "x0000007.wal", "00000007", "100000000000000000000.wal"]
        {
            assert_eq!(number_of(name), None, "{name}");
        }
        for number in [0, 7, 99_999_999, 100_000_000, u64::MAX] {
            let path = path_of(Path::new("wal"), number);
            assert_eq!(number_of(path.file_name().unwrap().to_str().unwrap()), Some(number));
        }
    }

    #[test]
    fn a_header_of_a_newer_version_is_an_error_that_names_it() {
        let mut bytes = Header { previous: None }.encode(3).to_vec();
        bytes[8] = 4;
        let crc = crc32(&bytes[..28]).to_le_bytes();
        bytes[28..].copy_from_slice(&crc);
        let error = Header::decode(&bytes, 3, Path::new("wal/x")).unwrap_err();
        assert_eq!(error.to_string(), "wal/x: has format version 4, this program reads up to 3");
    }

    #[test]
    fn a_header_says_what_was_put_in_and_no_flipped_bit_passes() {
        for previous in [None, Some(0), Some(77)] {
            let header = Header { previous };
            let bytes = header.encode(9);
            let path = Path::new("wal");
            assert_eq!(Header::decode(&bytes, 9, path).unwrap(), Some(header));
            assert_eq!(Header::decode(&bytes, 8, path).unwrap(), None);
            assert_eq!(Header::decode(&bytes[..31], 9, path).unwrap(), None);
            for bit in 0..bytes.len() * 8 {
                let mut bytes = bytes;
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Header::decode(&bytes, 9, path).unwrap(), None);
            }
        }
    }
}
