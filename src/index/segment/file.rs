//! Reading pieces of a segment file.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

use super::format::{Footer, Section};
use crate::{
    codec::checksum::crc32,
    index::IndexError,
    seams::env::{Disk, DiskFile},
};

/// How much of a section is in memory while it is verified.
const VERIFY_STEP: usize = 1 << 20;

/// Whoever reads small pieces one after the other gets them from pieces of this length.
const AHEAD: u64 = 8 << 10;

/// An open segment file.
pub(super) struct SegmentFile {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    ahead: Mutex<Ahead>,
}

/// What was read last for small pieces, and where it begins in the file.
#[derive(Default)]
struct Ahead {
    at: u64,
    bytes: Vec<u8>,
}

impl Ahead {
    fn get(&self, at: u64, len: usize) -> Option<&[u8]> {
        let from = usize::try_from(at.checked_sub(self.at)?).ok()?;
        self.bytes.get(from..from.checked_add(len)?)
    }

    /// Whether `at` lies in it or not far behind it.
    fn leads_to(&self, at: u64) -> bool {
        at >= self.at && at - self.at <= self.bytes.len() as u64 + AHEAD
    }
}

impl SegmentFile {
    pub(super) fn open(disk: &dyn Disk, path: &Path) -> Result<Self, IndexError> {
        let file = disk.open(path).map_err(IndexError::io(path, "opening"))?;
        Ok(Self { file, path: path.to_owned(), ahead: Mutex::default() })
    }

    pub(super) fn len(&self) -> u64 {
        self.file.len()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// `len` bytes at `at` of the file; the caller has checked `len` against the file's length.
    pub(super) fn read(&self, at: u64, len: usize) -> Result<Vec<u8>, IndexError> {
        let mut bytes = vec![0; len];
        self.file.read_at(&mut bytes, at).map_err(IndexError::io(&self.path, "reading"))?;
        Ok(bytes)
    }

    /// `len` bytes at `at` of a section, or an error when they would lie outside of it.
    pub(super) fn read_in(&self, footer: &Footer, section: Section, at: u64, len: u64) -> Result<Vec<u8>, IndexError> {
        // No more memory is taken than the section has bytes.
        let within = usize::try_from(len).ok().filter(|_| len <= footer.extent(section).len);
        let mut bytes = vec![0; within.ok_or_else(|| self.outside(footer, section, at))?];
        self.fill_in(footer, section, at, &mut bytes)?;
        Ok(bytes)
    }

    /// Fills `bytes` from `at` of a section on. A file that ends before, because somebody has cut it short, is damaged.
    pub(super) fn fill_in(
        &self,
        footer: &Footer,
        section: Section,
        at: u64,
        bytes: &mut [u8],
    ) -> Result<(), IndexError> {
        let extent = footer.extent(section);
        let Some(place) = at.checked_add(bytes.len() as u64).filter(|end| *end <= extent.len).map(|_| extent.at + at)
        else {
            return Err(self.outside(footer, section, at));
        };
        self.file.read_at(bytes, place).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged_at(section.name(), place, "the file has been cut short"),
            _ => IndexError::io(&self.path, "reading")(error),
        })
    }

    fn outside(&self, footer: &Footer, section: Section, at: u64) -> IndexError {
        let place = footer.extent(section).at.saturating_add(at);
        self.damaged_at(section.name(), place, "it reaches outside its section")
    }

    /// A small piece of a section as [`Self::read_in`] gives it. When pieces are asked for in ascending order, as a scan of
    /// the dictionary does, several are read at once.
    pub(super) fn read_small(
        &self,
        footer: &Footer,
        section: Section,
        at: u64,
        len: u64,
    ) -> Result<Vec<u8>, IndexError> {
        // Nobody waits for another's read.
        let Some(mut ahead) = self.ahead.try_lock() else { return self.read_in(footer, section, at, len) };
        let extent = footer.extent(section);
        let left = extent.len.saturating_sub(at);
        let (place, wanted) = (extent.at.saturating_add(at), usize::try_from(len).unwrap_or(usize::MAX));
        if len <= left
            && let Some(bytes) = ahead.get(place, wanted)
        {
            return Ok(bytes.to_vec());
        }
        let more = if ahead.leads_to(place) && len <= left { AHEAD.min(left) } else { 0 };
        // What can't be read behind the piece is no reason to go without it.
        let read_ahead = (more > len).then(|| self.read_in(footer, section, at, more).ok()).flatten();
        let bytes = read_ahead.map_or_else(|| self.read_in(footer, section, at, len), Ok)?;
        let piece = bytes.get(..wanted).unwrap_or_default().to_vec();
        *ahead = Ahead { at: place, bytes };
        Ok(piece)
    }

    /// A whole section, checked.
    pub(super) fn section(&self, footer: &Footer, section: Section) -> Result<Vec<u8>, IndexError> {
        let extent = footer.extent(section);
        let bytes = self.read_in(footer, section, 0, extent.len)?;
        self.check(section, footer, crc32(&bytes))?;
        Ok(bytes)
    }

    /// Streams a section in pieces of 1 MiB and checks its CRC.
    pub(super) fn verify(&self, footer: &Footer, section: Section) -> Result<(), IndexError> {
        let extent = footer.extent(section);
        let mut hasher = crc32fast::Hasher::new();
        let mut at = 0;
        while at < extent.len {
            let step = (extent.len - at).min(VERIFY_STEP as u64);
            hasher.update(&self.read_in(footer, section, at, step)?);
            at += step;
        }
        self.check(section, footer, hasher.finalize())
    }

    /// Whether `got` is the checksum of a section.
    pub(super) fn check(&self, section: Section, footer: &Footer, got: u32) -> Result<(), IndexError> {
        let want = footer.extent(section).crc;
        if got == want {
            return Ok(());
        }
        let why = format!("its crc is {got:08x}, the footer says {want:08x}");
        Err(self.damaged(section.name(), footer, section, &why))
    }

    pub(super) fn damaged(&self, what: &'static str, footer: &Footer, section: Section, why: &str) -> IndexError {
        self.damaged_at(what, footer.extent(section).at, why)
    }

    pub(super) fn damaged_at(&self, what: &'static str, at: u64, why: &str) -> IndexError {
        IndexError::Damaged { path: self.path.clone(), what, at, why: why.to_owned() }
    }
}
