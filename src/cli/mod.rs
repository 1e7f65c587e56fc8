//! The command line: flags, subcommands, signals, exit codes.
//!
//! `serve`, or no subcommand, runs the server ([`serve`]); `query` is a client of a running one, [`care`] looks after data
//! directories, and `test` needs neither. Exit codes are 0 when all went well, 1 when something failed, 2 when the
//! command line itself was wrong.

mod absence;
mod care;
mod client;
mod logs;
mod output;
mod plan;
mod query;
mod serve;
mod table;
mod test;
mod when;

use std::{process::ExitCode, time::Duration};

use clap::{Arg, Command as CommandLine, CommandFactory, FromArgMatches, Parser, Subcommand, builder::Resettable};

use crate::config::Flags;

const EXAMPLES: &str = "\
Examples:
  vctsdb                                         serve on 127.0.0.1:9201, data in ./data
  vctsdb serve --data-dir /var/lib/vctsdb --listen :9201
  vctsdb query 'rate(http_requests_total[5m])'   ask the running server
  vctsdb verify ./data                           check every byte (not while a server runs on it)
  vctsdb backup ./data /backup --server http://127.0.0.1:9201
  vctsdb query up --start -1h --step 5m
  vctsdb test rules.test                         run PromQL test scripts

Prometheus sends to it with:
  remote_write:
    - url: http://127.0.0.1:9201/api/v1/write

Exit codes: 0 all went well, 1 something failed, 2 wrong usage.";

/// A home for Prometheus data on one machine: remote write in, PromQL and remote read out.
///
/// Without a command it serves.
#[derive(Debug, Parser)]
#[command(name = "vctsdb", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve, as without a command.
    Serve(Box<Flags>),
    /// Ask a running server a PromQL question.
    Query(query::QueryFlags),
    /// Check every byte of a data directory that no server has open.
    Verify(care::VerifyFlags),
    /// Save what can be saved of a damaged data directory; damaged files are kept in its quarantine/.
    Repair(care::RepairFlags),
    /// Copy what is new in a data directory or snapshot to a backup.
    Backup(care::BackupFlags),
    /// Make a data directory from a backup.
    Restore(care::RestoreFlags),
    /// Run PromQL test scripts.
    Test(test::TestFlags),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// A sentence for the user, possibly of several lines.
    #[error("{0}")]
    Said(String),
    /// The command was given something that it can't be meant for.
    #[error("{0}")]
    Usage(String),
    /// Writing the answer failed.
    #[error("writing the output failed: {0}")]
    Output(#[from] std::io::Error),
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    // Wrong usage ends here, with exit code 2 and a message that points at it.
    let cli = Cli::from_arg_matches(&command_line().get_matches()).unwrap_or_else(|error| error.exit());
    let done = match &cli.command {
        None => serve::run(&cli.serve),
        Some(Command::Serve(flags)) => serve::run(flags),
        Some(Command::Query(flags)) => query::run(flags),
        Some(Command::Verify(flags)) => care::verify(flags),
        Some(Command::Repair(flags)) => care::repair(flags),
        Some(Command::Backup(flags)) => care::backup(flags),
        Some(Command::Restore(flags)) => care::restore(flags),
        Some(Command::Test(flags)) => test::run(flags),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has seen enough (`vctsdb query … | head`): no failure of ours.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            output::say(&format!("vctsdb: {failure}"));
            if matches!(failure, Failure::Usage(_)) { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// What may be on the command line. A variable without a value, as `VCTSDB_MEMORY=${MEMORY:-}` leaves it, is one that isn't set.
fn command_line() -> CommandLine {
    heeding_values(Cli::command())
}

fn heeding_values(command: CommandLine) -> CommandLine {
    let is_empty = |arg: &Arg| arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    let heed = |arg: Arg| if is_empty(&arg) { arg.env(Resettable::Reset) } else { arg };
    command.mut_args(heed).mut_subcommands(heeding_values)
}

/// A thread for blocking work that is idle for so long ends: what others free of its memory comes back only then.
const IDLE_THREAD: Duration = Duration::from_millis(500);

/// A runtime for a command.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_keep_alive(IDLE_THREAD)
        .build()
        .map_err(|error| Failure::Said(format!("starting threads failed: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_a_variable_of_its_own_name() {
        for arg in Cli::command().get_arguments() {
            let Some(long) = arg.get_long().filter(|long| !["help", "version"].contains(long)) else { continue };
            let variable = format!("VCTSDB_{}", long.to_uppercase().replace(['-', '.'], "_"));
            assert_eq!(arg.get_env().and_then(|env| env.to_str()), Some(variable.as_str()), "--{long}");
        }
    }

    #[test]
    fn no_subcommand_means_serving() {
        let cli = Cli::try_parse_from(["vctsdb", "--listen", "127.0.0.1:0", "--self-scrape.interval", "off"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.http.listen.to_string(), "127.0.0.1:0");
        assert!(crate::config::Config::new(&cli.serve).self_scrape.is_none());
    }

    #[test]
    fn wrong_usage_is_refused() {
        for args in [
            &["--query.timeout", "0"][..],
            &["--query.timeout", "soon"],
            &["--query.max-concurrency", "0"],
            &["--memory", "1KB"],
            &["--no-such-flag"],
            &["--listen", "127.0.0.1:port"],
            &["serve", "--listen", ""],
            &["query"],
            &["test"],
            &["query", "up", "--end", "1"],
            &["query", "up", "--step", "1m"],
            &["query", "up", "--time", "1", "--start", "1", "--end", "2", "--step", "1"],
            &["query", "up", "-o", "xml"],
            &["verify"],
            &["repair", "--dry-run"],
            &["backup", "data"],
            &["restore", "backup"],
        ] {
            let refused = Cli::try_parse_from(["vctsdb"].iter().chain(args)).unwrap_err();
            assert_eq!(refused.exit_code(), 2, "{args:?}");
        }
    }
}
