//! Order in instant vectors.

use std::cmp::Ordering;

use super::{
    context::Context,
    materialized::Materialized,
    operator::{Op, Operator, RowError, Scratch, Series},
};
use crate::{
    model::Labels,
    promql::{
        QueryError,
        data::{grid::Grid, row::Row},
        functions::natural,
    },
};

/// What to sort by.
pub(super) enum Key<'a> {
    /// Values; NaN comes last either way, and histograms are left out.
    Value,
    /// The values of these labels in natural order, then all labels.
    Labels(&'a [&'a str]),
}

/// The series of `materialized` in another order.
struct Sorted<'c> {
    materialized: Materialized<'c>,
    order: Vec<usize>,
}

/// Sorts an instant vector. On more than one step order has no meaning, and nothing is done.
pub(super) fn sort<'c>(
    cx: &'c Context<'c>,
    inner: Op<'c>,
    grid: Grid,
    key: Key<'_>,
    descending: bool,
) -> Result<Op<'c>, QueryError> {
    if !grid.instant {
        return match key {
            Key::Labels(_) => Ok(inner),
            Key::Value => {
                let change = super::map::Change::Stepwise(Box::new(|_, v| Some(v)));
                super::map::apply(cx, inner, change, super::map::Histograms::Dropped, false)
            }
        };
    }
    let materialized = Materialized::of(cx, &*inner, &grid)?;
    let mut row = Row::default();
    cx.budget.keep_bytes(materialized.len() * (size_of::<(usize, Option<f64>)>() + size_of::<usize>()))?;
    let mut keyed: Vec<(usize, Option<f64>)> = Vec::with_capacity(materialized.len());
    for i in 0..materialized.len() {
        materialized.copy(i, &mut row);
        keyed.push((i, row.float(0)));
    }
    match key {
        Key::Value => {
            keyed.retain(|(_, value)| value.is_some());
            keyed.sort_by(|(_, a), (_, b)| by_value(a.unwrap_or(f64::NAN), b.unwrap_or(f64::NAN), descending));
        }
        Key::Labels(names) => keyed.sort_by(|(a, _), (b, _)| {
            let labels = |i: &usize| materialized.series.get(*i).map(|s| &s.labels);
            let order = match (labels(a), labels(b)) {
                (Some(a), Some(b)) => by_labels(a, b, names),
                _ => Ordering::Equal,
            };
            if descending { order.reverse() } else { order }
        }),
    }
    Ok(Box::new(Sorted { materialized, order: keyed.into_iter().map(|(i, _)| i).collect() }))
}

fn by_value(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) if descending => b.partial_cmp(&a).unwrap_or(Ordering::Equal),
        (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (a_nan, b_nan) => a_nan.cmp(&b_nan),
    }
}

fn by_labels(a: &Labels, b: &Labels, names: &[&str]) -> Ordering {
    let of = |labels: &Labels, name: &str| labels.get(name).unwrap_or_default().to_owned();
    let by_names = names.iter().map(|name| natural::compare(&of(a, name), &of(b, name)));
    by_names.fold(Ordering::Equal, Ordering::then).then_with(|| a.cmp(b))
}

impl Operator for Sorted<'_> {
    fn len(&self) -> usize {
        self.order.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        self.materialized.series(self.order.get(i).copied().unwrap_or(usize::MAX))
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        self.materialized.row(self.order.get(i).copied().unwrap_or(usize::MAX), scratch, out)
    }
}
