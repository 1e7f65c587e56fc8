//! What all operators of a query share.

use std::sync::Arc;

use super::{kept::Subqueries, memo::Memo, profile::Profile};
use crate::{
    model::SeriesBuf,
    promql::{budget::Budget, data::annotations::AnnotationCollector, plan::Optimise},
    seams::select::Select,
};

/// The engine's options as they hold for this query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// How far back an instant selector looks, in ms.
    pub(crate) lookback: i64,
    /// Most threads to use.
    pub(crate) threads: usize,
    /// Whether metric names go at the very end instead of at each operation.
    pub(crate) delayed_name_removal: bool,
    /// Whether the label `__type__` tells what is a counter.
    pub(crate) type_labels: bool,
    /// Whether functions heed the start times of samples.
    pub(crate) start_times: bool,
    /// What may be left out as long as the answer is the same.
    pub(crate) optimise: Optimise,
}

impl Settings {
    /// Forgets start times unless they are to be heeded.
    pub(super) fn settle_starts(&self, samples: &mut SeriesBuf) {
        if !self.start_times {
            samples.forget_starts();
        }
    }
}

/// The surroundings of a running query.
pub(crate) struct Context<'q> {
    pub(crate) select: &'q dyn Select,
    pub(crate) settings: Settings,
    pub(crate) budget: Budget<'q>,
    pub(crate) annotations: AnnotationCollector,
    pub(crate) profile: Profile,
    pub(crate) memo: Memo,
    pub(crate) subqueries: Arc<Subqueries>,
}
