//! Aggregations that fold one value after the other into a cell per group and step.

use super::{Groups, Input, natives::Natives};
use crate::promql::{
    QueryError,
    ast::AggregateOp,
    data::{
        annotations::AnnotationKind,
        row::{Bits, Row},
    },
    exec::{
        materialized::Materialized,
        operator::{Operator, Series},
        parallel::for_each_row,
    },
    functions::kahan::{Kahan, Mean},
    value::SAMPLE_BYTES,
};

/// How values fold.
trait Fold {
    /// What is kept per group and step.
    type Cell: Clone + Send;
    /// The cell after the first value.
    fn first(value: f64) -> Self::Cell;
    fn next(cell: &mut Self::Cell, value: f64);
    fn value(cell: &Self::Cell) -> f64;
}

struct Sum;
impl Fold for Sum {
    type Cell = Kahan;
    fn first(value: f64) -> Kahan {
        Kahan::of(value)
    }
    fn next(cell: &mut Kahan, value: f64) {
        cell.add(value);
    }
    fn value(cell: &Kahan) -> f64 {
        cell.total()
    }
}

struct Avg;
impl Fold for Avg {
    type Cell = Mean;
    fn first(value: f64) -> Mean {
        Mean::of(value)
    }
    fn next(cell: &mut Mean, value: f64) {
        cell.add(value);
    }
    fn value(cell: &Mean) -> f64 {
        cell.value()
    }
}

struct Count;
impl Fold for Count {
    type Cell = u32;
    fn first(_: f64) -> u32 {
        1
    }
    fn next(cell: &mut u32, _: f64) {
        *cell += 1;
    }
    fn value(cell: &u32) -> f64 {
        f64::from(*cell)
    }
}

struct Group;
impl Fold for Group {
    type Cell = ();
    fn first(_: f64) {}
    fn next(_: &mut (), _: f64) {}
    fn value(_: &()) -> f64 {
        1.0
    }
}

struct Max;
impl Fold for Max {
    type Cell = f64;
    fn first(value: f64) -> f64 {
        value
    }
    fn next(cell: &mut f64, value: f64) {
        if *cell < value || cell.is_nan() {
            *cell = value;
        }
    }
    fn value(cell: &f64) -> f64 {
        *cell
    }
}

struct Min;
impl Fold for Min {
    type Cell = f64;
    fn first(value: f64) -> f64 {
        value
    }
    fn next(cell: &mut f64, value: f64) {
        if *cell > value || cell.is_nan() {
            *cell = value;
        }
    }
    fn value(cell: &f64) -> f64 {
        *cell
    }
}

/// Welford's running mean and squares.
#[derive(Clone)]
struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

struct Stdvar;
impl Fold for Stdvar {
    type Cell = Spread;
    fn first(value: f64) -> Spread {
        Spread { count: 1.0, mean: value, squares: if value.is_finite() { 0.0 } else { f64::NAN } }
    }
    fn next(cell: &mut Spread, value: f64) {
        cell.count += 1.0;
        let delta = value - cell.mean;
        cell.mean += delta / cell.count;
        cell.squares += delta * (value - cell.mean);
    }
    fn value(cell: &Spread) -> f64 {
        cell.squares / cell.count
    }
}

struct Stddev;
impl Fold for Stddev {
    type Cell = Spread;
    fn first(value: f64) -> Spread {
        Stdvar::first(value)
    }
    fn next(cell: &mut Spread, value: f64) {
        Stdvar::next(cell, value);
    }
    fn value(cell: &Spread) -> f64 {
        Stdvar::value(cell).sqrt()
    }
}

/// The cells of one group, from the first to the last step at which it has a value: a group that lived for a moment
/// takes room for a moment.
struct Accumulator<F: Fold> {
    start: usize,
    cells: Vec<F::Cell>,
    seen: Bits,
    drops_name: bool,
}

impl<F: Fold> Accumulator<F> {
    fn new(steps: usize) -> Self {
        Self { start: 0, cells: Vec::new(), seen: Bits::new(steps), drops_name: false }
    }

    /// How many cells a row asks for that aren't there yet.
    fn missing(&self, row: &Row) -> usize {
        let Some((first, last)) = row.present.bounds() else { return 0 };
        let (start, end) = if self.cells.is_empty() { (first, first) } else { (self.start, self.end()) };
        start.saturating_sub(first) + (last + 1).saturating_sub(end)
    }

    fn end(&self) -> usize {
        self.start + self.cells.len()
    }

    fn add(&mut self, row: &Row) {
        let Some((first, last)) = row.present.bounds() else { return };
        if self.cells.is_empty() {
            self.start = first;
        }
        let before = self.start.saturating_sub(first);
        if before > 0 {
            self.cells.splice(0..0, std::iter::repeat_n(F::first(0.0), before));
            self.start = first;
        }
        if last >= self.end() {
            self.cells.resize(last + 1 - self.start, F::first(0.0));
        }
        let cells = self.cells.iter_mut().skip(first - self.start);
        let values = row.values.iter().enumerate().take(last + 1).skip(first);
        for (cell, (step, value)) in cells.zip(values) {
            if row.present.get(step) {
                if self.seen.get(step) { F::next(cell, *value) } else { *cell = F::first(*value) }
            }
        }
        self.seen.or(&row.present);
    }
}

pub(super) fn run<'c>(
    input: &Input<'_, 'c>,
    op: AggregateOp,
    groups: &Groups,
) -> Result<Box<dyn Operator + 'c>, QueryError> {
    match op {
        AggregateOp::Sum => fold::<Sum>(input, op, groups),
        AggregateOp::Avg => fold::<Avg>(input, op, groups),
        AggregateOp::Count => fold::<Count>(input, op, groups),
        AggregateOp::Group => fold::<Group>(input, op, groups),
        AggregateOp::Max => fold::<Max>(input, op, groups),
        AggregateOp::Min => fold::<Min>(input, op, groups),
        AggregateOp::Stdvar => fold::<Stdvar>(input, op, groups),
        AggregateOp::Stddev => fold::<Stddev>(input, op, groups),
        _ => Err(QueryError::Unsupported(format!("{} as a fold", op.as_str()))),
    }
}

fn fold<'c, F: Fold>(
    input: &Input<'_, 'c>,
    op: AggregateOp,
    groups: &Groups,
) -> Result<Box<dyn Operator + 'c>, QueryError> {
    let (cx, steps) = (input.cx, input.grid.steps);
    let mut held = 0;
    let one = size_of::<Accumulator<F>>() + size_of::<usize>() + Bits::new(steps).bytes();
    cx.budget.keep_bytes(groups.len().saturating_mul(one))?;
    let mut cells: Vec<Accumulator<F>> = (0..groups.len()).map(|_| Accumulator::new(steps)).collect();
    let mut natives = Natives::new(op == AggregateOp::Avg);
    let mut first_member = vec![usize::MAX; groups.len()];
    for_each_row(cx, input.inner, steps, &mut |i, row| {
        let group = groups.of(i);
        let Some(cell) = cells.get_mut(group) else { return Ok(()) };
        if let (true, Some(first)) = (row.present.any(), first_member.get_mut(group)) {
            *first = i.min(*first);
            cell.drops_name |= groups.drops_name(i);
        }
        match op {
            _ if !row.has_histograms() => {}
            // Counting takes histograms as they are.
            AggregateOp::Count | AggregateOp::Group => {}
            AggregateOp::Sum | AggregateOp::Avg => {
                let before = natives.bytes();
                natives.add(input, group, i, row, &cell.seen);
                cx.budget.hold((natives.bytes() - before) / SAMPLE_BYTES as usize)?;
                row.drop_histograms();
            }
            _ => {
                if row.drop_histograms() {
                    input.annotate(AnnotationKind::HistogramIgnoredInAggregation(op.as_str()));
                }
            }
        }
        let missing = cell.missing(row) * size_of::<F::Cell>().div_ceil(SAMPLE_BYTES as usize);
        if missing > 0 {
            cx.budget.hold(missing)?;
            held += missing;
        }
        cell.add(row);
        Ok(())
    })?;
    let held = held + natives.bytes() / SAMPLE_BYTES as usize;
    let mut materialized = Materialized::new(cx, steps);
    let mut row = Row::new(steps);
    let mut order = Vec::new();
    for (number, ((labels, group), first)) in groups.labels.iter().zip(cells).zip(first_member).enumerate() {
        row.reset(steps);
        let values = row.values.iter_mut().skip(group.start);
        values.zip(&group.cells).for_each(|(v, cell)| *v = F::value(cell));
        row.present = group.seen;
        natives.finish(input, number, &mut row);
        if row.present.any() {
            materialized.push(Series { labels: labels.clone(), drop_name: group.drops_name }, &row)?;
            order.push(first);
        }
    }
    cx.budget.release(held);
    // A group stands where its first series that has samples does.
    materialized.arrange(&order);
    Ok(Box::new(materialized))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<F: Fold>(values: &[f64]) -> f64 {
        let mut group = Accumulator::<F>::new(1);
        for value in values {
            let mut row = Row::new(1);
            row.set(0, *value);
            group.add(&row);
        }
        F::value(&group.cells[0])
    }

    #[test]
    fn each_fold_matches_a_count_by_hand() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!((of::<Sum>(&values), of::<Avg>(&values), of::<Count>(&values)), (40.0, 5.0, 8.0));
        assert_eq!((of::<Min>(&values), of::<Max>(&values), of::<Group>(&values)), (2.0, 9.0, 1.0));
        assert_eq!((of::<Stdvar>(&values), of::<Stddev>(&values)), (4.0, 2.0));
    }

    #[test]
    fn a_group_takes_room_from_its_first_to_its_last_value() {
        let mut group = Accumulator::<Sum>::new(100);
        let mut add = |steps: &[usize]| {
            let mut row = Row::new(100);
            steps.iter().for_each(|step| row.set(*step, *step as f64));
            let missing = group.missing(&row);
            group.add(&row);
            (missing, group.start, group.cells.len())
        };
        assert_eq!(add(&[50]), (1, 50, 1));
        assert_eq!(add(&[]), (0, 50, 1));
        assert_eq!(add(&[48, 52]), (4, 48, 5));
        assert_eq!(add(&[10]), (38, 10, 43));
        let sums: Vec<f64> = group.seen.ones().map(|step| Sum::value(&group.cells[step - 10])).collect();
        assert_eq!(sums, [10.0, 48.0, 50.0, 52.0]);
    }

    #[test]
    fn nan_loses_in_extremes_and_spoils_the_spread() {
        assert_eq!((of::<Max>(&[f64::NAN, 1.0]), of::<Min>(&[1.0, f64::NAN])), (1.0, 1.0));
        assert!(of::<Stdvar>(&[f64::INFINITY, 1.0]).is_nan());
        assert_eq!(of::<Sum>(&[1e100, 1.0, -1e100]), 1.0);
    }
}
