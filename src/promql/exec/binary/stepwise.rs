//! Matching that has to be looked at step by step: several series share a signature and may take turns, results may
//! coincide, or missing partners are filled in.

use std::collections::{HashMap, HashSet};

use super::matching::{Matched, Signatures, signature};
use crate::{
    model::Labels,
    promql::{
        QueryError,
        data::{
            grid::Grid,
            row::{Row, Sample},
        },
        exec::{
            context::Context,
            dedup::same_labelset,
            materialized::Materialized,
            operator::{Op, Operator, Series},
            parallel::for_each_row,
        },
        functions::operators,
    },
};

/// A side in memory: series with their signatures and rows.
struct Side {
    series: Vec<(Series, usize)>,
    rows: Vec<Row>,
}

/// Results as they come.
struct Output<'a, 'c> {
    cx: &'c Context<'c>,
    matched: &'a Matched,
    grid: Grid,
    /// Result series by labels.
    index: HashMap<Labels, usize>,
    results: Vec<(Series, Row)>,
    /// The result of each pair of input series met so far; `None` stands for a filled-in partner.
    known: HashMap<(Option<usize>, Option<usize>), usize>,
    met: Met,
}

/// What was matched at the step at hand.
#[derive(Default)]
struct Met {
    signatures: HashSet<usize>,
    /// Signatures with the results they led to.
    results: HashSet<(usize, usize)>,
}

pub(super) fn build<'c>(
    cx: &'c Context<'c>,
    matched: &Matched,
    signatures: &Signatures,
    many: &dyn Operator,
    one: &dyn Operator,
    grid: Grid,
) -> Result<Op<'c>, QueryError> {
    let load_one = || Side::load(cx, one, &signatures.one, grid);
    let load_many = || Side::load(cx, many, &signatures.many, grid);
    // The left side goes first: its faults are told first.
    let (many, one) = if matched.swapped() {
        let one = load_one()?;
        (load_many()?, one)
    } else {
        (load_many()?, load_one()?)
    };
    let held = (many.rows.len() + one.rows.len()) * grid.steps;
    let mut out = Output {
        cx,
        matched,
        grid,
        index: HashMap::new(),
        results: Vec::new(),
        known: HashMap::new(),
        met: Met::default(),
    };
    for step in 0..grid.steps {
        if step % 64 == 0 {
            cx.budget.check()?;
        }
        out.step(step, &many, &one, signatures.count)?;
    }
    let mut materialized = Materialized::new(cx, grid.steps);
    for (series, row) in &out.results {
        if row.present.any() {
            materialized.push(series.clone(), row)?;
        }
    }
    cx.budget.release(held);
    Ok(Box::new(materialized))
}

impl Side {
    fn load(cx: &Context<'_>, op: &dyn Operator, series: &[(Series, usize)], grid: Grid) -> Result<Self, QueryError> {
        cx.budget.foresee(series.len(), grid.steps)?;
        let mut rows = Vec::with_capacity(series.len());
        for_each_row(cx, op, grid.steps, &mut |_, row| {
            cx.budget.hold(grid.steps)?;
            rows.push(row.clone());
            Ok(())
        })?;
        Ok(Self { series: series.to_vec(), rows })
    }

    /// Samples at `step`: series number, signature, value.
    fn at(&self, step: usize) -> impl Iterator<Item = (usize, usize, Sample)> + '_ {
        let samples = self.series.iter().zip(&self.rows).enumerate();
        samples.filter_map(move |(i, ((_, signature), row))| Some((i, *signature, row.sample(step)?)))
    }

    fn labels(&self, i: usize) -> Labels {
        self.series.get(i).map(|s| s.0.labels.clone()).unwrap_or_default()
    }
}

impl Output<'_, '_> {
    fn step(&mut self, step: usize, many: &Side, one: &Side, signatures: usize) -> Result<(), QueryError> {
        let matching = &self.matched.matching;
        let (no_many, no_one) = (many.at(step).next().is_none(), one.at(step).next().is_none());
        let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
        if (no_many && no_one) || ((no_many || no_one) && !fills) {
            return Ok(());
        }
        let mut partner: Vec<Option<(usize, Sample)>> = vec![None; signatures];
        for (i, signature, sample) in one.at(step) {
            let Some(slot) = partner.get_mut(signature) else { continue };
            if let Some((other, _)) = slot {
                return Err(self.duplicate(&one.labels(i), &one.labels(*other)));
            }
            *slot = Some((i, sample));
        }
        self.met.signatures.clear();
        self.met.results.clear();
        for (i, signature, sample) in many.at(step) {
            let found = partner.get(signature).cloned().flatten();
            let (j, other) = match (found, matching.fill_right) {
                (Some((j, other)), _) => (Some(j), other),
                (None, Some(fill)) => (None, Sample::Float(fill)),
                (None, None) => continue,
            };
            self.pair(step, (Some(i), &sample), (j, &other), signature, (many, one))?;
        }
        if let Some(fill) = matching.fill_left {
            for (j, signature, sample) in one.at(step) {
                if !self.met.signatures.contains(&signature) {
                    let filled = Sample::Float(fill);
                    self.pair(step, (None, &filled), (Some(j), &sample), signature, (many, one))?;
                }
            }
        }
        Ok(())
    }

    fn pair(
        &mut self,
        step: usize,
        (i, of_many): (Option<usize>, &Sample),
        (j, of_one): (Option<usize>, &Sample),
        signature: usize,
        (many, one): (&Side, &Side),
    ) -> Result<(), QueryError> {
        let (l, r) = if self.matched.swapped() { (of_one, of_many) } else { (of_many, of_one) };
        let outcome = operators::apply(self.matched.op, l, r);
        let number = i.unwrap_or_else(|| many.rows.len() + j.unwrap_or_default());
        self.cx.annotations.add_last(outcome.annotations, self.matched.span, self.grid.time(step), number);
        let Some((sample, holds)) = outcome.value else { return Ok(()) };
        let result = self.result(i, j, many, one)?;
        let is_first = self.met.signatures.insert(signature);
        if self.matched.one_to_one() && !is_first {
            return Err(QueryError::Execution(
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
                    .to_owned(),
            ));
        }
        if !self.met.results.insert((signature, result)) {
            return Err(QueryError::Execution(
                "multiple matches for labels: grouping labels must ensure unique matches".to_owned(),
            ));
        }
        let sample = match (self.matched.return_bool, holds) {
            (true, _) => Sample::Float(f64::from(u8::from(holds))),
            (false, true) => sample,
            (false, false) => return Ok(()),
        };
        match self.results.get_mut(result) {
            Some((_, row)) if row.present.get(step) => Err(same_labelset()),
            Some((_, row)) => {
                row.put(step, sample);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The number of the result series of a pair.
    fn result(&mut self, i: Option<usize>, j: Option<usize>, many: &Side, one: &Side) -> Result<usize, QueryError> {
        if let Some(known) = self.known.get(&(i, j)) {
            return Ok(*known);
        }
        // A partner that is filled in has the labels both sides agree on.
        let agreed = |labels: Labels| signature(&labels, &self.matched.matching);
        let of_one = match (j, i) {
            (Some(j), _) => one.labels(j),
            (None, i) => agreed(i.map(|i| many.labels(i)).unwrap_or_default()),
        };
        let of_many = match i.and_then(|i| many.series.get(i)) {
            Some((series, _)) => series.clone(),
            None => Series::new(agreed(of_one.clone())),
        };
        let series = self.matched.result(self.cx, &of_many, &of_one)?;
        let next = self.results.len();
        let number = *self.index.entry(series.labels.clone()).or_insert(next);
        if number == next {
            self.cx.budget.foresee(next + 1, self.grid.steps)?;
            self.results.push((series, Row::new(self.grid.steps)));
        }
        self.known.insert((i, j), number);
        Ok(number)
    }

    fn duplicate(&self, a: &Labels, b: &Labels) -> QueryError {
        let side = if self.matched.swapped() { "left" } else { "right" };
        let group = signature(a, &self.matched.matching);
        let (mut first, mut second) = (a.to_string(), b.to_string());
        if first > second {
            std::mem::swap(&mut first, &mut second);
        }
        QueryError::Execution(format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the operation: \
             [{first}, {second}];many-to-many matching not allowed: matching labels must be unique on one side"
        ))
    }
}
