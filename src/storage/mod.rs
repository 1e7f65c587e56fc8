//! The store: one data directory, opened, written to, read from, closed.
//!
//! # How the parts meet
//!
//! - [`Storage`] is the door: it implements [`Append`](crate::seams::append::Append),
//!   [`Select`](crate::seams::select::Select) and [`Status`](crate::seams::status::Status).
//! - What all threads share is in [`state`], which also says in which order it is locked.
//! - The *committer* ([`group_commit`]) owns the write-ahead log ([`log_tail`]) and the active memtable. It takes whatever
//!   batches queued ([`queue`]) while the last sync ran, writes and syncs them in one go, applies them to the memtable in log order, and only then
//!   answers. Log order is memtable order is replay order, so "the last write wins" means the same before and after a
//!   crash.
//! - [`version`] says what is live, on disk (the manifest) and for readers (the view). Views are immutable but for the active
//!   memtable; each change installs a new one, so a reader never meets a gap or a copy. `Versions::commit` is the one
//!   door for changes, and those named next go through it.
//! - The *flusher* ([`flush`]) turns a sealed memtable into a table and the index head into a segment, then commits
//!   both and the new start of the log with one manifest rewrite.
//! - [`compact`] merges tables by time windows that grow with age, and [`rewrite`] writes them; [`retention`] drops tables whose samples
//!   have expired; [`index_gc`] merges index segments and takes series without samples out of the index.
//! - [`delete`] hides samples at once by tombstones, which merges make good on disk.
//! - [`snapshot`], [`reserve`] and [`damage`]: hard-linked copies, living with a full disk, and what is known to be damaged.
//! - [`standing`] says whether anything may be written: the directory is still ours, and all threads live.
//! - [`timekeeper`] says what time it is, as far as samples may expire by it.
//! - [`journal`] has the changed times, and [`changes`] tells them to caches of answers.
//! - [`wal_marker`] notes which log segment is the last, so that one that somebody removed is missed.
//! - [`unfinished`] marks a directory that a backup or restore fills.
//! - [`maintenance`] checks, repairs and copies directories that no server has open.
//! - [`recover`] opens a directory: manifest, index segments, tables, then the log ([`replay`]), sealing whenever the
//!   memtable is full, so that replay needs no more memory than normal running.
//!
//! # What is synced before what
//!
//! 1. A record is synced before its batch is acknowledged.
//! 2. Tables and segments are synced, then their directories, before the manifest names them.
//!    So are exemplars and metadata ([`extras`]).
//! 3. The manifest is synced under a temporary name, renamed, and its directory synced, before a log segment or a
//!    replaced table is removed.

mod append;
mod backpressure;
mod catalog;
mod changes;
mod compact;
mod counters;
mod damage;
mod delete;
mod discard;
mod error;
mod exemplars;
mod extras;
mod fingerprints;
mod flush;
mod frames;
mod group_commit;
mod index_gc;
mod journal;
mod layout;
mod log_tail;
mod maintenance;
mod merge;
mod metadata;
mod options;
mod present;
mod quarantine;
mod queue;
mod recover;
mod replace;
mod replay;
mod replay_workers;
mod reserve;
mod retention;
mod rewrite;
mod second_name;
mod select;
mod series_limits;
mod snapshot;
mod standing;
mod state;
mod status;
mod store;
mod tiers;
mod timekeeper;
mod trim;
mod unfinished;
mod version;
mod wakeup;
mod wal_marker;

pub use error::{OpenError, StorageError};
pub use layout::LIVE_DIRECTORIES;
pub use maintenance::{BackupError, BackupReport, Finding, Repaired, Verified, backup, repair, restore, verify};
pub use options::{StorageOptions, Threads};
pub use store::Storage;
