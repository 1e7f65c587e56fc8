//! The series index: from labels to ids and back, and from matchers to ids.
//!
//! An LSM of its own. New series enter the active [`head`](self) in memory; when storage flushes, the head is sealed
//! and written as an immutable [`Segment`], which then takes its place in one step; segments are merged to keep them
//! few. A series lies in exactly one of these parts, with all its labels, so that every question is answered part by
//! part and the answers are united.
//!
//! - [`Index`] is the door: resolve, define, find, labels, names, values, cardinality, and the flush.
//! - [`Segment`] is one file; its layout is in `segment/format.rs`.
//! - `part` is what head and segment have in common; `query` (matchers to ids) and `names` (label names and values,
//!   gathered in `distinct`) are written once against it; `filter` says which series they are of.
//! - `ids` decides which id a new series gets, and so what lies together.
//!
//! Nothing reads the disk while it holds the lock of the head.

mod cardinality;
mod distinct;
mod error;
mod filter;
mod head;
mod ids;
mod interruptible;
mod live;
mod names;
mod pair;
mod part;
mod postings;
mod query;
mod segment;

pub use error::IndexError;
pub use filter::{Filter, Presence};
pub use live::{Index, IndexCounts, Resolved, Snapshot};
pub use query::{in_order, looks_up, path};
pub use segment::{PageCache, SavedSegment, Segment, SegmentDamage, SegmentSummary};

#[cfg(test)]
mod tests;
