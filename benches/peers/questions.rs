//! What is asked: tables of questions, by what people do when they ask them.

use crate::{
    flags::Flags,
    generate::Size,
    queries::{
        Ask::{self, Endpoint, Instant, List, Range},
        Group::{self, Dashboard, Everything, Lists, Windows},
        Query, Time,
    },
};

const fn q(ask: Ask, text: &'static str) -> Query {
    Query { text, ask, group: Dashboard, same_in_victoria_metrics: true, same_at_any_minute: true }
}

const fn other_in_victoria_metrics(ask: Ask, text: &'static str) -> Query {
    Query { same_in_victoria_metrics: false, ..q(ask, text) }
}

const fn of_group(group: Group, query: Query) -> Query {
    Query { group, ..query }
}

const fn list(name: &'static str, time: Time) -> Query {
    of_group(Lists, q(List(name, time), ""))
}

const fn everything(text: &'static str) -> Query {
    of_group(Everything, q(Instant, text))
}

const fn window(text: &'static str) -> Query {
    of_group(Windows, q(Instant, text))
}

const fn other_window(text: &'static str) -> Query {
    Query { same_in_victoria_metrics: false, ..window(text) }
}

/// A window over steps of five minutes, which start at other samples where the data ends at another minute.
const fn subquery(text: &'static str) -> Query {
    Query { same_at_any_minute: false, ..other_window(text) }
}

/// The questions that a fleet is asked.
pub(crate) fn of(flags: &Flags) -> Vec<Query> {
    let tables: &[&[Query]] = match flags.size {
        Size::Operators => &[OPERATORS],
        // Its series are over before a question about them would be fair.
        Size::Churn => &[],
        Size::Fleet => &[MILLIONS, LISTS, EVERYTHING],
        _ => &[HOSTS, LISTS, EVERYTHING, WINDOWS],
    };
    tables.iter().copied().flatten().filter(|query| query.label().contains(&flags.question)).copied().collect()
}

/// 10,000 series at 240 steps each.
const OPERATORS: &[Query] = &[
    other_in_victoria_metrics(Range, "sum by (job) (rate(x[5m]))"),
    other_in_victoria_metrics(Range, "histogram_quantile(0.99, sum by (le) (rate(b[5m])))"),
];

/// What is asked while the fleet grows: about one host, and about all.
pub(crate) fn of_growth() -> Vec<Query> {
    vec![
        q(Instant, r#"node_load1{instance="HOST"}"#),
        q(Range, r#"node_load1{instance="HOST"}"#),
        q(Range, r#"{__name__=~"node_load.*",instance="HOST"}"#),
        other_in_victoria_metrics(Range, r#"sum by (mode) (rate(node_cpu_seconds_total{instance="HOST"}[5m]))"#),
        q(Instant, "sum(node_memory_MemAvailable_bytes)"),
        other_in_victoria_metrics(Range, "sum by (cluster) (rate(node_network_receive_bytes_total[5m]))"),
        q(Endpoint("label/instance/values"), "node_load1"),
    ]
}

/// Of millions of series: a host's dashboard, and what is asked of all hosts.
const MILLIONS: &[Query] = &[
    q(Instant, r#"node_load1{instance="HOST"}"#),
    q(Instant, r#"count by (__name__) ({instance="HOST"})"#),
    q(Range, r#"node_load1{instance="HOST"}"#),
    q(Instant, "count(up)"),
    q(Instant, "sum(node_memory_MemAvailable_bytes)"),
    q(Instant, "topk(5, node_memory_Active_bytes)"),
    other_in_victoria_metrics(Instant, "sum by (mode) (rate(node_cpu_seconds_total[5m]))"),
    q(Range, "avg by (cluster) (node_load5)"),
    q(Endpoint("series"), r#"{instance="HOST"}"#),
];

/// What a page needs to offer names and values for a click.
const LISTS: &[Query] = &[
    list("labels", Time::All),
    list("labels", Time::Latest),
    list("label/__name__/values", Time::All),
    list("label/__name__/values", Time::Latest),
    list("label/instance/values", Time::All),
    list("label/instance/values", Time::Latest),
    list("label/cluster/values", Time::All),
    list("label/cluster/values", Time::Latest),
];

/// The whole fleet now.
const EVERYTHING: &[Query] = &[
    everything(r#"count({__name__=~".+"})"#),
    everything(r#"count by (instance) ({__name__=~".+"})"#),
    everything(r#"count by (__name__) ({__name__=~".+"})"#),
    everything(r#"topk(10, count by (__name__) ({__name__=~".+"}))"#),
    everything(r#"sum by (job) ({__name__=~"node_memory_.+"})"#),
    everything("group by (cluster, zone) (up)"),
    everything("topk(10, node_filesystem_size_bytes)"),
    everything("bottomk by (cluster) (3, node_filesystem_avail_bytes)"),
    everything("sum by (cluster) (node_load1 > 10)"),
    everything("sum by (release) (node_load1 * on (instance) group_left (release) node_uname_info)"),
    everything("count by (release, cluster) (node_uname_info)"),
    everything(r#"count by (host) (label_replace(up, "host", "$1", "instance", "([^.]+).*"))"#),
    everything("sort_desc(sum by (instance) (node_filesystem_avail_bytes))"),
    everything(r#"absent(up{job="nothing"})"#),
    everything("count(up == 0) or vector(0)"),
    everything("node_load1 > 19.5 and on (instance) node_load5 > 19"),
];

/// Instants with long windows: stat panels, alerts, recording rules. VictoriaMetrics keeps the metric's name in averages and
/// quantiles over time.
const WINDOWS: &[Query] = &[
    other_window(r#"avg_over_time(node_load1{instance="HOST"}[24h])"#),
    window(r#"max_over_time(node_memory_Active_bytes{instance="HOST"}[24h])"#),
    other_window("avg_over_time(node_load1[24h])"),
    window("min by (cluster) (min_over_time(node_memory_MemAvailable_bytes[24h]))"),
    window("sum(count_over_time(up[24h]))"),
    window("avg(avg_over_time(up[24h])) by (job)"),
    other_window("quantile_over_time(0.95, node_load5[24h])"),
    other_window(r#"sum by (handler) (increase(http_requests_total{code="500"}[24h]))"#),
    subquery("max_over_time(sum(rate(node_network_receive_bytes_total[5m]))[24h:5m])"),
    subquery(r#"avg_over_time(sum by (mode) (rate(node_cpu_seconds_total{instance="HOST"}[5m]))[24h:5m])"#),
];

/// Of hosts. `HOST` stands for the name of one.
const HOSTS: &[Query] = &[
    q(Instant, r#"node_load1{instance="HOST"}"#),
    other_in_victoria_metrics(Instant, r#"rate(node_network_receive_bytes_total{instance="HOST",device="eth0"}[5m])"#),
    q(Instant, "count(up)"),
    q(Instant, "sum(node_memory_MemAvailable_bytes)"),
    q(Instant, "sum by (cluster, mountpoint) (node_filesystem_avail_bytes)"),
    q(Instant, "topk(5, node_memory_Active_bytes)"),
    other_in_victoria_metrics(
        Instant,
        r#"topk(10, sum by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[5m])))"#,
    ),
    q(Instant, "quantile by (cluster) (0.95, node_hwmon_temp_celsius)"),
    q(Instant, r#"count by (__name__) ({instance="HOST"})"#),
    q(Instant, "node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.3"),
    q(Instant, "node_load1 * on (instance) group_left (nodename) node_uname_info"),
    q(Instant, r#"{instance=~"host-00.*",__name__=~"node_memory_Mem.*"}"#),
    other_in_victoria_metrics(
        Instant,
        "histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
    ),
    other_in_victoria_metrics(Instant, r#"sum by (handler) (increase(http_requests_total{code="200"}[30m]))"#),
    other_in_victoria_metrics(
        Instant,
        r#"predict_linear(node_filesystem_avail_bytes{mountpoint="/"}[30m], 14400) < 0"#,
    ),
    q(Instant, "count(count by (instance, cpu) (node_cpu_seconds_total))"),
    q(Range, r#"node_load1{instance="HOST"}"#),
    q(Range, r#"{__name__=~"node_load.*",instance="HOST"}"#),
    other_in_victoria_metrics(Range, r#"rate(node_network_receive_bytes_total{instance="HOST",device="eth0"}[5m])"#),
    other_in_victoria_metrics(Range, r#"sum by (mode) (rate(node_cpu_seconds_total{instance="HOST"}[5m]))"#),
    q(Range, r#"node_memory_MemTotal_bytes{instance="HOST"} - node_memory_MemAvailable_bytes{instance="HOST"}"#),
    other_in_victoria_metrics(Range, r#"irate(node_disk_io_time_seconds_total{instance="HOST"}[5m])"#),
    q(Range, "sum(node_memory_MemAvailable_bytes) / sum(node_memory_MemTotal_bytes)"),
    q(Range, "avg by (cluster) (node_load5)"),
    other_in_victoria_metrics(Range, "sum(rate(node_network_receive_bytes_total[5m]))"),
    other_in_victoria_metrics(Range, "sum by (mode) (rate(node_cpu_seconds_total[5m]))"),
    q(Range, "topk(5, node_memory_Active_bytes)"),
    q(Range, "quantile(0.9, node_hwmon_temp_celsius)"),
    q(Range, r#"max by (sensor) (max_over_time(node_hwmon_temp_celsius{cluster="us-east-1"}[10m]))"#),
    other_in_victoria_metrics(
        Range,
        "histogram_quantile(0.9, sum by (le, handler) (rate(http_request_duration_seconds_bucket[5m])))",
    ),
    other_in_victoria_metrics(
        Range,
        r#"sum by (handler) (rate(http_requests_total{code=~"5.."}[5m])) / sum by (handler) (rate(http_requests_total[5m]))"#,
    ),
    other_in_victoria_metrics(Range, "max_over_time(sum(rate(node_network_transmit_bytes_total[5m]))[10m:1m])"),
    other_in_victoria_metrics(
        Range,
        r#"sum by (device) (rate(node_network_receive_bytes_total{device=~"eth.*|bond.*"}[5m]))"#,
    ),
    q(Range, "sum(node_load1) - sum(node_load1 offset 10m)"),
    q(Range, r#"count(node_load1 > 10) or vector(0)"#),
    q(Range, r#"sum by (instance) (node_load1) / count by (instance) (node_cpu_seconds_total{mode="idle"})"#),
    q(Endpoint("labels"), r#"{job="node"}"#),
    q(Endpoint("label/instance/values"), "node_load1"),
    q(Endpoint("label/__name__/values"), r#"{job="node"}"#),
    q(Endpoint("series"), r#"{instance="HOST"}"#),
    q(Endpoint("series"), "node_filesystem_avail_bytes"),
];
