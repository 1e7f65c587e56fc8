//! Remote write 1.0 and 2.0 and remote read, as Prometheus speaks them, and OTLP, without the HTTP around them.
//!
//! - [`write`](mod@write) takes the body of a write request: [`write::negotiate`] judges its headers, [`write::receive`]
//!   walks it and hands one batch to [`Append`](crate::seams::append::Append).
//! - [`read`] decodes a read request and answers it from a [`Select`](crate::seams::select::Select): all at once
//!   ([`read::samples`]) or as a stream of frames with encoded chunks ([`read::chunks`]).
//! - [`otlp`] takes metrics as OpenTelemetry's SDKs send them.
//! - [`proto`] has the messages as generated types. Reads use them; writes, the hot path, walk the bytes themselves
//!   (`wire`), and a property test holds the two against each other.
//! - `snappy` inflates bodies within a limit.

pub mod otlp;
pub mod proto;
pub mod read;
mod snappy;
mod wire;
pub mod write;

pub use snappy::SnappyError;
pub use wire::WireError;
