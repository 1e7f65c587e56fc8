//! Runs PromQL test scripts in the syntax of Prometheus' own (`promqltest`), so that its scripts and ours say what is right.
//!
//! ```text
//! load 1m
//!   requests{job="a"} 0+10x10 stale
//!
//! eval instant at 10m rate(requests[5m])
//!   {job="a"} 0.16666666666666666
//! ```
//!
//! A line `requests{job="a"}@st -30sx11` before the values gives their start times (`starts`).
//!
//! `command` splits a script into commands, reading series (`series`) and native histograms (`histogram`) on the
//! way. `store` holds what was loaded and gives a [`MemorySelect`](crate::seams::select::MemorySelect);
//! `evaluate` asks the engine and `compare` holds the answer against what the script expects.
//!
//! As in Prometheus, an instant query is asked in several ways that must all give the same: by itself, as the middle
//! step of a range query, and with every selector pinned to the evaluation time by `@` while evaluated at other times.

mod command;
mod compare;
mod evaluate;
mod histogram;
mod nhcb;
mod pin;
mod series;
mod start_times;
mod store;

use std::fmt;

use super::{Engine, EngineOptions, Features};
use command::{Command, Outcome};

/// How scripts are run.
#[derive(Debug, Clone)]
pub struct ScriptOptions {
    /// The engine's options.
    pub engine: EngineOptions,
    /// Whether instant queries are also asked as range queries and with `@` on every selector.
    pub variants: bool,
}

impl Default for ScriptOptions {
    fn default() -> Self {
        // As Prometheus runs its own.
        let features = Features { type_and_unit_labels: false, ..Features::ALL };
        let engine = EngineOptions { features, ..EngineOptions::default() };
        Self { engine, variants: true }
    }
}

/// What came of a script.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The script's name.
    pub name: String,
    /// Evaluations that answered as expected.
    pub passed: usize,
    /// Commands that were wrong, or evaluations that answered otherwise.
    pub failed: Vec<Remark>,
    /// Evaluations that the engine can't do yet.
    pub unsupported: Vec<Remark>,
}

/// Something to say about a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The line, from 1.
    pub line: usize,
    /// What is to be said.
    pub message: String,
}

impl Report {
    /// How many evaluations there were.
    #[must_use]
    pub fn evaluations(&self) -> usize {
        self.passed + self.failed.len() + self.unsupported.len()
    }
}

/// One line of totals, then one line per failure.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, passed) = (&self.name, self.passed);
        write!(f, "{name}: {passed} passed, {} failed, {} unsupported", self.failed.len(), self.unsupported.len())?;
        for failure in &self.failed {
            write!(f, "\n{name}:{}: {}", failure.line, failure.message)?;
        }
        Ok(())
    }
}

/// What one evaluation came to.
enum Verdict {
    Passed,
    Failed(String),
    Unsupported(String),
}

/// Runs a script to its end, whatever fails on the way.
#[must_use]
pub fn run(text: &str, name: &str, options: &ScriptOptions) -> Report {
    let mut report = Report { name: name.to_owned(), ..Report::default() };
    let engine = Engine::new(options.engine.clone());
    let mut store = store::Store::default();
    for Command { line, outcome } in command::commands(text) {
        let verdict = match outcome {
            Ok(Outcome::Clear) => {
                store.clear();
                continue;
            }
            Ok(Outcome::Load(load)) => match store.load(&load) {
                Ok(()) => continue,
                Err(message) => Verdict::Failed(message),
            },
            Ok(Outcome::Eval(eval)) => evaluate::evaluate(&engine, store.select(), &eval, options.variants),
            Err(message) => Verdict::Failed(message),
        };
        match verdict {
            Verdict::Passed => report.passed += 1,
            Verdict::Failed(message) => report.failed.push(Remark { line, message }),
            Verdict::Unsupported(message) => report.unsupported.push(Remark { line, message }),
        }
    }
    report
}

/// The expressions that a script evaluates, with their lines and whether they are expected to fail.
#[must_use]
pub fn expressions(text: &str) -> Vec<(usize, String, bool)> {
    command::commands(text)
        .into_iter()
        .filter_map(|Command { line, outcome }| match outcome {
            Ok(Outcome::Eval(eval)) => Some((line, eval.expr, eval.fail.is_some())),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests;
