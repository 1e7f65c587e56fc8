//! What to measure.

use std::path::PathBuf;

use crate::{Fallible, generate::Size};

/// A part of the measurement that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Ingest,
    /// Questions right after the load, while the newest data is in memory.
    Recent,
    Size,
    Restart,
    Query,
    Idle,
    /// Only when it is asked for: it takes long.
    Growth,
    /// Only when it is asked for: it has its own load.
    Formats,
}

/// The command line.
#[derive(Debug, Clone)]
pub(crate) struct Flags {
    pub(crate) size: Size,
    /// How much time the load covers, where the size should not say.
    pub(crate) hours: Option<u32>,
    /// How many series, where the size should not say.
    pub(crate) series: Option<usize>,
    pub(crate) parts: Vec<Part>,
    pub(crate) runs: usize,
    pub(crate) seed: u64,
    /// Where loaded data stays, to be asked again without loading.
    pub(crate) keep: Option<PathBuf>,
    /// Only questions with this text are asked.
    pub(crate) question: String,
}

impl Flags {
    /// Reads the arguments; `--bench`, which cargo adds, means nothing here.
    pub(crate) fn from_arguments() -> Fallible<Self> {
        let all = vec![Part::Ingest, Part::Recent, Part::Size, Part::Restart, Part::Query, Part::Idle];
        let (keep, question) = (None, String::new());
        let mut flags =
            Self { size: Size::Small, hours: None, series: None, parts: all, runs: 1, seed: 1, keep, question };
        let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.to_owned()),
                None => {
                    let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
                    (argument, value)
                }
            };
            match name.as_str() {
                "--size" => flags.size = Size::parse(&value)?,
                "--hours" => flags.hours = Some(value.parse::<u32>()?.clamp(1, 1_000)),
                "--series" => flags.series = Some(value.parse::<usize>()?.clamp(1_000, 100_000_000)),
                "--only" => flags.parts = value.split(',').map(part).collect::<Fallible<_>>()?,
                "--runs" => flags.runs = value.parse::<usize>()?.clamp(1, 20),
                "--seed" => flags.seed = value.parse()?,
                "--keep" => flags.keep = Some(std::path::absolute(value)?),
                "--question" => flags.question = value,
                _ => {
                    let known = "--size, --hours, --series, --only, --runs, --seed, --keep or --question";
                    return Err(format!("{name}: expected {known}").into());
                }
            }
        }
        Ok(flags)
    }

    /// Whether `part` is wanted.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }
}

fn part(name: &str) -> Fallible<Part> {
    match name {
        "ingest" => Ok(Part::Ingest),
        "recent" => Ok(Part::Recent),
        "size" => Ok(Part::Size),
        "restart" => Ok(Part::Restart),
        "query" => Ok(Part::Query),
        "idle" => Ok(Part::Idle),
        "growth" => Ok(Part::Growth),
        "formats" => Ok(Part::Formats),
        _ => {
            let known = "ingest, recent, size, restart, query, idle, growth or formats";
            Err(format!("--only {name}: expected {known}").into())
        }
    }
}
