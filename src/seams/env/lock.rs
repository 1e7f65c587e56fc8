//! The lock of a directory on the machine's file system.
//!
//! Two locks are held, both of open files: they go when these are closed, however the process ends.
//!
//! - That of the directory itself. It stays whatever is removed or replaced in it.
//! - That of a file in it, for processes that know of no other, and for file systems that lock no directories (NFS). Who
//!   removes the file lets nobody in but these; so it is looked at again and again, and made anew where it is gone.

use std::{
    fs::{self, File, Metadata, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use parking_lot::Mutex;
use rustix::fs::OFlags;

use super::{
    DiskLock,
    disk::FILE_MODE,
    explain::{explained, explained_lock},
};

/// A held lock.
pub(super) struct RealLock {
    root: PathBuf,
    path: PathBuf,
    /// Closing it is what gives the lock back.
    _directory: File,
    /// The directory that is locked.
    identity: Identity,
    /// The locked file. None where there is none and nothing can be written: then nobody can have it.
    file: Mutex<Option<File>>,
}

/// What stays the same when a file is renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl From<Metadata> for Identity {
    fn from(metadata: Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

impl RealLock {
    /// Locks the directory `root` and the file `path` in it. To `read` only, a file that can't be written or isn't there is
    /// no hindrance.
    pub(super) fn take(root: &Path, path: &Path, read: bool) -> io::Result<Self> {
        let directory = File::open(root).map_err(|error| explained(error, root))?;
        match directory.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => {
                tracing::debug!(%error, "this file system doesn't lock directories: the lock file alone counts");
            }
            Ok(()) => {}
        }
        let file = match open(path, true) {
            Err(error)
                if read && matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied) =>
            {
                match open(path, false) {
                    Err(error) if error.kind() == ErrorKind::NotFound => None,
                    opened => Some(opened?),
                }
            }
            opened => Some(opened?),
        };
        if let Some(file) = &file {
            file.try_lock().map_err(|error| explained_lock(error.into(), path))?;
        }
        let identity = directory.metadata()?.into();
        Ok(Self { root: root.to_owned(), path: path.to_owned(), _directory: directory, identity, file: file.into() })
    }
}

/// Opens the lock file, never what a link in its place leads to.
fn open(path: &Path, write: bool) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(write).create(write).truncate(false);
    options.mode(FILE_MODE).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    options.open(path).map_err(|error| explained(error, path))
}

impl DiskLock for RealLock {
    fn check(&self) -> io::Result<()> {
        let away = |why: &str| {
            let text = format!("the data directory {} was removed or replaced ({why})", self.root.display());
            io::Error::new(ErrorKind::NotFound, text)
        };
        match fs::metadata(&self.root).map(Identity::from) {
            Ok(identity) if identity == self.identity => {}
            Ok(_) => return Err(away("another one is there")),
            Err(error) => return Err(away(&error.to_string())),
        }
        let mut held = self.file.lock();
        let Some(file) = &*held else { return Ok(()) };
        if let Ok(there) = fs::symlink_metadata(&self.path)
            && Identity::from(there) == Identity::from(file.metadata()?)
        {
            return Ok(());
        }
        let file = open(&self.path, true)?;
        match file.try_lock() {
            Ok(()) => {
                tracing::warn!(path = %self.path.display(), "the lock file was removed or replaced; it is locked again");
                *held = Some(file);
                Ok(())
            }
            Err(TryLockError::WouldBlock) => {
                let text = format!("another process has taken the data directory: it holds {}", self.path.display());
                Err(io::Error::new(ErrorKind::WouldBlock, text))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(root: &Path, read: bool) -> io::Result<RealLock> {
        RealLock::take(root, &root.join("LOCK"), read)
    }

    fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
        result.err().map(|error| error.kind())
    }

    #[test]
    fn a_removed_lock_file_lets_nobody_in_and_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("LOCK");
        let lock = take(dir.path(), false).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(kind(take(dir.path(), false)), Some(ErrorKind::WouldBlock));
        assert_eq!(kind(take(dir.path(), true)), Some(ErrorKind::WouldBlock));
        assert!(!path.exists(), "who is kept out leaves nothing");
        lock.check().unwrap();
        let file = File::open(&path).unwrap();
        assert!(matches!(file.try_lock(), Err(TryLockError::WouldBlock)), "it is locked again");
        drop(lock);
        drop(take(dir.path(), true).unwrap());
    }

    #[test]
    fn a_lock_file_that_another_holds_and_a_directory_that_is_away_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let (root, other) = (dir.path().join("data"), dir.path().join("other"));
        fs::create_dir(&root).unwrap();
        let lock = take(&root, false).unwrap();
        fs::rename(&root, &other).unwrap();
        assert_eq!(kind(lock.check()), Some(ErrorKind::NotFound));
        fs::create_dir(&root).unwrap();
        assert_eq!(kind(lock.check()), Some(ErrorKind::NotFound));
        fs::remove_dir(&root).unwrap();
        fs::rename(&other, &root).unwrap();
        lock.check().unwrap();
        fs::remove_file(root.join("LOCK")).unwrap();
        let file = File::create(root.join("LOCK")).unwrap();
        file.try_lock().unwrap();
        assert_eq!(kind(lock.check()), Some(ErrorKind::WouldBlock));
    }

    #[test]
    fn a_lock_file_is_never_what_a_link_leads_to() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), dir.path().join("LOCK")).unwrap();
        assert!(take(dir.path(), false).is_err());
        assert!(!dir.path().join("elsewhere").exists());
    }
}
