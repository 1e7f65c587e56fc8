//! Running through all rows of an operator, on several threads when there is enough to do.

use std::sync::{
    Condvar, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::{
    context::Context,
    operator::{Operator, Scratch},
    row::Row,
};
use crate::promql::QueryError;

/// A thread takes about this many cells at a time, and at least one row.
const PIECE_CELLS: usize = 1 << 15;
/// At most this many rows make a piece.
const PIECE_ROWS: usize = 64;
/// Fewer rows than this are not worth a thread.
const MIN_ROWS: usize = 32;
/// Stack of a worker; rows nest as deep as expressions do.
const STACK: usize = 4 << 20;

/// Calls `fold` with every row, in series order.
///
/// Rows are computed by as many threads as the settings allow; `fold` runs on one thread at a time. The first error in
/// series order wins, so a failing query fails the same way each time.
pub(crate) fn for_each_row(
    cx: &Context<'_>,
    op: &dyn Operator,
    steps: usize,
    fold: &mut (dyn FnMut(usize, &mut Row) -> Result<(), QueryError> + Send),
) -> Result<(), QueryError> {
    let rows = op.len();
    let piece = (PIECE_CELLS / steps.max(1)).clamp(1, PIECE_ROWS);
    let threads = cx.settings.threads.min(rows.div_ceil(piece));
    if threads < 2 || rows < MIN_ROWS {
        let (mut scratch, mut row) = (Scratch::default(), Row::default());
        for i in 0..rows {
            cx.budget.check()?;
            op.row(i, &mut scratch, &mut row)?;
            fold(i, &mut row)?;
        }
        return Ok(());
    }
    let turn = Turn { state: Mutex::new(State { next: 0, fold, failed: None }), changed: Condvar::new() };
    let (taken, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        let mut scratch = Scratch::default();
        let mut computed: Vec<Row> = Vec::new();
        loop {
            let number = taken.fetch_add(1, Ordering::Relaxed);
            let range = number.saturating_mul(piece)..number.saturating_add(1).saturating_mul(piece).min(rows);
            if range.start >= rows {
                break;
            }
            computed.resize_with(range.len().max(computed.len()), Row::default);
            let mut failed = None;
            // After a failure pieces are still taken and passed on empty, so that whoever waits for its turn gets it.
            if !stop.load(Ordering::Relaxed) {
                for (i, row) in range.clone().zip(&mut computed) {
                    let done = cx.budget.check().and_then(|()| op.row(i, &mut scratch, row));
                    if let Err(error) = done {
                        failed = Some((i, error));
                        break;
                    }
                }
            }
            turn.pass(number, range, &mut computed, failed, &stop);
        }
    };
    std::thread::scope(|scope| {
        let mut spawned = 1;
        while spawned < threads {
            // A machine that has no thread to give still answers, with those there are.
            if std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).is_err() {
                break;
            }
            spawned += 1;
        }
        work();
    });
    match turn.state.into_inner().unwrap_or_else(PoisonError::into_inner).failed {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

type Fold<'f> = &'f mut (dyn FnMut(usize, &mut Row) -> Result<(), QueryError> + Send);

struct State<'f> {
    /// The piece whose rows come next.
    next: usize,
    fold: Fold<'f>,
    failed: Option<QueryError>,
}

/// Hands pieces over in order.
struct Turn<'f> {
    state: Mutex<State<'f>>,
    changed: Condvar,
}

impl Turn<'_> {
    /// Waits until all pieces before `number` are folded, then folds this one. `failed` is the row that could not be
    /// computed; those before it are folded all the same, for one of them may fail there.
    fn pass(
        &self,
        number: usize,
        range: std::ops::Range<usize>,
        rows: &mut [Row],
        failed: Option<(usize, QueryError)>,
        stop: &AtomicBool,
    ) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.next != number {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.failed.is_none() {
            let end = failed.as_ref().map_or(range.end, |(i, _)| *i);
            let mut error = None;
            for (i, row) in (range.start..end).zip(rows) {
                if let Err(e) = (state.fold)(i, row) {
                    error = Some(e);
                    break;
                }
            }
            state.failed = error.or(failed.map(|(_, e)| e));
            if state.failed.is_some() {
                stop.store(true, Ordering::Relaxed);
            }
        }
        state.next += 1;
        self.changed.notify_all();
    }
}
