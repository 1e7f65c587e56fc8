//! How many files the process may open, and how many of them may be connections.
//!
//! A connection is an open file too. The limit that a login shell or a service manager hands down is often 1,024, as
//! many as the connections that are served at once: clients that only connect would take every file, and the log could
//! not begin its next segment.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::limits::MAX_CONNECTIONS;

/// The least number of connections served at once, however few files the process may open.
const LEAST: usize = 32;

/// Raises the soft limit of this process to its hard limit.
pub fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    if let Err(error) = raised {
        let files = limit.current.map_or_else(|| "unlimited".to_owned(), |files| files.to_string());
        tracing::warn!(%error, files, "the limit of open files stays as it is");
    }
}

/// Connections to serve at once: no more than half of the files there may be.
pub(crate) fn connections() -> usize {
    share(getrlimit(Resource::Nofile).current)
}

fn share(files: Option<u64>) -> usize {
    let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    (files / 2).clamp(LEAST, MAX_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_files_are_left_to_the_store() {
        assert_eq!(share(None), MAX_CONNECTIONS);
        assert_eq!(share(Some(1_048_576)), MAX_CONNECTIONS);
        assert_eq!(share(Some(1_024)), 512);
        assert_eq!(share(Some(20)), LEAST);
    }
}
