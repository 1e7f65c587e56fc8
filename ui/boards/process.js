/** Processes, as client libraries tell of themselves. @type {import("../pages/dash.js").Board} */
export const board = {
  name: "process",
  title: "Processes",
  test: "process_start_time_seconds",
  by: "job",
  charts: [
    { title: "CPU", expr: "rate(process_cpu_seconds_total{$filter}[$window])", zero: true },
    { title: "Resident memory", expr: "process_resident_memory_bytes{$filter}", zero: true },
    { title: "Open files", expr: "process_open_fds{$filter}", zero: true },
    {
      title: "Open files of the most",
      expr: "process_open_fds{$filter} / process_max_fds{$filter}",
      unit: { kind: "ratio" },
      zero: true,
    },
    { title: "Started so long ago", expr: "time() - process_start_time_seconds{$filter}", unit: { kind: "seconds" } },
    { title: "Goroutines", expr: "go_goroutines{$filter}", zero: true },
    { title: "Heap of Go", expr: "go_memstats_heap_inuse_bytes{$filter}", zero: true },
    {
      title: "Garbage collection",
      expr: "rate(go_gc_duration_seconds_sum{$filter}[$window])",
      unit: { kind: "ratio" },
      zero: true,
    },
  ],
};
