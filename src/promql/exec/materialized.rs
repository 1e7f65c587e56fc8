//! Rows kept in memory.

use super::{
    context::Context,
    operator::{Operator, RowError, Scratch, Series},
    parallel::for_each_row,
};
use crate::{
    model::Histogram,
    promql::{
        QueryError,
        data::{
            grid::Grid,
            row::{Bits, Row},
        },
    },
};
use std::sync::Arc;

/// Materialised rows. It gives back its room when dropped.
pub(crate) struct Materialized<'c> {
    cx: &'c Context<'c>,
    pub(crate) steps: usize,
    pub(crate) series: Vec<Series>,
    rows: Vec<Stored>,
    held: usize,
}

/// Materialised rows that stay for the rest of the query, and with it the room they take.
pub(crate) struct SharedRows {
    steps: usize,
    series: Vec<Series>,
    rows: Vec<Stored>,
}

/// A row as little as it can be.
enum Stored {
    /// The one float of a grid of one step.
    One(f64),
    Trimmed(Box<Trimmed>),
}

/// A row without the empty steps at its ends: a series that lived for a moment takes room for a moment.
struct Trimmed {
    first: usize,
    values: Box<[f64]>,
    present: Bits,
    histograms: Box<[Option<Arc<Histogram>>]>,
}

impl Stored {
    /// The steps of `row` from `first` to before `end`, outside of which it has no sample.
    fn of(row: &Row, first: usize, end: usize) -> Self {
        match row.values.as_slice() {
            [value] if end == 1 && !row.has_histograms() => Self::One(*value),
            values => Self::Trimmed(Box::new(Trimmed {
                first,
                values: values.get(first..end).unwrap_or_default().into(),
                present: row.present.clone(),
                histograms: row.histograms.get(first..end).unwrap_or_default().into(),
            })),
        }
    }

    /// Memory it takes beside its place in a list and its values, in bytes.
    fn bytes(&self) -> usize {
        match self {
            Self::One(_) => 0,
            Self::Trimmed(span) => size_of::<Trimmed>() + span.present.bytes(),
        }
    }
}

impl<'c> Materialized<'c> {
    pub(crate) fn new(cx: &'c Context<'c>, steps: usize) -> Self {
        Self { cx, steps, series: Vec::new(), rows: Vec::new(), held: 0 }
    }

    /// Computes and keeps all rows of `op` that have a sample.
    pub(crate) fn of(cx: &'c Context<'c>, op: &dyn Operator, grid: &Grid) -> Result<Self, QueryError> {
        let mut materialized = Self::new(cx, grid.steps);
        for_each_row(cx, op, grid.steps, &mut |i, row| {
            if row.present.any() { materialized.push(op.series(i)?, row) } else { Ok(()) }
        })?;
        Ok(materialized)
    }

    pub(crate) fn push(&mut self, series: Series, row: &Row) -> Result<(), QueryError> {
        let (first, end) = row.present.bounds().map_or((0, 0), |(first, last)| (first, last + 1));
        let samples = end - first + row.histogram_samples();
        self.cx.budget.hold(samples)?;
        self.held += samples;
        self.cx.budget.keep(&series.labels)?;
        let stored = Stored::of(row, first, end);
        self.cx.budget.keep_bytes(size_of::<Stored>() + stored.bytes())?;
        self.rows.push(stored);
        self.series.push(series);
        Ok(())
    }

    /// Puts the rows into the order of their keys, of which there is one for each.
    pub(crate) fn arrange(&mut self, keys: &[usize]) {
        if keys.is_sorted() {
            return;
        }
        let rows = std::mem::take(&mut self.series).into_iter().zip(std::mem::take(&mut self.rows));
        let mut rows: Vec<_> = keys.iter().zip(rows).collect();
        rows.sort_by_key(|(key, _)| **key);
        (self.series, self.rows) = rows.into_iter().map(|(_, row)| row).unzip();
    }

    /// Its rows for good.
    pub(crate) fn keep(mut self) -> SharedRows {
        self.held = 0;
        SharedRows { steps: self.steps, series: std::mem::take(&mut self.series), rows: std::mem::take(&mut self.rows) }
    }

    /// Makes `out` the row of series `i`.
    pub(crate) fn copy(&self, i: usize, out: &mut Row) {
        copy(self.rows.get(i), self.steps, out);
    }

    /// Adds the steps at which series `i` has a sample to `bits`.
    pub(crate) fn or_present(&self, i: usize, bits: &mut Bits) {
        match self.rows.get(i) {
            Some(Stored::One(_)) => bits.set(0),
            Some(Stored::Trimmed(span)) => bits.or(&span.present),
            None => {}
        }
    }
}

fn copy(stored: Option<&Stored>, steps: usize, out: &mut Row) {
    out.reset(steps);
    let stored = match stored {
        None => return,
        Some(Stored::One(value)) => return out.set(0, *value),
        Some(Stored::Trimmed(span)) => span,
    };
    out.present.clone_from(&stored.present);
    let span = stored.first..stored.first + stored.values.len();
    if let Some(values) = out.values.get_mut(span.clone()) {
        values.copy_from_slice(&stored.values);
    }
    if !stored.histograms.is_empty() {
        out.histograms.resize(steps, None);
        if let Some(histograms) = out.histograms.get_mut(span) {
            histograms.clone_from_slice(&stored.histograms);
        }
    }
}

fn labels_of(series: &[Series], i: usize) -> Series {
    series.get(i).cloned().unwrap_or(Series::new(crate::model::Labels::empty()))
}

impl Operator for Arc<SharedRows> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        Ok(labels_of(&self.series, i))
    }

    fn row(&self, i: usize, _scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        copy(self.rows.get(i), self.steps, out);
        Ok(())
    }
}

impl Operator for Materialized<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        Ok(labels_of(&self.series, i))
    }

    fn row(&self, i: usize, _scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        self.copy(i, out);
        Ok(())
    }
}

impl Drop for Materialized<'_> {
    fn drop(&mut self) {
        self.cx.budget.release(self.held);
    }
}
