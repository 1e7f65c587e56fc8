//! PromQL test scripts: our own in `tests/data/promql`, and Prometheus' own where `PROMQLTEST_DIR` points to them.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use vctsdb::promql::{
    parse,
    script::{self, Report, ScriptOptions},
};

/// Names the folder with Prometheus' scripts (`promql/promqltest/testdata` of its sources).
const UPSTREAM: &str = "PROMQLTEST_DIR";

/// Upstream evaluations that answer otherwise here, and why. They are expected to stay that way: one that passes
/// should leave the list.
const KNOWN_DIFFERENCES: [(&str, usize, &str); 1] =
    [("aggregators.test", 481, "bytes of a string that are no UTF-8 become U+FFFD, and the error message shows that")];

fn scripts(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "test"));
    paths.sort();
    assert!(!paths.is_empty(), "no scripts in {}", folder.display());
    let name = |p: &Path| p.file_name().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|p| (name(p), fs::read_to_string(p).unwrap())).collect()
}

fn upstream() -> Option<PathBuf> {
    let folder = env::var_os(UPSTREAM).map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: {UPSTREAM} is not set, so Prometheus' own scripts were not run");
    }
    folder
}

fn run_all(folder: &Path) -> Vec<Report> {
    let options = ScriptOptions::default();
    let reports: Vec<Report> = scripts(folder).iter().map(|(name, text)| script::run(text, name, &options)).collect();
    let sum = |count: fn(&Report) -> usize| reports.iter().map(count).sum::<usize>();
    for report in &reports {
        println!("{report}");
        for annotation in &report.unsupported {
            println!("{}:{}: {}", report.name, annotation.line, annotation.message);
        }
    }
    let (passed, failed, unsupported) = (sum(|r| r.passed), sum(|r| r.failed.len()), sum(|r| r.unsupported.len()));
    println!("all of {}: {passed} passed, {failed} failed, {unsupported} unsupported", folder.display());
    reports
}

#[test]
fn our_scripts_answer_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/promql");
    for report in run_all(&folder) {
        assert!(report.failed.is_empty(), "{report}");
        assert!(report.unsupported.is_empty(), "{}: {:?}", report.name, report.unsupported);
        assert!(report.passed > 0, "{} evaluates nothing", report.name);
    }
}

#[test]
fn upstream_scripts_answer_as_written_where_supported() {
    let Some(folder) = upstream() else { return };
    let mut known = KNOWN_DIFFERENCES.to_vec();
    let mut failed = vec![];
    for report in run_all(&folder) {
        for annotation in &report.failed {
            match known.iter().position(|k| k.0 == report.name && k.1 == annotation.line) {
                Some(at) => println!("known: {}:{}: {}", report.name, annotation.line, known.remove(at).2),
                None => failed.push(format!("{}:{}", report.name, annotation.line)),
            }
        }
    }
    assert_eq!(failed, [""; 0], "see the lines above");
    assert_eq!(known, [], "these pass now");
}

#[test]
fn every_upstream_expression_parses_and_prints_to_itself() {
    let Some(folder) = upstream() else { return };
    let mut count = 0;
    for (name, text) in scripts(&folder) {
        for (line, expr, _) in script::expressions(&text) {
            let tree = parse(&expr).unwrap_or_else(|e| panic!("{name}:{line}: {expr}: {e}"));
            let printed = tree.to_string();
            let again = parse(&printed).unwrap_or_else(|e| panic!("{name}:{line}: {printed}: {e}"));
            assert_eq!(again.to_string(), printed, "{name}:{line}");
            count += 1;
        }
    }
    assert!(count > 1000, "only {count} expressions found in {}", folder.display());
}

/// Line numbers (from 0) of the expected series and scalars of a script.
fn expected_lines(text: &str) -> Vec<usize> {
    let mut inside = false;
    let mut lines = vec![];
    for (i, line) in text.lines().enumerate() {
        let word = line.split_whitespace().next().unwrap_or_default();
        match word {
            "eval" => inside = true,
            "" | "load" => inside = false,
            "expect" => {}
            _ if inside => lines.push(i),
            _ => {}
        }
    }
    lines
}

fn with_line(text: &str, at: usize, line: &str) -> String {
    let lines = text.lines().enumerate().map(|(i, old)| if i == at { line } else { old });
    lines.filter(|l| *l != "(drop)").collect::<Vec<_>>().join("\n")
}

#[test]
fn an_altered_or_missing_expectation_fails() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/promql");
    let options = ScriptOptions { variants: false, ..ScriptOptions::default() };
    let mut altered = 0;
    for (name, text) in scripts(&folder) {
        for at in expected_lines(&text) {
            let line = text.lines().nth(at).unwrap();
            let (before, last) = line.rsplit_once(' ').unwrap();
            let other = if last.ends_with(|c: char| c.is_ascii_digit()) { "-77" } else { "77" };
            for wrong in [format!("{before} {other}"), "(drop)".to_owned(), format!("{line} 1")] {
                let report = script::run(&with_line(&text, at, &wrong), &name, &options);
                // A scalar that is not expected any more leaves an expectation of no series.
                assert_eq!(report.failed.len(), 1, "{name}:{}: {line:?} as {wrong:?}: {report}", at + 1);
                altered += 1;
            }
        }
    }
    assert!(altered > 300, "only {altered} lines altered");
}
