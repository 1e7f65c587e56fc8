//! Running through all rows of an operator, on several threads when there is enough to do.

use std::time::{Duration, Instant};

use super::{
    order::{self, Batch, Bounds, Wanted},
    pool::run_on,
};
use crate::promql::{
    QueryError,
    data::row::Row,
    exec::{
        context::Context,
        operator::{Operator, Scratch},
    },
    value::SAMPLE_BYTES,
};

/// A thread takes about this many cells at a time, and at least one row.
const BATCH_CELLS: usize = 1 << 15;
/// At most this many rows make a batch.
const BATCH_ROWS: usize = 64;
/// What reading a series costs, in cells.
const READ_CELLS: usize = 256;
/// A query with this many cells gets helping threads from the start.
const MIN_CELLS: usize = 1 << 16;
/// Rows that are found to take this long, as those read from disk do, get helping threads too.
const MIN_TIME: Duration = Duration::from_micros(200);
/// Rows by which the time of all others is estimated.
const SHOWN: usize = 8;
/// Each thread has at least about so many batches, so that all end at about the same time.
const BATCHES: usize = 4;
/// A thread may be this many batches per thread ahead of the one that is folded next; then it waits.
const AHEAD: usize = 4;
/// A batch ends early where its histograms take so much memory (bytes), and batches that wait may hold as much for each
/// thread: floats take no more than a quarter of it.
const BATCH_BYTES: usize = 1 << 20;

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
    let largest = (BATCH_CELLS / steps.max(1)).clamp(1, BATCH_ROWS);
    let threads = cx.settings.threads.min(rows.div_ceil(largest));
    let large = rows.saturating_mul(steps.saturating_add(READ_CELLS)) >= MIN_CELLS;
    let mut first = 0;
    if threads < 2 || !large {
        let (mut scratch, mut row) = (Scratch::default(), Row::default());
        let pace = Pace { began: Instant::now(), rows };
        while first < rows {
            cx.budget.check()?;
            op.row(first, &mut scratch, &mut row).map_err(|failed| failed.error)?;
            let held = hold(cx, &row)?;
            fold(first, &mut row)?;
            cx.budget.release(held);
            first += 1;
            if threads > 1 && pace.is_slow(first) {
                break;
            }
        }
    }
    if first == rows {
        return Ok(());
    }
    let size = largest.min((rows - first).div_ceil(threads * BATCHES));
    let bounds = Bounds { rows: AHEAD * threads * size, held: BATCH_BYTES / SAMPLE_BYTES as usize * threads };
    let run = |work: &(dyn Fn() + Sync)| run_on(threads - 1, work);
    let worker = || {
        let mut scratch = Scratch::default();
        move |batch: &mut RowBatch| compute(batch, cx, op, &mut scratch)
    };
    order::in_order(first..rows, size, bounds, run, worker, &mut |batch: &mut RowBatch, Wanted(wanted)| {
        let folded = if wanted { fold_batch(batch, fold) } else { Ok(()) };
        cx.budget.release(batch.held);
        // Histograms are memory to give back; the rest is used again.
        batch.rows.iter_mut().for_each(|row| row.histograms.clear());
        folded
    })
}

/// Rows computed by one thread in one go: at least as many as the range has.
type RowBatch = Batch<Vec<Row>, QueryError>;

/// Computes the rows of a batch, or only the first of them where they take much memory.
fn compute(batch: &mut RowBatch, cx: &Context<'_>, op: &dyn Operator, scratch: &mut Scratch) {
    let rows = batch.range.len().max(batch.rows.len());
    batch.rows.resize_with(rows, Row::default);
    for (i, row) in batch.range.clone().zip(&mut batch.rows) {
        let done = cx.budget.check().and_then(|()| {
            op.row(i, scratch, row).map_err(|failed| failed.error)?;
            hold(cx, row)
        });
        match done {
            Ok(held) => batch.held += held,
            Err(error) => {
                batch.failed = Some((i, error));
                return;
            }
        }
        if batch.held >= BATCH_BYTES / SAMPLE_BYTES as usize {
            batch.range.end = i + 1;
            return;
        }
    }
}

/// Folds the rows of a batch; those before one that failed too, for one of them may fail here.
fn fold_batch(
    batch: &mut RowBatch,
    fold: &mut (dyn FnMut(usize, &mut Row) -> Result<(), QueryError> + Send),
) -> Result<(), QueryError> {
    let end = batch.failed.as_ref().map_or(batch.range.end, |(i, _)| *i);
    (batch.range.start..end).zip(&mut batch.rows).try_for_each(|(i, row)| fold(i, row))
}

/// Takes room for the histograms of a row until it is folded; answers how much.
fn hold(cx: &Context<'_>, row: &Row) -> Result<usize, QueryError> {
    let samples = row.histogram_samples();
    if samples > 0 {
        cx.budget.hold(samples)?;
    }
    Ok(samples)
}

/// How fast rows are computed one after the other.
struct Pace {
    began: Instant,
    /// All there are.
    rows: usize,
}

impl Pace {
    /// Whether those behind the first `done` will take long; looked at now and then.
    fn is_slow(&self, done: usize) -> bool {
        let looks = done >= SHOWN && done.is_power_of_two();
        looks && self.began.elapsed() * self.rows.saturating_sub(done) as u32 > MIN_TIME * done as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Labels,
        promql::{
            Cancel,
            budget::{Budget, Pool},
            data::annotations::AnnotationCollector,
            exec::{
                context::Settings,
                memo::{Memo, Sets},
                operator::{RowError, Series},
                profile::Profile,
            },
            plan::Optimise,
        },
        seams::select::MemorySelect,
    };

    /// Row `i` holds `i`; some rows take longer, and one may fail.
    struct Numbers {
        rows: usize,
        fails_at: Option<usize>,
    }

    impl Operator for Numbers {
        fn len(&self) -> usize {
            self.rows
        }

        fn series(&self, _: usize) -> Result<Series, QueryError> {
            Ok(Series::new(Labels::empty()))
        }

        fn row(&self, i: usize, _: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
            if i.is_multiple_of(97) {
                std::thread::sleep(Duration::from_micros(300));
            }
            if self.fails_at.is_some_and(|at| i >= at) {
                return Err(QueryError::Execution(format!("row {i}")).into());
            }
            out.reset(1);
            out.set(0, i as f64);
            Ok(())
        }
    }

    fn run(op: &Numbers, threads: usize) -> (Vec<(usize, f64)>, Result<(), QueryError>) {
        let (cancel, pool, select) = (Cancel::default(), Pool::new(1000, None), MemorySelect::default());
        let cx = Context {
            select: &select,
            settings: Settings {
                lookback: 1,
                threads,
                delayed_name_removal: false,
                type_labels: false,
                start_times: false,
                optimise: Optimise::default(),
            },
            budget: Budget::new(&cancel, &pool, Duration::from_secs(60), 1000, threads),
            annotations: AnnotationCollector::default(),
            profile: Profile::default(),
            memo: Memo::new(Sets::new()),
            subqueries: std::sync::Arc::default(),
        };
        let mut seen = Vec::new();
        let result = for_each_row(&cx, op, 1, &mut |i, row| {
            seen.push((i, row.float(0).unwrap()));
            Ok(())
        });
        (seen, result)
    }

    #[test]
    fn rows_arrive_in_series_order_whatever_the_threads() {
        for threads in [1, 2, 7] {
            let (seen, result) = run(&Numbers { rows: 3000, fails_at: None }, threads);
            assert!(result.is_ok());
            assert!(seen.iter().enumerate().all(|(i, s)| *s == (i, i as f64)) && seen.len() == 3000);
        }
    }

    #[test]
    fn the_first_error_in_series_order_wins() {
        for threads in [1, 2, 7] {
            for fails_at in [3, 1234] {
                let (seen, result) = run(&Numbers { rows: 3000, fails_at: Some(fails_at) }, threads);
                assert_eq!(result.unwrap_err().to_string(), format!("row {fails_at}"));
                assert_eq!(seen.len(), fails_at);
            }
        }
    }

    #[test]
    fn few_rows_that_take_long_get_help() {
        // 3 of them sleep.
        let (seen, result) = run(&Numbers { rows: 200, fails_at: None }, 2);
        assert!(result.is_ok());
        assert!(seen.iter().enumerate().all(|(i, s)| *s == (i, i as f64)) && seen.len() == 200);
        let slow = Pace { began: Instant::now() - Duration::from_millis(1), rows: 200 };
        assert!(slow.is_slow(8) && slow.is_slow(64) && !slow.is_slow(7) && !slow.is_slow(9) && !slow.is_slow(200));
        assert!(!Pace { began: Instant::now() - Duration::from_millis(1), rows: 150 }.is_slow(128));
    }
}
