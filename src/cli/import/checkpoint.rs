//! How far a file is stored, remembered beside it until all of it is, so that an interrupted import goes on where it stopped.
//!
//! The file `NAME.vctsdb-import` is one JSON object. It counts for the same file (length and time of change), the same target and
//! the same flags only; what it says is never ahead of what was acknowledged, and sending a few parts again changes nothing.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::source::Identity;

/// Time between two writes of the file.
const PAUSE: Duration = Duration::from_secs(1);

/// The notes on one file.
#[derive(Debug)]
pub(super) struct Checkpoint {
    path: PathBuf,
    /// What has to be the same for the notes to count.
    key: Value,
    /// What is to be written, and when that was done last.
    stored: Option<(u64, u64)>,
    written: Option<Instant>,
    /// Whether the notes can't be written, which was said then.
    failed: bool,
}

impl Checkpoint {
    /// That of `file`, imported in a way that `how` tells.
    pub(super) fn new(file: &Path, identity: Identity, how: &str) -> Self {
        let mut name = file.as_os_str().to_owned();
        name.push(".vctsdb-import");
        let Identity { bytes, modified } = identity;
        let key = json!({"bytes": bytes, "modified": modified.to_string(), "how": how});
        Self { path: name.into(), key, stored: None, written: None, failed: false }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes of text and lines are stored already, by an earlier import of the same file to the same place.
    pub(super) fn read(&self) -> Option<(u64, u64)> {
        let notes: Value = serde_json::from_slice(&std::fs::read(&self.path).ok()?).ok()?;
        let number = |name: &str| notes.get(name)?.as_u64();
        Some((number("text")?, number("line")?)).filter(|_| notes.get("of") == Some(&self.key))
    }

    /// Notes how much is stored. The error is said once.
    pub(super) fn note(&mut self, text: u64, line: u64) -> Result<(), String> {
        self.stored = Some((text, line));
        if self.written.is_some_and(|written| written.elapsed() < PAUSE) { Ok(()) } else { self.write() }
    }

    /// Writes what was noted last.
    pub(super) fn write(&mut self) -> Result<(), String> {
        let Some((text, line)) = self.stored.filter(|_| !self.failed) else { return Ok(()) };
        self.written = Some(Instant::now());
        let notes = json!({"of": self.key, "text": text, "line": line}).to_string();
        let new = self.path.with_extension("vctsdb-import.new");
        let write = || {
            let mut file = std::fs::File::create(&new)?;
            file.write_all(notes.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, &self.path)
        };
        write().map_err(|error| {
            self.failed = true;
            format!("{} can't be written ({error}): an interrupted import will begin anew", self.path.display())
        })
    }

    /// All is stored: there is nothing to go on with.
    pub(super) fn remove(&self) {
        // It may not be there.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_count_for_the_same_file_and_target_only() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.json");
        let identity = Identity { bytes: 10, modified: u128::MAX };
        let mut notes = Checkpoint::new(&file, identity, "here");
        assert_eq!(notes.read(), None);
        notes.note(7, 3).unwrap();
        notes.note(8, 4).unwrap();
        assert_eq!(Checkpoint::new(&file, identity, "here").read(), Some((7, 3)), "written once a second");
        notes.write().unwrap();
        assert_eq!(notes.read(), Some((8, 4)));
        assert_eq!(Checkpoint::new(&file, identity, "there").read(), None);
        assert_eq!(Checkpoint::new(&file, Identity { bytes: 11, ..identity }, "here").read(), None);
        std::fs::write(notes.path(), "{").unwrap();
        assert_eq!(notes.read(), None);
        notes.remove();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
