//! What is known of a request beside its parameters: its id and where it comes from, for logs.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use hyper::{
    Request,
    header::{HeaderName, HeaderValue},
};

use super::access::Login;

/// The header that carries a request's id, in requests and in answers.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header of questions that no person asked, such as those a page asks by itself.
const BACKGROUND: HeaderName = HeaderName::from_static("x-vctsdb-background");
/// What InfluxDB's clients call it.
const OTHER_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// A longer id than this is replaced by one of ours.
const MAX_ID_BYTES: usize = 128;

/// The client's address, an extension of each request of its connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerAddress(pub(crate) Option<IpAddr>);

/// A request's id, and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    /// The client's, or a proxy's, id of the request, else one of ours.
    pub(crate) id: HeaderValue,
    pub(crate) address: Option<IpAddr>,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Whether no person asked for it.
    pub(crate) background: bool,
    /// Who asks, once that is known.
    pub(crate) login: Login,
}

impl RequestContext {
    /// The context of a request, with a new id where the request has none that can be passed on.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        let given = headers.get(REQUEST_ID).or_else(|| headers.get(OTHER_REQUEST_ID));
        let given = given.filter(|id| is_fit(id.as_bytes()));
        Self {
            id: given.cloned().unwrap_or_else(new_id),
            address: request.extensions().get::<PeerAddress>().and_then(|peer| peer.0),
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            background: request.headers().contains_key(BACKGROUND),
            login: Login::default(),
        }
    }

    /// The id as text.
    pub(crate) fn id(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }
}

/// Visible ASCII only: an id ends up in logs and headers.
fn is_fit(id: &[u8]) -> bool {
    !id.is_empty() && id.len() <= MAX_ID_BYTES && id.iter().all(u8::is_ascii_graphic)
}

/// An id that no other request has: a random number for the process, hashed with the request's number.
fn new_id() -> HeaderValue {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    static PROCESS: std::sync::LazyLock<RandomState> = std::sync::LazyLock::new(RandomState::new);
    let mut hasher = PROCESS.build_hasher();
    hasher.write_u64(NUMBER.fetch_add(1, Ordering::Relaxed));
    super::respond::header(&format!("{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_kept_if_it_can_be_passed_on() {
        let id = |given: &str| {
            let request = Request::builder().header(REQUEST_ID, given).body(()).unwrap();
            RequestContext::of(&request).id().to_owned()
        };
        assert_eq!(id("abc-123"), "abc-123");
        for bad in ["", "a b", "ü", &"x".repeat(129)] {
            let new = id(bad);
            assert!(new.len() == 16 && new != id(bad), "{bad} became {new}");
        }
    }
}
