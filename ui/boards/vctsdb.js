/** This store, by its own metrics. @type {import("../pages/dash.js").Board} */
export const board = {
  name: "vctsdb",
  title: "This store",
  test: "vctsdb_build_info",
  by: "instance",
  charts: [
    { title: "Samples stored", expr: "sum(rate(vctsdb_storage_samples_appended_total{$filter}[$window]))", zero: true },
    { title: "Series", expr: "vctsdb_series{$filter}", zero: true },
    { title: "Resident memory", expr: 'process_resident_memory_bytes{job="vctsdb", $filter}', zero: true },
    { title: "Memory by part", expr: "vctsdb_memory_used_bytes{$filter}", mode: "stacked" },
    { title: "CPU", expr: 'rate(process_cpu_seconds_total{job="vctsdb", $filter}[$window])', zero: true },
    { title: "Bytes in tables", expr: "sum(vctsdb_table_bytes{$filter})", zero: true },
    {
      title: "Requests by route",
      expr: "sum by (route) (rate(vctsdb_http_requests_total{$filter}[$window])) > 0",
      zero: true,
    },
    {
      title: "Request time, 99th percentile",
      expr: "histogram_quantile(0.99, sum by (le) (rate(vctsdb_http_request_duration_seconds_bucket{$filter}[$window])))",
      zero: true,
    },
    {
      title: "Queries, by time taken",
      expr: "sum by (le) (rate(vctsdb_query_duration_seconds_bucket{$filter}[$window]))",
      mode: "heatmap",
    },
    {
      title: "Writes to disk: log syncs",
      expr: "rate(vctsdb_wal_sync_duration_seconds_sum{$filter}[$window]) / rate(vctsdb_wal_sync_duration_seconds_count{$filter}[$window])",
      unit: { kind: "seconds" },
      zero: true,
    },
    { title: "Samples that queries read", expr: "rate(vctsdb_query_samples_total{$filter}[$window])", zero: true },
    { title: "Queries running", expr: "vctsdb_queries_in_flight{$filter}", zero: true },
  ],
};
