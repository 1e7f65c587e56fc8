//! The command line: flags, subcommands, signals, exit codes.
//!
//! `serve`, or no subcommand, runs the server ([`serve`]); `query` is a client of a running one, [`import`] and [`export`] are
//! clients too or work on a data directory, [`maintenance`] checks, repairs and copies data directories, and `test`, `check`, `token`,
//! `password` and what is [`packed`] need neither. Exit codes are 0 when all went well, 1 when something failed, 2 when the
//! command line itself was wrong.

mod check;
mod client;
mod counted_disk;
mod export;
mod import;
mod logging;
mod login;
mod maintenance;
mod packed;
mod progress;
mod query;
mod serve;
mod size;
mod stderr;
mod test;
mod time;
mod web_config;

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
  vctsdb query --influxql 'SHOW MEASUREMENTS' --db telegraf
  vctsdb import old.jsonl.gz more.csv            store files in any format
  vctsdb export 'up' --start -1d -o up.jsonl.zst
  vctsdb check config prometheus.yml             check a configuration file
  vctsdb check ready                             whether the server is up
  vctsdb token grafana --role read               make a token for --web.config.file
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
    Query(query::QueryArgs),
    /// Store files of samples: JSON, CSV, InfluxDB's line protocol, the text that exporters speak.
    Import(import::ImportArgs),
    /// Write stored samples as JSON lines, a table, or text.
    Export(export::ExportArgs),
    /// Check every byte of a data directory that no server has open.
    Verify(maintenance::VerifyArgs),
    /// Save what can be saved of a damaged data directory; damaged files are kept in its quarantine/.
    Repair(maintenance::RepairArgs),
    /// Copy what is new in a data directory or snapshot to a backup.
    Backup(maintenance::BackupArgs),
    /// Make a data directory from a backup.
    Restore(maintenance::RestoreArgs),
    /// Check files before a server reads them, or whether a server is ready.
    Check(check::CheckArgs),
    /// Make a token for a web configuration file.
    Token(login::TokenArgs),
    /// Make a user's line for a web configuration file, from a password on standard input.
    Password(login::PasswordArgs),
    /// Run PromQL test scripts.
    Test(test::TestArgs),
    /// Print a script by which a shell completes commands and flags.
    Completions(packed::CompletionsArgs),
    /// Write manual pages.
    Man(packed::ManArgs),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// A sentence for the user, possibly of several lines.
    #[error("{0}")]
    Said(String),
    /// The command was given something that it can't work on.
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
        Some(Command::Import(flags)) => import::run(flags),
        Some(Command::Export(flags)) => export::run(flags),
        Some(Command::Verify(flags)) => maintenance::verify(flags),
        Some(Command::Repair(flags)) => maintenance::repair(flags),
        Some(Command::Backup(flags)) => maintenance::backup(flags),
        Some(Command::Restore(flags)) => maintenance::restore(flags),
        Some(Command::Check(flags)) => check::run(flags),
        Some(Command::Token(flags)) => login::token(flags),
        Some(Command::Password(flags)) => login::password(flags),
        Some(Command::Test(flags)) => test::run(flags),
        Some(Command::Completions(flags)) => packed::completions(flags, Cli::command()),
        Some(Command::Man(flags)) => packed::man(flags, Cli::command()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output has ended (`vctsdb query … | head`), which is no failure.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            stderr::say(&format!("vctsdb: {failure}"));
            if matches!(failure, Failure::Usage(_)) { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// The command line. An environment variable with an empty value, as `VCTSDB_MEMORY=${MEMORY:-}` leaves it, counts as not set.
fn command_line() -> CommandLine {
    without_empty_variables(Cli::command())
}

fn without_empty_variables(command: CommandLine) -> CommandLine {
    let is_empty = |arg: &Arg| arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    let heed = |arg: Arg| if is_empty(&arg) { arg.env(Resettable::Reset) } else { arg };
    command.mut_args(heed).mut_subcommands(without_empty_variables)
}

/// A thread for blocking work ends when it has been idle for so long: only then is memory returned that other threads freed of what
/// it had allocated.
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
        assert!(
            crate::config::Config::new(
                &cli.serve,
                &crate::config::ConfigFile::default(),
                crate::config::WebConfig::default()
            )
            .self_scrape
            .is_none()
        );
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
            &["check"],
            &["check", "config"],
            &["query", "up", "--end", "1"],
            &["query", "up", "--step", "1m"],
            &["query", "up", "--time", "1", "--start", "1", "--end", "2", "--step", "1"],
            &["query", "up", "-o", "xml"],
            &["query", "--influxql", "SHOW DATABASES", "--time", "1"],
            &["query", "up", "--db", "telegraf"],
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
