//! The web interface: pages, and the scripts and styles that they load.
//!
//! The files of `ui/` are in the program, gzipped (`build.rs`). All pages are one document, which has no data in it: scripts ask
//! the API for that. What it loads has the hash of all files in its path, so that browsers keep it for a year and a new
//! version is never mixed with an old one. All addresses in it are relative, and pages are one level deep, so that a prefix
//! needs no mention.
//!
//! Label values are whatever a sender writes. The policy sent with the document lets scripts and styles come from here alone, and
//! requires trusted types, of which there are none: no text can become markup.

mod files;
// `build.rs` runs it.
#[cfg(test)]
mod join;

use std::{path::PathBuf, str::FromStr, sync::Arc};

use hyper::{
    HeaderMap, Request, StatusCode,
    body::Incoming,
    header::{
        ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH,
        REFERRER_POLICY, VARY,
    },
};

use super::{Response, ServerState, compress::Encoding, error::ApiError, negotiation::preferences, respond, routes};

/// The addresses of pages. Behind the first ones are those under which others have the same.
const PAGES: &[&str] = &[
    "/",
    "/graph",
    "/explore",
    "/dash",
    "/cardinality",
    "/storage",
    "/queries",
    "/targets",
    "/alerts",
    "/rules",
    "/server",
    "/query",
    "/vmui",
    "/metrics-explorer",
    "/tsdb-status",
    "/service-discovery",
    "/alertmanager-discovery",
    "/status",
    "/flags",
    "/config",
    "/features",
];
/// What everything that a page loads begins with.
const FILES: &str = "/ui/";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; \
     worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
     trusted-types 'none'";
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Where the interface comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum WebUi {
    /// The files in the program.
    #[default]
    On,
    /// Nowhere: there is none.
    Off,
    /// A folder that is read at each request: for who changes the files.
    Folder(PathBuf),
}

impl FromStr for WebUi {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            folder if PathBuf::from(folder).join(files::DOCUMENT).is_file() => Ok(Self::Folder(folder.into())),
            _ => Err(format!("expected on, off, or a folder with a file {} in it", files::DOCUMENT)),
        }
    }
}

impl std::fmt::Display for WebUi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::On => f.write_str("on"),
            Self::Off => f.write_str("off"),
            Self::Folder(folder) => write!(f, "{}", folder.display()),
        }
    }
}

/// Whether a path is that of a page.
pub(crate) fn is_page(path: &str) -> bool {
    PAGES.contains(&path)
}

/// Whether a request is for the interface.
pub(crate) fn is_asked(request: &Request<Incoming>, ui: &WebUi) -> bool {
    let path = request.uri().path();
    let ours = path.starts_with(FILES) || is_page(path) && (path != "/query" || is_for_people(request));
    *ui != WebUi::Off && request.method().is_safe() && ours
}

/// Whether a request for `/query`, which is also InfluxDB's, comes from somebody who opens a page.
fn is_for_people(request: &Request<Incoming>) -> bool {
    let has_statement =
        request.uri().query().unwrap_or_default().split('&').any(|pair| pair == "q" || pair.starts_with("q="));
    !has_statement && preferences(request.headers(), ACCEPT).any(|accepted| accepted.is_any_of(&["text/html"]))
}

/// Answers with a page or with what one loads, whether or not the store is open. The root without an interface is a page too.
pub(crate) async fn serve(request: Request<Incoming>, state: Arc<ServerState>) -> Result<Response, ApiError> {
    let path = request.uri().path();
    let response = match &state.options.ui {
        WebUi::Off => Some(routes::landing(&state)),
        ui if is_page(path) => document(ui, request.headers()),
        ui => file(ui, path, request.headers()),
    };
    response.ok_or_else(|| ApiError::Plain(StatusCode::NOT_FOUND, "404 page not found".to_owned()))
}

fn document(ui: &WebUi, headers: &HeaderMap) -> Option<Response> {
    let tag = format!("\"{}\"", files::hash(ui));
    let known = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let mut response = if known.is_some_and(|tags| tags.split(',').any(|known| known.trim().ends_with(&tag))) {
        let mut response = respond::no_content();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        respond_with(files::find(ui, files::DOCUMENT)?, headers)
    };
    let more = [
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (OPENER_POLICY, "same-origin"),
        (VARY, "accept, accept-encoding"),
    ];
    for (name, value) in more {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().insert(ETAG, respond::header(&tag));
    Some(response)
}

fn file(ui: &WebUi, path: &str, headers: &HeaderMap) -> Option<Response> {
    let (hash, name) = path.strip_prefix(FILES)?.split_once('/')?;
    if hash != files::hash(ui) || name == files::DOCUMENT {
        return None;
    }
    let mut response = respond_with(files::find(ui, name)?, headers);
    let caching = if matches!(ui, WebUi::On) { "public, max-age=31536000, immutable" } else { "no-store" };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    Some(response)
}

fn respond_with(file: files::File, headers: &HeaderMap) -> Response {
    if !Encoding::accepts_gzip(headers) {
        return respond::typed(file.content_type, file.inflated());
    }
    let mut response = respond::typed(file.content_type, file.gzipped.into_owned());
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of an object that `core/app.js` declares as the constant `name`.
    fn keys(name: &str) -> Vec<String> {
        let script = include_str!("../../../ui/core/app.js");
        let (_, body) = script.split_once(&format!("const {name} = ")).unwrap();
        let (body, _) = body.split_once("\n}").unwrap();
        let pairs = body.lines().skip(1).filter_map(|line| line.trim().split_once(": "));
        pairs.map(|(key, _)| format!("/{}", key.trim_matches('"'))).collect()
    }

    #[test]
    fn the_addresses_that_are_served_are_those_that_scripts_have_pages_for() {
        let mut known = [keys("PAGES"), keys("ALIASES")].concat();
        assert!(known.len() > 15, "{known:?}");
        // The page at the root has a name of its own, which is no address.
        known.retain(|path| path != "/home");
        known.sort();
        let mut served = PAGES.to_vec();
        served.sort_unstable();
        assert_eq!(known, served);
    }
}
