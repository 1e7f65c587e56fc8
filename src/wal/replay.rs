//! Reading the log back after a start.
//!
//! In each segment, frames are read one after the other from behind the header to its end: the valid length that the
//! next segment's header states, or, where no header states one, the file's end. When there is no whole frame at an
//! offset, the next one behind it is searched: behind a good head whose payload is bad it stands where the head says,
//! otherwise every byte is tried. What lies between is
//!
//! - **damage** when the end is stated, or when a whole frame follows;
//! - a **torn tail** otherwise: the write that met the crash, never acknowledged, dropped. Nothing whole at all in a segment
//!   whose first commit is known to have been through is damage, too.
//!
//! Memory stays bounded: a window of the file, grown only for a single record whose head is proven.

use std::{fmt, path::Path};

use super::{
    WalError,
    frame::{HEAD, Head},
    path_of,
    segment::{HEADER, Header, segments},
};
use crate::seams::env::{Disk, Window};

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Number of the segment.
    pub segment: u64,
    /// Offset of its frame in bytes.
    pub offset: u64,
}

/// Bytes of the log that can't be read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Number of the segment.
    pub segment: u64,
    /// First damaged byte.
    pub from: u64,
    /// First byte behind the damage; 0 where the whole segment is missing.
    pub to: u64,
    /// What is wrong there.
    pub reason: &'static str,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "log segment {}, byte {}", self.segment, self.offset)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, from, to, reason } = self;
        if *to == 0 {
            write!(f, "log segment {segment}: {reason}")
        } else {
            write!(f, "log segment {segment}, bytes {from} to {to}: {reason}")
        }
    }
}

/// The segment that the log goes on after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastSegment {
    /// Its number.
    pub number: u64,
    /// How many of its bytes count; `None` when it is missing or all of it is damaged.
    pub valid: Option<u64>,
}

/// What a replay found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Segments read.
    pub segments: u64,
    /// Records handed out.
    pub records: u64,
    /// Bytes of their frames.
    pub bytes: u64,
    /// Bytes of torn tails that were dropped.
    pub torn_bytes: u64,
    /// What was damaged, in order.
    pub damage: Vec<Damage>,
    /// The last segment: the next one's number is one more, and its valid length goes into the next one's header.
    pub last: Option<LastSegment>,
}

/// Takes one record's payload.
pub type Visit<'a, E> = dyn FnMut(Position, &[u8]) -> Result<(), E> + 'a;

/// Hands every whole record of the segments from `from` on to `visit`, in order. Of segment `newest`, if that is known, at
/// least the first commit was through.
///
/// # Errors
/// When the disk refuses to read, when a segment is of a newer version, and what `visit` answers.
pub fn replay<E: From<WalError>>(
    disk: &dyn Disk,
    dir: &Path,
    from: u64,
    newest: Option<u64>,
    visit: &mut Visit<'_, E>,
) -> Result<ReplayReport, E> {
    let mut report = ReplayReport::default();
    let numbers: Vec<u64> = segments(disk, dir)?.into_iter().filter(|n| *n >= from).collect();
    let mut expected = from;
    for (i, &number) in numbers.iter().enumerate() {
        let path = path_of(dir, number);
        let mut window = open(disk, &path)?;
        let header = header_in(&mut window, number, &path)?;
        // A segment nothing was ever committed to is no loss: its name may not have reached the disk.
        let was_empty = header.is_some_and(|h| h.previous == Some(0));
        let missing = (number - expected).saturating_sub(u64::from(was_empty));
        note_missing(
            &mut report,
            expected,
            missing,
            ["the segment is missing", "this segment and some after it are missing"],
        );
        let next = match numbers.get(i + 1) {
            Some(&next) if next == number + 1 => header_of(disk, dir, next)?,
            _ => None,
        };
        let stated = next.and_then(|next| next.previous);
        let begun = newest == Some(number) || next.is_some_and(|next| next.previous.is_none());
        let mut segment = Segment { number, path: &path, window, stated, begun, report: &mut report };
        let valid = segment.read(header.is_some(), visit)?;
        report.segments += 1;
        report.last = Some(LastSegment { number, valid });
        expected = number.saturating_add(1);
    }
    if let Some(newest) = newest.filter(|newest| *newest >= expected) {
        let missing = (newest - expected).saturating_add(1);
        note_missing(
            &mut report,
            expected,
            missing,
            ["the newest segment is missing", "the newest segments are missing"],
        );
        report.last = Some(LastSegment { number: newest, valid: None });
    }
    Ok(report)
}

fn open(disk: &dyn Disk, path: &Path) -> Result<Window, WalError> {
    Ok(Window::new(disk.open(path).map_err(WalError::io(path, "opening"))?))
}

fn header_of(disk: &dyn Disk, dir: &Path, number: u64) -> Result<Option<Header>, WalError> {
    let path = path_of(dir, number);
    header_in(&mut open(disk, &path)?, number, &path)
}

fn header_in(window: &mut Window, number: u64, path: &Path) -> Result<Option<Header>, WalError> {
    Header::decode(window.get(0, HEADER).map_err(WalError::io(path, "reading"))?, number, path)
}

/// Reports that so many segments from `expected` on are missing, one or several.
fn note_missing(report: &mut ReplayReport, expected: u64, missing: u64, [one, several]: [&'static str; 2]) {
    if missing > 0 {
        let reason = if missing == 1 { one } else { several };
        report.damage.push(Damage { segment: expected, from: 0, to: 0, reason });
    }
}

struct Segment<'a> {
    number: u64,
    path: &'a Path,
    window: Window,
    /// The valid length, where the next segment states it.
    stated: Option<u64>,
    /// Whether it is known that its first commit was through: it is noted, or the next segment can't vouch for it, as one
    /// can't that was begun while this one was missing or nothing in it was whole.
    begun: bool,
    report: &'a mut ReplayReport,
}

impl Segment<'_> {
    /// Reads all frames; answers the length up to which the segment is good, unless nothing that must be there is.
    fn read<E: From<WalError>>(&mut self, header_good: bool, visit: &mut Visit<'_, E>) -> Result<Option<u64>, E> {
        let file_len = self.window.file_len();
        let end = self.stated.unwrap_or(file_len).min(file_len);
        let mut bad = (!header_good).then_some((0, "the segment's header is damaged"));
        let mut valid = if header_good { HEADER as u64 } else { 0 };
        let mut at = (HEADER as u64).min(end);
        while at < end {
            let Some(head) = self.head(at, end)? else {
                bad.get_or_insert((at, "there is no record where one should start"));
                at += 1;
                continue;
            };
            let frame = self.window.get(at, head.frame_len()).map_err(WalError::io(self.path, "reading"))?;
            let payload = frame.get(HEAD..).unwrap_or_default();
            if head.vouches_for(payload) {
                if let Some((from, reason)) = bad.take() {
                    self.report.damage.push(Damage { segment: self.number, from, to: at, reason });
                }
                visit(Position { segment: self.number, offset: at }, payload)?;
                self.report.records += 1;
                self.report.bytes += head.frame_len() as u64;
                valid = at + head.frame_len() as u64;
            } else {
                bad.get_or_insert((at, "the record's checksum is wrong"));
            }
            at += head.frame_len() as u64;
        }
        if self.begun && self.stated.is_none() && valid <= HEADER as u64 {
            // A power cut spares the first commit: this is no torn tail.
            let (from, reason) = bad.unwrap_or((valid, "the segment ends too early"));
            self.report.damage.push(Damage { segment: self.number, from, to: end.max(HEADER as u64), reason });
            return Ok(None);
        }
        self.close(bad, end);
        Ok(Some(self.stated.unwrap_or(valid)))
    }

    /// The head of a frame at `at` that ends by `end`.
    fn head(&mut self, at: u64, end: u64) -> Result<Option<Head>, WalError> {
        let head = self.window.get(at, HEAD).map_err(WalError::io(self.path, "reading"))?;
        let head = Head::decode(head, self.number, at);
        Ok(head.filter(|h| h.frame_len() as u64 <= end - at))
    }

    /// Accounts for what no whole frame follows.
    fn close(&mut self, bad: Option<(u64, &'static str)>, end: u64) {
        match (bad, self.stated) {
            (Some((from, reason)), Some(stated)) if from < stated => {
                self.report.damage.push(Damage { segment: self.number, from, to: stated, reason });
            }
            (None, Some(stated)) if end < stated => {
                let reason = "the segment ends too early";
                self.report.damage.push(Damage { segment: self.number, from: end, to: stated, reason });
            }
            (Some((from, _)), None) => self.report.torn_bytes += end - from,
            _ => {}
        }
    }
}
