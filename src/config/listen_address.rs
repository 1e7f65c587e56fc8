//! The address to listen on, in the ways in which people write it.

use std::{fmt, net::Ipv6Addr, str::FromStr};

/// The host of a port alone: this machine, reached from nowhere else.
const DEFAULT_HOST: &str = "127.0.0.1";
/// The port of a host alone.
const DEFAULT_PORT: u16 = 9201;

/// A host and a port. Without a host it is every address of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    /// A name or an address; empty for all addresses.
    pub host: String,
    /// The port; 0 for any that is free.
    pub port: u16,
}

impl FromStr for ListenAddress {
    type Err = String;

    /// `host:port`, `host`, `port`, or `:port` for all addresses.
    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("expected HOST:PORT such as {DEFAULT_HOST}:{DEFAULT_PORT}, a port, or :PORT for all addresses");
        let port_of = |text: &str| text.parse::<u16>().map_err(|_| expected());
        let (host, port) = if text.bytes().all(|byte| byte.is_ascii_digit()) {
            (DEFAULT_HOST, port_of(text)?)
        } else if text.parse::<Ipv6Addr>().is_ok() {
            (text, DEFAULT_PORT)
        } else if let Some((address, after)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            address.parse::<Ipv6Addr>().map_err(|_| expected())?;
            let port = if after.is_empty() { Ok(DEFAULT_PORT) } else { port_of(after.strip_prefix(':').unwrap_or("")) };
            (address, port?)
        } else {
            match text.split_once(':') {
                Some(("" | "*", port)) => ("", port_of(port)?),
                Some((host, port)) => (host, port_of(port)?),
                None => (text, DEFAULT_PORT),
            }
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if host.chars().all(is_name) { Ok(Self { host: host.to_owned(), port }) } else { Err(expected()) }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_this_machine_and_the_usual_port() {
        for (text, shown) in [
            ("127.0.0.1:9201", "127.0.0.1:9201"),
            ("9201", "127.0.0.1:9201"),
            ("0", "127.0.0.1:0"),
            ("localhost", "localhost:9201"),
            ("0.0.0.0", "0.0.0.0:9201"),
            ("metrics.lan:80", "metrics.lan:80"),
            (":9201", ":9201"),
            ("*:9201", ":9201"),
            ("::1", "[::1]:9201"),
            ("[::1]", "[::1]:9201"),
            ("[::]:80", "[::]:80"),
        ] {
            assert_eq!(text.parse::<ListenAddress>().map(|listen| listen.to_string()).as_deref(), Ok(shown), "{text}");
        }
        for text in ["", ":", "a:", "a:b", "a:99999", "99999", "http://a:1", "a:1/", "[::1]x", "[a]:1", "a b", "1:2:3"]
        {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }
}
