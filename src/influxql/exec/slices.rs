//! Raw rows of a long time, slice by slice: so many points as are read at once take the same memory however many rows there are.
//!
//! A stretch of time is halved until what the store tells of it is few enough points. Times before the first point and behind the
//! last are cut off that way in as many steps as a time has bits.

use super::{
    Context,
    gather::{self, Data, NS, TagSet},
};
use crate::influxql::{
    error::QueryError,
    plan::{Plan, Source},
};

/// About how many points are read at once.
const POINTS: u64 = 1 << 16;
/// What isn't told for each series by itself may be so many times as much.
const MARGIN: u64 = 8;
/// Shorter times (ms) are not halved: whatever is told of them.
const SHORTEST: i64 = 100;

fn points(sets: &[TagSet]) -> u64 {
    let of = |set: &TagSet| match &set.data {
        Data::Stored { samples, .. } => *samples,
        _ => 0,
    };
    sets.iter().map(of).sum()
}

/// Whether rows are better read slice by slice.
pub(super) fn is_long(plan: &Plan, group: &[TagSet]) -> bool {
    plan.sources.iter().all(|source| matches!(source, Source::Measurement(_))) && MARGIN * points(group) > POINTS
}

/// Takes a slice and its tag sets; says whether more are wanted.
pub(super) type Take<'t> = dyn FnMut(&Plan, &[TagSet]) -> Result<bool, QueryError> + 't;

/// Takes slices in the order of the answer, each as a plan of its own and its tag sets, until no more are wanted.
pub(super) fn each(plan: &Plan, context: &Context<'_>, like: &TagSet, take: &mut Take<'_>) -> Result<(), QueryError> {
    // It is one series of those that these would choose from.
    let mut part = Plan { series_limit: 0, series_offset: 0, ..plan.clone() };
    let whole = (plan.start.div_euclid(NS), plan.end.div_euclid(NS));
    let mut left = vec![whole];
    while let Some((start, end)) = left.pop() {
        context.check()?;
        part.start = plan.start.max(start.saturating_mul(NS));
        part.end = plan.end.min(end.saturating_mul(NS).saturating_add(NS - 1));
        let room = context.room();
        let sets = gather::again(&part, like, (context, &room))?;
        if sets.is_empty() {
            continue;
        }
        if points(&sets) > POINTS && end.saturating_sub(start) > SHORTEST {
            let middle = start.midpoint(end);
            let halves = [(start, middle), (middle + 1, end)];
            left.extend(halves.iter().rev().filter(|_| !plan.descending));
            left.extend(halves.iter().filter(|_| plan.descending));
        } else if !take(&part, &sets)? {
            break;
        }
    }
    Ok(())
}
