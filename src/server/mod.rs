//! The HTTP service: where the engines, the formats and the store are joined.
//!
//! A connection is accepted in [`mod@listen`], which owns limits, deadlines and shutdown. Each request goes through
//! [`router`] (path, method, what [`browser`] says of pages, measuring, a net for panics) to one of [`routes`], which parses
//! parameters, does the work on a thread that may block, and answers in the one envelope of [`envelope`]. Errors of all
//! domains become status codes in [`error`] and nowhere else.
//!
//! Nothing is ever held whole that could be large: results are serialised and compressed piece by piece as fast as the
//! client reads ([`body`], [`compress`]), and a client that hangs up stops the work done for it ([`admission`]).
//!
//! The listener is handed in, so a test binds port 0 and talks bytes to the real server. The store is handed in later
//! still ([`ServerState::ready`]): while it is opening, health checks already answer and everything else says 503.

mod admission;
mod arrivals;
mod body;
mod browser;
mod clock_watch;
mod compress;
mod envelope;
mod error;
mod files;
mod formats;
mod idle_connections;
mod json;
mod limits;
mod listen;
mod metrics;
mod outside;
mod params;
mod queries;
mod receive;
mod refusals;
mod request_context;
mod respond;
mod room;
mod router;
mod routes;
mod scrape;
mod state;
mod targets;
#[cfg(test)]
mod tests;
mod tree;
mod unreadable;
mod value;
mod warning_collector;
mod write_timeout;

pub use browser::{BrowserOptions, OriginPattern};
pub use files::raise_open_files;
pub use limits::Deadlines;
pub use listen::{listen, run};
pub use outside::{ExternalUrl, Outside, prefix};
pub use scrape::SelfScrape;
pub use state::{RequestMemory, ServerOptions, ServerState, Stores};

use receive::{discard, read_body};

/// What a route answers.
pub(crate) type Response = hyper::Response<body::Body>;
