//! The questions of a dashboard, and whether two answers to one are the same.

use serde_json::Value;

use crate::{
    Fallible,
    flags::Flags,
    generate::{Fleet, Size},
    http::escape,
};

/// How a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// An expression at the end of the data.
    Instant,
    /// An expression over most of the data, about 120 steps.
    Range,
    /// `labels`, `series` or `label/NAME/values` with one `match[]`.
    Endpoint(&'static str),
}
use Ask::{Endpoint, Instant, Range};

/// A question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query {
    pub(crate) text: &'static str,
    ask: Ask,
    /// Whether VictoriaMetrics means the same by it. It doesn't extrapolate in `rate` and `increase` and looks at the
    /// sample before the window, keeps metric names in places, and takes ranges of series that have just begun differently.
    pub(crate) same_in_victoria_metrics: bool,
}

const fn q(ask: Ask, text: &'static str) -> Query {
    Query { text, ask, same_in_victoria_metrics: true }
}

const fn other_in_victoria_metrics(ask: Ask, text: &'static str) -> Query {
    Query { text, ask, same_in_victoria_metrics: false }
}

/// The questions that a fleet is asked.
pub(crate) fn of(flags: &Flags) -> Vec<Query> {
    let all = match flags.size {
        Size::Operators => OPERATORS,
        // Its series are over before a question about them would be fair.
        Size::Churn => &[],
        _ => HOSTS,
    };
    all.iter().filter(|query| query.label().contains(&flags.question)).copied().collect()
}

/// 10,000 series at 240 steps each.
const OPERATORS: &[Query] = &[
    other_in_victoria_metrics(Range, "sum by (job) (rate(x[5m]))"),
    other_in_victoria_metrics(Range, "histogram_quantile(0.99, sum by (le) (rate(b[5m])))"),
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

impl Query {
    /// Its path and parameters for a fleet.
    pub(crate) fn path(&self, fleet: &Fleet) -> String {
        let text = self.escaped();
        let (start, end) = window(fleet);
        match self.ask {
            Instant => format!("/api/v1/query?query={text}&time={end}"),
            Range => self.range(fleet, 0),
            Endpoint(name) => format!("/api/v1/{name}?match[]={text}&start={start}&end={end}"),
        }
    }

    /// The path of a range query whose window ends so many steps early.
    pub(crate) fn refreshed(&self, fleet: &Fleet, early: i64) -> Option<String> {
        (self.ask == Range).then(|| self.range(fleet, early))
    }

    fn range(&self, fleet: &Fleet, early: i64) -> String {
        let (start, end) = window(fleet);
        let steps = if fleet.size == Size::Operators { 239 } else { 120 };
        let step = ((end - start) / steps).max(15);
        let steps = (end - start) / step;
        let end = end - early * step;
        format!("/api/v1/query_range?query={}&start={}&end={end}&step={step}", self.escaped(), end - steps * step)
    }

    fn escaped(&self) -> String {
        escape(&self.text.replace("HOST", "host-0007.example.com:9100"))
    }

    pub(crate) fn label(&self) -> String {
        match self.ask {
            Instant => format!("{} (instant)", self.text),
            Range => format!("{} (range)", self.text),
            Endpoint(name) => format!("{name} of {}", self.text),
        }
    }
}

/// What is asked about, in seconds: all of a fleet's time but the first quarter of an hour.
fn window(fleet: &Fleet) -> (i64, i64) {
    ((fleet.start() / 1_000 + 900).div_euclid(60) * 60, fleet.end / 1_000)
}

/// An answer in a form that can be compared: series by their labels, each with times and values.
pub(crate) type Answer = Vec<(String, Vec<(f64, f64)>)>;

/// Reads an answer's JSON.
pub(crate) fn read(body: &[u8]) -> Fallible<Answer> {
    let value: Value = serde_json::from_slice(body)?;
    let data = &value["data"];
    let mut answer: Answer = match (data["result"].as_array(), data.as_array()) {
        (Some(result), _) if data["resultType"] == "scalar" => {
            vec![(String::new(), vec![point(&Value::Array(result.clone()))])]
        }
        (Some(result), _) => result.iter().map(|s| (text(&s["metric"]), points(s))).collect(),
        (None, Some(list)) => list.iter().map(|item| (text(item), Vec::new())).collect(),
        (None, None) => return Err(format!("no result in {value}").into()),
    };
    answer.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(answer)
}

fn points(series: &Value) -> Vec<(f64, f64)> {
    match series["values"].as_array() {
        Some(values) => values.iter().map(point).collect(),
        None => vec![point(&series["value"])],
    }
}

fn point(pair: &Value) -> (f64, f64) {
    let value = pair[1].as_str().and_then(|s| s.parse().ok()).unwrap_or(f64::NAN);
    (pair[0].as_f64().unwrap_or(f64::NAN), value)
}

fn text(item: &Value) -> String {
    match item {
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.iter().map(|(k, v)| format!("{k}={v}")).collect();
            pairs.sort();
            pairs.join(",")
        }
        other => other.to_string(),
    }
}

/// How two answers differ, if they do: other series, other times, or values more than 1e-9 of their size apart.
pub(crate) fn difference(a: &Answer, b: &Answer) -> Option<String> {
    if a.len() != b.len() {
        return Some(format!("{} against {} series", a.len(), b.len()));
    }
    let near = |x: f64, y: f64| x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= 1e-9 * x.abs().max(y.abs());
    for ((name, ours), (other, theirs)) in a.iter().zip(b) {
        if name != other {
            return Some(format!("{name} against {other}"));
        }
        if ours.len() != theirs.len() {
            return Some(format!("{} against {} points of {name}", ours.len(), theirs.len()));
        }
        let apart = ours.iter().zip(theirs).find(|((t, x), (u, y))| (t - u).abs() > 0.0005 || !near(*x, *y));
        if let Some((x, y)) = apart {
            return Some(format!("{x:?} against {y:?} in {name}"));
        }
    }
    None
}
