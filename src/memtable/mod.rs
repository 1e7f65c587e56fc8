//! Recent samples in memory, until they are flushed.
//!
//! A [`Memtable`] is split into shards by series id, each behind its own lock: one writer applies batches in order
//! while many readers copy what they need, compressed, and decode it after the lock is gone. It serves in the same
//! form as the active table and, once a new one has taken over, as the sealed one that is being flushed.
//!
//! # A series in memory
//!
//! - Float samples that come in order, the rule, are appended to an [open chunk](crate::codec::gorilla); a full one is
//!   kept as exact bytes (`closed`) and a new one begun. Together they are the *run*: strictly ascending in time.
//! - Everything else goes to the *log* in the order of arrival: late floats, floats that replace another value, and
//!   all histograms. In the log later entries win over earlier ones with the same time, and all of it wins over the
//!   run; that is why a float may only join the run while it is newer than everything in the log.
//! - The log is sorted up to a point, with a short unsorted tail behind it, so that neither a stray sample nor a long
//!   backfill is expensive.
//!
//! - Start times, where the floats of a run have them, are kept as the rules that they follow (`start_rules`); in the log each
//!   entry has its own.
//!
//! A series with a single float costs its 64 bytes of struct and a map entry, and nothing on the heap.

mod closed;
mod log;
mod map;
mod series;
mod shard;
mod start_rules;
mod table;
#[cfg(test)]
mod tests;

pub use series::Newest;
pub use table::Memtable;
