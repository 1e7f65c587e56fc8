//! The same samples in each format that VictoriaMetrics reads too: samples per CPU second of both servers.
//!
//! Hosts with ten fields each, as Telegraf sends them, in line protocol, the text format, and JSON lines with 1, 10 and 1,000 values each.
//! Each format goes to a server that has just been started. A first body tells it of all series and isn't counted; the others come on
//! one connection, each with times of its own. What is counted is the server's CPU from there until it has ended gracefully, with
//! all data in its place: VictoriaMetrics keeps what came last in memory and stores it later.

use std::fmt::Write as _;

use crate::{
    Fallible,
    flags::Flags,
    http::Connection,
    measure,
    report::{median, show},
    serve::{Kind, Program},
};

/// Samples of a format that are counted, about.
const SAMPLES: usize = 4_000_000;
const FIELDS: [&str; 10] =
    ["user", "system", "idle", "nice", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"];

/// How samples are written down.
#[derive(Debug, Clone, Copy)]
enum Shape {
    LineProtocol,
    Text,
    /// JSON lines with so many values each.
    Json(usize),
}

/// All of them, with the path that both servers have for it.
const SHAPES: [(&str, Shape, &str); 5] = [
    ("line protocol, 10 fields", Shape::LineProtocol, "/write?db=telegraf"),
    ("text", Shape::Text, "/api/v1/import/prometheus"),
    ("JSON lines, 1 value", Shape::Json(1), "/api/v1/import"),
    ("JSON lines, 10 values", Shape::Json(10), "/api/v1/import"),
    ("JSON lines, 1,000 values", Shape::Json(1_000), "/api/v1/import"),
];

impl Shape {
    /// Samples that a series has in a body.
    fn values(self) -> usize {
        match self {
            Self::Json(values) => values,
            Self::LineProtocol | Self::Text => 1,
        }
    }

    /// Hosts of a body: many with few values, or few with many.
    fn hosts(self) -> usize {
        (1_000 / self.values()).clamp(20, 1_000)
    }

    fn samples(self) -> usize {
        self.hosts() * FIELDS.len() * self.values()
    }
}

/// What one server showed with one format.
struct Found {
    kind: Kind,
    shape: usize,
    run: usize,
    /// Samples per CPU second until the last answer, and until the server has ended.
    answered: f64,
    stopped: f64,
    yardstick: f64,
}

/// Measures all programs that read these formats, and prints the table.
pub(crate) fn measure(programs: &[Program], flags: &Flags, scratch: &std::path::Path) -> Fallible<()> {
    let mut found = Vec::new();
    let programs: Vec<&Program> = programs.iter().filter(|program| program.kind != Kind::Prometheus).collect();
    for run in 0..flags.runs {
        for (shape, (name, ..)) in SHAPES.iter().enumerate() {
            for turn in 0..programs.len() {
                let program = programs[(turn + run) % programs.len()];
                eprintln!("formats: run {} of {}, {name}: {}", run + 1, flags.runs, program.kind.name());
                let dir = tempfile::Builder::new().prefix("formats-").tempdir_in(scratch)?;
                match one(program, shape, run, flags.seed, dir.path()) {
                    Ok(one) => found.push(one),
                    // What the others show is worth a table nevertheless.
                    Err(error) => println!("{name} of {} failed: {error}\n", program.kind.name()),
                }
            }
        }
    }
    print(&programs, flags.runs, &found);
    Ok(())
}

fn one(program: &Program, number: usize, run: usize, seed: u64, dir: &std::path::Path) -> Fallible<Found> {
    let (_, shape, path) = SHAPES[number];
    let server = program.start(dir)?;
    let mut values = Values { seed, counters: vec![0; shape.hosts() * FIELDS.len()] };
    let bodies = SAMPLES.div_ceil(shape.samples());
    let begin = measure::now_ms() - ((bodies + 1) * shape.values()) as i64 * 1_000;
    let mut connection = Connection::open(&server.address)?;
    let mut post = |body: &[u8]| -> Fallible<()> {
        match connection.post(path, &[("User-Agent", "peers")], body)? {
            answer if matches!(answer.status, 200 | 204) => Ok(()),
            answer => Err(format!("{} to {path}: {}", answer.status, answer.text()).into()),
        }
    };
    let mut body = String::new();
    shape.write(begin, &mut values, &mut body);
    post(body.as_bytes())?;
    let before = measure::cpu_seconds(server.pid())?;
    let (sent, yardstick) = measure::beside_yardstick(|| {
        (1..=bodies).try_for_each(|at| {
            body.clear();
            shape.write(begin + (at * shape.values()) as i64 * 1_000, &mut values, &mut body);
            post(body.as_bytes())
        })
    });
    sent?;
    let answered = measure::cpu_seconds(server.pid())? - before;
    let stopped = server.stop()? - before;
    let samples = (bodies * shape.samples()) as f64;
    let (answered, stopped) = (samples / answered, samples / stopped);
    eprintln!("  {answered:.0} samples per CPU second, {stopped:.0} until stopped");
    Ok(Found { kind: program.kind, shape: number, run, answered, stopped, yardstick })
}

impl Shape {
    /// Writes a body whose first samples are at `time` (ms).
    fn write(self, time: i64, values: &mut Values, out: &mut String) {
        // Writing into a text can't fail.
        let _ = (0..self.hosts()).try_for_each(|host| self.write_host(host, time, values, out));
    }

    fn write_host(self, host: usize, time: i64, values: &mut Values, out: &mut String) -> std::fmt::Result {
        let tags = [
            ("host", format!("host_{host}")),
            ("region", "eu-central-1".to_owned()),
            ("datacenter", "eu-central-1a".to_owned()),
            ("rack", (host % 20).to_string()),
            ("os", "Ubuntu22.04LTS".to_owned()),
            ("arch", "x64".to_owned()),
        ];
        let join = |between: [&str; 3]| {
            let [before, equals, behind] = between;
            tags.iter()
                .map(|(name, value)| format!("{before}{name}{equals}{value}{behind}"))
                .collect::<Vec<_>>()
                .join(",")
        };
        match self {
            Self::LineProtocol => {
                write!(out, "cpu,{} ", join(["", "=", ""]))?;
                for (field, name) in FIELDS.iter().enumerate() {
                    let comma = if field == 0 { "" } else { "," };
                    write!(out, "{comma}usage_{name}={}", values.next(host, field))?;
                }
                writeln!(out, " {time}000000")
            }
            Self::Text => {
                let tags = join(["", "=\"", "\""]);
                for (field, name) in FIELDS.iter().enumerate() {
                    writeln!(out, "cpu_usage_{name}{{{tags}}} {} {time}", values.next(host, field))?;
                }
                Ok(())
            }
            Self::Json(count) => {
                let tags = join(["\"", "\":\"", "\""]);
                let times: Vec<String> = (0..count as i64).map(|at| (time + 1_000 * at).to_string()).collect();
                for (field, name) in FIELDS.iter().enumerate() {
                    let numbers: Vec<String> = (0..count).map(|_| values.next(host, field)).collect();
                    writeln!(
                        out,
                        "{{\"metric\":{{\"__name__\":\"cpu_usage_{name}\",{tags}}},\"values\":[{}],\"timestamps\":[{}]}}",
                        numbers.join(","),
                        times.join(",")
                    )?;
                }
                Ok(())
            }
        }
    }
}

/// Percentages, counters, fractions with all their digits, and zeros, as they come from a host.
struct Values {
    seed: u64,
    counters: Vec<u64>,
}

impl Values {
    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.seed >> 33
    }

    fn next(&mut self, host: usize, field: usize) -> String {
        let random = self.random();
        match field {
            0..=3 => format!("{}.{:02}", random % 100, random / 128 % 100),
            4..=6 => {
                let counter = &mut self.counters[host * FIELDS.len() + field];
                *counter += random % 1_000;
                counter.to_string()
            }
            7 => (random as f64 / 2_147_483_659.0).to_string(),
            _ => "0".to_owned(),
        }
    }
}

fn print(programs: &[&Program], runs: usize, found: &[Found]) {
    let one = |kind: Kind, shape: usize, run: usize| {
        found.iter().find(|found| (found.kind, found.shape, found.run) == (kind, shape, run))
    };
    let of = |kind: Kind, shape: usize, figure: &dyn Fn(&Found) -> f64| {
        median((0..runs).filter_map(|run| one(kind, shape, run)).map(figure).collect()).map(|figure| figure / 1e6)
    };
    let peers: Vec<Kind> = programs.iter().map(|program| program.kind).filter(|kind| *kind != Kind::Vctsdb).collect();
    let mut head = vec!["millions of samples per CPU second".to_owned()];
    for program in programs {
        let name = program.kind.name();
        head.extend([format!("{name}, until answered"), format!("{name}, until stopped")]);
    }
    head.extend(peers.iter().map(|peer| format!("vctsdb / {}, until stopped", peer.name())));
    println!("| {} |", head.join(" | "));
    println!("|---|{}", "--:|".repeat(head.len() - 1));
    for (shape, (name, ..)) in SHAPES.iter().enumerate() {
        let mut row = vec![(*name).to_owned()];
        for program in programs {
            row.push(show(of(program.kind, shape, &|found| found.answered), 2));
            row.push(show(of(program.kind, shape, &|found| found.stopped), 2));
        }
        for peer in &peers {
            // A slow machine makes fewer samples in a second, so each figure is taken at the speed of its time.
            let ratio = |run: usize| {
                let (ours, theirs) = (one(Kind::Vctsdb, shape, run)?, one(*peer, shape, run)?);
                Some(ours.stopped * ours.yardstick / (theirs.stopped * theirs.yardstick))
            };
            row.push(show(median((0..runs).filter_map(ratio).collect()), 2));
        }
        println!("| {} |", row.join(" | "));
    }
    println!();
}
