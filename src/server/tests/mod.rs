//! The server over real connections, on fakes.

mod harness;
mod lookups;
mod parameters;
mod queries;
mod reads;
mod transport;
mod writes;
