//! Room in memory for answers whose size shows only as they are gathered.

use std::fmt::Debug;

/// What the text of one more series, or of one more name, takes beside its bytes: its place in a list, counters, and what
/// the allocator rounds up.
pub const ITEM_BYTES: usize = 48;

/// Room in memory. What was taken is given back all at once, when the room is dropped.
pub trait Room: Debug + Send + Sync {
    /// Takes `bytes`, and says whether there were so many left.
    fn take(&self, bytes: usize) -> bool;
}

/// Room without end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Endless;

impl Room for Endless {
    fn take(&self, _: usize) -> bool {
        true
    }
}

pub mod fake {
    //! Room for tests of those who fill it.

    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Room;

    /// So many bytes.
    #[derive(Debug, Default)]
    pub struct Bytes(pub AtomicUsize);

    impl Bytes {
        /// Room for `bytes`.
        #[must_use]
        pub fn new(bytes: usize) -> Self {
            Self(AtomicUsize::new(bytes))
        }
    }

    impl Room for Bytes {
        fn take(&self, bytes: usize) -> bool {
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
        }
    }
}
