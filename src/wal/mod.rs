//! The write-ahead log: what was acknowledged but is not in a table yet.
//!
//! A directory of numbered segments, each a header and a run of frames ([`segment`](self), [`frame`](self) in the
//! source have the bytes); one frame holds one request, so a request is whole or absent. Frames are opaque here;
//! [`record`] is what storage puts into them.
//!
//! - [`WalWriter`] appends to one segment: [`WalWriter::append`] frames into memory, [`WalWriter::commit`] writes all
//!   that in one go and syncs. After an error the segment is never written again: storage opens the next one, whose
//!   header says up to where the one before is good.
//! - [`replay()`] streams frames in order, a window at a time. A torn tail is dropped; damage before it costs the records
//!   it hit, is reported, and the rest replays.
//! - [`segments`] and [`remove_before`] let storage see and drop what tables hold by now.

mod error;
mod frame;
pub mod record;
mod replay;
mod segment;
mod writer;

pub use error::WalError;
pub use frame::MAX_PAYLOAD;
pub use replay::{Damage, LastSegment, Position, ReplayReport, Visit, replay};
pub use segment::{path_of, remove_before, segments, size};
pub use writer::WalWriter;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
