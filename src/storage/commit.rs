//! Group commit: batches queue, one writer takes them all, writes and syncs them in one go, and answers.
//!
//! The writer alone touches the log and appends to the active memtable, so their orders are the same. It also seals
//! the memtable, between two commits, and opens a new log segment at that very point: a segment never holds samples of
//! two memtables.
//!
//! When the log can't be written (disk full, say) the batches at hand are refused, nothing of them is kept, and the
//! segment is abandoned at its last synced byte; the next batch tries a new segment, so writing resumes by itself.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::{
    layout, newest,
    store::Shared,
    version::{Sealed, View},
};
use crate::{
    memtable::Memtable,
    seams::{
        allocator,
        append::{AppendError, Batch},
        env::Disk,
    },
    telemetry::log_each_minute,
    wal::{self, WalError, WalWriter},
};

/// When senders should try again after a refusal.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How often the writer looks at the memtable's age when nothing is written.
const IDLE_CHECK: Duration = Duration::from_secs(5);

/// The labels of new series may always have so many bytes.
const LEAST_LABELS: usize = 4 << 20;

/// A batch on its way to the log.
pub(super) struct Pending {
    record: Vec<u8>,
    batch: Batch,
    answer: oneshot::Sender<Result<(), AppendError>>,
}

#[derive(Default)]
struct QueueState {
    pending: VecDeque<Pending>,
    bytes: usize,
    closed: bool,
}

/// Batches waiting for the writer.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    filled: Condvar,
}

pub(super) fn unavailable(reason: impl Into<String>) -> AppendError {
    AppendError::Unavailable { reason: reason.into(), retry_after: RETRY_AFTER }
}

impl Queue {
    /// Takes a batch in; the answer comes when it is on disk.
    pub(super) fn submit(
        &self,
        batch: Batch,
        limit: usize,
    ) -> Result<oneshot::Receiver<Result<(), AppendError>>, AppendError> {
        let mut record = Vec::new();
        wal::record::encode(&batch, &mut record);
        let (answer, receiver) = oneshot::channel();
        let mut state = self.state.lock();
        if state.closed {
            return Err(unavailable("the server is shutting down"));
        }
        // A single batch is always let in: its size has been limited by the protocol.
        let bytes = record.len() + batch.memory();
        if !state.pending.is_empty() && state.bytes + bytes > limit {
            return Err(unavailable("the disk can't keep up with the writes that are waiting already"));
        }
        state.bytes += bytes;
        state.pending.push_back(Pending { record, batch, answer });
        drop(state);
        self.filled.notify_one();
        Ok(receiver)
    }

    /// Lets the writer look whether there is something to do besides.
    pub(super) fn wake(&self) {
        self.filled.notify_one();
    }

    /// All waiting batches, oldest first; may be none.
    fn take(&self) -> Vec<Pending> {
        let mut state = self.state.lock();
        state.bytes = 0;
        state.pending.drain(..).collect()
    }

    /// Waits for batches, some time at most. Answers whether the queue is closed and empty.
    fn wait(&self) -> bool {
        let mut state = self.state.lock();
        if state.pending.is_empty() && !state.closed {
            self.filled.wait_for(&mut state, IDLE_CHECK);
        }
        state.closed && state.pending.is_empty()
    }

    /// Refuses all that wait, and what comes, if nothing may be written.
    pub(super) fn refuse_all(&self, shared: &Shared) {
        self.close();
        if let Err(why) = shared.standing.check() {
            refuse(shared, self.take(), &why);
        }
    }

    /// Refuses batches from now on; those inside are still written.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.filled.notify_all();
    }
}

/// Owns the log's end.
pub(super) struct Committer {
    /// The segment being written; `None` before the first write and after a failed one.
    writer: Option<WalWriter>,
    /// Number of the newest segment before `writer` and, unless it is missing, how many of its bytes count.
    newest: Option<(u64, Option<u64>)>,
    /// The segment that is [noted](newest) to be the newest.
    noted: Option<u64>,
    /// When the active memtable got its first sample (ms).
    active_since: Option<i64>,
    /// How many flushes there had been when this thread last gave memory back.
    flushes: u64,
}

impl Committer {
    /// A committer that continues after segment `newest.0`, of which `newest.1` bytes count unless it is missing.
    pub(super) fn new(newest: Option<(u64, Option<u64>)>, noted: Option<u64>, active_since: Option<i64>) -> Self {
        Self { writer: None, newest, noted, active_since, flushes: 0 }
    }

    /// Writes, syncs and applies everything that waits.
    pub(super) fn commit_waiting(&mut self, shared: &Shared) {
        let mut pending = shared.queue.take();
        refuse_retired(shared, &mut pending);
        if !pending.is_empty() {
            if let Err(why) = shared.standing.check() {
                // Nothing was tried: the segment may go on when it is well again.
                return refuse(shared, pending, &why);
            }
            match self.write(shared, &mut pending) {
                Ok(()) => self.apply(shared, pending),
                Err(error) => {
                    log_each_minute!(error, %error, batches = pending.len(), "writing the log failed; the batches are refused");
                    self.abandon(&*shared.disk);
                    refuse(shared, pending, &error);
                }
            }
        }
        self.seal_when_due(shared);
        // What was flushed, this thread has allocated, and another one freed.
        let flushes = shared.counters.flushes.get_sample_count();
        if std::mem::replace(&mut self.flushes, flushes) != flushes {
            allocator::give_back();
        }
    }

    fn write(&mut self, shared: &Shared, pending: &mut [Pending]) -> Result<(), WalError> {
        let writer = self.writer(shared)?;
        let mut logged = 0;
        for p in pending {
            // From here on the log's buffer has it.
            let record = std::mem::take(&mut p.record);
            writer.append(&record)?;
            logged += record.len() as u64;
        }
        let began = std::time::Instant::now();
        writer.commit(&*shared.disk)?;
        shared.counters.syncs.observe(began.elapsed().as_secs_f64());
        let number = writer.number();
        self.note_newest(&*shared.disk, number);
        shared.logged.fetch_add(logged, Ordering::Relaxed);
        Ok(())
    }

    /// Notes that segment `number`, something of which is settled, is the newest. What can't be noted now is tried again
    /// after the next commit.
    fn note_newest(&mut self, disk: &dyn Disk, number: u64) {
        if self.noted < Some(number) && newest::note(disk, self.noted, number).is_ok() {
            self.noted = Some(number);
        }
    }

    /// The segment to write to, a new one if the last is full, failed, or there is none.
    fn writer(&mut self, shared: &Shared) -> Result<&mut WalWriter, WalError> {
        if let Some(writer) = self.writer.take() {
            self.newest = Some((writer.number(), Some(writer.valid_len())));
            if writer.valid_len() < shared.options.wal_segment_bytes {
                return Ok(self.writer.insert(writer));
            }
        }
        let number = self.next_number();
        let previous = self.newest.and_then(|(_, valid)| valid);
        let writer = WalWriter::create(&*shared.disk, Path::new(layout::WAL), number, previous)?;
        Ok(self.writer.insert(writer))
    }

    pub(super) fn next_number(&self) -> u64 {
        self.newest.map_or(1, |(number, _)| number.saturating_add(1))
    }

    /// Leaves the segment where its last good commit ended. One that never had a good commit is removed, so that its
    /// number, and what its header says about the segment before, can be written again.
    fn abandon(&mut self, disk: &dyn Disk) {
        let Some(writer) = self.writer.take() else { return };
        let (number, valid) = (writer.number(), writer.valid_len());
        drop(writer);
        if valid > 0 || disk.remove(&wal::path_of(Path::new(layout::WAL), number)).is_err() {
            self.newest = Some((number, Some(valid)));
        }
    }

    fn apply(&mut self, shared: &Shared, pending: Vec<Pending>) {
        let view = shared.view.load();
        self.active_since.get_or_insert_with(|| shared.clock.now());
        for Pending { batch, answer, .. } in pending {
            view.active.apply(&batch.floats, &batch.histograms);
            shared.journal.wrote(&batch);
            shared.index.mark_durable(batch.series.iter().map(|(id, _)| *id));
            shared.known.insert(batch.fingerprints);
            shared.counters.samples.inc_by((batch.floats.len() + batch.histograms.len()) as u64);
            if !batch.exemplars.is_empty() {
                shared.exemplars.lock().add(batch.exemplars);
            }
            if !batch.metadata.is_empty() {
                shared.metadata.lock().add(batch.metadata);
            }
            let _ = answer.send(Ok(()));
        }
    }

    /// Seals even an empty memtable when the log may hold anything: what is written from now on is the log from the
    /// answered segment on, and flushing brings everything before it to disk.
    pub(super) fn seal_all(&mut self, shared: &Shared) {
        let view = shared.view.load();
        if !view.active.is_empty() {
            self.seal(shared);
            return;
        }
        let covered = view.sealed.last().map_or_else(|| shared.manifest.lock().wal_start, |sealed| sealed.wal_end);
        if covered < self.next_number() {
            self.swap(shared);
        }
    }

    /// Swaps in a fresh memtable when the active one, its log or the disk is full, or it is old enough.
    fn seal_when_due(&mut self, shared: &Shared) {
        let view = shared.view.load();
        let aged = self.active_since.is_some_and(|since| shared.clock.now() - since >= shared.options.memtable_age);
        let crowded = shared.reserve.wants_flush(shared.logged.load(Ordering::Relaxed));
        if (aged || crowded || is_full(shared, &view)) && view.sealed.len() < shared.options.sealed_limit {
            self.swap(shared);
        }
    }

    /// Seals the active memtable: what is written from now on goes to a new log segment and a new memtable.
    pub(super) fn seal(&mut self, shared: &Shared) {
        if shared.view.load().active.is_empty() {
            return;
        }
        self.swap(shared);
    }

    fn swap(&mut self, shared: &Shared) {
        self.abandon(&*shared.disk);
        // Whether or not the next segment can be created now, it will have this number or a later one.
        let wal_end = self.next_number();
        shared.change_view(|view| {
            let memtable = std::mem::replace(&mut view.active, Arc::new(Memtable::new()));
            view.sealed.push(Sealed { memtable, wal_end });
        });
        shared.index.seal_head();
        self.active_since = None;
        shared.logged.store(0, Ordering::Relaxed);
        shared.work.notify();
    }
}

/// Refuses batches.
fn refuse(shared: &Shared, pending: Vec<Pending>, why: &dyn std::error::Error) {
    shared.counters.refused.inc_by(pending.len() as u64);
    for p in pending {
        // A caller that has gone away needs no answer, here and elsewhere.
        let _ = p.answer.send(Err(unavailable(why.to_string())));
    }
}

/// Refuses batches with ids that have left the index since they were resolved.
fn refuse_retired(shared: &Shared, pending: &mut Vec<Pending>) {
    let retired = shared.retired.lock();
    if retired.is_empty() {
        return;
    }
    let is_retired = |p: &mut Pending| {
        let floats = p.batch.floats.iter().map(|s| s.series);
        let histograms = p.batch.histograms.iter().map(|s| s.series);
        let exemplars = p.batch.exemplars.iter().map(|e| e.0);
        floats.chain(histograms).chain(exemplars).any(|id| retired.contains(id.0))
    };
    for p in pending.extract_if(.., is_retired) {
        shared.counters.refused.inc();
        let why = "a series of the request was dropped by retention meanwhile; sent again it is stored anew";
        let _ = p.answer.send(Err(unavailable(why)));
    }
}

/// The writer's loop; ends when the queue is closed and empty.
pub(super) fn run(shared: &Shared) {
    while !shared.queue.wait() {
        shared.reserve.keep(&*shared.disk);
        shared.committer.lock().commit_waiting(shared);
    }
}

/// Whether new samples, and the labels of series new with them, have the memory they may take, or all that is new since
/// the last seal the log: exemplars and metadata make that longer and fill no memtable.
pub(super) fn is_full(shared: &Shared, view: &View) -> bool {
    if shared.logged.load(Ordering::Relaxed) >= shared.options.log_bytes {
        return true;
    }
    let most = shared.options.memtable_bytes;
    let samples = view.active.bytes();
    samples >= most || samples + shared.index.active_head_bytes() >= most
}

/// Makes sure that there is memory for the labels of more series, some of which may belong to batches that are never
/// handed over.
pub(super) fn make_room_for_series(shared: &Shared) -> Result<(), AppendError> {
    let (head, most) = (shared.index.active_head_bytes(), shared.options.memtable_bytes);
    if head < most {
        return Ok(());
    }
    // It seals the head.
    shared.queue.wake();
    if head < (2 * most).max(LEAST_LABELS) {
        Ok(())
    } else {
        Err(unavailable("the memory for labels of new series is full until the disk has taken older ones"))
    }
}

/// Why a batch can't be taken now, if it can't.
pub(super) fn refuse_when_full(shared: &Shared) -> Result<(), AppendError> {
    if let Some(why) = shared.standing.ended() {
        return Err(unavailable(why));
    }
    let view = shared.view.load();
    let unflushed = view.memtables().map(|memtable| memtable.bytes() as u64).sum();
    if let Some(reason) = shared.reserve.refusal(&*shared.disk, unflushed) {
        return Err(unavailable(reason));
    }
    let backlog = view.backlog();
    if backlog >= shared.options.backlog_limit {
        return Err(unavailable(format!("{backlog} flushed tables wait for compaction, which can't keep up")));
    }
    let full = view.sealed.len() >= shared.options.sealed_limit && is_full(shared, &view);
    if full {
        Err(unavailable("the log or the memory for new samples is full until the disk has taken older ones"))
    } else {
        Ok(())
    }
}
