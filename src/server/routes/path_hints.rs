//! Hints for paths that aren't found: those of other servers, and those with a prefix that a proxy should have stripped.

use super::find;

/// Paths of other servers and the ones here that do the same.
const OTHERS: &[(&str, &str)] = &[
    // Remote write: Mimir, Cortex, Thanos, M3, and by guess.
    ("/api/v1/push", "/api/v1/write"),
    ("/api/prom/push", "/api/v1/write"),
    ("/api/v1/receive", "/api/v1/write"),
    ("/api/v1/prom/remote/write", "/api/v1/write"),
    ("/api/v1/remote_write", "/api/v1/write"),
    ("/api/v1/prom/remote/read", "/api/v1/read"),
    ("/api/v1/remote_read", "/api/v1/read"),
    // OTLP: VictoriaMetrics.
    ("/opentelemetry/v1/metrics", "/v1/metrics"),
    ("/opentelemetry/api/v1/push", "/v1/metrics"),
    // Kubernetes by habit.
    ("/livez", "/-/healthy"),
    ("/ready", "/-/ready"),
    ("/readyz", "/-/ready"),
];

/// The path that is most likely meant by one that isn't found.
pub(crate) fn hint(path: &str) -> Option<String> {
    let slashes = path.match_indices('/').map(|(at, _)| path.split_at(at).1);
    // `/prometheus/api/v1/write`: the prefix is of another server, or is one that a proxy should have taken away.
    let prefixed = slashes.filter(|rest| rest.starts_with("/api/") || rest.starts_with("/-/"));
    let known = |path: &str| {
        let other = OTHERS.iter().find(|(other, _)| *other == path).map(|(_, ours)| (*ours).to_owned());
        other.or_else(|| find(path).map(|_| path.to_owned()))
    };
    let short = || known(&format!("/api/v1{path}"));
    std::iter::once(path).chain(prefixed).find_map(known).or_else(short)
}
