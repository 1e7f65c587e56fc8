//! Group commit: batches queue, one writer takes them all, writes and syncs them in one go, and answers.
//!
//! The writer alone touches the log and appends to the active memtable, so their orders are the same. It also seals
//! the memtable, between two commits, and opens a new log segment at that very point: a segment never holds samples of
//! two memtables.
//!
//! When the log can't be written (disk full, say) the batches at hand are refused, nothing of them is kept, and the
//! segment is abandoned at its last synced byte; the next batch tries a new segment, so writing resumes by itself.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    backpressure::is_full,
    queue::{Pending, unavailable},
    state::{Committer, Shared},
};
use crate::{memtable::Memtable, seams::allocator, telemetry::log_each_minute, wal::WalError};

/// How often the writer looks at the memtable's age when nothing is written.
const IDLE_CHECK: Duration = Duration::from_secs(5);

impl Committer {
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
                    self.log.abandon(&*shared.disk);
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
        let writer = self.log.writer(&*shared.disk, shared.options.wal_segment_bytes)?;
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
        self.log.note_newest(&*shared.disk, number);
        shared.logged.fetch_add(logged, Ordering::Relaxed);
        Ok(())
    }

    fn apply(&mut self, shared: &Shared, pending: Vec<Pending>) {
        let view = shared.view();
        self.active_since.get_or_insert_with(|| shared.clock.now());
        for Pending { batch, answer, .. } in pending {
            view.active.apply(&batch.floats, &batch.histograms);
            shared.journal.wrote(&batch);
            shared.index.mark_durable(batch.series.iter().map(|(id, _)| *id));
            if !batch.catalog.is_empty() {
                shared.catalog.commit(batch.catalog);
            }
            // Whoever finds a series by its fingerprint takes it that the catalog knows its field.
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
        let view = shared.view();
        if !view.active.is_empty() {
            self.seal(shared);
            return;
        }
        let covered = view.sealed.last().map_or_else(|| shared.versions.manifest().wal_start, |sealed| sealed.wal_end);
        if covered < self.log.next_number() {
            self.swap(shared);
        }
    }

    /// Swaps in a fresh memtable when the active one, its log or the disk is full, or it is old enough.
    fn seal_when_due(&mut self, shared: &Shared) {
        let view = shared.view();
        let aged = self.active_since.is_some_and(|since| shared.clock.now() - since >= shared.options.memtable_age);
        let crowded = shared.reserve.wants_flush(shared.logged.load(Ordering::Relaxed));
        if (aged || crowded || is_full(shared, &view)) && view.sealed.len() < shared.options.sealed_limit {
            self.swap(shared);
        }
    }

    /// Seals the active memtable: what is written from now on goes to a new log segment and a new memtable.
    pub(super) fn seal(&mut self, shared: &Shared) {
        if shared.view().active.is_empty() {
            return;
        }
        self.swap(shared);
    }

    fn swap(&mut self, shared: &Shared) {
        self.log.abandon(&*shared.disk);
        // Whether or not the next segment can be created now, it will have this number or a later one.
        let wal_end = self.log.next_number();
        shared.versions.seal(Arc::new(Memtable::new()), wal_end);
        shared.index.seal_head();
        self.active_since = None;
        shared.logged.store(0, Ordering::Relaxed);
        shared.wakeup.notify();
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

/// Refuses all that wait, and what comes, if nothing may be written.
pub(super) fn refuse_all(shared: &Shared) {
    shared.queue.close();
    if let Err(why) = shared.standing.check() {
        refuse(shared, shared.queue.take(), &why);
    }
}

/// The writer's loop; ends when the queue is closed and empty.
pub(super) fn run(shared: &Shared) {
    while !shared.queue.wait(IDLE_CHECK) {
        shared.reserve.keep(&*shared.disk);
        shared.committer.lock().commit_waiting(shared);
    }
}
