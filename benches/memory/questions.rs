//! Questions that take much memory: over the whole fleet, and such that make labels, tables, sorted lists and large texts.

use crate::http::escape;

/// Paths of instant and range queries at `end` (ms). They wait for memory no longer than a few seconds.
pub(crate) fn paths(end: i64) -> Vec<String> {
    let (start, end) = (end / 1000 - 600, end / 1000);
    let many: String = (0..1000).map(|_| "$1").collect();
    let names: Vec<String> = (0..20_000).map(|i| format!("pod-{i:09}")).collect();
    let instant = [
        r#"count({__name__=~".+"})"#.to_owned(),
        r#"count(count_values("v", fleet_bytes))"#.to_owned(),
        r#"count(count_values without (pod) ("v", fleet_bytes))"#.to_owned(),
        r#"count(label_replace(fleet_bytes, "copy", "$1-$1-$1-$1", "pod", "(.*)"))"#.to_owned(),
        format!(r#"label_replace(fleet_bytes, "copy", "{many}", "pod", "(.*)")"#),
        r#"count(label_join(fleet_bytes, "both", "/", "pod", "instance", "pod"))"#.to_owned(),
        "sum by (pod) (fleet_bytes)".to_owned(),
        "count(sum by (pod, instance) (fleet_bytes))".to_owned(),
        "topk(5, sort_desc(fleet_bytes))".to_owned(),
        "quantile by (instance) (0.9, fleet_bytes)".to_owned(),
        "count(fleet_bytes + on (pod, instance) fleet_bytes)".to_owned(),
        "count(fleet_bytes * on (instance) group_left (job) instance_info)".to_owned(),
        "count(fleet_bytes and on (pod) fleet_bytes)".to_owned(),
        "count(fleet_bytes or on (pod) fleet_bytes)".to_owned(),
        "fleet_bytes".to_owned(),
        "sort_by_label(fleet_bytes, \"pod\")".to_owned(),
        "count(max_over_time(fleet_bytes[10m:1m]))".to_owned(),
        format!(r#"count(fleet_bytes{{pod=~"{}"}})"#, names.join("|")),
        format!(r#"count(fleet_bytes{{pod=~"(?i)({})x?"}})"#, names[..500].join("|")),
        "histogram_quantile(0.9, sum by (le) (rate(fleet_seconds_bucket[5m])))".to_owned(),
        "count(info(fleet_bytes))".to_owned(),
    ];
    let range = [
        "fleet_bytes",
        "sum by (pod) (rate(fleet_bytes[5m]))",
        "avg by (instance) (fleet_bytes)",
        "rate(fleet_native_seconds[5m])",
        "histogram_quantile(0.9, rate(fleet_native_seconds[5m]))",
        "topk(3, fleet_bytes)",
        r#"count_values("v", fleet_bytes)"#,
        "fleet_bytes / on (pod, instance) fleet_bytes",
    ];
    let instant = instant.iter().map(|text| format!("/api/v1/query?query={}&time={end}&timeout=5s", escape(text)));
    let range = range.iter().map(|text| {
        format!("/api/v1/query_range?query={}&start={start}&end={end}&step=5&nocache=1&timeout=5s", escape(text))
    });
    instant.chain(range).collect()
}

/// Paths of lists.
pub(crate) fn lists(end: i64) -> Vec<String> {
    let end = end / 1000;
    let start = end - 600;
    [
        "series?match[]=fleet_bytes".to_owned(),
        "series?match[]=fleet_bytes&limit=1000".to_owned(),
        format!("series?match[]={}&start={start}&end={end}", escape(r#"{pod=~".+1"}"#)),
        "labels".to_owned(),
        "labels?match[]=fleet_bytes".to_owned(),
        "label/pod/values".to_owned(),
        "label/pod/values?match[]=fleet_bytes".to_owned(),
        "status/tsdb".to_owned(),
    ]
    .into_iter()
    .map(|path| format!("/api/v1/{path}"))
    .chain([format!("/federate?match[]={}", escape("fleet_bytes"))])
    .collect()
}
