//! `/api/v1/status/…`: what this server is and how it is doing.

use serde_json::{Value, json};

use crate::server::{Response, ServerState, envelope::success_json, error::ApiError, json::rfc_3339, params::Params};

/// The Prometheus version whose API we speak. Grafana and others conclude from it which endpoints and parameters they may
/// use; our own version is in `revision`.
const API_VERSION: &str = "3.5.0";

/// Prometheus' own default for the interval of scrapes.
const DEFAULT_INTERVAL: &str = "1m";

/// The configuration file of a Prometheus with our external labels, and how OTLP is translated. Clients such as the Thanos sidecar read
/// from it by which labels our series are told from those of other servers, and the interval of samples. All other configuration
/// is in flags.
pub(crate) fn config(state: &ServerState) -> Response {
    let external = &state.options.external_labels;
    let interval = limit_flag(state, "self-scrape.interval").unwrap_or(DEFAULT_INTERVAL);
    let mut yaml = String::from("# What is in force. All else is in flags: /api/v1/status/flags\n");
    yaml.push_str(&format!("global:\n  scrape_interval: {interval}\n"));
    if !external.is_empty() {
        yaml.push_str("  external_labels:\n");
        for (name, value) in external.iter() {
            // A JSON string is a YAML one.
            yaml.push_str(&format!("    {name}: {}\n", Value::from(value)));
        }
    }
    yaml.push_str(&state.options.otlp.to_yaml());
    success_json(&json!({"yaml": yaml}))
}

/// All flags with their values.
pub(crate) fn flags(state: &ServerState) -> Response {
    let flags = state.options.flags.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    success_json(&Value::Object(flags.collect()))
}

/// The features of this server, by Prometheus' names.
pub(crate) fn features(state: &ServerState) -> Response {
    let api = json!({
        "admin": state.options.admin_api,
        "cancel_query": state.options.admin_api,
        "exclude_alerts": false,
        "label_values_match": true,
        "query_stats": true,
        "query_warnings": true,
        "remote_write_receiver": true,
        "time_range_labels": true,
        "time_range_series": true,
    });
    let mut all = json!(state.engine.options().features.catalogue());
    if let Some(categories) = all.as_object_mut() {
        categories.insert("api".to_owned(), api);
        let tsdb = json!({"delayed_compaction": false, "exemplars": true, "native_histograms": true});
        categories.insert("tsdb".to_owned(), tsdb);
    }
    success_json(&all)
}

/// The version, in the words of Prometheus.
pub(crate) fn build_info() -> Response {
    success_json(&json!({
        "version": API_VERSION,
        "revision": concat!("vctsdb-", env!("CARGO_PKG_VERSION")),
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }))
}

/// The process, in the words of Prometheus. What only a Go program has is empty.
pub(crate) fn runtime_info(state: &ServerState) -> Result<Response, ApiError> {
    let damage = state.stores()?.status.status().damage.len();
    let directory = std::env::current_dir().unwrap_or_default();
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Ok(success_json(&json!({
        "startTime": rfc_3339(state.started),
        "CWD": directory.to_string_lossy(),
        "hostname": hostname.trim(),
        "serverTime": rfc_3339(state.clock.now()),
        "reloadConfigSuccess": true,
        "lastConfigTime": rfc_3339(state.started),
        "corruptionCount": damage,
        "goroutineCount": tokio::runtime::Handle::current().metrics().num_alive_tasks(),
        "GOMAXPROCS": state.engine.options().threads,
        "GOMEMLIMIT": 0,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": retention(state),
    })))
}

/// How long samples are kept, in Prometheus' notation: `15d`, `10GiB`, `15d or 10GiB`, or `0s` for no limit, as clients may read it
/// as a duration.
fn retention(state: &ServerState) -> String {
    let limits: Vec<&str> =
        ["retention.time", "retention.size"].into_iter().filter_map(|name| limit_flag(state, name)).collect();
    if limits.is_empty() { "0s".to_owned() } else { limits.join(" or ") }
}

/// The value of a flag that is a limit or an interval, if there is one.
pub(super) fn limit_flag<'a>(state: &'a ServerState, name: &str) -> Option<&'a str> {
    let flag = state.options.flags.iter().find(|(flag, _)| flag == name)?;
    Some(flag.1.as_str()).filter(|value| !["off", "0s"].contains(value))
}

/// There are no rules, of whichever type.
pub(crate) fn rules(params: &Params) -> Result<Response, ApiError> {
    match params.get("type") {
        "" | "alert" | "record" => Ok(success_json(&json!({"groups": []}))),
        other => Err(ApiError::invalid("type", format!("not supported value {other:?}"))),
    }
}

/// There are no targets of scrapes.
pub(crate) fn no_targets() -> Value {
    json!({"activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {}})
}

/// There are no alertmanagers.
pub(crate) fn no_alertmanagers() -> Value {
    json!({"activeAlertmanagers": [], "droppedAlertmanagers": []})
}

/// The progress of replaying the log, in segments.
pub(crate) fn wal_replay(state: &ServerState) -> Response {
    let (min, max, current) = state.options.replay_progress.segments();
    success_json(&json!({"min": min, "max": max, "current": current}))
}
