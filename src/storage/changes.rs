//! What the [journal](super::journal) and retention tell caches of answers.

use super::{state::Shared, store::Storage};
use crate::{model::TimeRange, seams::changes::Changes};

impl Shared {
    /// What has changed in `range` since `version`, what retention has dropped meanwhile included.
    fn changed_since(&self, version: u64, range: TimeRange) -> Vec<TimeRange> {
        let mut found = self.journal.since(version, range);
        let cutoff = self.shown_cutoff();
        if range.start < cutoff {
            found.push(TimeRange::new(range.start, cutoff.saturating_sub(1)));
        }
        found
    }
}

impl Changes for Storage {
    fn version(&self) -> u64 {
        self.shared.journal.version()
    }

    fn changed_since(&self, version: u64, range: TimeRange) -> Vec<TimeRange> {
        self.shared.changed_since(version, range)
    }
}
