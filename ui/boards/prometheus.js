/** A Prometheus server that sends here. @type {import("../pages/dash.js").Board} */
export const board = {
  name: "prometheus",
  title: "Prometheus",
  test: "prometheus_build_info",
  by: "instance",
  charts: [
    {
      title: "Samples appended",
      expr: "sum by (instance) (rate(prometheus_tsdb_head_samples_appended_total{$filter}[$window]))",
      zero: true,
    },
    { title: "Series in memory", expr: "prometheus_tsdb_head_series{$filter}", zero: true },
    { title: "Series created", expr: "rate(prometheus_tsdb_head_series_created_total{$filter}[$window])", zero: true },
    {
      title: "Remote write behind by",
      expr: "prometheus_remote_storage_highest_timestamp_in_seconds{$filter} - ignoring (remote_name, url) group_right () (prometheus_remote_storage_queue_highest_sent_timestamp_seconds{$filter} > 0)",
      unit: { kind: "seconds" },
      zero: true,
    },
    { title: "Samples sent", expr: "rate(prometheus_remote_storage_samples_total{$filter}[$window])", zero: true },
    {
      title: "Samples failed or dropped",
      expr: "rate(prometheus_remote_storage_samples_failed_total{$filter}[$window]) + rate(prometheus_remote_storage_samples_dropped_total{$filter}[$window])",
      zero: true,
    },
    { title: "Shards", expr: "prometheus_remote_storage_shards{$filter}", zero: true },
    {
      title: "Queries, 90th percentile",
      expr: 'prometheus_engine_query_duration_seconds{slice="inner_eval", quantile="0.9", $filter}',
      zero: true,
    },
    {
      title: "Scrapes",
      expr: "sum by (job) (rate(prometheus_target_sync_length_seconds_count{$filter}[$window])) or prometheus_sd_discovered_targets{$filter}",
      zero: true,
    },
    { title: "Rule evaluation", expr: "prometheus_rule_group_last_duration_seconds{$filter}", zero: true },
  ],
};
