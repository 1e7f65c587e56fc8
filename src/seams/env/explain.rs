//! What the operating system refuses, in words that say what is lacking.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// Adds what makes an error understood to one from using `path`; its kind stays.
pub(super) fn explained(error: io::Error, path: &Path) -> io::Error {
    let more = match error.kind() {
        ErrorKind::PermissionDenied => owner(path),
        ErrorKind::FileTooLarge => {
            let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
            limit.map(|bytes| format!("this process may write files of {bytes} bytes (ulimit -f)"))
        }
        _ => None,
    };
    with(error, more)
}

/// The same of a sync.
pub(super) fn explained_sync(error: io::Error, path: &Path) -> io::Error {
    if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) {
        let more =
            "this file system can't make files survive a power cut (fsync); choose another for the data directory";
        return with(error, Some(more.to_owned()));
    }
    explained(error, path)
}

/// The same of a lock.
pub(super) fn explained_lock(error: io::Error, path: &Path) -> io::Error {
    // ENOLCK has no kind of its own.
    let no_locks = rustix::io::Errno::from_io_error(&error)
        .is_some_and(|errno| matches!(errno, rustix::io::Errno::NOLCK | rustix::io::Errno::OPNOTSUPP));
    if no_locks {
        let more = "this file system has no locks (flock), or its lock service doesn't run";
        return with(error, Some(more.to_owned()));
    }
    explained(error, path)
}

fn with(error: io::Error, more: Option<String>) -> io::Error {
    match more {
        Some(more) => io::Error::new(error.kind(), format!("{error}: {more}")),
        None => error,
    }
}

/// Whose the file is, or the first directory above it that is there, and who we are.
fn owner(path: &Path) -> Option<String> {
    let (there, metadata) = path.ancestors().find_map(|path| Some((path, fs::metadata(path).ok()?)))?;
    let (owner, mode, us) = (metadata.uid(), metadata.mode() & 0o7777, rustix::process::geteuid().as_raw());
    Some(format!("{} belongs to uid {owner} with mode {mode:o}, and this process has uid {us}", there.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(errno: rustix::io::Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.raw_os_error())
    }

    #[test]
    fn errors_say_what_is_lacking_and_keep_their_kind() {
        use rustix::io::Errno;

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tables/00000001.table");
        let told = explained(raw(Errno::ACCESS), &path);
        let us = rustix::process::geteuid().as_raw();
        assert_eq!(told.kind(), ErrorKind::PermissionDenied);
        let text = told.to_string();
        assert!(text.contains(&format!("{} belongs to uid {us}", dir.path().display())), "{text}");
        assert!(text.contains(&format!("this process has uid {us}")), "{text}");
        assert!(explained_sync(raw(Errno::INVAL), &path).to_string().contains("survive a power cut"));
        for errno in [Errno::NOLCK, Errno::OPNOTSUPP] {
            assert!(explained_lock(raw(errno), &path).to_string().contains("has no locks"), "{errno}");
        }
        assert_eq!(explained(raw(Errno::IO), &path).raw_os_error(), Some(Errno::IO.raw_os_error()));
        assert_eq!(explained(raw(Errno::NOSPC), &path).kind(), ErrorKind::StorageFull);
    }
}
