//! The HTTP service: where the engines, the formats and the store are joined.
//!
//! A connection is accepted in [`mod@listen`], which owns limits, deadlines and shutdown. Each request goes through
//! [`router`] (path, method, the rules of [`browser`] for web pages, the logins of [`access`], metrics, catching panics) to one of [`routes`], which parses
//! parameters, does the work on a thread that may block, and answers in the one envelope of [`envelope`]. Errors of all
//! domains become status codes in [`error`] and nowhere else.
//!
//! Nothing is ever held whole that could be large: request bodies reserve memory as they come ([`request_body`],
//! [`request_budget`]), results are serialised and compressed chunk by chunk as fast as the client reads ([`response_body`],
//! [`compress`]), and a client that hangs up stops the work done for it ([`admission`]).
//!
//! The listener is handed in, so a test binds port 0 and talks bytes to the real server. The store is handed in later
//! ([`ServerState::ready`]): while it is opening, health checks already answer and everything else says 503.

mod access;
mod admission;
mod ast_json;
mod browser;
mod clock_skew;
mod compress;
mod envelope;
mod error;
pub(crate) mod export;
mod external_url;
mod formats;
mod idle_connections;
mod incoming_bodies;
pub mod influx_udp;
mod json;
mod limits;
mod listen;
mod malformed_requests;
mod metrics;
mod negotiation;
mod open_files;
mod params;
mod queries;
mod rejection_log;
mod request_body;
mod request_budget;
mod request_context;
mod respond;
mod response_body;
mod result_json;
mod router;
mod routes;
mod self_scrape;
mod senders;
mod state;
mod streaming;
mod target_escaping;
#[cfg(test)]
mod tests;
mod text_format;
mod tls;
mod ui;
mod warning_collector;
mod write_timeout;

pub use access::{Access, AccessOptions, Role, Token, User, token_digest};
pub use browser::{BrowserOptions, OriginPattern};
pub use external_url::{ExternalAddress, ExternalUrl, prefix};
pub use limits::Deadlines;
pub use listen::{listen, listen_addresses, run};
pub use metrics::observe_web_config_reload;
pub use open_files::raise_open_files;
pub use self_scrape::SelfScrape;
pub use state::{RequestMemory, ServerOptions, ServerState, Stores};
pub use tls::{Tls, TlsOptions};
pub use ui::WebUi;

use request_body::{discard, read_body};

/// What a route answers.
pub(crate) type Response = hyper::Response<response_body::ResponseBody>;
