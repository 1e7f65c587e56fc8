//! Matching that is known before any value is read.

use std::sync::OnceLock;

use super::matching::{Matched, Signatures};
use crate::{
    model::Labels,
    promql::{
        QueryError,
        data::{grid::Grid, row::Row},
        exec::{
            context::Context,
            fault::{self, At},
            label_sets::LabelSets,
            materialized::Materialized,
            operator::{Op, Operator, RowError, Scratch, Series},
            parallel::for_each_row,
        },
        functions::operators,
    },
};

/// The sides of an operation in the order of the text.
const LEFT: At = At::Input(0);
const RIGHT: At = At::Input(1);

/// An output series and the input series it is computed from.
pub(super) struct Pair {
    series: Series,
    many: usize,
    one: usize,
}

/// The pairs, if each signature stands for one series on each side that must be "one", and all results differ in their
/// labels: then no step can bring an error.
pub(super) fn find(
    cx: &Context<'_>,
    matched: &Matched,
    signatures: &Signatures,
) -> Result<Option<Vec<Pair>>, QueryError> {
    if matched.matching.fill_left.is_some() || matched.matching.fill_right.is_some() {
        return Ok(None);
    }
    let mut one_of: Vec<Option<usize>> = vec![None; signatures.count];
    for (i, (_, signature)) in signatures.one.iter().enumerate() {
        if one_of.get_mut(*signature).is_none_or(|one| one.replace(i).is_some()) {
            return Ok(None);
        }
    }
    let mut taken = vec![false; signatures.count];
    let mut results = LabelSets::default();
    let mut pairs = Vec::new();
    for (many, (series, signature)) in signatures.many.iter().enumerate() {
        let Some(one) = one_of.get(*signature).copied().flatten() else { continue };
        if matched.one_to_one() && taken.get_mut(*signature).is_none_or(|taken| std::mem::replace(taken, true)) {
            return Ok(None);
        }
        let Some((of_one, _)) = signatures.one.get(one) else { continue };
        let series = matched.result(cx, series, &of_one.labels)?;
        if !results.number_of(&series.labels).1 {
            return Ok(None);
        }
        cx.budget.keep(&series.labels)?;
        cx.budget.keep_bytes(size_of::<Pair>())?;
        pairs.push(Pair { series, many, one });
    }
    Ok(Some(pairs))
}

/// Both sides of an operation.
pub(super) struct Sides<'c> {
    pub(super) many: Op<'c>,
    pub(super) one: Op<'c>,
    /// Rows that can't change the result need not be computed: they bring no annotation.
    pub(super) quiet: bool,
}

struct Pairs<'c> {
    cx: &'c Context<'c>,
    matched: Matched,
    pairs: Vec<Pair>,
    sides: Sides<'c>,
    grid: Grid,
    /// The first of all faults, once a row has failed.
    fault: OnceLock<QueryError>,
}

pub(super) fn build<'c>(
    cx: &'c Context<'c>,
    matched: Matched,
    mut pairs: Vec<Pair>,
    mut sides: Sides<'c>,
    grid: Grid,
) -> Result<Op<'c>, QueryError> {
    let (of_many, of_one) = if matched.swapped() { (RIGHT, LEFT) } else { (LEFT, RIGHT) };
    let settle = |sides: &Sides<'_>, side, error: QueryError| {
        fault::settle(cx, &matched.in_order(&*sides.many, &*sides.one), grid, side, error)
    };
    if !sides.quiet {
        listen(cx, &*sides.many, pairs.iter().map(|p| p.many), grid).map_err(|error| settle(&sides, of_many, error))?;
        listen(cx, &*sides.one, pairs.iter().map(|p| p.one), grid).map_err(|error| settle(&sides, of_one, error))?;
    }
    if matched.one_to_one() {
        return Ok(Box::new(Pairs { cx, matched, pairs, sides, grid, fault: OnceLock::new() }));
    }
    // Each row of the "one" side is needed several times.
    let mut used: Vec<usize> = pairs.iter().map(|p| p.one).collect();
    used.sort_unstable();
    used.dedup();
    for pair in &mut pairs {
        pair.one = used.binary_search(&pair.one).unwrap_or_default();
    }
    let mut materialized = Materialized::new(cx, grid.steps);
    let chosen = Chosen { inner: &*sides.one, chosen: used };
    for_each_row(cx, &chosen, grid.steps, &mut |i, row| materialized.push(chosen.series(i)?, row))
        .map_err(|error| settle(&sides, of_one, error))?;
    sides.one = Box::new(materialized);
    Ok(Box::new(Pairs { cx, matched, pairs, sides, grid, fault: OnceLock::new() }))
}

/// Computes the rows without a partner, for the annotations and errors that they bring.
fn listen(
    cx: &Context<'_>,
    side: &dyn Operator,
    paired: impl Iterator<Item = usize>,
    grid: Grid,
) -> Result<(), QueryError> {
    let mut alone = vec![true; side.len()];
    paired.for_each(|i| {
        if let Some(alone) = alone.get_mut(i) {
            *alone = false;
        }
    });
    let chosen = (0..side.len()).filter(|i| alone.get(*i).copied().unwrap_or_default()).collect();
    for_each_row(cx, &Chosen { inner: side, chosen }, grid.steps, &mut |_, _| Ok(()))
}

/// Some of the series of an operator.
struct Chosen<'a> {
    inner: &'a dyn Operator,
    chosen: Vec<usize>,
}

impl Chosen<'_> {
    fn number(&self, i: usize) -> usize {
        self.chosen.get(i).copied().unwrap_or(usize::MAX)
    }
}

impl Operator for Chosen<'_> {
    fn len(&self) -> usize {
        self.chosen.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        self.inner.series(self.number(i))
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        self.inner.row(self.number(i), scratch, out)
    }
}

impl Pairs<'_> {
    /// Makes `out` the row of a pair, or answers with the side that failed.
    fn pair(&self, pair: &Pair, scratch: &mut Scratch, out: &mut Row) -> Result<(), (At, RowError)> {
        let mut other = scratch.take_row();
        let (left, right) = if self.matched.swapped() {
            ((&self.sides.one, pair.one), (&self.sides.many, pair.many))
        } else {
            ((&self.sides.many, pair.many), (&self.sides.one, pair.one))
        };
        left.0.row(left.1, scratch, out).map_err(|error| (LEFT, error))?;
        // Nothing on one side means nothing at all.
        if out.present.any() || !self.sides.quiet {
            right.0.row(right.1, scratch, &mut other).map_err(|error| (RIGHT, error))?;
            self.combine(out, &other, pair.many);
        }
        scratch.give_row(other);
        Ok(())
    }

    /// Makes `left` the result.
    fn combine(&self, left: &mut Row, right: &Row, series: usize) {
        left.present.and(&right.present);
        if left.has_histograms() || right.has_histograms() {
            return self.combine_mixed(left, right, series);
        }
        let both = left.values.iter_mut().zip(&right.values);
        if let Some(f) = operators::arithmetic(self.matched.op) {
            both.for_each(|(l, r)| *l = f(*l, *r));
        } else if let Some(holds) = operators::comparison(self.matched.op) {
            if self.matched.return_bool {
                both.for_each(|(l, r)| *l = f64::from(u8::from(holds(*l, *r))));
            } else {
                for (step, (l, r)) in both.enumerate() {
                    if !holds(*l, *r) {
                        left.present.clear(step);
                    }
                }
            }
        } else {
            self.combine_mixed(left, right, series);
        }
    }

    fn combine_mixed(&self, left: &mut Row, right: &Row, series: usize) {
        let steps: Vec<usize> = left.present.ones().collect();
        for step in steps {
            let (Some(l), Some(r)) = (left.sample(step), right.sample(step)) else { continue };
            if let Some(cell) = left.histograms.get_mut(step) {
                *cell = None;
            }
            left.present.clear(step);
            let outcome = operators::apply(self.matched.op, &l, &r);
            self.cx.annotations.add_last(outcome.annotations, self.matched.span, self.grid.time(step), series);
            match outcome.value {
                Some((_, holds)) if self.matched.return_bool => left.set(step, f64::from(u8::from(holds))),
                Some((sample, true)) => left.put(step, sample),
                Some((_, false)) | None => {}
            }
        }
    }
}

impl Operator for Pairs<'_> {
    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        Ok(self.pairs.get(i).map_or_else(|| Series::new(Labels::empty()), |p| p.series.clone()))
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        let Some(pair) = self.pairs.get(i) else { return Ok(()) };
        self.pair(pair, scratch, out).map_err(|failed| {
            let sides = self.matched.in_order(&*self.sides.many, &*self.sides.one);
            let (side, error) = failed;
            let fault = self.fault.get_or_init(|| fault::settle(self.cx, &sides, self.grid, side, error));
            RowError { error: fault.clone(), is_first: true }
        })
    }
}
