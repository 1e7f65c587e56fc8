//! `vctsdb verify`, `repair`, `backup` and `restore`, for a data directory that no server has open.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use hyper::{Method, body::Bytes};
use serde_json::Value;

use super::{
    Failure,
    client::{self, LoginArgs, ServerUrl},
    counted_disk::CountedDisk,
    progress::Progress,
    runtime,
    size::size,
    stderr,
};
use crate::{
    seams::env::{Disk, RealDisk, SystemClock},
    storage::{self, BackupReport, OpenError},
};

/// What to check.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The data directory, snapshot or backup.
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
}

/// What to repair.
#[derive(Debug, Args)]
pub(super) struct RepairArgs {
    /// The data directory.
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,

    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
}

/// What to copy, and where.
#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The data directory, or one of its snapshots.
    #[arg(value_name = "DIR")]
    from: PathBuf,

    /// The backup: a new directory, or that of an earlier backup, which then only gets what is new.
    #[arg(value_name = "TARGET")]
    to: PathBuf,

    /// The server that has DIR open: it is asked for a snapshot, which is copied and then removed. It must allow that:
    /// with --web.enable-admin-api, or to a login with the role backup.
    #[arg(long, env = "VCTSDB_SERVER", hide_env_values = true, value_name = "URL")]
    server: Option<String>,

    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    login: LoginArgs,
}

/// What to copy back, and where.
#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The backup.
    #[arg(value_name = "TARGET")]
    from: PathBuf,

    /// The data directory to make: empty, or not there yet.
    #[arg(value_name = "DIR")]
    to: PathBuf,

    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
}

fn disk(dir: &Path) -> Arc<dyn Disk> {
    Arc::new(RealDisk::new(dir.to_owned()))
}

/// The directory `dir`, all of which a command reads whose progress is shown.
fn read_whole(dir: &Path, progress: &Arc<Progress>) -> Arc<dyn Disk> {
    Arc::new(CountedDisk::new(dir, &storage::LIVE_DIRECTORIES, Arc::clone(progress)))
}

/// A directory that isn't one of ours is a wrong command line, everything else a failure.
fn refused(dir: &Path) -> impl FnOnce(OpenError) -> Failure {
    move |error| {
        let text = format!("{}: {error}", dir.display());
        if matches!(error, OpenError::NoData) { Failure::Usage(text) } else { Failure::Said(text) }
    }
}

fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Checks and reports.
pub(super) fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let dir = &args.dir;
    let progress = Arc::new(Progress::new("verifying", args.quiet));
    let seen = storage::verify(&read_whole(dir, &progress)).map_err(refused(dir))?;
    progress.end();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{}: {} with {}, {} with {}, {} with {}; {} read",
        dir.display(),
        count(seen.tables, "table", "tables"),
        count(seen.table_samples, "sample", "samples"),
        count(seen.segments, "index segment", "index segments"),
        count(seen.series, "series", "series"),
        count(seen.log_segments, "log segment", "log segments"),
        count(seen.log_samples, "sample", "samples"),
        size(seen.bytes),
    )?;
    for note in &seen.notes {
        writeln!(out, "note: {note}")?;
    }
    for finding in &seen.findings {
        writeln!(out, "DAMAGED {}: {}", finding.file, finding.what)?;
    }
    if seen.is_clean() {
        writeln!(out, "everything is as it was written")?;
        return Ok(out.flush()?);
    }
    out.flush()?;
    let places = count(seen.findings.len() as u64, "place is", "places are");
    Err(Failure::Said(format!("{places} damaged; `vctsdb repair {}` saves what can be saved", dir.display())))
}

/// Repairs and reports.
pub(super) fn repair(args: &RepairArgs) -> Result<(), Failure> {
    let dir = &args.dir;
    let progress = Arc::new(Progress::new("repairing", args.quiet));
    let told =
        storage::repair(&read_whole(dir, &progress), Arc::new(SystemClock), args.dry_run).map_err(refused(dir))?;
    progress.end();
    let mut out = std::io::stdout().lock();
    if told.is_empty() {
        writeln!(out, "{}: nothing is damaged, nothing was changed", dir.display())?;
        return Ok(out.flush()?);
    }
    let (did, lost) = if args.dry_run { ("would do", "would be lost") } else { ("done", "lost") };
    for what in &told.done {
        writeln!(out, "{did}: {what}")?;
    }
    for what in &told.lost {
        writeln!(out, "{lost}: {what}")?;
    }
    if told.lost.is_empty() {
        writeln!(out, "nothing {}", if args.dry_run { "would be lost" } else { "is lost" })?;
    }
    Ok(out.flush()?)
}

/// Copies files that the backup doesn't have yet.
pub(super) fn backup(args: &BackupArgs) -> Result<(), Failure> {
    let server = args.server.as_deref().map(|server| args.login.at(server)).transpose()?;
    let snapshot = server.as_ref().map(|server| ask_for_snapshot(server, &args.from)).transpose()?;
    let from = snapshot.as_deref().unwrap_or(&args.from);
    let progress = Arc::new(Progress::new("copying", args.quiet));
    let copied = storage::backup(&read_whole(from, &progress), &disk(&args.to));
    progress.end();
    if let (Some(server), Some(snapshot)) = (&server, &snapshot)
        && let Err(error) = delete_snapshot(server, snapshot)
    {
        stderr::say(&format!("vctsdb: the snapshot {} is still there: {error}", snapshot.display()));
    }
    let copied = copied.map_err(|error| {
        let running = matches!(&error, storage::BackupError::Source(OpenError::Locked));
        let hint = "\na running server's data is copied from a snapshot: add --server URL";
        Failure::Said(format!("{}: {error}{}", from.display(), if running { hint } else { "" }))
    })?;
    report(&copied, &args.to)
}

/// Asks the server for a snapshot of its data directory `dir`; returns the snapshot's path.
fn ask_for_snapshot(server: &ServerUrl, dir: &Path) -> Result<PathBuf, Failure> {
    let (status, body) = runtime()?.block_on(client::post(server, "/api/v1/admin/tsdb/snapshot", &[]))?;
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    if !status.is_success() {
        return Err(client::refused(server, status, &body));
    }
    let Some(name) = answer.pointer("/data/name").and_then(Value::as_str) else {
        return Err(Failure::Said(format!("{server}: {status}: no snapshot was made")));
    };
    let snapshot = dir.join("snapshots").join(name);
    if !snapshot.is_dir() {
        let (shown, dir) = (snapshot.display(), dir.display());
        return Err(Failure::Said(format!(
            "{server} made {name}, but {shown} is not there: is {dir} its data directory?"
        )));
    }
    Ok(snapshot)
}

/// Asks the server, whose files these are, to delete its snapshot at `path`.
fn delete_snapshot(server: &ServerUrl, path: &Path) -> Result<(), Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let target = format!("/api/v1/admin/tsdb/snapshots?name={name}");
    let answer = runtime()?.block_on(client::send(server, Method::DELETE, &target, &[], Bytes::new()))?;
    if answer.status.is_success() {
        return Ok(());
    }
    Err(client::refused(server, answer.status, &answer.body))
}

/// Copies a backup into a new data directory.
pub(super) fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let progress = Arc::new(Progress::new("checking and copying", args.quiet));
    // The backup is read twice: to check it, and to copy it.
    let from = read_whole(&args.from, &progress);
    progress.double();
    let copied = storage::restore(&from, &disk(&args.to));
    progress.end();
    let copied = copied.map_err(|error| Failure::Said(format!("restoring into {}: {error}", args.to.display())))?;
    report(&copied, &args.to)
}

fn report(copied: &BackupReport, to: &Path) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let files = count(copied.copied, "file", "files");
    writeln!(
        out,
        "{}: {files} copied ({}), {} there already, {} no longer needed",
        to.display(),
        size(copied.bytes),
        copied.kept,
        copied.removed
    )?;
    out.flush()?;
    if copied.damage.is_empty() {
        return Ok(());
    }
    let damage = copied.damage.join("\n  ");
    Err(Failure::Said(format!("the source is damaged, and so is its copy (see `vctsdb repair`):\n  {damage}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_not_there_is_a_wrong_command_line() {
        let dir = tempfile::tempdir().unwrap().path().join("nothing");
        assert!(matches!(verify(&VerifyArgs { dir: dir.clone(), quiet: true }), Err(Failure::Usage(_))));
        assert!(!dir.exists());
    }
}
