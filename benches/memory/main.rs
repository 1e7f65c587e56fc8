//! The memory budget, proven from outside: the server lives in a memory cgroup whose limit is its own `--memory`, and the
//! kernel kills it if it ever needs more.
//!
//! ```text
//! cargo bench --bench memory -- [--memory 128MiB,256MiB,1GiB] [--seconds N] [--series N] [--keep-log FILE]
//!                               [--only questions,lists,reads,writes,imports]
//! ```
//!
//! For each budget a fresh server is started inside a cgroup ([`cgroup`]; version 1 or 2, whichever the machine has). It is
//! loaded with a fleet, and then everything goes on at once ([`load`]): remote writes of new series, plain and gzip
//! imports, eight clients with questions over the whole fleet ([`questions`]), lists, and remote reads, sampled and
//! streamed. A row of the table says how that went: the most memory the process had, how often each kind of request was
//! answered with which status, and whether the kernel killed it.
//!
//! It fails when the server was killed or ended, or when it answered with anything but success, 422 or 503. Where the
//! machine lets us make no memory cgroup it says so and ends well: nothing was proven.

#![expect(clippy::print_stdout, reason = "its table is what this program is for")]
#![expect(clippy::indexing_slicing, reason = "a benchmark may stop at a mistake of its own; its Drop ends the server")]

mod cgroup;
#[path = "../peers/http.rs"]
mod http;
mod load;
mod questions;
mod serve;
mod tally;

use std::{error::Error, process::ExitCode, time::Duration};

/// What went wrong, in words.
type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What to measure.
struct Flags {
    budgets: Vec<String>,
    seconds: u64,
    /// Series of the fleet; by default what fits the budget.
    series: Option<usize>,
    keep_log: Option<String>,
    /// What goes on at once; empty for everything.
    only: Vec<String>,
}

impl Flags {
    fn from_arguments() -> Fallible<Self> {
        let mut flags = Self {
            budgets: ["128MiB", "256MiB", "1GiB"].map(str::to_owned).to_vec(),
            seconds: 60,
            series: None,
            keep_log: None,
            only: Vec::new(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{flag} needs a value"));
            match flag.as_str() {
                // Cargo adds it.
                "--bench" => {}
                "--memory" => flags.budgets = value()?.split(',').map(str::to_owned).collect(),
                "--seconds" => flags.seconds = value()?.parse()?,
                "--series" => flags.series = Some(value()?.parse()?),
                "--only" => flags.only = value()?.split(',').map(str::to_owned).collect(),
                "--keep-log" => flags.keep_log = Some(value()?),
                other => return Err(format!("unknown flag {other}").into()),
            }
        }
        Ok(flags)
    }
}

/// Bytes of a size such as `128MiB`.
fn bytes(text: &str) -> Fallible<u64> {
    let units = [("MiB", 20), ("GiB", 30)];
    let found = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)));
    let (number, shift) = found.ok_or_else(|| format!("{text:?} is no size in MiB or GiB"))?;
    Ok(number.parse::<u64>()? << shift)
}

/// Series that are loaded before everything goes on at once: 3 million with 1 GiB, 10 million with 4.
fn fleet_for(bytes: u64) -> usize {
    match bytes >> 20 {
        0..200 => 100_000,
        200..512 => 300_000,
        512..3_072 => 3_000_000,
        _ => 10_000_000,
    }
}

fn main() -> ExitCode {
    match Flags::from_arguments().and_then(|flags| prove(&flags)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("memory: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every budget was kept.
fn prove(flags: &Flags) -> Fallible<bool> {
    println!(
        "| memory | series | most memory of the process | OOM kills | requests by status |\n|---|--:|--:|--:|---|"
    );
    let mut kept = true;
    for budget in &flags.budgets {
        let limit = bytes(budget)?;
        let group = match cgroup::Group::new(limit) {
            Ok(group) => group,
            Err(error) => {
                println!("\nSKIPPED: no memory cgroup can be made here, so nothing was proven: {error}");
                return Ok(true);
            }
        };
        let series = flags.series.unwrap_or_else(|| fleet_for(limit));
        let scratch = tempfile::Builder::new().prefix("vctsdb-memory-").tempdir()?;
        let mut server = serve::Server::start(&group, budget, scratch.path())?;
        let tally = tally::Tally::default();
        let everything = load::Everything {
            address: &server.address,
            series,
            length: Duration::from_secs(flags.seconds),
            only: &flags.only,
        };
        let done = load::fleet(&server.address, series, &tally).and_then(|()| everything.go_on(&tally));
        let (alive, most, kills) = (server.is_alive(), server.most_memory(), group.kills()?);
        let most = most.map_or_else(|| "gone".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
        println!("| {budget} | {series} | {most} | {kills} | {tally} |");
        let trouble = [
            (kills > 0).then(|| "the kernel killed it".to_owned()),
            (!alive).then(|| format!("it ended: {}", server.log_end())),
            done.err().map(|error| error.to_string()),
            tally.unexpected(),
        ];
        for trouble in trouble.into_iter().flatten() {
            println!("\n**{budget} was not kept:** {trouble}\n");
            kept = false;
        }
        if let Some(path) = &flags.keep_log {
            std::fs::copy(scratch.path().join("log"), path)?;
        }
        server.stop();
    }
    Ok(kept)
}
