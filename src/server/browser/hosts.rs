//! The host names for which this server answers.

use std::net::IpAddr;

use super::{BrowserOptions, ExternalUrl};

/// The host names for which this server answers.
///
/// A loopback listener answers for names that can't be pointed to it from outside, and those that its owner allows. Another one
/// is reached by many names and answers for all of them, unless its owner says which. The host of the external URL is allowed as
/// well. An external URL doesn't restrict a listener that isn't on loopback, as agents may reach it by other names.
#[derive(Debug)]
pub(super) struct Hosts {
    checked: bool,
    /// Names in lower case; `*.` in front of one stands for all below it.
    allowed: Vec<String>,
}

impl Hosts {
    pub(super) fn new(options: &BrowserOptions) -> Self {
        let external = options.external.as_ref().and_then(ExternalUrl::authority).map(name);
        let given = options.allowed_hosts.iter().chain([&options.listen_host]).map(String::as_str);
        let allowed: Vec<String> = given.chain(external).map(normalized).collect();
        let any = allowed.iter().any(|name| name == "*");
        Self { checked: !any && (options.loopback || !options.allowed_hosts.is_empty()), allowed }
    }

    /// Whether to answer a request for `host`, which may have a port.
    pub(super) fn answer_for(&self, host: &str) -> bool {
        if !self.checked {
            return true;
        }
        let name = normalized(name(host));
        is_loopback(&name)
            || self.allowed.iter().any(|allowed| match allowed.strip_prefix('*') {
                Some(below) => name.len() > below.len() && name.ends_with(below),
                None => *allowed == name,
            })
    }
}

/// The host without its port.
pub(super) fn name(host: &str) -> &str {
    match host.rsplit_once(':') {
        // An address of version 6 has colons of its own, and brackets around them.
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// A name normalized for comparison.
fn normalized(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Whether the name always means this machine, whatever name servers say.
fn is_loopback(name: &str) -> bool {
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name == "localhost"
        || name.ends_with(".localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(loopback: bool, allowed: &[&str]) -> Hosts {
        Hosts::new(&BrowserOptions {
            loopback,
            listen_host: "Laptop.lan".to_owned(),
            allowed_hosts: allowed.iter().map(|name| (*name).to_owned()).collect(),
            ..BrowserOptions::default()
        })
    }

    #[test]
    fn a_loopback_listener_answers_for_names_of_this_machine() {
        let hosts = hosts(true, &["metrics.lan", "*.Box"]);
        for host in [
            "localhost",
            "LOCALHOST.:9201",
            "a.b.localhost",
            "127.0.0.1:1",
            "127.255.0.9",
            "[::1]",
            "[::1]:9201",
            "[::ffff:127.0.0.1]:9201",
            "laptop.lan:9201",
            "metrics.lan",
            "a.b.box:1",
        ] {
            assert!(hosts.answer_for(host), "{host}");
        }
        for host in [
            "",
            ":9201",
            "evil.example",
            "localhost.evil.example",
            "evil-localhost",
            "x.metrics.lan",
            "box",
            ".box",
            "evilbox",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "[::2]:9201",
            "127.1",
            "localhost:9201@evil.example",
            "localhost:x",
            "localhost/",
            "ſocalhost",
        ] {
            assert!(!hosts.answer_for(host), "{host}");
        }
    }

    #[test]
    fn another_listener_answers_for_all_names_unless_told_which() {
        assert!(hosts(false, &[]).answer_for("evil.example"));
        assert!(hosts(true, &["*"]).answer_for("evil.example"));
        let told = hosts(false, &["metrics.lan"]);
        assert!(told.answer_for("metrics.lan:9201") && told.answer_for("localhost"));
        assert!(!told.answer_for("evil.example"));
    }
}
