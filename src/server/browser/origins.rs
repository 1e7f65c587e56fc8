//! The origins of web pages that may read answers, and of those that may change something.

use hyper::{
    HeaderMap,
    header::{HeaderValue, ORIGIN},
};

use super::{BrowserOptions, ExternalUrl, Refusal, cut};
use crate::model::{MatchOp, Matcher, MatcherError};

/// Origins of pages that other programs on this machine serve.
const LOOPBACK_ORIGINS: &str = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?";

/// A regular expression that an origin has to match from its first to its last character.
#[derive(Debug, Clone)]
pub struct OriginPattern(Matcher);

impl OriginPattern {
    /// The pattern with this text, in Go's syntax.
    ///
    /// # Errors
    /// When it is no regular expression.
    pub fn new(text: &str) -> Result<Self, MatcherError> {
        // Conditions on labels are anchored and written as Prometheus has them, and so is this.
        Matcher::new(MatchOp::Regex, "Origin", text).map(Self)
    }

    /// The text it was made of.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.value()
    }

    fn matches(&self, origin: &str) -> bool {
        self.0.matches(origin)
    }
}

/// Which pages may read answers, and which may change something.
#[derive(Debug)]
pub(super) struct Origins {
    trusted: Option<OriginPattern>,
    /// The origin of the external URL.
    external: Option<String>,
}

impl Origins {
    pub(super) fn new(options: &BrowserOptions) -> Self {
        let default = || if options.loopback { OriginPattern::new(LOOPBACK_ORIGINS).ok() } else { None };
        let external = options.external.as_ref().and_then(ExternalUrl::origin).map(str::to_owned);
        Self { trusted: options.cors_origin.clone().or_else(default), external }
    }

    /// The origin of the page that asks, if it may read the answer.
    pub(super) fn reader<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        headers.get(ORIGIN).filter(|origin| origin.to_str().is_ok_and(|origin| self.trusts(origin)))
    }

    /// Whether a request to `host` may change something. The origin of the external URL is one of our own too.
    pub(super) fn may_change(&self, headers: &HeaderMap, host: Option<&str>) -> Result<(), Refusal> {
        let Some(origin) = headers.get(ORIGIN) else {
            // Only browsers send this header, and no script can set it.
            let foreign = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
            return if foreign { Err(Refusal::CrossSite) } else { Ok(()) };
        };
        let origin = String::from_utf8_lossy(origin.as_bytes());
        let external = self.external.as_ref().is_some_and(|external| origin.eq_ignore_ascii_case(external));
        let own = external || host.is_some_and(|host| is_of(&origin, host));
        if own || self.trusts(&origin) { Ok(()) } else { Err(Refusal::Origin(cut(&origin))) }
    }

    fn trusts(&self, origin: &str) -> bool {
        // "null" is the origin of all pages that hide theirs, whoever made them.
        origin != "null" && self.trusted.as_ref().is_some_and(|trusted| trusted.matches(origin))
    }
}

/// Whether pages that came from `host` have this origin.
fn is_of(origin: &str, host: &str) -> bool {
    let plain = |host: &'_ str| host.strip_suffix(":80").unwrap_or(host).to_ascii_lowercase();
    origin.strip_prefix("http://").is_some_and(|authority| plain(authority) == plain(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(loopback: bool, pattern: Option<&str>) -> Origins {
        let cors_origin = pattern.map(|text| OriginPattern::new(text).unwrap());
        Origins::new(&BrowserOptions { loopback, cors_origin, ..BrowserOptions::default() })
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn by_default_pages_of_this_machine_may_read_where_only_this_machine_can_ask() {
        for origin in ["http://localhost", "https://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:1"] {
            let headers = headers(&[("origin", origin)]);
            assert!(origins(true, None).reader(&headers).is_some(), "{origin}");
            assert!(origins(false, None).reader(&headers).is_none(), "{origin}");
        }
        for origin in ["null", "", "http://evil.example", "http://localhost.evil.example", "http://localhost:", "x"] {
            assert!(origins(true, None).reader(&headers(&[("origin", origin)])).is_none(), "{origin}");
        }
    }

    #[test]
    fn a_pattern_matches_whole_origins_and_never_null() {
        let origins = origins(false, Some(r"https?://a\.example|n.*"));
        assert!(origins.reader(&headers(&[("origin", "https://a.example")])).is_some());
        for origin in ["https://a.example.evil.example", "http://evil/https://a.example", "null"] {
            assert!(origins.reader(&headers(&[("origin", origin)])).is_none(), "{origin}");
        }
        assert!(OriginPattern::new("(").is_err());
    }

    #[test]
    fn who_changes_something_is_no_browser_or_comes_from_here() {
        let origins = origins(false, None);
        let may = |pairs: &[(&'static str, &'static str)], host| origins.may_change(&headers(pairs), host);
        assert_eq!(may(&[], Some("a:9201")), Ok(()));
        assert_eq!(may(&[("sec-fetch-site", "same-origin")], Some("a:9201")), Ok(()));
        assert_eq!(may(&[("sec-fetch-site", "cross-site")], Some("a:9201")), Err(Refusal::CrossSite));
        assert_eq!(may(&[("origin", "http://a:9201")], Some("A:9201")), Ok(()));
        assert_eq!(may(&[("origin", "http://a")], Some("a:80")), Ok(()));
        for (origin, host) in [
            ("https://a:9201", Some("a:9201")),
            ("http://a:9202", Some("a:9201")),
            ("http://a", Some("a:9201")),
            ("http://b:9201", Some("a:9201")),
            ("http://a:9201", None),
            ("null", Some("null")),
        ] {
            assert_eq!(may(&[("origin", origin)], host), Err(Refusal::Origin(origin.to_owned())), "{origin}");
        }
    }
}
