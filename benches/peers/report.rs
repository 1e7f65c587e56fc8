//! The tables.

use std::process::Command;

use crate::{
    encode::{SHARDS, Spool},
    flags::Flags,
    generate::Fleet,
    queries::Query,
    run::Found,
    serve::{Kind, Program},
};

/// A number about one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    Yardstick,
    Ingest,
    IngestSettled,
    IngestStopped,
    Wall,
    P50,
    P99,
    Retries,
    Peak,
    Settled,
    Restarted,
    BytesPerSample,
    BytesPerSeries,
    Age,
    RecentPeak,
    QueryPeak,
    FirstAnswer,
    Missing,
    PeakBeforeKill,
    PeakAfterKill,
    IdleCpu,
    IdleMemory,
}

/// The rows in their order: what it is, and digits after the point.
const ROWS: [(Figure, &str, usize); 22] = [
    (Figure::Ingest, "samples per CPU second, until the last acknowledgement", 0),
    (Figure::IngestSettled, "samples per CPU second, until idle", 0),
    (Figure::IngestStopped, "samples per CPU second, of its life, until stopped with all data in its place", 0),
    (Figure::Wall, "samples per second", 0),
    (Figure::P50, "request p50 (ms)", 2),
    (Figure::P99, "request p99 (ms)", 2),
    (Figure::Retries, "requests told to try again", 0),
    (Figure::Peak, "peak RSS during the load (MiB)", 1),
    (Figure::Settled, "RSS when idle after the load (MiB)", 1),
    (Figure::Age, "age of the newest data when questions begin (s)", 0),
    (Figure::RecentPeak, "peak RSS after these questions (MiB)", 1),
    (Figure::Restarted, "RSS when idle after a restart (MiB)", 1),
    (Figure::QueryPeak, "peak RSS after all queries, since that restart (MiB)", 1),
    (Figure::BytesPerSample, "bytes on disk per sample, settled", 3),
    (Figure::BytesPerSeries, "bytes on disk per series, settled", 1),
    (Figure::FirstAnswer, "SIGKILL: start to first right answer (s)", 3),
    (Figure::Missing, "SIGKILL: acknowledged samples missing", 0),
    (Figure::PeakBeforeKill, "SIGKILL: peak RSS before (MiB)", 1),
    (Figure::PeakAfterKill, "SIGKILL: peak RSS after, with all samples counted (MiB)", 1),
    (Figure::IdleCpu, "1,000 series every 15 s: CPU (% of a core)", 2),
    (Figure::IdleMemory, "1,000 series every 15 s: RSS (MiB)", 1),
    (Figure::Yardstick, "fixed work beside the load (CPU ms)", 2),
];

/// What all runs found.
pub(crate) struct Report {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) questions: Vec<Query>,
    runs: Vec<(usize, Kind, Found)>,
}

/// Says what is measured, on what.
pub(crate) fn preamble(flags: &Flags, fleet: &Fleet, spool: &Spool, programs: &[&Program]) {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or("").trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = Command::new("uname").arg("-r").output().map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    println!("# Side by side, {:?}\n", fleet.size);
    println!("{model}, {cores} cores, Linux {}; {} runs, seed {}.", kernel.unwrap_or_default(), flags.runs, flags.seed);
    println!(
        "{} series, {} samples every {} s over {} minutes, in {} requests of {:.0} bytes, {SHARDS} connections.\n",
        fleet.series(),
        fleet.samples(),
        fleet.interval / 1_000,
        (fleet.end - fleet.start()) / 60_000,
        spool.requests(),
        spool.bytes() as f64 / spool.requests() as f64,
    );
    for program in programs {
        println!("- {}: `{}`", program.kind.name(), program.version());
    }
    println!();
}

pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

pub(crate) fn geometric_mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| (values.iter().map(|v| v.ln()).sum::<f64>() / values.len() as f64).exp())
}

pub(crate) fn show(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |v| format!("{v:.digits$}"))
}

impl Report {
    pub(crate) fn new(kinds: Vec<Kind>, questions: Vec<Query>) -> Self {
        Self { kinds, questions, runs: Vec::new() }
    }

    pub(crate) fn add(&mut self, run: usize, kind: Kind, found: Found) {
        for (figure, value) in &found.figures {
            eprintln!("  {figure:?} {value:.3}");
        }
        eprintln!("  on disk: {}", found.disk);
        self.runs.push((run, kind, found));
    }

    pub(crate) fn of(&self, kind: Kind) -> impl Iterator<Item = (usize, &Found)> {
        self.runs.iter().filter(move |(_, k, _)| *k == kind).map(|(run, _, found)| (*run, found))
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = Kind> {
        self.kinds.iter().copied().filter(|k| *k != Kind::Vctsdb)
    }

    /// The highest value of a figure in all runs.
    pub(crate) fn highest(&self, kind: Kind, figure: Figure) -> Option<f64> {
        self.of(kind).filter_map(|(_, found)| found.figure(figure)).max_by(f64::total_cmp)
    }

    fn value(&self, run: usize, kind: Kind, figure: Figure) -> Option<f64> {
        let (_, found) = self.of(kind).find(|(r, _)| *r == run)?;
        found.figure(figure)
    }

    /// Per CPU second, at the speed that the machine had; anything else as it is.
    fn comparable(&self, run: usize, kind: Kind, figure: Figure) -> Option<f64> {
        let value = self.value(run, kind, figure)?;
        match figure {
            Figure::Ingest | Figure::IngestSettled | Figure::IngestStopped => {
                Some(value * self.value(run, kind, Figure::Yardstick)?)
            }
            _ => Some(value),
        }
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs.iter().map(|(run, _, _)| run + 1).max().unwrap_or(0)
    }

    /// Prints everything as markdown.
    pub(crate) fn print(&self) {
        self.print_figures();
        for kind in &self.kinds {
            if let Some((_, found)) = self.of(*kind).last().filter(|(_, found)| !found.disk.is_empty()) {
                println!("- on disk, {} (bytes): {}", kind.name(), found.disk);
            }
        }
        println!();
        self.print_questions();
    }

    fn print_figures(&self) {
        let names: Vec<_> = self.kinds.iter().map(|k| k.name().to_owned()).collect();
        let ratios: Vec<_> = self.peers().map(|k| format!("vctsdb / {}", k.name())).collect();
        println!("| medians | {} | {} |", names.join(" | "), ratios.join(" | "));
        println!("|---|{}", "--:|".repeat(names.len() + ratios.len()));
        for (figure, name, digits) in ROWS {
            let values: Vec<_> = self
                .kinds
                .iter()
                .map(|k| median((0..self.runs()).filter_map(|run| self.value(run, *k, figure)).collect()))
                .collect();
            if values.iter().all(Option::is_none) {
                continue;
            }
            let ratio = |peer| {
                let pair =
                    |run| Some(self.comparable(run, Kind::Vctsdb, figure)? / self.comparable(run, peer, figure)?);
                median((0..self.runs()).filter_map(pair).filter(|r| r.is_finite()).collect())
            };
            let values: Vec<_> = values.into_iter().map(|v| show(v, digits)).collect();
            let ratios: Vec<_> = self.peers().map(|peer| show(ratio(peer), 2)).collect();
            println!("| {name} | {} | {} |", values.join(" | "), ratios.join(" | "));
        }
        println!("\nRatios of samples per CPU second are taken at equal machine speed (the last row).");
    }
}
