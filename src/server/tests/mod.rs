//! The server over real connections, on fakes.

mod access;
mod admin;
mod harness;
mod influx;
mod lookups;
mod observed;
mod parameters;
mod queries;
mod reads;
mod transport;
mod writes;
