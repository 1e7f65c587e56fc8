//! The order of batches under a scheduler that switches between threads wherever they meet, at random or by priorities that
//! change: what only an unlucky moment would show comes up here, deadlocks too.

/// What [`order`] is built on here.
mod sync {
    pub(super) use std::{sync::PoisonError, thread::panicking};

    pub(super) use shuttle::sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    };
}

#[path = "order.rs"]
#[expect(clippy::duplicate_mod, reason = "the same code on other primitives")]
mod order;

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
    sync::atomic,
};

use order::{Batch, Bounds, Wanted, in_order};

/// Schedules tried for each case and way of scheduling.
const SCHEDULES: usize = 1_000;
/// Decisions at which threads change places in one schedule by priorities.
const CHANGES: usize = 3;

/// What happens in a run.
#[derive(Debug, Clone, Copy)]
struct Case {
    threads: usize,
    rows: usize,
    size: usize,
    ahead: usize,
    /// Memory that waiting batches may hold; each row takes 1.
    held: usize,
    /// Every so many batches one ends behind its first row.
    early: usize,
    /// Rows that can't be computed or folded.
    uncomputable: Option<usize>,
    unfoldable: Option<usize>,
    /// The row whose thread panics.
    panics: Option<usize>,
}

const PLAIN: Case = Case {
    threads: 3,
    rows: 10,
    size: 2,
    ahead: 4,
    held: usize::MAX,
    early: usize::MAX,
    uncomputable: None,
    unfoldable: None,
    panics: None,
};

const CASES: [Case; 7] = [
    PLAIN,
    Case { size: 1, ahead: 2, rows: 6, ..PLAIN },
    Case { held: 2, early: 2, ..PLAIN },
    Case { held: 0, ahead: 100, ..PLAIN },
    Case { uncomputable: Some(3), ..PLAIN },
    Case { unfoldable: Some(4), held: 1, ..PLAIN },
    Case { uncomputable: Some(6), unfoldable: Some(5), early: 1, ..PLAIN },
];

/// The rows of a batch, and why one of them failed.
type Numbers = Batch<Vec<usize>, String>;

fn compute(case: Case, batch: &mut Numbers) {
    if case.panics.is_some_and(|row| batch.range.contains(&row)) {
        panic_any("as told");
    }
    let Range { start, end } = batch.range;
    if (start / case.size).is_multiple_of(case.early) {
        batch.range.end = start + 1;
    } else if case.early < usize::MAX && end - start > 1 {
        batch.range.end = end;
    }
    batch.failed = case.uncomputable.filter(|row| batch.range.contains(row)).map(|row| (row, format!("row {row}")));
    batch.rows.clear();
    batch.rows.extend(batch.range.clone());
    batch.held = batch.range.len();
}

/// Runs a case; answers the rows that were folded, and the failure.
fn run(case: Case) -> (Vec<usize>, Result<(), String>) {
    let (mut seen, folding) = (Vec::new(), atomic::AtomicUsize::new(0));
    let bounds = Bounds { rows: case.ahead, held: case.held };
    let threads = |work: &(dyn Fn() + Sync)| {
        shuttle::thread::scope(|scope| {
            for _ in 1..case.threads {
                scope.spawn(|| caught(work));
            }
            caught(work);
        });
    };
    let mut fold = |batch: &mut Numbers, Wanted(wanted): Wanted| {
        assert_eq!(folding.fetch_add(1, atomic::Ordering::SeqCst), 0, "one thread at a time folds");
        shuttle::thread::yield_now();
        let end = batch.failed.as_ref().map_or(batch.range.end, |(row, _)| *row);
        let mut rows = if wanted { batch.range.start..end } else { 0..0 };
        let folded = rows.try_for_each(|row| {
            if case.unfoldable == Some(row) {
                return Err(format!("fold {row}"));
            }
            assert_eq!(batch.rows.get(row - batch.range.start), Some(&row), "its own rows");
            seen.push(row);
            Ok(())
        });
        folding.fetch_sub(1, atomic::Ordering::SeqCst);
        folded
    };
    let worker = || move |batch: &mut Numbers| compute(case, batch);
    let result = in_order(0..case.rows, case.size, bounds, threads, worker, &mut fold);
    (seen, result)
}

/// A panic ends a thread, not the test.
fn caught(work: &(dyn Fn() + Sync)) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(work))
        && panic.downcast_ref() != Some(&"as told")
    {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_thread_that_panics_leaves_nobody_waiting() {
    for case in [Case { size: 1, ahead: 1, panics: Some(0), ..PLAIN }, Case { ahead: 2, panics: Some(5), ..PLAIN }] {
        let check = move || {
            let (seen, _) = run(case);
            assert!(seen.len() <= case.panics.unwrap_or_default(), "{case:?}");
        };
        shuttle::check_random(check, SCHEDULES);
        shuttle::check_pct(check, SCHEDULES, CHANGES);
    }
}

#[test]
fn rows_are_folded_in_order_under_every_schedule() {
    for case in CASES {
        let check = move || {
            let (seen, result) = run(case);
            let last = case.uncomputable.into_iter().chain(case.unfoldable).min();
            assert_eq!(seen, (0..last.unwrap_or(case.rows)).collect::<Vec<_>>(), "{case:?}");
            let told = result.err().map(|why| why.rsplit(' ').next().and_then(|row| row.parse().ok()));
            assert_eq!(told, last.map(Some), "the first failure in the order of rows: {case:?}");
        };
        shuttle::check_random(check, SCHEDULES);
        shuttle::check_pct(check, SCHEDULES, CHANGES);
    }
}
