//! The URL of a server, with credentials perhaps.

use std::{fmt, path::PathBuf, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{Uri, http::uri::Authority};

/// `http://name:password@host:port/prefix`, or a part of it: without a scheme it is `http`.
///
/// It is displayed without name and password, as what is displayed ends up in logs and bug reports.
#[derive(Debug, Clone)]
pub(in crate::cli) struct ServerUrl {
    tls: bool,
    /// Host and port as in the URL.
    authority: Authority,
    /// The path without a slash at its end.
    prefix: String,
    /// How to log in there.
    pub(super) login: Option<Login>,
    /// The CAs to trust, where it aren't those of this machine.
    pub(super) ca_file: Option<PathBuf>,
}

/// A login, which nothing displays.
#[derive(Clone)]
pub(super) enum Login {
    /// Name and password.
    Password(String, String),
    /// A token.
    Token(String),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl FromStr for ServerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(format!("{}: expected a URL that begins with http:// or https://", hidden(text))),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        // A password may hold an @ that should have been escaped, a host can't.
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let wrong = |why: String| format!("{}: not a URL: {why}", hidden(text));
        let path: Uri = if path.starts_with('/') { path } else { "/" }.parse().map_err(|e| wrong(format!("{e}")))?;
        let authority: Authority = host.parse().map_err(|error| wrong(format!("{error}")))?;
        if authority.port_u16().is_none() && authority.as_str() != authority.host() {
            return Err(wrong("its port is no number from 0 to 65535".to_owned()));
        }
        Ok(Self {
            tls,
            authority,
            prefix: path.path().trim_end_matches('/').to_owned(),
            login: user.map(|user| {
                let (name, password) = user.split_once(':').unwrap_or((user, ""));
                Login::Password(decode(name), decode(password))
            }),
            ca_file: None,
        })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.tls { "https" } else { "http" }, self.authority, self.prefix)
    }
}

impl ServerUrl {
    pub(super) fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host without brackets.
    pub(super) fn host(&self) -> &str {
        self.authority.host().trim_matches(['[', ']'])
    }

    pub(super) fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.tls { 443 } else { 80 })
    }

    /// The value of the `Host` header.
    pub(super) fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// The request target for `path`.
    pub(super) fn target(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The value of the `Authorization` header, if there is a login.
    pub(super) fn authorization(&self) -> Option<String> {
        Some(match self.login.as_ref()? {
            Login::Password(name, password) => format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))),
            Login::Token(token) => format!("Bearer {token}"),
        })
    }
}

/// A text that should have been a URL, without what may be a password in it.
fn hidden(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, after))) => format!("{scheme}://…@{after}"),
        (None, Some((_, after))) => format!("…@{after}"),
        (_, None) => text.to_owned(),
    }
}

/// Decodes percent encoding; a `%` that begins no escape stays.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        match after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_shown_without_who_asks() {
        for (text, shown, host, port, target, basic) in [
            ("http://a", "http://a", "a", 80, "/x", None),
            ("a:9201", "http://a:9201", "a", 9201, "/x", None),
            ("HTTPS://a/p/", "https://a/p", "a", 443, "/p/x", None),
            ("http://[::1]:1?q#f", "http://[::1]:1", "::1", 1, "/x", None),
            ("https://u:p@a:2/p", "https://a:2/p", "a", 2, "/p/x", Some("Basic dTpw")),
            ("u:p:q@a", "http://a", "a", 80, "/x", Some("Basic dTpwOnE=")),
            ("http://u@a", "http://a", "a", 80, "/x", Some("Basic dTo=")),
            ("http://u%3A:%2fp%zz@a", "http://a", "a", 80, "/x", Some("Basic dTo6L3Aleno=")),
            ("http://u:p@q@a", "http://a", "a", 80, "/x", Some("Basic dTpwQHE=")),
        ] {
            let url: ServerUrl = text.parse().unwrap();
            assert_eq!((url.to_string().as_str(), url.host(), url.port()), (shown, host, port), "{text}");
            assert_eq!(url.target("/x"), target, "{text}");
            assert_eq!(url.authorization().as_deref(), basic, "{text}");
        }
        for text in
            ["", "ftp://u:secret@a", "http://", "http://u:secret@", "u:secret@a b", "u:secret@a:x", "http://a:1:2"]
        {
            let error = text.parse::<ServerUrl>().unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
