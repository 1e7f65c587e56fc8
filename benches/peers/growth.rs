//! How costs grow with the number of series: the same load of 10,000, 100,000 and 1,000,000 of them, and the same questions.
//!
//! Each server is loaded and restarted in a fresh directory, as for the other parts. A question about one host touches as
//! many samples however many hosts there are, so its cost should stay; one about all hosts should cost ten times as much
//! with ten times the hosts.

use std::path::Path;

use crate::{
    Fallible,
    ask::{self, Phase},
    encode::Spool,
    flags::Flags,
    generate::Fleet,
    measure,
    queries::Query,
    questions,
    report::{self, Figure},
    run::{self, Found},
    serve::{Kind, Program},
};

/// Numbers of series.
const SERIES: [usize; 3] = [10_000, 100_000, 1_000_000];

/// What one server showed with one number of series.
struct Stage {
    kind: Kind,
    series: usize,
    /// CPU for a sample until all data is in its place (µs).
    cpu: f64,
    /// CPU of the fixed work beside the load.
    yardstick: f64,
    found: Found,
}

/// Measures all programs and prints the table.
pub(crate) fn measure(programs: &[Program], flags: &Flags, scratch: &Path) -> Fallible<()> {
    let questions = questions::of_growth();
    let mut stages = Vec::new();
    for series in SERIES {
        let fleet = Fleet::growing(series, flags.seed, measure::now_ms() - 60_000);
        let dir = tempfile::Builder::new().prefix("growth-").tempdir_in(scratch)?;
        eprintln!("growth: encoding {} samples of {series} series", fleet.samples());
        let spool = Spool::write(&fleet, &dir.path().join("requests"))?;
        for program in programs {
            eprintln!("growth: {} with {series} series", program.kind.name());
            match stage(program, series, &questions, (&fleet, &spool), dir.path()) {
                Ok(stage) => stages.push(stage),
                // What the others show is worth a table nevertheless.
                Err(error) => println!("{} with {series} series failed: {error}\n", program.kind.name()),
            }
        }
    }
    print(programs, &questions, &stages);
    Ok(())
}

fn stage(
    program: &Program,
    series: usize,
    questions: &[Query],
    (fleet, spool): (&Fleet, &Spool),
    dir: &Path,
) -> Fallible<Stage> {
    let dir = tempfile::Builder::new().prefix("server-").tempdir_in(dir)?;
    let mut found = Found::default();
    let server = run::ingest(program, fleet, spool, dir.path(), &mut found)?;
    let server = run::settle(program, fleet, server, 0.0, dir.path(), &mut found)?;
    found.answers.push((Phase::Settled, ask::all(program.kind, questions, fleet, &server)?));
    let figure = |figure| found.figure(figure).unwrap_or(f64::NAN);
    let (cpu, yardstick) = (1e6 / figure(Figure::IngestStopped), figure(Figure::Yardstick));
    Ok(Stage { kind: program.kind, series, cpu, yardstick, found })
}

fn print(programs: &[Program], questions: &[Query], stages: &[Stage]) {
    let counts: Vec<_> = SERIES.iter().map(usize::to_string).collect();
    let usual = report::median(stages.iter().map(|stage| stage.yardstick).collect()).unwrap_or(f64::NAN);
    println!("| series | {} |", counts.join(" | "));
    println!("|---|{}", "--:|".repeat(SERIES.len()));
    for program in programs {
        let name = program.kind.name();
        let row = |what: &str, digits: usize, number: &dyn Fn(&Stage) -> Option<f64>| {
            let of = |series: &usize| stages.iter().find(|s| s.kind == program.kind && s.series == *series);
            let show = |n: Option<f64>| n.map_or_else(|| "-".to_owned(), |n| format!("{n:.digits$}"));
            let cells: Vec<_> = SERIES.iter().map(|series| show(of(series).and_then(number))).collect();
            println!("| {name}: {} | {} |", what.replace('|', "\\|"), cells.join(" | "));
        };
        row("CPU for a sample, until stopped with all data in its place (µs)", 2, &|stage| Some(stage.cpu));
        row("likewise, at equal machine speed (µs)", 2, &|stage| Some(stage.cpu * usual / stage.yardstick));
        row("peak RSS during the load (MiB)", 0, &|stage| stage.found.figure(Figure::Peak));
        for (i, question) in questions.iter().enumerate() {
            let label = question.label();
            row(&format!("`{label}`, repeated (ms)"), 2, &|stage| {
                Some(stage.found.answered(Phase::Settled).get(i)?.repeated * 1e3)
            });
            row(&format!("`{label}`, CPU (ms)"), 3, &|stage| {
                Some(stage.found.answered(Phase::Settled).get(i)?.cpu * 1e3)
            });
        }
    }
    println!();
}
