//! `vctsdb import FILE…`: files in any format, into a running server or straight into a data directory.
//!
//! Files are read here ([`source`]) and taken apart by [`ingest`](crate::ingest), part by part; a part goes to a server
//! ([`remote`]), to a store that this process opened, or nowhere. [`checkpoint`] remembers how far a file has come.

mod checkpoint;
mod file;
mod remote;
mod source;
mod target;

use std::{collections::VecDeque, io::Write, num::NonZeroUsize, path::PathBuf};

use clap::{Args, ValueEnum};
use parking_lot::Mutex;

use self::{
    file::{FileImport, Outcome},
    source::Identity,
    target::Target,
};
use super::{Failure, client::ServerArgs, progress::Progress, runtime};
use crate::{
    config::{Bytes, parse_memory},
    ingest::{Declared, FORMATS, Format, OnError, Unit, format_named},
};

/// What becomes of the rest when a record is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnFault {
    /// Store nothing of its part nor of what follows.
    Refuse,
    /// Store everything else.
    Skip,
}

/// What to import, and where.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The files, compressed with gzip or zstd or not; - is standard input. Their format is found out.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// The format of all files, instead of finding it out: json, influx, prometheus or csv.
    #[arg(long, value_name = "NAME", value_parser = format)]
    format: Option<&'static str>,

    #[command(flatten)]
    server: ServerArgs,

    /// Write straight into this data directory, which no server has open; made if it isn't there.
    #[arg(long, value_name = "DIR")]
    offline: Option<PathBuf>,

    /// With --offline: memory to plan with [default: as a server].
    #[arg(long, value_name = "BYTES", requires = "offline", value_parser = parse_memory)]
    memory: Option<Bytes>,

    /// Only say what would be stored.
    #[arg(long)]
    dry_run: bool,

    /// The unit of times, where the format has another one: s, ms, us or ns.
    #[arg(long, value_name = "UNIT", value_parser = unit)]
    unit: Option<Unit>,

    /// What becomes of the rest when a record is wrong. Its part, and all that follows, is some megabytes.
    #[arg(long, value_enum, default_value = "refuse", value_name = "WHAT")]
    on_error: OnFault,

    /// Times before 2000 and after 2200 are meant so.
    #[arg(long)]
    allow_old: bool,

    /// A label that each series gets, in place of its own of the same name; may be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    extra_label: Vec<(String, String)>,

    /// A parameter of the format's own, as its URL has it: format=… of a table, db=… and precision=… of line protocol.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    parameter: Vec<(String, String)>,

    /// How many files are read at once [default: as many as there are processors].
    #[arg(long, value_name = "COUNT")]
    jobs: Option<NonZeroUsize>,

    /// Begin anew where an import of the same file to the same place was interrupted. How far it came stands in
    /// FILE.vctsdb-import until all of it is stored.
    #[arg(long)]
    restart: bool,

    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
}

fn format(name: &str) -> Result<&'static str, String> {
    let names = || FORMATS.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
    format_named(name).map(Format::name).ok_or_else(|| format!("the formats are {}", names()))
}

fn unit(name: &str) -> Result<Unit, String> {
    Unit::named(name).ok_or_else(|| "expected s, ms, us or ns".to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| "expected NAME=VALUE".to_owned())?;
    Ok((name.to_owned(), value.to_owned()))
}

impl ImportArgs {
    fn declared(&self) -> Declared {
        Declared {
            unit: self.unit,
            allow_old: self.allow_old,
            on_error: if self.on_error == OnFault::Skip { OnError::Skip } else { OnError::Refuse },
            extra_labels: self.extra_label.clone(),
            parameters: self.parameter.clone(),
            ..Declared::default()
        }
    }

    /// What has to be the same for an import to go on where it was interrupted, beside the target.
    fn how(&self) -> String {
        let pairs =
            |all: &[(String, String)]| all.iter().map(|(name, value)| format!(" {name}={value}")).collect::<String>();
        let unit = self.unit.map_or(0, Unit::per_second);
        let format = self.format.unwrap_or_default();
        let (skip, old) = (self.on_error == OnFault::Skip, self.allow_old);
        format!(
            "format={format} unit={unit} skip={skip} old={old}{};{}",
            pairs(&self.extra_label),
            pairs(&self.parameter)
        )
    }
}

/// Imports, and tells what was stored.
pub(super) fn run(args: &ImportArgs) -> Result<(), Failure> {
    let runtime = runtime()?;
    let jobs =
        args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, NonZeroUsize::get), NonZeroUsize::get);
    let jobs = jobs.min(args.files.len());
    let mut identities = Vec::new();
    for file in &args.files {
        let identity = Identity::of(file).map_err(|error| Failure::Said(format!("{}: {error}", file.display())))?;
        identities.push(identity);
    }
    let target = Target::open(args, jobs)?;
    let progress = Progress::new(if args.dry_run { "reading" } else { "importing" }, args.quiet);
    // How much is left isn't known where standard input is among them.
    let total: Option<u64> = identities.iter().map(|identity| identity.map(|identity| identity.bytes)).sum();
    progress.total(total.unwrap_or_default());
    let (waiting, outcomes) =
        (Mutex::new(args.files.iter().zip(&identities).enumerate().collect::<VecDeque<_>>()), Mutex::new(Vec::new()));
    let take = || waiting.lock().pop_front();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some((number, (file, identity))) = take() {
                    let import = FileImport { args, file, identity: *identity, target: &target, progress: &progress };
                    let outcome = runtime.block_on(import.run());
                    outcomes.lock().push((number, outcome));
                }
            });
        }
    });
    progress.end();
    let closed = target.close();
    let mut outcomes = outcomes.into_inner();
    outcomes.sort_by_key(|(number, _)| *number);
    tell(args, outcomes.into_iter().map(|(_, outcome)| outcome).collect())?;
    closed
}

/// Tells what became of each file.
fn tell(args: &ImportArgs, outcomes: Vec<Outcome>) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let stored = if args.dry_run { "would be stored" } else { "stored" };
    for (file, outcome) in args.files.iter().zip(&outcomes) {
        let imported = &outcome.imported;
        write!(out, "{}: {} samples {stored}", file.display(), imported.samples)?;
        for (count, what) in [
            (imported.exemplars, "exemplars"),
            (imported.metadata, "descriptions of metrics"),
            (imported.texts, "texts left out"),
            (imported.rounded, "values rounded"),
            (outcome.skipped, "records skipped"),
        ] {
            if count > 0 {
                write!(out, ", {count} {what}")?;
            }
        }
        writeln!(out)?;
        if let Some(guessed) = &outcome.guessed {
            writeln!(out, "  {guessed}")?;
        }
    }
    out.flush()?;
    let failed = outcomes.iter().filter(|outcome| outcome.failed).count();
    let skipped: u64 = outcomes.iter().map(|outcome| outcome.skipped).sum();
    match (failed, skipped) {
        (0, 0) => Ok(()),
        (0, skipped) => Err(Failure::Said(format!("{skipped} records were wrong and left out"))),
        (failed, _) => Err(Failure::Said(format!("{failed} of {} files: not imported to the end", outcomes.len()))),
    }
}
