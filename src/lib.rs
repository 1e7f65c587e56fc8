//! vctsdb is a single-machine home for Prometheus data: it takes remote writes, keeps them durably in an embedded
//! LSM store, serves remote read and answers PromQL.
//!
//! # Layout
//!
//! A module uses what is below it in this list and nothing beside or above it; `tests/layers.rs` holds us to that.
//!
//! - [`cli`]: flags, signals and subcommands; `main.rs` only calls it.
//! - [`config`]: turns flags into the options of every domain.
//! - [`server`]: the HTTP listener, its router and routes, one JSON envelope.
//! - [`promql`], [`influxql`], [`remote`], [`ingest`]: neighbours that never meet; they know the seams, not the storage.
//! - [`storage`]: open, append, select; manifest, flush, compaction.
//! - [`wal`], [`memtable`], [`sst`], [`index`]: neighbours that only storage joins.
//! - [`codec`]: bytes: varints, checksums, timestamp, float and histogram columns.
//! - [`seams`]: the small traits between layers (reads, writes, disk, clock) and their fakes.
//! - [`model`]: the words: labels, matcher, sample, histogram, annotation.
//! - [`telemetry`]: our own metrics and logs; anyone may use it, it uses no one.
//!
//! A remote write travels `server` → `remote` → [`seams::append`] → `storage` → `wal` and `memtable`; a query travels
//! `server` → `promql` → [`seams::select`] → `storage` → `index`, `memtable` and `sst`.

// A panic where nobody takes the output: see `cli::stderr`.
#![deny(clippy::print_stderr)]

pub mod cli;
pub mod codec;
pub mod config;
pub mod index;
pub mod influxql;
pub mod ingest;
pub mod memtable;
pub mod model;
pub mod promql;
pub mod remote;
pub mod seams;
pub mod server;
pub mod sst;
pub mod storage;
pub mod telemetry;
pub mod wal;

// The bodies of the fuzz targets name what they need as any user of the library does.
#[cfg(test)]
extern crate self as vctsdb;
#[cfg(test)]
#[path = "../fuzz/bodies/mod.rs"]
mod fuzz;
