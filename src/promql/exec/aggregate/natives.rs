//! Sums and means of native histograms, beside those of floats.

use std::{collections::BTreeMap, sync::Arc};

use super::Input;
use crate::{
    model::{METRIC_NAME, ResetHint},
    promql::{
        data::{
            annotations::AnnotationKind,
            row::{Bits, Row},
        },
        functions::native::{Combined, FloatHistogram, Incompatible, NativeMean},
    },
};

enum Total {
    Sum(FloatHistogram),
    Mean(NativeMean),
}

/// What a group has at one step.
struct Cell {
    total: Total,
    /// Whether any histogram said it was reset, and any that it wasn't.
    hints: (bool, bool),
    /// Exponential and custom buckets met, or a float came first: there is no answer, so nothing more is added.
    spoilt: bool,
}

/// The histograms of an aggregation, by group and step. Most aggregations have none.
pub(super) struct Natives {
    mean: bool,
    cells: BTreeMap<(usize, usize), Cell>,
    bytes: usize,
}

/// Memory of a cell beside its buckets, in bytes: its part of the tree, and what laying buckets out for calculation takes.
const CELL_BYTES: usize = 2 * size_of::<((usize, usize), Cell)>();

impl Natives {
    pub(super) fn new(mean: bool) -> Self {
        Self { mean, cells: BTreeMap::new(), bytes: 0 }
    }

    /// Memory that they take, in bytes, about: sums may have more buckets than the histogram that came first.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the histograms of input series `i`; `floats` are the steps at which the group has floats already.
    pub(super) fn add(&mut self, input: &Input<'_, '_>, group: usize, i: usize, row: &Row, floats: &Bits) {
        for step in row.present.ones() {
            let Some(h) = row.histogram(step) else { continue };
            let native = FloatHistogram::from_model(h);
            let hints = (native.hint == ResetHint::Reset, native.hint == ResetHint::NotReset);
            let Some(cell) = self.cells.get_mut(&(group, step)) else {
                self.bytes += CELL_BYTES + 2 * h.memory();
                let total = if self.mean { Total::Mean(NativeMean::of(native)) } else { Total::Sum(native) };
                self.cells.insert((group, step), Cell { total, hints, spoilt: floats.get(step) });
                continue;
            };
            if cell.spoilt {
                continue;
            }
            cell.hints = (cell.hints.0 || hints.0, cell.hints.1 || hints.1);
            let combined = match &mut cell.total {
                Total::Sum(sum) => sum.add(&native),
                Total::Mean(mean) => mean.add(&native),
            };
            match combined {
                Ok(Combined { bounds_reconciled: true, .. }) => {
                    input.annotate(AnnotationKind::BoundsReconciled("aggregation"));
                }
                Ok(_) => {}
                Err(Incompatible) => {
                    cell.spoilt = true;
                    let series = input.inner.series(i);
                    let metric = series.map(|s| s.labels.get(METRIC_NAME).unwrap_or_default().to_owned());
                    input.annotate(AnnotationKind::MixedBucketSchemas(metric.unwrap_or_default()));
                }
            }
        }
    }

    /// Puts the results of `group` into its row, which has the floats already. A step with both has no answer.
    pub(super) fn finish(&mut self, input: &Input<'_, '_>, group: usize, row: &mut Row) {
        let later = self.cells.split_off(&(group + 1, 0));
        for ((_, step), cell) in std::mem::replace(&mut self.cells, later) {
            if row.present.get(step) {
                input.annotate(AnnotationKind::MixedFloatsHistogramsAggregation);
                row.present.clear(step);
                continue;
            }
            if cell.hints == (true, true) {
                input.annotate(AnnotationKind::HintsCollide("aggregation"));
            }
            if cell.spoilt {
                continue;
            }
            let total = match cell.total {
                Total::Sum(sum) => sum,
                Total::Mean(mean) => mean.value(),
            };
            row.set_histogram(step, Arc::new(total.compact().to_model()));
        }
    }
}
