//! vctsdb beside its peers: the same load and the same questions, one table of ratios.
//!
//! ```text
//! cargo bench --bench peers -- [--size tiny|small|medium|dense|wide|churn|operators] [--hours N]
//!                              [--only ingest,size,restart,query,idle] [--runs N] [--seed N]
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
//! 2. `size`: we wait until the server is idle, read its memory, end it gracefully, start it again, wait until it is
//!    idle, and add up its directory. VictoriaMetrics is asked for a forced merge first, its best case, and its
//!    saved caches don't count, nor does our reserve of 16 MiB for a full disk. Prometheus keeps
//!    two hours in its head and log by design; nothing can be asked of it.
//! 3. `query`: every question of [`queries`] on that restarted server, once cold and then repeated, result caches off;
//!    range queries also as a dashboard refreshes them, the window a step further each time, result caches on.
//! 4. `restart`: in another fresh directory, the load again, SIGKILL right after the last acknowledgement, and the
//!    time until the server gives a right answer; then all samples are counted.
//! 5. `idle`: in another fresh directory, 1,000 series every 15 s for two minutes, in real time: CPU and memory of a
//!    server that has next to nothing to do.
//!
//! To work on single questions, `--only query --keep DIR` loads once and from then on asks the servers over the data kept
//! in DIR, and `--question TEXT` asks only those whose row has that text.
//!
//! Shared machines change speed from minute to minute: a fixed piece of work ([`measure::beside_yardstick`]) is timed
//! beside each load, speeds are divided by it, and ratios are taken within a run before their median is reported.

#![expect(clippy::print_stdout, reason = "its table is what this program is for")]
#![expect(clippy::indexing_slicing, reason = "a benchmark may stop at a mistake of its own; its Drop ends the servers")]

mod encode;
mod flags;
mod generate;
mod http;
mod keep;
mod load;
mod measure;
mod queries;
mod report;
mod run;
mod serve;

use std::{error::Error, process::ExitCode};

use flags::Flags;

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
    let kept = flags.keep.as_deref().map(|dir| keep::Kept::in_dir(dir, flags)).transpose()?;
    let end = kept.as_ref().map_or_else(|| measure::now_ms() - 60_000, |kept| kept.end);
    let fleet = generate::Fleet::new(flags.size, flags.hours, flags.seed, end);
    let scratch = tempfile::Builder::new().prefix("vctsdb-peers-").tempdir()?;
    eprintln!("encoding {} samples of {} series", fleet.samples(), fleet.series());
    let spool = encode::Spool::write(&fleet, &scratch.path().join("requests"))?;
    report::preamble(flags, &fleet, &spool, &programs);

    let mut report = report::Report::new(programs.iter().map(|p| p.kind).collect(), queries::of(flags));
    for run in 0..flags.runs {
        for turn in 0..programs.len() {
            let program = &programs[(turn + run) % programs.len()];
            eprintln!("run {} of {}: {}", run + 1, flags.runs, program.kind.name());
            match run::measure(program, flags, (&fleet, &spool), kept.as_ref(), scratch.path()) {
                Ok(found) => report.add(run, program.kind, found),
                // What the others show is worth a table nevertheless.
                Err(error) => println!("run {} of {} failed: {error}\n", run + 1, program.kind.name()),
            }
        }
    }
    report.print();
    Ok(())
}
