//! The newest log segment, noted outside of the log.
//!
//! The header of each log segment vouches for the one before, and nothing in the log for the last. So its number is the
//! name of an empty file at the top of the data directory, `NEWEST-00000007`. Without that a segment, or all of `wal/`,
//! which somebody removed behind our back would be taken for something that never was.
//!
//! It must never tell of a segment that a power cut took. It is made (renamed from the one before) once the segment's
//! first commit is through: bytes and name are settled by then, and stay until the manifest lets the log begin behind
//! them, from when on the note means nothing. It is not synced, so that no write waits for it: a power cut may take it
//! back to an earlier segment or away, and then a removal before the next write goes unnoticed, nothing else. A start
//! makes none: what it replays and syncs may still be bytes that an earlier failed sync gave up on.

use std::{io, path::Path};

use super::layout;
use crate::seams::env::Disk;

/// The noted segment; the largest where there are more.
pub(super) fn read(disk: &dyn Disk) -> io::Result<Option<u64>> {
    Ok(disk.list(Path::new(""))?.iter().filter_map(|name| layout::wal_marker_number(name)).max())
}

/// Notes that segment `number` is settled, in place of `before`, the segment noted so far.
pub(super) fn note(disk: &dyn Disk, before: Option<u64>, number: u64) -> io::Result<()> {
    let renamed = |before| disk.rename(&layout::wal_marker(before), &layout::wal_marker(number)).is_ok();
    if before.is_some_and(renamed) { Ok(()) } else { disk.create(&layout::wal_marker(number)).map(drop) }
}

/// Takes all notes away, before the log that they are about is replaced.
pub(super) fn forget(disk: &dyn Disk) -> io::Result<()> {
    let noted = disk.list(Path::new(""))?.into_iter().filter_map(|name| layout::wal_marker_number(&name));
    noted.map(layout::wal_marker).try_for_each(|path| disk.remove(&path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::env::{Op, SimDisk};

    #[test]
    fn a_note_is_taken_further_and_survives_failing() {
        let disk = SimDisk::new();
        assert_eq!(read(&disk).unwrap(), None);
        note(&disk, None, 7).unwrap();
        note(&disk, Some(7), 8).unwrap();
        assert_eq!((read(&disk).unwrap(), disk.list(Path::new("")).unwrap().len()), (Some(8), 1));
        disk.fail_next(Op::Rename, "", io::ErrorKind::Other);
        disk.fail_next(Op::Create, "", io::ErrorKind::StorageFull);
        note(&disk, Some(8), 9).unwrap_err();
        assert_eq!(read(&disk).unwrap(), Some(8));
        disk.remove(&layout::wal_marker(8)).unwrap();
        note(&disk, Some(8), 9).unwrap();
        assert_eq!(read(&disk).unwrap(), Some(9), "although somebody had removed the one before");
        note(&disk, None, 10).unwrap();
        assert_eq!(read(&disk).unwrap(), Some(10));
        forget(&disk).unwrap();
        assert_eq!(disk.list(Path::new("")).unwrap().len(), 0);
    }

    #[test]
    fn only_our_own_spelling_is_a_note() {
        for name in ["NEWEST-7", "NEWEST-+0000007", "NEWEST-00000007.x", "NEWEST", "newest-00000007", "NEWEST-1e9"] {
            assert!(!layout::is_ours(name), "{name}");
        }
        for number in [0, 7, 99_999_999, 100_000_000, u64::MAX] {
            assert_eq!(layout::wal_marker_number(layout::wal_marker(number).to_str().unwrap()), Some(number));
        }
    }
}
