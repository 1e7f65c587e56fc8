//! Administration: taking stored samples away again, and keeping copies of them.

use super::{
    cause::Cause,
    interrupt::{Interrupt, Interrupted},
};
use crate::model::{Matcher, TimeRange};

/// Why it was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AdminError {
    /// The store failed at it.
    #[error("{0}")]
    Storage(#[source] Cause),
    /// It can't be done as things are; the message says what would change that.
    #[error("{0}")]
    Refused(String),
    /// There is nothing of this name; the message says what has none.
    #[error("{0}")]
    NotFound(String),
    /// Nobody waits for it, or not any longer. Nothing was done.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

/// A snapshot that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name, and that of its directory.
    pub name: String,
    /// When it was made (ms).
    pub time: i64,
    /// Whether all of it is there; not where making or deleting it was cut short.
    pub complete: bool,
}

/// What a delete took away, or would.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Series with at least one such sample.
    pub series: u64,
    /// Samples.
    pub samples: u64,
}

/// The store, for those who may change what it holds.
pub trait Admin: Send + Sync {
    /// Deletes the samples in `range` of the series that pass any of `selectors` (each a list of matchers that all have to
    /// pass). All of it or, across a crash, nothing. A dry run only counts.
    ///
    /// `Ok` means: on disk, and reads that begin now see nothing of them. Samples whose write was acknowledged before the
    /// call are deleted, those of writes that begin after it are not.
    ///
    /// # Errors
    /// When stored data can't be read or the disk refuses; nothing is deleted then, unless a crash follows.
    fn delete(
        &self,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
        dry_run: bool,
        interrupt: &dyn Interrupt,
    ) -> Result<Deleted, AdminError>;

    /// Rewrites what holds deleted samples, so that nothing is left of them on disk.
    ///
    /// # Errors
    /// When stored data can't be read or the disk refuses; what was rewritten stays so.
    fn clean_tombstones(&self) -> Result<(), AdminError>;

    /// Makes a snapshot of everything acknowledged so far and answers its name. With `skip_head` what is in memory only
    /// is left out, which saves writing it to disk now.
    ///
    /// # Errors
    /// When the disk refuses; there is no snapshot then.
    fn snapshot(&self, skip_head: bool) -> Result<String, AdminError>;

    /// The snapshots that there are, the oldest first.
    ///
    /// # Errors
    /// When the disk refuses.
    fn snapshots(&self) -> Result<Vec<Snapshot>, AdminError>;

    /// Deletes the snapshot `name`, or what is left of it.
    ///
    /// # Errors
    /// When there is none, somebody has it open, or the disk refuses; what is left of it is then still listed.
    fn delete_snapshot(&self, name: &str) -> Result<(), AdminError>;
}

pub mod fake {
    //! An [`Admin`] that remembers what it was asked, for tests of the layers above.

    use parking_lot::Mutex;

    use super::{Admin, AdminError, Deleted, Interrupt, Matcher, Snapshot, TimeRange};

    /// One call of [`Admin::delete`]: its selectors as text, its range, and whether it was a dry run.
    pub type Call = (Vec<String>, TimeRange, bool);

    /// Remembers every call and answers what it was told to.
    #[derive(Debug, Default)]
    pub struct RecordingAdmin {
        /// The deletes so far.
        pub deletes: Mutex<Vec<Call>>,
        /// How often tombstones were cleaned.
        pub cleanings: Mutex<usize>,
        /// What deletes answer.
        pub answer: Deleted,
        /// The snapshots asked for: whether each was to skip the head.
        pub snapshots: Mutex<Vec<bool>>,
        /// The names of the snapshots that were to be deleted.
        pub deleted_snapshots: Mutex<Vec<String>>,
    }

    impl Admin for RecordingAdmin {
        fn delete(
            &self,
            selectors: &[Vec<Matcher>],
            range: TimeRange,
            dry_run: bool,
            _: &dyn Interrupt,
        ) -> Result<Deleted, AdminError> {
            let text = |matchers: &Vec<Matcher>| {
                matchers
                    .iter()
                    .map(|m| format!("{} {:?} {}", m.name(), m.op(), m.value()))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            self.deletes.lock().push((selectors.iter().map(text).collect(), range, dry_run));
            Ok(self.answer)
        }

        fn clean_tombstones(&self) -> Result<(), AdminError> {
            *self.cleanings.lock() += 1;
            Ok(())
        }

        fn snapshot(&self, skip_head: bool) -> Result<String, AdminError> {
            let mut made = self.snapshots.lock();
            made.push(skip_head);
            Ok(format!("20200913T122640Z-{:016x}", made.len()))
        }

        fn snapshots(&self) -> Result<Vec<Snapshot>, AdminError> {
            let named = |number| format!("20200913T122640Z-{number:016x}");
            let all = 1..=self.snapshots.lock().len();
            Ok(all.map(|number| Snapshot { name: named(number), time: 1_600_000_000_000, complete: true }).collect())
        }

        fn delete_snapshot(&self, name: &str) -> Result<(), AdminError> {
            if !self.snapshots()?.iter().any(|snapshot| snapshot.name == name) {
                return Err(AdminError::NotFound(format!("there is no snapshot {name:?}")));
            }
            self.deleted_snapshots.lock().push(name.to_owned());
            Ok(())
        }
    }
}
