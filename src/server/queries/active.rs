//! The queries that are running, in a file that survives a crash.
//!
//! ```text
//! slot … slot        one for each query that may run at once
//! slot   1024 bytes: a JSON object (see below), then a line feed, then anything; begins with a zero when free
//! {"query":"up","requestId":"…","timestamp_sec":1600000000}
//! ```
//!
//! A slot is written when its query begins and cleared when it ends. Nothing is synced: the file is there to tell which
//! query made the process die, and what a process has written outlives it, if not the machine.

use std::{
    fs::{File, OpenOptions},
    io::Read,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
};

use parking_lot::Mutex;
use rustix::fs::OFlags;
use serde_json::Value;

use crate::{server::json, telemetry::log_each_minute};

/// Queries are for the owner, and the group that may read.
const FILE_MODE: u32 = 0o640;
/// Bytes of a slot. A query that is longer is cut.
const SLOT_BYTES: usize = 1024;
/// Bytes of a query that are kept; escaped they may be more, then fewer are.
const QUERY_BYTES: usize = 768;
/// A file with more bytes than this is none of ours.
const MAX_BYTES: u64 = 64 << 20;

/// The open file.
pub(super) struct Active {
    file: File,
    free: Mutex<Vec<u64>>,
}

/// A query's slot, cleared when dropped.
pub(super) struct Slot {
    active: Arc<Active>,
    number: u64,
}

impl Active {
    /// Opens the file at `path` for `slots` queries at once, and tells which queries a former process left in it.
    pub(super) fn open(path: &Path, slots: usize) -> std::io::Result<(Self, Vec<Value>)> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
        // It is emptied: never what a link in its place leads to.
        let mut file = options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(path)?;
        let mut bytes = Vec::new();
        (&mut file).take(MAX_BYTES).read_to_end(&mut bytes)?;
        let left = bytes.chunks(SLOT_BYTES).filter_map(read_slot).collect();
        file.set_len(0)?;
        file.set_len((slots * SLOT_BYTES) as u64)?;
        Ok((Self { file, free: Mutex::new((0..slots as u64).rev().collect()) }, left))
    }

    /// Notes a query; `None` when there is no slot for it or it can't be written.
    pub(super) fn begin(self: &Arc<Self>, query: &str, request: &str, seconds: i64) -> Option<Slot> {
        let number = self.free.lock().pop()?;
        // From here on the slot goes back when it is dropped.
        let slot = Slot { active: Arc::clone(self), number };
        let written = self.file.write_all_at(&fill(query, request, seconds), number * SLOT_BYTES as u64);
        if let Err(error) = written {
            log_each_minute!(warn, %error, "a running query could not be noted");
        }
        Some(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Err(error) = self.active.file.write_all_at(&[0], self.number * SLOT_BYTES as u64) {
            log_each_minute!(warn, %error, "a finished query is still noted as running");
        }
        self.active.free.lock().push(self.number);
    }
}

fn fill(query: &str, request: &str, seconds: i64) -> Vec<u8> {
    let mut keep = QUERY_BYTES;
    loop {
        let cut = query.get(..query.floor_char_boundary(keep)).unwrap_or_default();
        let mut slot = Vec::with_capacity(SLOT_BYTES);
        slot.extend_from_slice(b"{\"query\":");
        json::string(&mut slot, cut);
        slot.extend_from_slice(b",\"requestId\":");
        json::string(&mut slot, request);
        slot.extend_from_slice(b",\"timestamp_sec\":");
        slot.extend_from_slice(itoa::Buffer::new().format(seconds).as_bytes());
        slot.extend_from_slice(b"}\n");
        if slot.len() <= SLOT_BYTES || keep == 0 {
            slot.truncate(SLOT_BYTES);
            return slot;
        }
        keep /= 2;
    }
}

/// The query in a slot; none when it is free, or was cut off while it was written.
fn read_slot(slot: &[u8]) -> Option<Value> {
    let line = slot.split(|byte| *byte == b'\n').next()?;
    serde_json::from_slice(line).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_query_that_did_not_end_is_told_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("queries.active");
        let (active, left) = Active::open(&path, 2).unwrap();
        assert!(left.is_empty());
        let active = Arc::new(active);
        let ended = active.begin("ended", "1", 5).unwrap();
        let running = active.begin(&"\u{1}ü".repeat(1000), "2", 6).unwrap();
        assert!(active.begin("no room", "3", 7).is_none());
        drop(ended);
        // A process that dies drops nothing.
        std::mem::forget(running);
        let (_, left) = Active::open(&path, 2).unwrap();
        assert_eq!(left.len(), 1);
        assert!(left[0]["query"].as_str().unwrap().starts_with("\u{1}ü\u{1}"), "{left:?}");
        assert_eq!((&left[0]["requestId"], &left[0]["timestamp_sec"]), (&json!("2"), &json!(6)));
        let (_, left) = Active::open(&path, 2).unwrap();
        assert!(left.is_empty(), "told once");
    }

    #[test]
    fn a_link_in_its_place_is_not_followed_and_the_file_is_closed_to_others() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("queries.active"), dir.path().join("other"));
        std::fs::write(&other, "kept").unwrap();
        symlink(&other, &path).unwrap();
        assert!(Active::open(&path, 2).is_err());
        assert_eq!(std::fs::read(&other).unwrap(), b"kept");
        std::fs::remove_file(&path).unwrap();
        Active::open(&path, 2).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o137, 0);
    }

    #[test]
    fn bytes_that_are_no_slots_are_no_queries() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("queries.active");
        std::fs::write(&path, [b"{\"query\":".as_slice(), &[0xff; 3000]].concat()).unwrap();
        let (_, left) = Active::open(&path, 1).unwrap();
        assert!(left.is_empty());
    }
}
