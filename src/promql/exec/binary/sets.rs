//! `and`, `or`, `unless`.

use std::collections::{HashMap, hash_map::Entry};

use super::matching::signature;
use crate::{
    model::Labels,
    promql::{
        QueryError,
        ast::{BinaryOp, Matching},
        data::{
            grid::Grid,
            row::{Bits, Row},
        },
        exec::{
            context::Context,
            dedup::{Overlap, distinct},
            fault,
            materialized::Materialized,
            operator::{Op, Operator, RowError, Scratch, Series},
            parallel::for_each_row,
        },
        plan::Binary,
    },
};

/// At which steps a signature has a sample.
struct Presence(HashMap<Labels, Bits>);

impl Presence {
    fn of(cx: &Context<'_>, op: &dyn Operator, matching: &Matching, grid: Grid) -> Result<Self, QueryError> {
        let mut all: HashMap<Labels, Bits> = HashMap::new();
        for_each_row(cx, op, grid.steps, &mut |i, row| {
            if row.present.any() {
                let key = signature(&op.series(i)?.labels, matching);
                entry(cx, &mut all, key, grid)?.or(&row.present);
            }
            Ok(())
        })?;
        Ok(Self(all))
    }
}

/// The steps of a signature, which is paid for when it is new.
fn entry<'a>(
    cx: &Context<'_>,
    all: &'a mut HashMap<Labels, Bits>,
    key: Labels,
    grid: Grid,
) -> Result<&'a mut Bits, QueryError> {
    Ok(match all.entry(key) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(new) => {
            let bits = Bits::new(grid.steps);
            cx.budget.keep(new.key())?;
            cx.budget.keep_bytes(ENTRY_BYTES + bits.bytes())?;
            new.insert(bits)
        }
    })
}

/// Memory of an entry of the table beside its labels and its bits, in bytes: the table may have just doubled.
const ENTRY_BYTES: usize = 2 * size_of::<(Labels, Bits)>();

/// Rows of `inner` where their signature is present (or isn't) on the other side.
struct Masked<'c> {
    inner: Op<'c>,
    presence: Presence,
    matching: Matching,
    keep_present: bool,
}

impl Operator for Masked<'_> {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        self.inner.series(i)
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        let key = signature(&self.inner.series(i)?.labels, &self.matching);
        match (self.presence.0.get(&key), self.keep_present) {
            (None, true) => {
                // There is nothing to keep, whatever the row holds; its length still has to be right.
                self.inner.row(i, scratch, out)?;
                out.reset(out.steps());
            }
            (None, false) => self.inner.row(i, scratch, out)?,
            (Some(bits), true) => {
                self.inner.row(i, scratch, out)?;
                out.present.and(bits);
            }
            (Some(bits), false) => {
                self.inner.row(i, scratch, out)?;
                out.present.and_not(bits);
            }
        }
        Ok(())
    }

    fn one_name(&self) -> bool {
        self.inner.one_name()
    }
}

/// The series of one operator, then those of another.
struct Chain<'c> {
    first: Op<'c>,
    second: Op<'c>,
}

impl Operator for Chain<'_> {
    fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        match i.checked_sub(self.first.len()) {
            None => self.first.series(i),
            Some(rest) => self.second.series(rest),
        }
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        match i.checked_sub(self.first.len()) {
            None => self.first.row(i, scratch, out),
            Some(rest) => self.second.row(rest, scratch, out),
        }
    }
}

/// The operator for a set operation.
pub(super) fn build<'c>(
    cx: &'c Context<'c>,
    b: &Binary,
    lhs: Op<'c>,
    rhs: Op<'c>,
    grid: Grid,
) -> Result<Op<'c>, QueryError> {
    let matching = b.matching.clone();
    if b.op != BinaryOp::Or {
        let presence = Presence::of(cx, &*rhs, &matching, grid)
            .map_err(|error| fault::settle(cx, &[&*lhs], grid, fault::At::Later, error))?;
        return Ok(Box::new(Masked { inner: lhs, presence, matching, keep_present: b.op == BinaryOp::And }));
    }
    let lhs = Materialized::of(cx, &*lhs, &grid)?;
    let mut present: HashMap<Labels, Bits> = HashMap::new();
    for (i, series) in lhs.series.iter().enumerate() {
        lhs.or_present(i, entry(cx, &mut present, signature(&series.labels, &matching), grid)?);
    }
    let rest = Masked { inner: rhs, presence: Presence(present), matching, keep_present: false };
    let both: Op<'c> = Box::new(Chain { first: Box::new(lhs), second: Box::new(rest) });
    distinct(cx, both, Overlap::Refuse, Ok)
}
