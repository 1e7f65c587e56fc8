//! `vctsdb test FILES...`: runs PromQL test scripts, each on an empty store in memory.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;

use super::Failure;
use crate::promql::script::{self, Remark, Report, ScriptOptions};

/// Which scripts to run.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// Scripts in the syntax of Prometheus' promqltest; of a folder, all that end in .test.
    #[arg(value_name = "FILES", required = true)]
    files: Vec<PathBuf>,

    /// Don't also ask each instant query as a range query and with `@` on every selector.
    #[arg(long)]
    once: bool,
}

/// Runs the scripts and prints what came of each. Fails when an evaluation did.
pub(super) fn run(args: &TestArgs) -> Result<(), Failure> {
    let options = ScriptOptions { variants: !args.once, ..ScriptOptions::default() };
    let mut out = std::io::stdout().lock();
    let (mut passed, mut wrong) = (0, 0);
    for file in files(&args.files)? {
        let text = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, &error))?;
        let report = script::run(&text, &file.to_string_lossy(), &options);
        if report.evaluations() == 0 {
            return Err(Failure::Said(format!("{}: it evaluates nothing", file.display())));
        }
        print(&mut out, &report)?;
        passed += report.passed;
        wrong += report.failed.len() + report.unsupported.len();
    }
    writeln!(out, "{passed} passed, {wrong} failed")?;
    match wrong {
        0 => Ok(()),
        1 => Err(Failure::Said("one evaluation failed".to_owned())),
        n => Err(Failure::Said(format!("{n} evaluations failed"))),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Said(format!("{}: {error}", path.display()))
}

/// The files, in place of each folder the scripts inside by name.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        if !path.is_dir() {
            all.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = entries.map_err(|error| unreadable(path, &error))?;
        let mut scripts: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        scripts.retain(|script| script.extension().is_some_and(|extension| extension == "test"));
        if scripts.is_empty() {
            return Err(Failure::Said(format!("{}: no file in it ends in .test", path.display())));
        }
        scripts.sort();
        all.append(&mut scripts);
    }
    Ok(all)
}

/// A line for the script, and one for each evaluation that didn't pass.
fn print(out: &mut impl Write, report: &Report) -> std::io::Result<()> {
    let name = &report.name;
    let verdict = if report.failed.is_empty() && report.unsupported.is_empty() { "ok" } else { "FAILED" };
    writeln!(out, "{verdict}  {name}: {} of {} passed", report.passed, report.evaluations())?;
    for Remark { line, message } in report.failed.iter().chain(&report.unsupported) {
        // Further lines of a message belong to it.
        writeln!(out, "  {name}:{line}: {}", message.replace('\n', "\n    "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(script: &str) -> Result<(), Failure> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("one.test"), script).unwrap();
        run(&TestArgs { files: vec![dir.path().to_owned()], once: false })
    }

    const SCRIPT: &str = "load 1m\n  x 1 2 3\n\neval instant at 1m x\n  x 2\n";

    #[test]
    fn a_right_script_passes_and_a_wrong_one_fails() {
        assert!(outcome(SCRIPT).is_ok());
        let failure = outcome(&SCRIPT.replace("  x 2\n", "  x 3\n")).unwrap_err();
        assert_eq!(failure.to_string(), "one evaluation failed");
        assert!(outcome("load 1m\n  x\x00\n").is_err());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let missing = run(&TestArgs { files: vec!["/no/such.test".into()], once: false }).unwrap_err();
        assert!(missing.to_string().starts_with("/no/such.test: "), "{missing}");
        let empty = tempfile::tempdir().unwrap();
        let error = run(&TestArgs { files: vec![empty.path().to_owned()], once: false }).unwrap_err();
        assert!(error.to_string().ends_with("no file in it ends in .test"), "{error}");
    }

    #[test]
    fn the_report_names_file_and_line() {
        let report = script::run(&SCRIPT.replace("  x 2\n", "  x 3\n"), "one.test", &ScriptOptions::default());
        let mut out = Vec::new();
        print(&mut out, &report).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("FAILED  one.test: 0 of 1 passed\n  one.test:4: x: "), "{text}");
    }
}
