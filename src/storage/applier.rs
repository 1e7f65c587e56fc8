//! Threads that put replayed samples into one memtable.
//!
//! A series is always applied by the same thread, and each thread applies what it is given in order: so the order of the
//! samples of a series, which decides between two of the same time, stays that of the log.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use super::options::Threads;
use crate::{
    memtable::Memtable,
    seams::append::{FloatSample, HistogramSample},
};

/// Threads at most: one that reads and decodes keeps no more of them busy.
const MOST: usize = 4;
/// Floats handed to a thread at once (32 bytes each).
const PIECE: usize = 4_096;
/// Histograms handed to a thread at once; one takes some hundred bytes.
const HISTOGRAMS: usize = 256;
/// Pieces that wait for a thread at most.
const WAITING: usize = 4;

/// Samples for one thread; floats are applied before histograms, as those of a batch are.
#[derive(Default)]
struct Piece {
    floats: Vec<FloatSample>,
    histograms: Vec<HistogramSample>,
}

struct Applier {
    gathered: Piece,
    pieces: SyncSender<Piece>,
    thread: JoinHandle<()>,
}

impl Applier {
    fn start(memtable: Arc<Memtable>) -> io::Result<Self> {
        let (pieces, received) = sync_channel::<Piece>(WAITING);
        let apply = move || {
            for piece in received {
                memtable.apply(&piece.floats, &piece.histograms);
            }
        };
        let thread = thread::Builder::new().name("replay".to_owned()).spawn(apply)?;
        Ok(Self { gathered: Piece::default(), pieces, thread })
    }

    fn hand_over(&mut self) {
        let room = Vec::with_capacity(PIECE);
        let piece = std::mem::replace(&mut self.gathered, Piece { floats: room, histograms: Vec::new() });
        // A thread that is gone is noticed at the end.
        let _ = self.pieces.send(piece);
    }
}

/// All threads of one memtable.
pub(super) struct Appliers {
    memtable: Arc<Memtable>,
    /// One for each share of the memtable; without any the caller applies everything itself.
    threads: Vec<Applier>,
}

impl Appliers {
    /// Threads for `memtable`, as many as the machine can run; none where every run must be repeatable.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn start(memtable: Arc<Memtable>, threads: Threads) -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let count = if threads == Threads::Manual || cores == 1 { 0 } else { cores.min(MOST) };
        let threads = (0..count).map(|_| Applier::start(memtable.clone())).collect::<io::Result<_>>()?;
        Ok(Self { memtable, threads })
    }

    pub(super) fn memtable(&self) -> &Memtable {
        &self.memtable
    }

    /// Has the samples of a batch applied: now or later, but after those of all batches before.
    pub(super) fn apply(&mut self, floats: &[FloatSample], histograms: Vec<HistogramSample>) {
        let count = self.threads.len();
        if count == 0 {
            self.memtable.apply(floats, &histograms);
            return;
        }
        let share = |id| Memtable::share(id, count);
        for run in floats.chunk_by(|a, b| share(a.series) == share(b.series)) {
            let Some(applier) = run.first().and_then(|sample| self.threads.get_mut(share(sample.series))) else {
                continue;
            };
            // Floats of this batch must not pass histograms of an earlier one.
            if applier.gathered.floats.len() >= PIECE || !applier.gathered.histograms.is_empty() {
                applier.hand_over();
            }
            applier.gathered.floats.extend_from_slice(run);
        }
        for sample in histograms {
            let Some(applier) = self.threads.get_mut(share(sample.series)) else { continue };
            applier.gathered.histograms.push(sample);
            if applier.gathered.histograms.len() >= HISTOGRAMS {
                applier.hand_over();
            }
        }
    }

    /// Waits until everything is applied.
    ///
    /// # Errors
    /// When a thread has panicked: samples are missing.
    pub(super) fn finish(self) -> io::Result<()> {
        for mut applier in self.threads {
            applier.hand_over();
            drop(applier.pieces);
            applier.thread.join().map_err(|_| io::Error::other("a thread panicked"))?;
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
        fn the_last_write_wins_however_many_threads_apply(batches in prop::collection::vec(batch(), 1..40), repeat in 1usize..40) {
            let (direct, shared) = (Memtable::new(), Arc::new(Memtable::new()));
            let threads = (0..3).map(|_| Applier::start(shared.clone())).collect::<io::Result<_>>().unwrap();
            let mut appliers = Appliers { memtable: shared.clone(), threads };
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
                appliers.apply(&floats, histograms);
            }
            appliers.finish().unwrap();
            prop_assert_eq!(contents(&shared), contents(&direct));
        }
    }
}
