//! `vctsdb completions` and `vctsdb man`: what packages install beside the program, made from its own command line.

use std::{fs, io::Write, path::PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;

use super::Failure;

/// The shell to complete for.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell: its script is printed.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Where the manual pages go.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// A directory, made if it isn't there: vctsdb.1, and a page for each command.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Prints the script by which a shell completes our commands and flags.
pub(super) fn completions(args: &CompletionsArgs, mut command: Command) -> Result<(), Failure> {
    // The script is made whole before any of it is printed, as the crate panics when it can't write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "vctsdb", &mut script);
    let mut out = std::io::stdout().lock();
    out.write_all(&script)?;
    Ok(out.flush()?)
}

/// Writes the manual pages.
pub(super) fn man(args: &ManArgs, command: Command) -> Result<(), Failure> {
    let failed = |error| Failure::Said(format!("{}: {error}", args.dir.display()));
    fs::create_dir_all(&args.dir).map_err(failed)?;
    clap_mangen::generate_to(command.disable_help_subcommand(true), &args.dir).map_err(failed)
}
