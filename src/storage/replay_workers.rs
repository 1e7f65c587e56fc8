//! Threads that put replayed samples into one memtable.
//!
//! A series is always applied by the same thread, and each thread applies what it is given in order: so the order of the
//! samples of a series, which decides between two of the same time, stays that of the log. A thread is given many samples
//! of one shard of the memtable at once: what the first sample of a series brings into the cache is there for the next.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use super::options::{StorageOptions, Threads};
use crate::{
    memtable::Memtable,
    seams::append::{FloatSample, HistogramSample},
};

/// Threads at most: one that reads and decodes keeps no more of them busy.
const MOST: usize = 4;
/// Floats of a shard handed to a thread at once, where memory has room for them: several for each series where there are
/// 50,000.
const FLOATS: usize = 4_096;
/// Histograms of a shard handed to a thread at once; one takes some hundred bytes.
const HISTOGRAMS: usize = 32;
/// The floats that are gathered may take this part of a memtable's memory.
const PART: usize = 8;
/// Batches of samples that wait for a thread at most.
const WAITING: usize = 4;

/// Samples of one shard; floats are applied before histograms, as those of a batch are.
#[derive(Default)]
struct ShardSamples {
    floats: Vec<FloatSample>,
    histograms: Vec<HistogramSample>,
}

struct Worker {
    batches: SyncSender<ShardSamples>,
    thread: JoinHandle<()>,
}

impl Worker {
    fn start(memtable: Arc<Memtable>) -> io::Result<Self> {
        let (batches, received) = sync_channel::<ShardSamples>(WAITING);
        let apply = move || {
            for samples in received {
                memtable.apply(&samples.floats, &samples.histograms);
            }
        };
        let thread = thread::Builder::new().name("replay".to_owned()).spawn(apply)?;
        Ok(Self { batches, thread })
    }
}

/// All threads of one memtable.
pub(super) struct ReplayWorkers {
    memtable: Arc<Memtable>,
    /// Each applies some shards of the memtable; without any the caller applies everything itself.
    threads: Vec<Worker>,
    /// What is gathered for each shard.
    gathered: Vec<ShardSamples>,
    /// Floats of a shard that are handed over at once.
    floats: usize,
}

impl ReplayWorkers {
    /// Threads for `memtable`, as many as the machine can run; none where every run must be repeatable.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn start(memtable: Arc<Memtable>, options: &StorageOptions) -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let count = if options.threads == Threads::Manual || cores == 1 { 0 } else { cores.min(MOST) };
        let room = options.memtable_bytes / PART / (Memtable::SHARDS * size_of::<FloatSample>());
        Self::with(memtable, count, room.clamp(1, FLOATS))
    }

    fn with(memtable: Arc<Memtable>, threads: usize, floats: usize) -> io::Result<Self> {
        let threads = (0..threads).map(|_| Worker::start(memtable.clone())).collect::<io::Result<_>>()?;
        let gathered = (0..Memtable::SHARDS).map(|_| ShardSamples::default()).collect();
        Ok(Self { memtable, threads, gathered, floats })
    }

    pub(super) fn memtable(&self) -> &Memtable {
        &self.memtable
    }

    /// Has the samples of a batch applied: now or later, but after those of all batches before.
    pub(super) fn apply(&mut self, floats: &[FloatSample], histograms: Vec<HistogramSample>) {
        if self.threads.is_empty() {
            self.memtable.apply(floats, &histograms);
            return;
        }
        for run in floats.chunk_by(|a, b| Memtable::shard_of(a.series) == Memtable::shard_of(b.series)) {
            let Some(shard) = run.first().map(|sample| Memtable::shard_of(sample.series)) else { continue };
            let Some(samples) = self.gathered.get_mut(shard) else { continue };
            // Floats of this batch must not pass histograms of an earlier one.
            if samples.floats.len() + run.len() > self.floats || !samples.histograms.is_empty() {
                self.hand_over(shard);
            }
            if let Some(samples) = self.gathered.get_mut(shard) {
                samples.floats.extend_from_slice(run);
            }
        }
        for sample in histograms {
            let shard = Memtable::shard_of(sample.series);
            let Some(samples) = self.gathered.get_mut(shard) else { continue };
            samples.histograms.push(sample);
            if samples.histograms.len() >= HISTOGRAMS {
                self.hand_over(shard);
            }
        }
    }

    fn hand_over(&mut self, shard: usize) {
        let filled = |samples: &&mut ShardSamples| !samples.floats.is_empty() || !samples.histograms.is_empty();
        let Some(samples) = self.gathered.get_mut(shard).filter(filled) else { return };
        let room = Vec::with_capacity(self.floats);
        let samples = std::mem::replace(samples, ShardSamples { floats: room, histograms: Vec::new() });
        if let Some(worker) = self.threads.get(shard % self.threads.len().max(1)) {
            // A thread that is gone is noticed at the end.
            let _ = worker.batches.send(samples);
        }
    }

    /// Waits until everything is applied.
    ///
    /// # Errors
    /// When a thread has panicked: samples are missing.
    pub(super) fn finish(mut self) -> io::Result<()> {
        (0..Memtable::SHARDS).for_each(|shard| self.hand_over(shard));
        for worker in self.threads {
            drop(worker.batches);
            worker.thread.join().map_err(|_| io::Error::other("a thread panicked"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        model::{Histogram, SeriesBuf, TimeRange},
        seams::append::SeriesId,
    };

    /// Series in several groups, few times, so that much is written again.
    fn batch() -> impl Strategy<Value = Vec<(u32, i64, u32, bool)>> {
        prop::collection::vec((0u32..12, 0i64..6, any::<u32>(), prop::bool::weighted(0.2)), 1..60)
    }

    /// Times, and bits of floats or of histograms' sums.
    type Samples = Vec<(i64, u64)>;

    /// Floats and histograms of each series.
    fn contents(memtable: &Memtable) -> Vec<(SeriesId, Samples, Samples)> {
        let mut buf = SeriesBuf::default();
        let read = |id| {
            memtable.read(id, TimeRange::ALL, &mut buf);
            let floats = buf.times.iter().zip(&buf.values).map(|(time, value)| (*time, value.to_bits()));
            let histograms = buf.histograms.iter().map(|(time, value)| (*time, value.sum.to_bits()));
            (id, floats.collect(), histograms.collect())
        };
        memtable.ids().into_iter().map(read).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_last_write_wins_however_many_threads_apply(batches in prop::collection::vec(batch(), 1..40), repeat in 1usize..40, floats in 1usize..200) {
            let (direct, shared) = (Memtable::new(), Arc::new(Memtable::new()));
            let mut workers = ReplayWorkers::with(shared.clone(), 3, floats).unwrap();
            for batch in batches.iter().cycle().take(batches.len() * repeat) {
                let (mut floats, mut histograms) = (Vec::new(), Vec::new());
                for &(id, time, value, is_histogram) in batch {
                    let (series, value) = (SeriesId(id * 300), f64::from(value));
                    if is_histogram {
                        let value = Histogram { sum: value, ..Histogram::stale() };
                        histograms.push(HistogramSample { series, time, value, start: 0 });
                    } else {
                        floats.push(FloatSample { series, time, value, start: 0 });
                    }
                }
                direct.apply(&floats, &histograms);
                workers.apply(&floats, histograms);
            }
            workers.finish().unwrap();
            prop_assert_eq!(contents(&shared), contents(&direct));
        }
    }
}
