//! The open store: its threads, and how it is flushed, merged and closed.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::JoinHandle,
};

use parking_lot::Mutex;

use super::{
    compact,
    error::{OpenError, StorageError},
    flush, group_commit,
    options::{StorageOptions, Threads},
    recover,
    standing::Standing,
    state::Shared,
};
use crate::seams::env::{Clock, Disk};

/// An open data directory.
///
/// Dropping it without [`Storage::close`] stops its threads and loses nothing acknowledged: the next open replays the
/// log.
pub struct Storage {
    pub(super) shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Storage {
    /// Opens the data directory on `disk`, making it one if it is empty.
    ///
    /// # Errors
    /// When another process has it, it isn't ours or from a newer version, what is live can't be told, or the operating
    /// system refuses. Damage in single files is no error: see [`Status`](crate::seams::status::Status).
    pub fn open(disk: Arc<dyn Disk>, clock: Arc<dyn Clock>, options: StorageOptions) -> Result<Self, OpenError> {
        let options = options.fitted();
        let (threads, read_only) = (options.threads, options.read_only);
        let lock = if read_only { recover::lock_to_read(&*disk)? } else { recover::lock(&*disk)? };
        let standing = Standing::new(lock.into(), read_only);
        let shared = Arc::new(recover::open(disk, standing, clock, options)?);
        if !read_only {
            shared.reserve.keep(&*shared.disk);
        }
        let storage = Self { shared, threads: Mutex::default() };
        // They would have nothing to do: a write is refused before anybody waits for it.
        if threads == Threads::Background && !read_only {
            storage.start_threads().map_err(|source| OpenError::Io { what: "starting a thread".to_owned(), source })?;
        }
        Ok(storage)
    }

    fn start_threads(&self) -> std::io::Result<()> {
        let start = |name: &'static str, body: fn(&Shared)| {
            let shared = self.shared.clone();
            std::thread::Builder::new().name(name.to_owned()).spawn(move || live(name, &shared, body))
        };
        let threads = [("commit", group_commit::run as fn(&Shared)), ("flush", flush::run), ("compact", compact::run)];
        for (name, body) in threads {
            self.threads.lock().push(start(name, body)?);
        }
        self.shared.wakeup.notify();
        Ok(())
    }

    /// Seals the active memtable and flushes all sealed ones, and exemplars and metadata: the log is empty then.
    ///
    /// # Errors
    /// When the disk refuses; nothing is lost, a later flush tries again.
    pub fn flush(&self) -> Result<(), StorageError> {
        self.shared.standing.check()?;
        self.shared.committer.lock().seal_all(&self.shared);
        while flush::flush_oldest_with_reserve(&self.shared)? {}
        self.shared.reserve.keep(&*self.shared.disk);
        Ok(())
    }

    /// Drops what has expired, and merges tables and index segments until there is no run left to merge.
    ///
    /// # Errors
    /// When the disk refuses or a table is damaged; nothing is lost.
    pub fn compact(&self) -> Result<(), StorageError> {
        while compact::compact_once(&self.shared)? {}
        Ok(())
    }

    /// Takes no more writes, finishes those inside, and flushes all memory, so that the next open has nothing to replay.
    ///
    /// # Errors
    /// When flushing fails; the log then still has what was acknowledged.
    pub fn close(&self) -> Result<(), StorageError> {
        self.stop();
        if self.shared.options.read_only {
            return Ok(());
        }
        self.shared.committer.lock().commit_waiting(&self.shared);
        self.flush()
    }

    /// Stops the threads; the committer finishes what waits.
    fn stop(&self) {
        self.shared.queue.close();
        self.shared.wakeup.stop();
        for thread in self.threads.lock().drain(..) {
            // A panic has been told by then.
            let _ = thread.join();
        }
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The life of a thread. Should it panic, the store is none that takes writes any more.
fn live(name: &str, shared: &Shared, body: fn(&Shared)) {
    // What it shares is behind locks that are given back, and nothing is changed on disk from then on.
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(shared))) else { return };
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("it didn't say why");
    shared.standing.end(format!("the store's {name} thread panicked ({text})"));
    // Nobody else would answer those that wait.
    group_commit::refuse_all(shared);
}
