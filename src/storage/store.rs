//! The open store: its shared state, its threads, and its writing side.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64},
    },
    thread::JoinHandle,
    time::Duration,
};

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};
use roaring::RoaringBitmap;

use super::{
    changes::Journal,
    commit::{self, Committer, Queue},
    compact,
    counters::{COUNTERS, Counters},
    error::{OpenError, StorageError},
    exemplars::Exemplars,
    fingerprints::Fingerprints,
    flush,
    metadata::MetadataTable,
    options::{StorageOptions, Threads},
    recover,
    reserve::Reserve,
    standing::Standing,
    timekeeper::Timekeeper,
    version::Manifest,
    version::View,
};
use crate::{
    index::{Index, Segment},
    model::Labels,
    seams::{
        allocator,
        append::{Append, AppendError, Appending, Batch, Fingerprint, SeriesId},
        env::{Clock, Disk},
    },
    sst::BlockCache,
    telemetry::log_each_minute,
};

/// How long a failed flush or merge waits before it is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Memory for labels is looked at before each of so many new series of a batch.
const SERIES_PER_LOOK: usize = 256;
/// How often retention and window ends are looked at when nothing is flushed.
const IDLE_PAUSE: Duration = Duration::from_secs(60);
/// Of the thread that merges: a thread that somebody waits for needn't wait for the end of its time slice then, some
/// milliseconds.
#[cfg(target_os = "linux")]
const COMPACTION_NICENESS: i32 = 5;

/// An open data directory.
///
/// Dropping it without [`Storage::close`] stops its threads and loses nothing acknowledged: the next open replays the
/// log.
pub struct Storage {
    pub(super) shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Everything the store's threads and callers share.
pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: StorageOptions,
    /// Whether anything may be changed on disk; holds the directory's lock.
    pub(super) standing: Standing,
    /// The time by which samples expire.
    pub(super) timekeeper: Timekeeper,
    pub(super) index: Index,
    /// What readers see; replaced whole by [`Shared::change_view`].
    pub(super) view: ArcSwap<View>,
    /// Held while a new view is made from the current one.
    view_change: Mutex<()>,
    pub(super) known: Fingerprints,
    /// Which times have changed.
    pub(super) journal: Journal,
    pub(super) exemplars: Mutex<Exemplars>,
    pub(super) metadata: Mutex<MetadataTable>,
    pub(super) queue: Queue,
    /// The log's end; locked by whoever commits.
    pub(super) committer: Mutex<Committer>,
    /// Bytes of records in the log since the last seal.
    pub(super) logged: AtomicU64,
    /// What is live on disk; held from deciding on a change until it is synced and visible.
    pub(super) manifest: Mutex<Manifest>,
    /// Number of the next table or segment.
    next_file: Mutex<u64>,
    /// Open index segments by number, in the manifest's order.
    pub(super) segments: Mutex<Vec<(u64, Arc<Segment>)>>,
    /// Blocks of tables that were read before.
    pub(super) blocks: Arc<BlockCache>,
    pub(super) flushing: Mutex<()>,
    pub(super) compacting: Mutex<()>,
    pub(super) deleting: Mutex<()>,
    /// Numbers of tables that turned out damaged while they were merged.
    pub(super) unmergeable: Mutex<BTreeSet<u64>>,
    /// Retention by size has dropped samples before this time.
    pub(super) floor: AtomicI64,
    /// The index may have series without samples.
    pub(super) ghosts: AtomicBool,
    /// Series that have left the index since the store was opened.
    pub(super) retired: Mutex<RoaringBitmap>,
    /// Log segments found damaged at replay: they go to quarantine instead of being removed.
    pub(super) damaged_log: Mutex<Vec<u64>>,
    /// What was found damaged, for people.
    pub(super) damage: Mutex<Vec<String>>,
    pub(super) reserve: Reserve,
    pub(super) work: Work,
    pub(super) counters: &'static Counters,
}

/// Wakes the background threads.
#[derive(Default)]
pub(super) struct Work {
    state: Mutex<WorkState>,
    changed: Condvar,
}

#[derive(Default)]
struct WorkState {
    round: u64,
    stopped: bool,
}

impl Work {
    /// There is something to flush or merge.
    pub(super) fn notify(&self) {
        self.state.lock().round += 1;
        self.changed.notify_all();
    }

    /// Ends the background threads after what they are doing.
    pub(super) fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    pub(super) fn stopped(&self) -> bool {
        self.state.lock().stopped
    }

    /// Waits until there is more to do than at `seen`, at most `pause` if that is given.
    fn wait(&self, seen: &mut u64, pause: Option<Duration>) {
        let mut state = self.state.lock();
        if state.stopped {
            return;
        }
        match pause {
            Some(pause) => {
                self.changed.wait_for(&mut state, pause);
            }
            None if state.round == *seen => self.changed.wait(&mut state),
            None => {}
        }
        *seen = state.round;
    }
}

impl Shared {
    /// Installs a changed copy of the current view.
    pub(super) fn change_view(&self, change: impl FnOnce(&mut View)) {
        let _one_at_a_time = self.view_change.lock();
        let mut view = View::clone(&self.view.load());
        change(&mut view);
        self.view.store(Arc::new(view));
    }

    /// Flushes the oldest sealed memtable, with the help of the reserve on a full disk. Answers whether there was one.
    fn flush_oldest(&self) -> Result<bool, StorageError> {
        self.reserve.with_room(&*self.disk, || flush::flush_oldest(self))
    }

    /// A number that no file has yet, and its path.
    pub(super) fn new_file(&self, path: impl Fn(u64) -> PathBuf) -> (u64, PathBuf) {
        let mut next = self.next_file.lock();
        let number = *next;
        *next += 1;
        (number, path(number))
    }

    /// Makes `next` the manifest that counts, if nobody else can have made another one.
    pub(super) fn store_manifest(&self, next: &Manifest) -> Result<(), StorageError> {
        self.standing.check()?;
        next.store(&*self.disk)
    }

    pub(super) fn parts(
        disk: Arc<dyn Disk>,
        standing: Standing,
        clock: Arc<dyn Clock>,
        options: StorageOptions,
        opened: recover::Opened,
    ) -> Self {
        let newest = opened.view.tables.iter().map(|live| live.table.summary().times.end).max();
        Self {
            timekeeper: Timekeeper::open(&*disk, &*clock, newest),
            journal: Journal::default(),
            known: Fingerprints::new(options.known_series),
            exemplars: Mutex::new(Exemplars::new(options.exemplars)),
            metadata: Mutex::new(MetadataTable::new(options.metadata)),
            index: opened.index,
            view: ArcSwap::from_pointee(opened.view),
            view_change: Mutex::default(),
            queue: Queue::default(),
            committer: Mutex::new(Committer::new(None, None, None)),
            logged: AtomicU64::default(),
            next_file: Mutex::new(opened.next_file),
            floor: AtomicI64::new(opened.manifest.floor),
            // Only a look at all series could tell; the first merge of the index takes it.
            ghosts: AtomicBool::new(true),
            retired: Mutex::default(),
            unmergeable: Mutex::default(),
            manifest: Mutex::new(opened.manifest),
            segments: Mutex::new(opened.segments),
            blocks: opened.blocks,
            flushing: Mutex::default(),
            compacting: Mutex::default(),
            deleting: Mutex::default(),
            damaged_log: Mutex::default(),
            damage: Mutex::new(opened.damage),
            reserve: Reserve::new(options.reserve_bytes),
            work: Work::default(),
            counters: &COUNTERS,
            standing,
            disk,
            clock,
            options,
        }
    }
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
        let threads = [("commit", commit::run as fn(&Shared)), ("flush", flush_loop), ("compact", compact_loop)];
        for (name, body) in threads {
            self.threads.lock().push(start(name, body)?);
        }
        self.shared.work.notify();
        Ok(())
    }

    /// Seals the active memtable and flushes all sealed ones, and exemplars and metadata: the log is empty then.
    ///
    /// # Errors
    /// When the disk refuses; nothing is lost, a later flush tries again.
    pub fn flush(&self) -> Result<(), StorageError> {
        self.shared.standing.check()?;
        self.shared.committer.lock().seal_all(&self.shared);
        while self.shared.flush_oldest()? {}
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
        self.shared.work.stop();
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
    shared.queue.refuse_all(shared);
}

fn flush_loop(shared: &Shared) {
    let mut seen = 0;
    while !shared.work.stopped() {
        let pause = match shared.flush_oldest() {
            Ok(true) => {
                shared.reserve.keep(&*shared.disk);
                // The memtable was allocated by the thread that applied it, and the table's blocks by this one.
                allocator::give_back();
                shared.work.notify();
                continue;
            }
            Ok(false) => None,
            // Why that is has been said.
            Err(StorageError::NothingWritten(_)) => Some(RETRY_PAUSE),
            Err(error) => {
                shared.counters.flush_failures.inc();
                log_each_minute!(error, %error, "flushing failed, trying again");
                Some(RETRY_PAUSE)
            }
        };
        shared.work.wait(&mut seen, pause);
    }
}

fn compact_loop(shared: &Shared) {
    give_way();
    let mut seen = 0;
    while !shared.work.stopped() {
        match compact::compact_once(shared) {
            Ok(true) => {
                allocator::give_back();
                continue;
            }
            Ok(false) | Err(StorageError::Stopped | StorageError::NothingWritten(_)) => {}
            Err(error) => {
                shared.counters.compaction_failures.inc();
                log_each_minute!(error, %error, "merging tables failed, trying again after the next flush");
            }
        }
        shared.work.wait(&mut seen, Some(IDLE_PAUSE));
    }
}

/// Lets threads that somebody waits for go before this one.
fn give_way() {
    // Elsewhere a priority is that of the process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, COMPACTION_NICENESS) {
        tracing::debug!(%error, "merging goes on at the usual priority");
    }
}

impl Append for Storage {
    fn known(&self, fingerprint: Fingerprint) -> Option<SeriesId> {
        self.shared.known.get(fingerprint)
    }

    fn followers(&self, most: usize, next: &mut Vec<(Fingerprint, SeriesId)>) {
        self.shared.known.followers(most, next);
    }

    fn series(
        &self,
        labels: &Labels,
        fingerprint: Option<Fingerprint>,
        batch: &mut Batch,
    ) -> Result<SeriesId, AppendError> {
        // Its first sample will be about as old as what was sent along.
        let time = batch.floats.last().map(|sample| sample.time);
        let resolved = self.shared.index.resolve(labels, time).map_err(|error| match error {
            crate::index::IndexError::Exhausted => AppendError::SeriesExhausted,
            other => AppendError::Storage(other.to_string()),
        })?;
        if resolved.durable {
            self.shared.known.insert(fingerprint.map(|f| (f, resolved.id)));
        } else {
            if batch.series.len().is_multiple_of(SERIES_PER_LOOK) {
                commit::make_room_for_series(&self.shared)?;
            }
            batch.series.push((resolved.id, labels.clone()));
            batch.fingerprints.extend(fingerprint.map(|f| (f, resolved.id)));
        }
        Ok(resolved.id)
    }

    fn admits(&self) -> Result<(), AppendError> {
        commit::refuse_when_full(&self.shared)
    }

    fn append(&self, mut batch: Batch) -> Appending<'_> {
        if batch.witnessed && self.shared.options.retention_time.is_some() {
            let newest = batch.floats.last().map(|s| s.time).max(batch.histograms.last().map(|s| s.time));
            newest.into_iter().for_each(|time| self.shared.timekeeper.witness(time, &*self.shared.clock));
        }
        self.shared.drop_expired(&mut batch);
        if batch.is_empty() {
            return Box::pin(std::future::ready(Ok(())));
        }
        let submitted = commit::refuse_when_full(&self.shared)
            .and_then(|()| self.shared.queue.submit(batch, self.shared.options.queue_bytes));
        let answer = match submitted {
            Ok(answer) => answer,
            Err(refusal) => return Box::pin(std::future::ready(Err(refusal))),
        };
        if self.shared.options.threads == Threads::Manual {
            self.shared.committer.lock().commit_waiting(&self.shared);
        }
        Box::pin(async move {
            // Whether it got to the disk isn't known; sent again it changes nothing.
            answer.await.unwrap_or_else(|_| Err(commit::unavailable("the writer stopped before it answered")))
        })
    }
}
