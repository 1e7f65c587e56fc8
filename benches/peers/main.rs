//! vctsdb beside its peers: the same load and the same questions, one table of ratios.
//!
//! ```text
//! cargo bench --bench peers -- [--size tiny|small|medium|dense|hosts|wide|fleet|churn|operators] [--hours N] [--series N]
//!                              [--only ingest,recent,size,restart,query,idle,growth,formats] [--runs N] [--seed N]
//!                              [--keep DIR] [--question TEXT]
//! ```
//!
//! Peers are `prometheus` and `victoria-metrics` where PATH has them; `PROMETHEUS_BIN`, `VICTORIA_METRICS_BIN` and
//! `VCTSDB_BIN` name others. Without a peer the program measures us alone.
//!
//! # How it measures
//!
//! [`generate`] makes the samples of a fleet of hosts, seeded, and [`encode`] turns them into remote-write requests in
//! a file, before any server runs: all servers get the same bytes. In each run the servers take turns (another one
//! starts each time), every one alone, in a fresh directory, with its default flags ([`serve`]):
//!
//! 1. [`load`] sends the requests over four connections, as a sender with four shards would.
//! 2. `recent`: every question of [`questions`], once cold and then repeated, result caches off; range queries also as a
//!    dashboard refreshes them, and instants with long windows as a rule evaluates them, a step further each time,
//!    result caches on. The server has not been restarted, so what came last is where it keeps new data. The newest sample is
//!    three minutes old for each server, for which the load is encoded anew before each turn; where loading takes longer the
//!    table says how old it was. On our own we don't wait.
//! 3. `size`: we wait until the server is idle, read its memory, end it gracefully, start it again, wait until it is
//!    idle, and add up its directory. VictoriaMetrics is asked for a forced merge first, its best case, and its
//!    saved caches don't count, nor does our reserve of 16 MiB for a full disk. Prometheus keeps
//!    two hours in its head and log by design; nothing can be asked of it.
//! 4. `query`: the same questions of that restarted server.
//! 5. `restart`: in another fresh directory, the load again, SIGKILL right after the last acknowledgement, and the
//!    time until the server gives a right answer; then all samples are counted.
//! 6. `idle`: in another fresh directory, 1,000 series every 15 s for two minutes, in real time: CPU and memory of a
//!    server that has next to nothing to do.
//! 7. `growth`, only by name: what a sample and some questions cost with 10,000, 100,000 and 1,000,000 series ([`growth`]).
//! 8. `formats`, only by name: samples per CPU second in line protocol, text and JSON lines, beside VictoriaMetrics ([`formats`]).
//!
//! `--size fleet` loads all servers with 2,500,000 series first, and then with ten million ourselves and those peers
//! that would fit into the memory there is ([`millions`]).
//!
//! To work on single questions, `--only query --keep DIR` loads once and from then on asks the servers over the settled data
//! kept in DIR, and `--question TEXT` asks only those whose row has that text.
//!
//! Shared machines change speed from minute to minute: a fixed piece of work ([`measure::beside_yardstick`]) is timed
//! beside each load, speeds are divided by it, and ratios are taken within a run before their median is reported.

#![expect(clippy::print_stdout, reason = "its table is what this program is for")]
#![expect(clippy::indexing_slicing, reason = "a benchmark may stop at a mistake of its own; its Drop ends the servers")]

mod answers;
mod ask;
mod encode;
mod flags;
mod formats;
mod generate;
mod growth;
mod http;
mod keep;
mod load;
mod measure;
mod millions;
mod queries;
mod questions;
mod report;
mod report_questions;
mod run;
mod serve;

use std::{error::Error, path::Path, process::ExitCode};

use flags::Flags;
use serve::Program;

/// What went wrong, in words.
type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    match Flags::from_arguments().and_then(|flags| measure_all(&flags)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(flags: &Flags) -> Fallible<()> {
    let programs = serve::programs();
    let by_name = [flags::Part::Growth, flags::Part::Formats];
    if by_name.iter().any(|part| flags.wants(*part)) {
        let scratch = tempfile::Builder::new().prefix("vctsdb-peers-").tempdir()?;
        if flags.wants(flags::Part::Growth) {
            growth::measure(&programs, flags, scratch.path())?;
        }
        if flags.wants(flags::Part::Formats) {
            formats::measure(&programs, flags, scratch.path())?;
        }
        if flags.parts.iter().all(|part| by_name.contains(part)) {
            return Ok(());
        }
    }
    let all: Vec<&Program> = programs.iter().collect();
    if flags.size == generate::Size::Fleet && flags.series.is_none() && flags.keep.is_none() {
        return millions::measure(&all, flags);
    }
    side_by_side(&all, flags)?.print();
    Ok(())
}

/// A load whose requests are in files.
struct Load {
    fleet: generate::Fleet,
    spool: encode::Spool,
}

impl Load {
    /// Encodes the fleet that `flags` name, its last scrape at `end` (ms).
    fn encode(flags: &Flags, end: i64, dir: &Path) -> Fallible<Self> {
        let fleet = generate::Fleet::of(flags, end);
        eprintln!("encoding {} samples of {} series", fleet.samples(), fleet.series());
        let spool = encode::Spool::write(&fleet, &dir.join("requests"))?;
        Ok(Self { fleet, spool })
    }
}

/// Everything that `flags` ask for, of these programs.
fn side_by_side(programs: &[&Program], flags: &Flags) -> Fallible<report::Report> {
    let kept = flags.keep.as_deref().map(|dir| keep::Kept::in_dir(dir, flags)).transpose()?;
    let scratch = tempfile::Builder::new().prefix("vctsdb-peers-").tempdir()?;
    let end = kept.as_ref().map_or_else(|| measure::now_ms() - 60_000, |kept| kept.end);
    let alone = programs.len() == 1;
    let mut load = Load::encode(flags, end, scratch.path())?;
    report::preamble(flags, &load.fleet, &load.spool, programs);
    let mut report = report::Report::new(programs.iter().map(|p| p.kind).collect(), questions::of(flags));
    for run in 0..flags.runs {
        for turn in 0..programs.len() {
            let program = programs[(turn + run) % programs.len()];
            if flags.wants(flags::Part::Recent) && kept.is_none() && (run, turn) != (0, 0) {
                // The newest data should be as old for each.
                load = Load::encode(flags, measure::now_ms() - 60_000, scratch.path())?;
            }
            eprintln!("run {} of {}: {}", run + 1, flags.runs, program.kind.name());
            match run::measure(program, flags, (&load.fleet, &load.spool), kept.as_ref(), alone, scratch.path()) {
                Ok(found) => report.add(run, program.kind, found),
                // What the others show is worth a table nevertheless.
                Err(error) => println!("run {} of {} failed: {error}\n", run + 1, program.kind.name()),
            }
        }
    }
    Ok(report)
}
