//! Replaying the log: what was acknowledged and is in no table yet comes back into memory.
//!
//! One thread reads, checks and decodes records and tells the index which series they define; [`ReplayWorkers`] put the
//! samples into the memtable meanwhile. A memtable that is full is sealed, as in normal running, and flushed after the
//! start. Only when as many are sealed as may be the oldest is flushed at once: a start takes no more memory than what came
//! before it, and doesn't wait for the disk.

use std::{collections::HashMap, path::Path, sync::Arc, time::Instant};

use roaring::RoaringBitmap;

use super::{
    backpressure, damage,
    error::{OpenError, io_error},
    flush, layout,
    log_tail::LogTail,
    replay_workers::ReplayWorkers,
    state::{Committer, Shared},
    version::View,
    wal_marker,
};
use crate::{
    index::IndexError,
    memtable::Memtable,
    seams::{
        append::{Batch, SeriesId},
        env::Disk,
    },
    wal::{self, LastSegment, Position, ReplayReport},
};

/// Ids that the log gave a second time to labels it has under another id: a series that expired, was taken out of the
/// index and came back, while the log still begins before that. Its samples are filed under the first id. Or labels whose
/// id an earlier segment gave to others, because that segment had been taken away and was put back. They get a new id.
type Aliases = HashMap<SeriesId, SeriesId>;

/// A memtable is sealed at the first record of a segment from this share of its limits on, or, where no segment begins in
/// time, this share above them: segments end where memtables were sealed, so that each is whole in one again.
const SLACK: u64 = 8;

/// Replays the log into memory.
pub(super) fn replay(shared: &mut Shared) -> Result<(), OpenError> {
    let start = shared.versions.manifest().wal_start;
    let began = Instant::now();
    let noted = wal_marker::read(&*shared.disk).map_err(io_error("listing the data directory"))?;
    let mut replay = Replay::begin(shared)?;
    let last = wal::segments(&*shared.disk, Path::new(layout::WAL))?.last().copied().unwrap_or(start);
    shared.options.replay_progress.begin(start, last);
    let visited = wal::replay(&*shared.disk, Path::new(layout::WAL), start, noted, &mut |position, payload| {
        replay.take(position, payload)
    })?;
    let Replay { workers, undecodable, logged, .. } = replay;
    workers.finish().map_err(io_error("replaying the log"))?;
    if !shared.options.read_only {
        settle_log(&*shared.disk, start)?;
    }
    report(shared, &visited, undecodable);
    let active = !shared.view().active.is_empty();
    let flushed = start.checked_sub(1).filter(|before| *before > 0);
    let last = visited.last.or(flushed.map(|number| LastSegment { number, valid: Some(0) }));
    let active_since = active.then(|| shared.clock.now());
    shared.committer = Committer { log: LogTail::behind(last, noted), active_since, flushes: 0 }.into();
    shared.logged = logged.into();
    if visited.records > 0 {
        tracing::info!(
            records = visited.records,
            bytes = visited.bytes,
            torn_bytes = visited.torn_bytes,
            seconds = began.elapsed().as_secs_f64(),
            "replayed the log"
        );
    }
    Ok(())
}

struct Replay<'a> {
    shared: &'a Shared,
    workers: ReplayWorkers,
    aliases: Aliases,
    /// Segments and messages of records that have no meaning.
    undecodable: Vec<(u64, String)>,
    /// The segment of the last record.
    segment: u64,
    /// Bytes of the records in the active memtable.
    logged: u64,
}

impl<'a> Replay<'a> {
    fn begin(shared: &'a Shared) -> Result<Self, OpenError> {
        let workers = workers(shared, shared.view().active.clone())?;
        Ok(Self { shared, workers, aliases: Aliases::new(), undecodable: Vec::new(), segment: 0, logged: 0 })
    }

    /// Takes the next record.
    fn take(&mut self, position: Position, payload: &[u8]) -> Result<(), OpenError> {
        let boundary = std::mem::replace(&mut self.segment, position.segment) != position.segment;
        if boundary {
            self.shared.options.replay_progress.advance(position.segment);
        }
        if self.is_full(boundary) {
            // Of a segment in the middle of which this happens the first part is replayed again, should it come to that
            // before the next flush, which changes nothing.
            self.seal(position.segment)?;
        }
        self.make_room(|view| backpressure::is_out_of_memory(self.shared, view))?;
        self.logged += payload.len() as u64;
        match self.decode(payload) {
            Ok(batch) => self.apply(batch),
            Err(why) => self.undecodable.push((position.segment, format!("{position}: {why}"))),
        }
        Ok(())
    }

    fn is_full(&self, boundary: bool) -> bool {
        // By the largest limits there may have been: what was in memory before a crash fits again.
        let (samples_limit, log_limit) =
            (self.shared.options.memtable_limit(u64::MAX), self.shared.options.log_limit(u64::MAX));
        let passes = |filled: u64, limit: u64| {
            let slack = limit / SLACK;
            filled >= if boundary { limit - slack } else { limit + slack }
        };
        let samples_and_labels = self.workers.memtable().bytes() + self.shared.index.active_head_bytes();
        passes(samples_and_labels as u64, samples_limit as u64) || passes(self.logged, log_limit)
    }

    /// Seals the memtable; the log from segment `wal_end` on doesn't need it.
    fn seal(&mut self, wal_end: u64) -> Result<(), OpenError> {
        let shared = self.shared;
        let fresh = Arc::new(Memtable::new());
        let full = std::mem::replace(&mut self.workers, workers(shared, fresh.clone())?);
        full.finish().map_err(io_error("replaying the log"))?;
        shared.versions.seal(fresh, wal_end);
        shared.index.seal_head();
        self.logged = 0;
        self.make_room(|view| view.sealed.len() >= shared.options.sealed_limit)
    }

    /// Flushes the oldest memtables as long as there are too many. Where nothing can be flushed memory has to take all of the
    /// log, which is little more than fits.
    fn make_room(&self, too_many: impl Fn(&View) -> bool) -> Result<(), OpenError> {
        while !self.shared.options.read_only && too_many(&self.shared.view()) {
            let Some(oldest) = self.shared.view().sealed.first().cloned() else { break };
            flush::persist(self.shared, &oldest)?;
        }
        Ok(())
    }

    /// The batch of a record, once the index knows its series.
    fn decode(&mut self, payload: &[u8]) -> Result<Batch, String> {
        let mut batch = wal::record::decode(payload).map_err(|error| error.to_string())?;
        let time = batch.floats.first().map(|sample| sample.time);
        for (id, labels) in &batch.series {
            match self.shared.index.define(*id, labels) {
                Ok(()) => {}
                Err(error @ IndexError::Conflict { .. }) => {
                    let known = self.shared.index.resolve(labels, time).map_err(|e| e.to_string())?.id;
                    if known == *id {
                        return Err(error.to_string());
                    }
                    self.aliases.insert(*id, known);
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        let used = batch.floats.iter().map(|s| s.series).chain(batch.histograms.iter().map(|s| s.series));
        let used = used.chain(batch.exemplars.iter().map(|e| e.0)).max();
        used.into_iter().for_each(|id| self.shared.index.reserve(id));
        if !self.aliases.is_empty() {
            let named = batch.floats.iter_mut().map(|s| &mut s.series);
            let named = named.chain(batch.histograms.iter_mut().map(|s| &mut s.series));
            for series in named.chain(batch.exemplars.iter_mut().map(|e| &mut e.0)) {
                *series = self.aliases.get(series).copied().unwrap_or(*series);
            }
        }
        self.shared.drop_expired(&mut batch);
        Ok(batch)
    }

    fn apply(&mut self, batch: Batch) {
        self.workers.apply(&batch.floats, batch.histograms);
        if !batch.exemplars.is_empty() {
            self.shared.exemplars.lock().add(batch.exemplars);
        }
        if !batch.metadata.is_empty() {
            self.shared.metadata.lock().add(batch.metadata);
        }
        if !batch.catalog.is_empty() {
            self.shared.catalog.commit(batch.catalog);
        }
    }
}

fn workers(shared: &Shared, memtable: Arc<Memtable>) -> Result<ReplayWorkers, OpenError> {
    ReplayWorkers::start(memtable, &shared.options).map_err(io_error("starting a thread"))
}

/// Tells what of the log is lost.
fn report(shared: &Shared, visited: &ReplayReport, undecodable: Vec<(u64, String)>) {
    let mut damage = shared.damage.lock();
    let mut damaged_log = shared.damaged_log.lock();
    for found in &visited.damage {
        tracing::error!(damage = %found, "the log is damaged; the rest of it was replayed");
        damage.push(found.to_string());
        damaged_log.push(found.segment);
    }
    for (segment, found) in undecodable {
        tracing::error!(damage = %found, "a log record has a good checksum but no meaning");
        damage.push(found);
        damaged_log.push(segment);
    }
    damaged_log.sort_unstable();
    damaged_log.dedup();
    for lost in nameless(shared) {
        tracing::error!("{lost}");
        damage.push(lost);
    }
}

/// Files whose samples nobody finds, because nothing has the labels of their series.
fn nameless(shared: &Shared) -> Vec<String> {
    let (view, labelled) = (shared.view(), shared.index.ids());
    let in_tables = view.tables.iter().map(|live| (layout::table(live.number), live.table.series() - &labelled));
    let in_log = view.memtables().fold(RoaringBitmap::new(), |used, memtable| used | memtable.series()) - &labelled;
    let all = in_tables.chain([(layout::WAL.into(), in_log)]).filter(|(_, nameless)| !nameless.is_empty());
    all.map(|(file, nameless)| format!("{}: {}", file.display(), damage::nameless(&nameless))).collect()
}

/// Syncs the replayed log. A killed process leaves records that can be read but would not survive a power cut, and from
/// now on acknowledged writes rest on the series they define.
fn settle_log(disk: &dyn Disk, start: u64) -> Result<(), OpenError> {
    let dir = Path::new(layout::WAL);
    for number in wal::segments(disk, dir)?.into_iter().filter(|number| *number >= start) {
        let path = wal::path_of(dir, number);
        disk.sync_file(&path).map_err(io_error(format!("syncing {}", path.display())))?;
    }
    disk.sync_dir(dir).map_err(io_error("syncing wal/"))
}
