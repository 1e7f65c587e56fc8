//! The URL under which clients reach this server, where a proxy or a prefix of paths makes it another one than the listener's.
//!
//! The *external URL* is shown to people and their tools, in links and in redirects. The *route prefix* begins every path that
//! arrives here: it is the path of the external URL, unless a proxy strips it. Routes know neither: the prefix is stripped before a
//! route is looked up, and a path without it is not found.

use std::{fmt, str::FromStr};

use hyper::{
    Uri,
    http::uri::{PathAndQuery, Scheme},
};

/// `http://metrics.example/prom`, or `/prom` alone for a server that is reached by its own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalUrl {
    /// `http://metrics.example`, in lower case; none for the server's own.
    origin: Option<String>,
    /// Without a slash at the end; empty for the root.
    path: String,
}

impl FromStr for ExternalUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a URL such as https://metrics.example/prom, without parameters".to_owned();
        let uri: Uri = text.parse().map_err(|_| expected())?;
        if uri.query().is_some() || text.contains('#') {
            return Err(expected());
        }
        let origin = match (uri.scheme(), uri.authority()) {
            (None, None) if text.starts_with('/') => None,
            (Some(scheme), Some(authority))
                if [Scheme::HTTP, Scheme::HTTPS].contains(scheme)
                    && !authority.host().is_empty()
                    && !authority.as_str().contains('@') =>
            {
                Some(format!("{scheme}://{authority}").to_ascii_lowercase())
            }
            _ => return Err(expected()),
        };
        Ok(Self { origin, path: prefix(uri.path())? })
    }
}

impl fmt::Display for ExternalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin.as_deref().unwrap_or_default(), self.path)
    }
}

impl ExternalUrl {
    /// Host and port.
    pub(crate) fn authority(&self) -> Option<&str> {
        self.origin.as_ref()?.split_once("://").map(|(_, authority)| authority)
    }

    /// Scheme, host and port, as a browser sends them in the `Origin` header.
    pub(crate) fn origin(&self) -> Option<&str> {
        let origin = self.origin.as_deref()?;
        let usual = if origin.starts_with("https:") { ":443" } else { ":80" };
        Some(origin.strip_suffix(usual).unwrap_or(origin))
    }
}

/// Normalizes a prefix of paths: a slash in front and none at the end, and nothing for the root.
///
/// # Errors
/// When it is no path.
pub fn prefix(text: &str) -> Result<String, String> {
    let path = text.trim_matches('/');
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    match path.parse::<PathAndQuery>() {
        _ if path.is_empty() => Ok(path),
        Ok(parsed) if parsed.query().is_none() && !path.contains("//") && !path.contains('#') => Ok(path),
        _ => Err("expected a path such as /prom".to_owned()),
    }
}

/// The URL and the route prefix under which clients reach this server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExternalAddress {
    /// As it was given.
    pub url: Option<ExternalUrl>,
    /// The route prefix, normalized by [`prefix`]; where it isn't given, the path of the URL is.
    pub prefix: Option<String>,
}

impl ExternalAddress {
    /// The prefix of paths as they arrive here.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or_else(|| self.path())
    }

    /// The prefix of paths in links.
    pub(crate) fn path(&self) -> &str {
        self.url.as_ref().map(|url| &*url.path).or(self.prefix.as_deref()).unwrap_or_default()
    }

    /// The URL to show, without a slash at the end; `instance` is what this server calls itself.
    #[must_use]
    pub fn shown(&self, instance: &str) -> String {
        match self.url.as_ref().and_then(|url| url.origin.as_ref()) {
            Some(origin) => format!("{origin}{}", self.path()),
            None => format!("http://{instance}{}", self.path()),
        }
    }

    /// The target without the prefix; none if it doesn't have it.
    pub(crate) fn strip_prefix(&self, uri: &Uri) -> Option<Uri> {
        let prefix = self.prefix();
        let rest = uri.path().strip_prefix(prefix).filter(|rest| rest.starts_with('/'))?;
        let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(format!("{rest}{query}").parse().ok()?);
        Uri::from_parts(parts).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_one_form() {
        for (text, form) in [("", ""), ("/", ""), ("p", "/p"), ("/p/", "/p"), ("//p/q//", "/p/q")] {
            assert_eq!(prefix(text).as_deref(), Ok(form), "{text:?}");
        }
        for text in ["a b", "/p?q", "/p#q", "p//q"] {
            assert!(prefix(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_target_without_the_prefix_leads_nowhere() {
        let external = ExternalAddress { url: None, prefix: Some("/p".to_owned()) };
        let inside = |uri: &str| external.strip_prefix(&uri.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(inside("/p/x?y=%2F"), Some("/x?y=%2F".to_owned()));
        assert_eq!(inside("http://a/p/"), Some("http://a/".to_owned()));
        for uri in ["/", "/p", "/pp/x", "/x/p/"] {
            assert_eq!(inside(uri), None, "{uri}");
        }
        let root = ExternalAddress::default();
        assert_eq!(root.strip_prefix(&"/p".parse().unwrap()).unwrap(), "/p");
    }

    #[test]
    fn a_url_is_shown_with_what_it_leaves_out_of_this_server() {
        let shown = |url: &str, prefix: Option<&str>| {
            let external = ExternalAddress { url: url.parse().ok(), prefix: prefix.map(str::to_owned) };
            (external.shown("here:9201"), external.prefix().to_owned())
        };
        let told = |shown: &str, prefix: &str| (shown.to_owned(), prefix.to_owned());
        assert_eq!(shown("", None), told("http://here:9201", ""));
        assert_eq!(shown("", Some("/p")), told("http://here:9201/p", "/p"));
        assert_eq!(shown("/abs/", None), told("http://here:9201/abs", "/abs"));
        assert_eq!(shown("https://A:1/x", None), told("https://a:1/x", "/x"));
        assert_eq!(shown("https://a/x", Some("")), told("https://a/x", ""));
        let origin = |url: &str| url.parse::<ExternalUrl>().unwrap().origin().map(str::to_owned);
        assert_eq!(origin("https://A:443/x"), Some("https://a".to_owned()));
        assert_eq!(origin("http://a:443"), Some("http://a:443".to_owned()));
    }
}
