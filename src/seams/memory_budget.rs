//! Memory for answers, and for what is written, whose size shows only as they are gathered.

use std::fmt::Debug;

/// What the text of one more series, or of one more name, takes beside its bytes: its place in a list, counters, and what
/// the allocator rounds up.
pub const ITEM_BYTES: usize = 48;

/// Memory that may be taken. What was taken is given back all at once, when the budget is dropped.
pub trait MemoryBudget: Debug + Send + Sync {
    /// Takes `bytes`, and says whether there were so many left.
    fn take(&self, bytes: usize) -> bool;
}

/// Memory without end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlimited;

impl MemoryBudget for Unlimited {
    fn take(&self, _: usize) -> bool {
        true
    }
}

pub mod fake {
    //! A budget for tests of those who use it up.

    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::MemoryBudget;

    /// A budget of this many bytes.
    #[derive(Debug, Default)]
    pub struct Bytes(pub AtomicUsize);

    impl Bytes {
        /// A budget of `bytes`.
        #[must_use]
        pub fn new(bytes: usize) -> Self {
            Self(AtomicUsize::new(bytes))
        }
    }

    impl MemoryBudget for Bytes {
        fn take(&self, bytes: usize) -> bool {
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
        }
    }
}
