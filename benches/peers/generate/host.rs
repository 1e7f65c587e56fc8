//! A host with a node exporter and a small web service: about 500 series, a third of which rarely move.

use super::values::{Course, Random};
use crate::encode;

/// Series of a host.
pub(crate) const SERIES: usize = 500;
const CPUS: usize = 16;
const MODES: [&str; 8] = ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"];
const MEMORY: [&str; 20] = [
    "Active",
    "AnonPages",
    "Bounce",
    "Buffers",
    "Cached",
    "Committed_AS",
    "Dirty",
    "HugePages_Total",
    "Inactive",
    "KernelStack",
    "Mapped",
    "MemAvailable",
    "MemFree",
    "MemTotal",
    "PageTables",
    "Shmem",
    "Slab",
    "SwapFree",
    "SwapTotal",
    "Writeback",
];
const MOUNTS: [(&str, &str, &str); 6] = [
    ("/dev/nvme0n1p1", "/boot", "vfat"),
    ("/dev/nvme0n1p2", "/", "ext4"),
    ("/dev/nvme1n1", "/var/lib/data", "xfs"),
    ("/dev/nvme2n1", "/var/lib/images", "xfs"),
    ("tmpfs", "/run", "tmpfs"),
    ("tmpfs", "/tmp", "tmpfs"),
];
const DISKS: [&str; 6] = ["dm-0", "dm-1", "nvme0n1", "nvme1n1", "nvme2n1", "sda"];
const NICS: [&str; 5] = ["bond0", "docker0", "eth0", "eth1", "lo"];
const VMSTAT: [&str; 24] = [
    "Icmp_InMsgs",
    "Icmp_OutMsgs",
    "Ip_Forwarding",
    "TcpExt_ListenDrops",
    "TcpExt_SyncookiesSent",
    "Tcp_ActiveOpens",
    "Tcp_CurrEstab",
    "Tcp_InErrs",
    "Tcp_InSegs",
    "Tcp_OutSegs",
    "Tcp_PassiveOpens",
    "Tcp_RetransSegs",
    "Udp_InDatagrams",
    "Udp_NoPorts",
    "Udp_OutDatagrams",
    "oom_kill",
    "pgfault",
    "pgmajfault",
    "pgpgin",
    "pgpgout",
    "pswpin",
    "pswpout",
    "context_switches",
    "interrupts",
];
const COLLECTORS: [&str; 20] = [
    "arp",
    "bonding",
    "conntrack",
    "cpu",
    "diskstats",
    "edac",
    "entropy",
    "filefd",
    "filesystem",
    "hwmon",
    "loadavg",
    "meminfo",
    "netclass",
    "netdev",
    "netstat",
    "sockstat",
    "stat",
    "time",
    "uname",
    "vmstat",
];
const HANDLERS: [&str; 8] =
    ["/", "/api/v1/cart", "/api/v1/items", "/api/v1/login", "/api/v1/orders", "/api/v1/search", "/healthz", "/metrics"];
const CODES: [&str; 4] = ["200", "304", "404", "500"];
const BOUNDS: [(&str, f64); 11] = [
    ("0.005", 0.02),
    ("0.01", 0.09),
    ("0.025", 0.31),
    ("0.05", 0.55),
    ("0.1", 0.74),
    ("0.25", 0.88),
    ("0.5", 0.95),
    ("1", 0.981),
    ("2.5", 0.995),
    ("5", 0.9991),
    ("+Inf", 1.0),
];
const GO: [&str; 13] = [
    "alloc_bytes",
    "buck_hash_sys_bytes",
    "gc_sys_bytes",
    "goroutines",
    "heap_alloc_bytes",
    "heap_idle_bytes",
    "heap_inuse_bytes",
    "heap_objects",
    "heap_released_bytes",
    "next_gc_bytes",
    "stack_inuse_bytes",
    "sys_bytes",
    "threads",
];
const GIB: f64 = (1_u64 << 30) as f64;

/// A series: its encoded labels and its course.
struct Series {
    labels: Vec<u8>,
    course: Course,
}

/// A host.
pub(crate) struct Host {
    random: Random,
    series: Vec<Series>,
    /// Requests of each handler.
    counts: [u64; HANDLERS.len()],
    start: i64,
    interval: i64,
}

impl Host {
    pub(crate) fn new(number: usize, seed: u64, start: i64, interval: i64) -> Self {
        let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
        let mut list = Exposed { number, series: Vec::with_capacity(SERIES) };
        list.machine(&mut random);
        list.storage(&mut random);
        list.service(&mut random);
        // Targets are spread over the interval, the last ones before its end, so that no sample is after the last round.
        let start = start - random.below(interval as u64) as i64;
        Self { series: list.series, counts: std::array::from_fn(|_| random.below(1_000_000)), start, interval, random }
    }

    pub(crate) fn scrape(&mut self, round: usize, each: &mut dyn FnMut(&[u8], i64, f64)) {
        // Prometheus aligns what is late by 2 ms or less; some scrapes are later than that.
        let late = if self.random.below(20) == 0 { 3 + self.random.below(15) as i64 } else { 0 };
        let time = self.start + round as i64 * self.interval + late;
        for (i, count) in self.counts.iter_mut().enumerate() {
            *count += self.random.below(50 << (i % 4));
        }
        for series in &mut self.series {
            let value = series.course.next(&mut self.random, time, &self.counts);
            each(&series.labels, time, value);
        }
    }
}

/// Names of all metrics of a host.
pub(crate) fn metrics() -> Vec<String> {
    let mut list = Exposed { number: 0, series: Vec::new() };
    let mut random = Random::new(0);
    list.machine(&mut random);
    list.storage(&mut random);
    list.service(&mut random);
    // A series' labels start with its name: two tags and lengths, `__name__`, another tag and length.
    let name = |s: &Series| String::from_utf8_lossy(&s.labels[14..14 + s.labels[13] as usize]).into_owned();
    let mut names: Vec<_> = list.series.iter().map(name).collect();
    names.sort();
    names.dedup();
    names
}

/// What a host exposes, as it is being listed.
struct Exposed {
    number: usize,
    series: Vec<Series>,
}

impl Exposed {
    fn push(&mut self, name: &str, more: &[(&str, &str)], course: Course) {
        let n = self.number;
        let instance = format!("host-{n:04}.example.com:9100");
        let rack = format!("rack-{:02}", n / 20);
        let cluster = ["eu-west-1", "eu-central-1", "us-east-1", "us-west-2"][n % 4];
        let zone = format!("{cluster}{}", ["a", "b", "c"][n % 3]);
        let mut pairs = vec![
            ("__name__", name),
            ("cluster", cluster),
            ("env", if n.is_multiple_of(5) { "staging" } else { "production" }),
            ("instance", &instance),
            ("job", if name.starts_with("http_") { "frontend" } else { "node" }),
            ("rack", &rack),
            ("team", ["infra", "search", "shop"][n / 7 % 3]),
            ("zone", &zone),
        ];
        pairs.extend(more);
        pairs.sort_unstable();
        self.series.push(Series { labels: encode::labels(pairs), course });
    }

    fn machine(&mut self, random: &mut Random) {
        for cpu in 0..CPUS {
            let cpu = cpu.to_string();
            for mode in MODES {
                // Hundredths of a second in 15 s, and how often nothing happens.
                let (most, quiet) = match mode {
                    "idle" => (1_400, 0),
                    "user" | "system" => (150, 0),
                    "iowait" | "softirq" => (10, 40),
                    _ => (2, 97),
                };
                let course = Course::seconds(random, most, quiet);
                self.push("node_cpu_seconds_total", &[("cpu", &cpu), ("mode", mode)], course);
            }
        }
        for name in ["node_load1", "node_load5", "node_load15"] {
            self.push(name, &[], Course::gauge(random, 0.0, 20.0, 2));
        }
        for name in MEMORY {
            let course = match name {
                "MemTotal" | "SwapTotal" | "SwapFree" => Course::Constant(64.0 * GIB),
                "Bounce" | "HugePages_Total" | "Writeback" => Course::Constant(0.0),
                // Pages of 4 KiB.
                _ => Course::gauge(random, 0.5 * GIB, 48.0 * GIB, 0).paged(),
            };
            self.push(&format!("node_memory_{name}_bytes"), &[], course);
        }
        for i in 0..16 {
            let sensor = format!("temp{i}");
            let labels = [("chip", "platform_coretemp_0"), ("sensor", sensor.as_str())];
            self.push("node_hwmon_temp_celsius", &labels, Course::gauge(random, 30.0, 90.0, 1));
        }
        for (i, name) in VMSTAT.iter().enumerate() {
            let course = match i % 4 {
                0 => Course::counter(random, 40, 60),
                1 => Course::counter(random, 90_000, 0),
                2 => Course::gauge(random, 10.0, 5_000.0, 0),
                _ => Course::Constant(random.below(100) as f64),
            };
            self.push(&format!("node_netstat_{name}"), &[], course);
        }
        let node = format!("host-{:04}", self.number);
        let uname =
            [("machine", "x86_64"), ("nodename", node.as_str()), ("release", "6.12.9-amd64"), ("sysname", "Linux")];
        self.push("node_uname_info", &uname, Course::Constant(1.0));
        self.push("up", &[], Course::Constant(1.0));
        self.push("node_boot_time_seconds", &[], Course::Constant(1_700_000_000.0 + random.below(1 << 24) as f64));
        self.push("node_time_seconds", &[], Course::Clock);
        for name in COLLECTORS {
            let labels = [("collector", name)];
            let mean = 0.0001 + 0.02 * random.unit() * random.unit();
            self.push("node_scrape_collector_duration_seconds", &labels, Course::Noise { mean });
            self.push("node_scrape_collector_success", &labels, Course::Constant(1.0));
        }
        for name in GO {
            let course = match name {
                "goroutines" | "threads" => Course::gauge(random, 8.0, 40.0, 0),
                "buck_hash_sys_bytes" | "sys_bytes" => Course::Constant(random.below(1 << 24) as f64),
                _ => Course::gauge(random, 1e6, 3e7, 0),
            };
            self.push(&format!("go_memstats_{name}"), &[], course);
        }
    }

    fn storage(&mut self, random: &mut Random) {
        for (device, mountpoint, fstype) in MOUNTS {
            let labels = [("device", device), ("fstype", fstype), ("mountpoint", mountpoint)];
            let size = (64_u64 << random.below(5)) as f64 * GIB;
            self.push("node_filesystem_size_bytes", &labels, Course::Constant(size));
            self.push(
                "node_filesystem_avail_bytes",
                &labels,
                Course::gauge(random, 0.02 * size, 0.9 * size, 0).paged(),
            );
            self.push("node_filesystem_files", &labels, Course::Constant(size / 16_384.0));
            self.push("node_filesystem_files_free", &labels, Course::gauge(random, 1e5, 1e6, 0));
        }
        for device in DISKS {
            let quiet = if device.starts_with("nvme") { 5 } else { 90 };
            let labels = [("device", device)];
            for (what, most) in [
                ("reads_completed", 900),
                ("writes_completed", 4_000),
                ("read_bytes", 9_000_000),
                ("written_bytes", 70_000_000),
            ] {
                self.push(&format!("node_disk_{what}_total"), &labels, Course::counter(random, most, quiet));
            }
            self.push("node_disk_io_time_seconds_total", &labels, Course::seconds(random, 300, quiet));
        }
        for device in NICS {
            let quiet = if device == "docker0" || device == "eth1" { 95 } else { 0 };
            for way in ["receive", "transmit"] {
                let labels = [("device", device)];
                for (what, most, quiet) in [("bytes", 200_000_000, quiet), ("packets", 150_000, quiet), ("errs", 2, 99)]
                {
                    self.push(
                        &format!("node_network_{way}_{what}_total"),
                        &labels,
                        Course::counter(random, most, quiet),
                    );
                }
            }
        }
    }

    fn service(&mut self, random: &mut Random) {
        for (group, handler) in HANDLERS.into_iter().enumerate() {
            for (le, share) in BOUNDS {
                let labels = [("handler", handler), ("le", le)];
                self.push("http_request_duration_seconds_bucket", &labels, Course::Bucket { group, share });
            }
            let labels = [("handler", handler)];
            self.push("http_request_duration_seconds_sum", &labels, Course::Sum { group, seconds: 0.0731 });
            self.push("http_request_duration_seconds_count", &labels, Course::Bucket { group, share: 1.0 });
            for method in ["GET", "POST"] {
                for (i, code) in CODES.into_iter().enumerate() {
                    let quiet = [0, 30, 60, 90][i];
                    let labels = [("code", code), ("handler", handler), ("method", method)];
                    self.push("http_requests_total", &labels, Course::counter(random, 400 >> i, quiet));
                }
            }
        }
    }
}

impl Course {
    /// A gauge in whole pages of 4 KiB.
    fn paged(mut self) -> Self {
        if let Self::Gauge { scale, .. } = &mut self {
            *scale = 1.0 / 4_096.0;
        }
        self
    }
}

/// The lists above and the number that the sizes are made of agree.
const _: () = assert!(
    CPUS * MODES.len()
        + 3
        + MEMORY.len()
        + 16
        + VMSTAT.len()
        + 4
        + 2 * COLLECTORS.len()
        + GO.len()
        + 4 * MOUNTS.len()
        + 5 * DISKS.len()
        + 6 * NICS.len()
        + HANDLERS.len() * (BOUNDS.len() + 2 + 2 * CODES.len())
        == SERIES
);
