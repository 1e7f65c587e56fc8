//! What the engine does to make queries cheaper.

/// Switches for optimisations. None of them changes an answer, which is tested by comparing with all of them off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Optimise {
    /// Operations on constants are computed when the query is planned.
    pub fold: bool,
    /// Equal selectors are looked up once, and equal aggregations computed once.
    pub share: bool,
    /// A matcher on one side of a binary operation narrows the other side too, where no result could come of what it
    /// leaves out.
    pub push_down: bool,
    /// Labels that an aggregation drops aren't looked up.
    pub prune_labels: bool,
    /// `limitk` stops reading when it has enough.
    pub stop_early: bool,
}

impl Optimise {
    /// Everything off.
    pub const NOTHING: Self =
        Self { fold: false, share: false, push_down: false, prune_labels: false, stop_early: false };
}

impl Default for Optimise {
    /// Everything on.
    fn default() -> Self {
        Self { fold: true, share: true, push_down: true, prune_labels: true, stop_early: true }
    }
}
