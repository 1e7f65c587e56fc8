/** A machine, as the node exporter sees it. @type {import("../pages/dash.js").Board} */
export const board = {
  name: "node",
  title: "Machine",
  test: "node_uname_info or node_load1",
  by: "instance",
  charts: [
    {
      title: "CPU by mode",
      expr: 'sum by (mode) (rate(node_cpu_seconds_total{mode!="idle", $filter}[$window])) / scalar(count(count by (cpu, instance) (node_cpu_seconds_total{$filter})))',
      mode: "stacked",
      unit: { kind: "ratio" },
    },
    { title: "Load, 1 min", expr: "node_load1{$filter}", zero: true },
    {
      title: "Memory in use",
      expr: "node_memory_MemTotal_bytes{$filter} - node_memory_MemAvailable_bytes{$filter}",
      zero: true,
    },
    {
      title: "Memory available",
      expr: "node_memory_MemAvailable_bytes{$filter} / node_memory_MemTotal_bytes{$filter}",
      zero: true,
    },
    {
      title: "Disk free",
      expr: 'node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|ramfs|squashfs", $filter}',
      zero: true,
    },
    { title: "Disk busy", expr: "rate(node_disk_io_time_seconds_total{$filter}[$window])", zero: true },
    { title: "Disk reads", expr: "rate(node_disk_read_bytes_total{$filter}[$window])", zero: true },
    { title: "Disk writes", expr: "rate(node_disk_written_bytes_total{$filter}[$window])", zero: true },
    { title: "Received", expr: 'rate(node_network_receive_bytes_total{device!="lo", $filter}[$window])', zero: true },
    { title: "Sent", expr: 'rate(node_network_transmit_bytes_total{device!="lo", $filter}[$window])', zero: true },
    { title: "Context switches", expr: "rate(node_context_switches_total{$filter}[$window])", zero: true },
    {
      title: "Up for",
      expr: "node_time_seconds{$filter} - node_boot_time_seconds{$filter}",
      unit: { kind: "seconds" },
    },
  ],
};
