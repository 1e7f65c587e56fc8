//! Batches of rows that are computed on several threads and folded strictly in order.
//!
//! - Batches are taken in order, each by one thread, and folded by whoever hands over the one that is due: one thread at a
//!   time.
//! - A batch that comes before its turn waits in a list. Its thread goes on, unless it is too far ahead ([`Bounds`]); then it
//!   waits until what is folded has moved. Whoever has the batch that is due never waits, so this ends.
//! - The first failure in the order of the rows is the one that is told, as if there were one thread only.

use std::{collections::BTreeMap, ops::Range};

use super::sync::{AtomicBool, AtomicUsize, Condvar, Mutex, Ordering, PoisonError, panicking};

/// Rows computed by one thread in one go.
pub(super) struct Batch<R, E> {
    /// Which rows. Whoever computes it may end it early, but not before its first row.
    pub(super) range: Range<usize>,
    /// The rows themselves; to begin with what another batch has left to be used again.
    pub(super) rows: R,
    /// Memory that it holds until it is folded, in samples.
    pub(super) held: usize,
    /// The row that could not be computed, and why; those before it are there.
    pub(super) failed: Option<(usize, E)>,
    /// Whether its rows were left uncomputed, as nobody wants them any more.
    skipped: bool,
}

/// How far threads may be ahead of the row that is folded next.
pub(super) struct Bounds {
    /// In rows.
    pub(super) rows: usize,
    /// In samples that waiting batches hold.
    pub(super) held: usize,
}

/// What is done with a batch in its turn. After a failure all others still come, not `wanted`, so that what they hold is
/// given back.
type Fold<'f, R, E> = &'f mut (dyn FnMut(&mut Batch<R, E>, Wanted) -> Result<(), E> + Send);

/// Whether somebody still wants the rows of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted(pub(super) bool);

/// Computes `rows` in batches of `size` and folds them in order.
///
/// `run` does the work it is handed on some threads at once and returns when all are through; each of them computes its
/// batches with a closure of its own from `worker`.
pub(super) fn in_order<R, E, C>(
    rows: Range<usize>,
    size: usize,
    bounds: Bounds,
    run: impl FnOnce(&(dyn Fn() + Sync)),
    worker: impl Fn() -> C + Sync,
    fold: Fold<'_, R, E>,
) -> Result<(), E>
where
    R: Default + Send,
    E: Send,
    C: FnMut(&mut Batch<R, E>),
{
    let taken = AtomicUsize::new(rows.start);
    let folding =
        Folding { next: rows.start, waiting: BTreeMap::new(), held: 0, spare: Vec::new(), fold, failed: None };
    let order = Order { folding: Mutex::new(folding), moved: Condvar::new(), stop: AtomicBool::new(false), bounds };
    run(&|| {
        let _alarm = Alarm(&order);
        let mut compute = worker();
        let mut spare = R::default();
        loop {
            let start = taken.fetch_add(size, Ordering::Relaxed);
            if start >= rows.end {
                break;
            }
            let mut left = start..start.saturating_add(size).min(rows.end);
            while !left.is_empty() {
                // After a failure batches are still taken and handed over empty, so that whoever waits goes on.
                let skipped = order.stop.load(Ordering::Relaxed);
                let mut batch = Batch { range: left.clone(), rows: spare, held: 0, failed: None, skipped };
                if !skipped {
                    compute(&mut batch);
                }
                left.start = batch.range.end;
                spare = order.hand_over(batch);
            }
        }
    });
    order.folding.into_inner().unwrap_or_else(PoisonError::into_inner).failed.map_or(Ok(()), Err)
}

struct Folding<'f, R, E> {
    /// The row that is folded next.
    next: usize,
    /// Batches that came before their turn, by their first row.
    waiting: BTreeMap<usize, Batch<R, E>>,
    /// What they hold, in samples.
    held: usize,
    /// Rows to be used again.
    spare: Vec<R>,
    fold: Fold<'f, R, E>,
    failed: Option<E>,
}

impl<R, E> Folding<'_, R, E> {
    fn take_next(&mut self) -> Option<Batch<R, E>> {
        let next = self.next;
        self.waiting.remove(&next)
    }

    fn fold(&mut self, mut batch: Batch<R, E>) {
        let wanted = self.failed.is_none() && !batch.skipped;
        let folded = (self.fold)(&mut batch, Wanted(wanted));
        if wanted {
            // A row before one that could not be computed may fail when it is folded.
            self.failed = folded.err().or(batch.failed.map(|(_, error)| error));
        }
        self.held -= batch.held;
        self.spare.push(batch.rows);
        self.next = batch.range.end;
    }
}

/// Puts batches in order.
struct Order<'f, R, E> {
    folding: Mutex<Folding<'f, R, E>>,
    /// Rows were folded, or there is no more to wait for.
    moved: Condvar,
    /// Nothing needs to be computed any more. Set only under the lock, so that nobody who has looked waits nonetheless.
    stop: AtomicBool,
    bounds: Bounds,
}

impl<R: Default, E> Order<'_, R, E> {
    /// Takes a batch and folds what is due; answers rows to go on with.
    fn hand_over(&self, batch: Batch<R, E>) -> R {
        let mut folding = self.folding.lock().unwrap_or_else(PoisonError::into_inner);
        let start = batch.range.start;
        folding.held += batch.held;
        folding.waiting.insert(start, batch);
        let before = folding.next;
        while let Some(batch) = folding.take_next() {
            folding.fold(batch);
        }
        if folding.failed.is_some() {
            self.stop.store(true, Ordering::Relaxed);
        }
        if folding.next != before {
            self.moved.notify_all();
        }
        while self.is_ahead(start, &folding) && !self.stop.load(Ordering::Relaxed) {
            folding = self.moved.wait(folding).unwrap_or_else(PoisonError::into_inner);
        }
        folding.spare.pop().unwrap_or_default()
    }

    /// Whether whoever has handed over the batch from row `start` is too far ahead to go on.
    fn is_ahead(&self, start: usize, folding: &Folding<'_, R, E>) -> bool {
        let heavy = folding.held > self.bounds.held && start >= folding.next;
        heavy || start >= folding.next.saturating_add(self.bounds.rows)
    }
}

/// Lets nobody wait for a thread that panicked; the panic itself goes on to whoever asked for the rows.
struct Alarm<'a, 'f, R, E>(&'a Order<'f, R, E>);

impl<R, E> Drop for Alarm<'_, '_, R, E> {
    fn drop(&mut self) {
        if panicking() {
            // One that panicked while it folded has let the lock go already.
            let _folding = self.0.folding.lock().unwrap_or_else(PoisonError::into_inner);
            self.0.stop.store(true, Ordering::Relaxed);
            self.0.moved.notify_all();
        }
    }
}
