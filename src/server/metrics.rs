//! The metrics of the server and, set whenever they are asked for, of the store.
//!
//! The Grafana dashboard in `grafana/` is drawn from these names; a test compares the two.

use std::{sync::LazyLock, time::Duration};

use hyper::StatusCode;
use parking_lot::Mutex;
use prometheus::{Gauge, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use crate::{
    remote::otlp::Reason,
    seams::status::{MemoryPart, StoreStatus},
    telemetry::{SECONDS, counter, counters, float_gauge, gauge, gauges, histogram, histograms, info},
};

/// A gauge of what is in flight.
pub(crate) struct InFlightGauge(LazyLock<IntGauge>);

/// Counts one thing in flight until it is dropped.
pub(crate) struct InFlightGuard(&'static InFlightGauge);

impl InFlightGauge {
    /// Counts one more until the guard is dropped.
    pub(crate) fn guard(&'static self) -> InFlightGuard {
        self.0.inc();
        InFlightGuard(self)
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.0.dec();
    }
}

pub(crate) static CONNECTIONS: InFlightGauge =
    InFlightGauge(LazyLock::new(|| gauge("vctsdb_http_connections", "Open HTTP connections.")));
pub(crate) static IN_FLIGHT: InFlightGauge =
    InFlightGauge(LazyLock::new(|| gauge("vctsdb_http_requests_in_flight", "HTTP requests being answered.")));
pub(crate) static WAITING: InFlightGauge =
    InFlightGauge(LazyLock::new(|| gauge("vctsdb_queries_waiting", "Queries and lookups waiting for their turn.")));
pub(crate) static QUERYING: InFlightGauge =
    InFlightGauge(LazyLock::new(|| gauge("vctsdb_queries_in_flight", "Queries being evaluated.")));

static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counters("vctsdb_http_requests_total", "HTTP requests answered, by route and status.", &["route", "code"])
});
/// By reason: host, origin, login, role or overload.
pub(crate) static REFUSED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counters("vctsdb_http_requests_refused_total", "HTTP requests refused for what sent them, by reason.", &["reason"])
});
static WEB_CONFIG_RELOAD: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge(
        "vctsdb_web_config_reload_successful",
        "Whether the web configuration file could be read the last time it changed.",
    )
});
static REQUEST_SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    let help = "Time until an HTTP answer began, by route.";
    histograms("vctsdb_http_request_duration_seconds", help, SECONDS, &["route"])
});
/// Set by `clock_skew`.
pub(crate) static CLOCK_DOUBTED: LazyLock<IntGauge> = LazyLock::new(|| {
    let help = "Whether (1) samples ahead of the clock are answered 503, since no sender agrees with the clock.";
    gauge("vctsdb_clock_doubted", help)
});
/// By kind: instant or range.
pub(crate) static QUERY_SECONDS: LazyLock<HistogramVec> =
    LazyLock::new(|| histograms("vctsdb_query_duration_seconds", "Time to evaluate a query.", SECONDS, &["kind"]));
/// By error type.
pub(crate) static QUERY_FAILURES: LazyLock<IntCounterVec> =
    LazyLock::new(|| counters("vctsdb_query_failures_total", "Queries without an answer, by reason.", &["reason"]));
pub(crate) static QUERY_SAMPLES: LazyLock<IntCounter> =
    LazyLock::new(|| counter("vctsdb_query_samples_total", "Samples read for queries."));
pub(crate) static QUERY_STEPS_REUSED: LazyLock<IntCounter> = LazyLock::new(|| {
    counter("vctsdb_query_steps_reused_total", "Steps of range queries that were taken from kept answers.")
});
/// By protocol version and status.
pub(crate) static WRITES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let help = "Remote-write requests, by protocol version and status.";
    counters("vctsdb_remote_write_requests_total", help, &["version", "code"])
});
pub(crate) static WRITE_SECONDS: LazyLock<Histogram> = LazyLock::new(|| {
    let help = "Time from a remote write's whole body to its answer, the sync to disk included.";
    histogram("vctsdb_remote_write_duration_seconds", help, SECONDS)
});
pub(crate) static WRITE_BYTES: LazyLock<IntCounter> =
    LazyLock::new(|| counter("vctsdb_remote_write_bytes_total", "Bytes of remote-write bodies as sent."));
/// By kind: float, histogram or exemplar.
pub(crate) static WRITTEN: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counters("vctsdb_remote_write_samples_total", "Samples stored by remote write, by kind.", &["kind"])
});
/// By status.
pub(crate) static OTLP_REQUESTS: LazyLock<IntCounterVec> =
    LazyLock::new(|| counters("vctsdb_otlp_requests_total", "Requests with OTLP metrics, by status.", &["code"]));
pub(crate) static OTLP_POINTS: LazyLock<IntCounter> =
    LazyLock::new(|| counter("vctsdb_otlp_points_total", "Points of OTLP metrics that were stored."));
/// By reason: see [`Reason`].
pub(crate) static OTLP_REJECTED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counters(
        "vctsdb_otlp_rejected_points_total",
        "Points of OTLP metrics that were not stored, by reason.",
        &["reason"],
    )
});
/// By what was done: text or rounded.
pub(crate) static ALTERED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let help = "Values of imports and line protocol that were texts and left out, or that were rounded to floats.";
    counters("vctsdb_import_altered_values_total", help, &["kind"])
});
/// By what became of them: received, stored, faulty or dropped.
pub(crate) static UDP_DATAGRAMS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let help = "Datagrams of InfluxDB's line protocol, by what became of them.";
    counters("vctsdb_influx_udp_datagrams_total", help, &["result"])
});
/// By kind of response: samples or chunks.
pub(crate) static READS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counters("vctsdb_remote_read_requests_total", "Remote-read requests, by response type.", &["type"])
});
/// By result: stored or failed.
pub(crate) static SELF_SCRAPES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counters("vctsdb_self_scrapes_total", "Times our own metrics were to be stored, by result.", &["result"])
});

/// Tells whether the web configuration file could be read.
pub fn observe_web_config_reload(successful: bool) {
    WEB_CONFIG_RELOAD.set(i64::from(successful));
}

/// Registers the metrics whose label values are known from the start, at 0: a counter that appears with its first event hides that
/// event from `increase`.
pub(crate) fn prepare() {
    for (counters, values) in [
        (&QUERY_FAILURES, &["parse", "execution", "memory", "unsupported", "timeout", "canceled", "storage"][..]),
        (&REFUSED, &["host", "origin", "login", "role", "overload"]),
        (&WRITTEN, &["float", "histogram", "exemplar"]),
        (&ALTERED, &["text", "rounded"]),
        (&UDP_DATAGRAMS, &["received", "stored", "faulty", "dropped"]),
        (&READS, &["samples", "chunks"]),
        (&OTLP_REQUESTS, &["200"]),
        (&OTLP_REJECTED, &Reason::ALL.map(Reason::name)),
        (&SELF_SCRAPES, &["stored", "failed"]),
    ] {
        for value in values {
            counters.with_label_values(&[*value]);
        }
    }
    for (route, code) in [("/api/v1/query", "200"), ("/api/v1/query_range", "200"), ("/api/v1/write", "204")] {
        REQUESTS.with_label_values(&[route, code]);
    }
    for version in ["1.0", "2.0"] {
        WRITES.with_label_values(&[version, "204"]);
    }
    for kind in ["instant", "range"] {
        QUERY_SECONDS.with_label_values(&[kind]);
    }
    for lazy in [&QUERY_SAMPLES, &QUERY_STEPS_REUSED, &WRITE_BYTES, &OTLP_POINTS] {
        LazyLock::force(lazy);
    }
    for gauge in [&CONNECTIONS, &IN_FLIGHT, &WAITING, &QUERYING] {
        LazyLock::force(&gauge.0);
    }
    LazyLock::force(&WRITE_SECONDS);
    LazyLock::force(&STORE);
}

/// Counts an answered request.
pub(crate) fn observe_request(route: &'static str, status: StatusCode, took: Duration) {
    REQUESTS.with_label_values(&[route, status.as_str()]).inc();
    REQUEST_SECONDS.with_label_values(&[route]).observe(took.as_secs_f64());
}

/// The metrics of the store, set whenever they are asked for.
struct StoreMetrics {
    head_series: IntGauge,
    series: IntGauge,
    label_pairs: IntGauge,
    memtable_bytes: IntGauge,
    memtable_samples: IntGauge,
    tables: IntGauge,
    table_samples: IntGauge,
    table_bytes: IntGauge,
    wal_bytes: IntGauge,
    index_bytes: IntGauge,
    tombstones: IntGauge,
    damaged: IntGauge,
    memory_used: IntGaugeVec,
    memory_limit: IntGaugeVec,
    block_cache_hits: IntCounter,
    block_cache_misses: IntCounter,
    first: Gauge,
    last: Gauge,
    lowest: Gauge,
}

static STORE: LazyLock<StoreMetrics> = LazyLock::new(|| {
    info("vctsdb_build_info", "1, with the version in a label.", &[("version", env!("CARGO_PKG_VERSION"))]);
    StoreMetrics {
        head_series: gauge("vctsdb_head_series", "Series with samples in memory."),
        series: gauge("vctsdb_series", "Series in the index."),
        label_pairs: gauge("vctsdb_label_pairs", "Distinct label pairs in the index."),
        memtable_bytes: gauge("vctsdb_memtable_bytes", "Bytes of samples in memory."),
        memtable_samples: gauge("vctsdb_memtable_samples", "Samples in memory."),
        tables: gauge("vctsdb_tables", "Tables on disk."),
        table_samples: gauge("vctsdb_table_samples", "Samples in tables."),
        table_bytes: gauge("vctsdb_table_bytes", "Bytes of tables on disk."),
        wal_bytes: gauge("vctsdb_wal_bytes", "Bytes of the write-ahead log on disk."),
        index_bytes: gauge("vctsdb_index_bytes", "Bytes of index segments on disk."),
        tombstones: gauge("vctsdb_tombstones", "Deletes that some table still has to be cleaned of."),
        damaged: gauge("vctsdb_damaged_parts", "Files or parts of files found damaged and set aside."),
        memory_used: gauges("vctsdb_memory_used_bytes", "Memory in use, by part of the budget.", &["part"]),
        memory_limit: gauges("vctsdb_memory_limit_bytes", "Memory that may be used, by part of the budget.", &["part"]),
        block_cache_hits: counter("vctsdb_block_cache_hits_total", "Table blocks that were found in the block cache."),
        block_cache_misses: counter("vctsdb_block_cache_misses_total", "Table blocks that had to be read from a file."),
        first: float_gauge("vctsdb_first_sample_timestamp_seconds", "Time of the oldest sample."),
        last: float_gauge("vctsdb_last_sample_timestamp_seconds", "Time of the newest sample."),
        lowest: float_gauge(
            "prometheus_tsdb_lowest_timestamp_seconds",
            "Time of the oldest sample, under the name that the Thanos sidecar asks for.",
        ),
    }
});

/// Takes over the store's numbers, and those of the memory budget.
pub(crate) fn observe_store(status: &StoreStatus, memory: &[MemoryPart]) {
    // The counters advance to the store's totals, each of them once.
    static OBSERVING: Mutex<()> = Mutex::new(());
    let _observing = OBSERVING.lock();
    let store = &*STORE;
    for part in memory {
        for (gauges, bytes) in [(&store.memory_used, part.used), (&store.memory_limit, part.limit)] {
            gauges.with_label_values(&[part.name]).set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }
    for (gauge, number) in [
        (&store.head_series, status.head_series),
        (&store.series, status.series),
        (&store.label_pairs, status.label_pairs),
        (&store.memtable_bytes, status.memtable_bytes),
        (&store.memtable_samples, status.memtable_samples),
        (&store.tables, status.tables),
        (&store.table_samples, status.table_samples),
        (&store.table_bytes, status.table_bytes),
        (&store.wal_bytes, status.wal_bytes),
        (&store.index_bytes, status.index_bytes),
        (&store.tombstones, status.tombstones),
        (&store.damaged, status.damage.len() as u64),
    ] {
        gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
    }
    for (counter, total) in
        [(&store.block_cache_hits, status.block_reads.hits), (&store.block_cache_misses, status.block_reads.misses)]
    {
        counter.inc_by(total.saturating_sub(counter.get()));
    }
    // Without samples Prometheus shows the end of time here.
    store.lowest.set(status.times.map_or(i64::MAX, |times| times.start) as f64 / 1000.0);
    if let Some(times) = status.times {
        store.first.set(times.start as f64 / 1000.0);
        store.last.set(times.end as f64 / 1000.0);
    }
}
