//! Which times have changed: what a cache of answers asks before it trusts one.

use crate::model::TimeRange;

/// Tells whether stored samples have changed since a moment.
///
/// A change is noted after readers can see it and before its sender is told that it is done. So what was read after
/// asking for [`Changes::version`] either has a change or will find it noted under a later version.
pub trait Changes: Send + Sync {
    /// The newest change's number; 0 before the first.
    fn version(&self) -> u64;

    /// Times inside `range` whose samples may have changed after `version`, in no order, perhaps overlapping. Times are
    /// named generously: what isn't named has not changed.
    fn changed_since(&self, version: u64, range: TimeRange) -> Vec<TimeRange>;
}

pub mod fake {
    //! A [`Changes`] of which nothing is known, for tests of the layers above.

    use super::{Changes, TimeRange};

    /// Anything may have changed at any time.
    #[derive(Debug, Clone, Copy, Default)]
    pub struct Restless;

    impl Changes for Restless {
        fn version(&self) -> u64 {
            0
        }

        fn changed_since(&self, _: u64, range: TimeRange) -> Vec<TimeRange> {
            vec![range]
        }
    }
}
