//! The server over real connections, on fakes.

mod admin;
mod harness;
mod lookups;
mod parameters;
mod queries;
mod transport;
mod writes;
