//! `vctsdb check`: whether files are what the server would take, and whether a server is ready.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use hyper::{Method, body::Bytes};

use super::{
    Failure,
    client::{self, ServerArgs},
    runtime,
};
use crate::config::{ConfigFile, ConfigFileError, WebConfig};

/// What to check.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Check web configuration files: users, tokens, headers.
    WebConfig {
        /// The files.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Check configuration files.
    Config {
        /// The files.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Check whether a server is up and takes requests, as containers' health checks do: exit code 0, or 1.
    Ready(ServerArgs),
}

/// Checks and reports.
pub(super) fn run(args: &CheckArgs) -> Result<(), Failure> {
    match &args.what {
        What::Config { files } => check(files, |path| ConfigFile::load(path).map(|config| config.ignored)),
        What::WebConfig { files } => check(files, |path| WebConfig::load(path).map(|_| Vec::new())),
        What::Ready(server) => ready(server),
    }
}

/// Checks `files` by `load`, which gives the sections that are ignored and their lines.
fn check(
    files: &[PathBuf],
    load: impl Fn(&Path) -> Result<Vec<(String, usize)>, ConfigFileError>,
) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let mut wrong = Vec::new();
    for path in files {
        match load(path) {
            Ok(ignored) => {
                for (section, line) in &ignored {
                    writeln!(out, "{}:{line}: {section} means nothing to vctsdb and is ignored", path.display())?;
                }
                writeln!(out, "{}: fine", path.display())?;
            }
            Err(error) => wrong.push(error.to_string()),
        }
    }
    out.flush()?;
    if wrong.is_empty() { Ok(()) } else { Err(Failure::Said(wrong.join("\n"))) }
}

fn ready(server: &ServerArgs) -> Result<(), Failure> {
    let server = server.url()?;
    let answer = runtime()?.block_on(client::send(&server, Method::GET, "/-/ready", &[], Bytes::new()))?;
    if answer.status.is_success() {
        writeln!(std::io::stdout().lock(), "{server}: ready")?;
        return Ok(());
    }
    Err(client::refused(&server, answer.status, &answer.body))
}
