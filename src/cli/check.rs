//! `vctsdb check`: whether files are what the server would take.

use std::{io::Write, path::PathBuf};

use clap::{Args, Subcommand};

use super::Failure;
use crate::config::{ConfigFile, WebConfig};

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
}

/// Checks and reports.
pub(super) fn run(args: &CheckArgs) -> Result<(), Failure> {
    let (What::Config { files } | What::WebConfig { files }) = &args.what;
    let mut out = std::io::stdout().lock();
    let mut wrong = Vec::new();
    for path in files {
        let ignored = match &args.what {
            What::Config { .. } => ConfigFile::load(path).map(|config| config.ignored),
            What::WebConfig { .. } => WebConfig::load(path).map(|_| Vec::new()),
        };
        match ignored {
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
