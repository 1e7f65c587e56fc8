//! What equal parts of a query have in common: computed for one, used by all.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use super::{
    context::Context,
    materialized::{Materialized, SharedRows},
    operator::Op,
};
use crate::{
    model::TimeRange,
    promql::{QueryError, data::grid::Grid, plan::SelectorId},
    seams::select::SeriesSet,
};

/// Series that were looked up.
pub(crate) type Sets = HashMap<SetKey, Arc<dyn SeriesSet>>;

/// Results that may be wanted again.
pub(crate) struct Memo {
    sets: Mutex<Sets>,
    /// By number of the aggregation and steps it was computed at.
    aggregates: Mutex<HashMap<(u32, Grid), Arc<SharedRows>>>,
}

/// The number of a selector's matchers, and its first and last time.
pub(crate) type SetKey = (u32, i64, i64);

fn set_key(selector: SelectorId, range: TimeRange) -> SetKey {
    (selector.matchers, range.start, range.end)
}

impl Memo {
    /// One that begins with `sets`.
    pub(crate) fn new(sets: Sets) -> Self {
        Self { sets: Mutex::new(sets), aggregates: Mutex::default() }
    }

    /// The series that were looked up.
    pub(crate) fn into_sets(self) -> Sets {
        self.sets.into_inner()
    }

    /// The series found for the matchers of this selector in this range, if somebody has asked already.
    pub(super) fn set(&self, selector: SelectorId, range: TimeRange) -> Option<Arc<dyn SeriesSet>> {
        self.sets.lock().get(&set_key(selector, range)).cloned()
    }

    pub(super) fn keep_set(&self, selector: SelectorId, range: TimeRange, set: &Arc<dyn SeriesSet>) {
        let mut sets = self.sets.lock();
        sets.insert(set_key(selector, range), Arc::clone(set));
    }
}

/// The aggregation number `id`, made by `build` unless an equal one is there.
pub(super) fn aggregate<'c>(
    cx: &'c Context<'c>,
    id: u32,
    grid: Grid,
    build: impl FnOnce() -> Result<Op<'c>, QueryError>,
) -> Result<Op<'c>, QueryError> {
    let aggregates = || cx.memo.aggregates.lock();
    if let Some(kept) = aggregates().get(&(id, grid)) {
        return Ok(Box::new(Arc::clone(kept)));
    }
    let added = cx.annotations.added();
    let op = build()?;
    let kept = Arc::new(Materialized::of(cx, &*op, &grid)?.keep());
    // An annotation names its place in the query, and an equal part has another.
    if cx.annotations.added() == added {
        aggregates().insert((id, grid), Arc::clone(&kept));
    }
    Ok(Box::new(kept))
}
