//! Which requests of web pages, and for which host names, are answered.
//!
//! A server on a laptop is reached by every page that its owner opens. Two rules keep such pages out, and machines, which
//! send none of the headers these look at, never meet them:
//!
//! - [`Hosts`] tells for which names this server answers. A page whose own name was pointed to a loopback address is the
//!   same origin to the browser, and only the `Host` header shows it.
//! - [`Origins`] tells which pages may read answers (CORS) and which may change something. A form and a simple `fetch` are
//!   sent without a preflight, whatever their content type, so changes are judged by the origin too, and not only reads.
//!
//! [`Browser`] asks both, before a request gets to its route.

mod hosts;
mod origins;

use hyper::{
    HeaderMap, Method, Request, StatusCode, Version,
    header::{HOST, HeaderValue},
};

use hosts::Hosts;
pub use origins::OriginPattern;
use origins::Origins;

use super::{external_url::ExternalUrl, metrics, routes::Route};
use crate::telemetry::Throttle;

/// At most this many characters of what a client sent are repeated to it.
const MAX_REPEATED_CHARS: usize = 100;

/// The host names and web pages that the owner trusts.
#[derive(Debug, Clone, Default)]
pub struct BrowserOptions {
    /// Whether only this machine reaches the listener.
    pub loopback: bool,
    /// The name of the listener as it was asked for.
    pub listen_host: String,
    /// Further names to answer for: `metrics.lan`, `*.lan`, or `*` for all.
    pub allowed_hosts: Vec<String>,
    /// The URL under which others reach the server: its host is one to answer for, and its origin the server's own.
    pub external: Option<ExternalUrl>,
    /// Origins of pages that may read, and change what can be changed.
    pub cors_origin: Option<OriginPattern>,
}

/// The rules for pages.
#[derive(Debug)]
pub(crate) struct Browser {
    hosts: Hosts,
    origins: Origins,
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The request is for another host.
    #[error("this server doesn't answer for the host {0:?}; see --web.allowed-hosts")]
    Host(String),
    /// The request has no host, or several.
    #[error("a request has one Host header, this one has {0}")]
    Hosts(&'static str),
    /// The request would change something, and comes from a page of an origin that isn't trusted.
    #[error("a page of the origin {0:?} can't change anything here; see --web.cors.origin")]
    Origin(String),
    /// The request would change something, and comes from a page of another site, whose origin the browser doesn't name.
    #[error("a page of another origin can't change anything here; see --web.cors.origin")]
    CrossSite,
}

impl Refusal {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Hosts(_) => StatusCode::BAD_REQUEST,
            Self::Host(_) | Self::Origin(_) | Self::CrossSite => StatusCode::FORBIDDEN,
        }
    }

    /// Counts it, and logs it unless that was done within the last minute.
    pub(crate) fn observe(&self) {
        static HOSTS: Throttle = Throttle::each_minute();
        static ORIGINS: Throttle = Throttle::each_minute();
        let (reason, throttle) = match self {
            Self::Host(_) | Self::Hosts(_) => ("host", &HOSTS),
            Self::Origin(_) | Self::CrossSite => ("origin", &ORIGINS),
        };
        metrics::REFUSED.with_label_values(&[reason]).inc();
        if let Some(unsaid) = throttle.pass() {
            tracing::warn!(unsaid, "a request was refused: {self}");
        }
    }
}

impl Browser {
    pub(crate) fn new(options: &BrowserOptions) -> Self {
        Self { hosts: Hosts::new(options), origins: Origins::new(options) }
    }

    /// Judges a request before it gets to its route.
    ///
    /// # Errors
    /// When it is refused.
    pub(crate) fn judge<B>(&self, request: &Request<B>, found: Option<&Route>) -> Result<(), Refusal> {
        let headers = request.headers();
        if headers.get_all(HOST).iter().nth(1).is_some() {
            return Err(Refusal::Hosts("several"));
        }
        let host = match request.uri().authority() {
            // A host in the request's target overrides the header.
            Some(authority) => Some(authority.as_str()),
            None => headers.get(HOST).map(|host| host.to_str().unwrap_or("not ASCII")),
        };
        // HTTP/1.0 has no hosts, and no browser speaks it.
        if host.is_none() && request.version() >= Version::HTTP_11 {
            return Err(Refusal::Hosts("none"));
        }
        if let Some(host) = host.filter(|host| !self.hosts.answer_for(host)) {
            return Err(Refusal::Host(cut(hosts::name(host))));
        }
        let method = request.method();
        let changes = found.map_or(!method.is_safe(), |route| route.changes(method));
        // A preflight changes nothing; the headers of its answer tell the browser whether the page may go on.
        if changes && method != Method::OPTIONS { self.origins.may_change(headers, host) } else { Ok(()) }
    }

    /// The origin of the page that asks, if it may read the answer.
    pub(crate) fn reader<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        self.origins.reader(headers)
    }
}

/// A client's text, cut to [`MAX_REPEATED_CHARS`].
fn cut(text: &str) -> String {
    text.chars().take(MAX_REPEATED_CHARS).collect()
}
