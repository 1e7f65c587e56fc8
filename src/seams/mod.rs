//! The small traits between layers.
//!
//! - [`select`]: how query engines and remote read see stored data.
//! - [`memory_budget`]: what an answer may take of the memory while it is gathered.
//! - [`allocator`]: giving freed memory back to the system.
//! - [`interrupt`]: when to stop although there is more to do.
//! - [`resident`]: how much memory the process really has.
//! - [`append`]: how ingest formats hand over samples.
//! - [`batch_builder`]: what the formats that write have in common.
//! - [`catalog`]: which fields there are, for those who write them and those who list them.
//! - [`cause`]: errors of the layers below.
//! - [`admin`]: deleting, cleaning up, and making snapshots.
//! - [`changes`]: which times have changed, for those who keep answers.
//! - [`status`], [`detail`]: how the store tells how it is doing, as a whole and file by file.
//! - [`prefetch`]: which series a sender is likely to name next.
//! - [`replay_progress`]: how far a store being opened is.
//! - [`mod@env`]: how storage reaches files and the time.
//!
//! Each has a fake beside it, so that an engine is tested on vectors in memory and storage on a disk whose power can
//! be cut.

pub mod admin;
pub mod allocator;
pub mod append;
pub mod batch_builder;
pub mod catalog;
pub mod cause;
pub mod changes;
pub mod detail;
pub mod env;
pub mod interrupt;
pub mod memory_budget;
pub(crate) mod prefetch;
pub mod replay_progress;
pub mod resident;
pub mod select;
pub mod status;
