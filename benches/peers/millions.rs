//! Ten million series in one process. Peers are measured with a quarter of them, as we are, and with all of them only where
//! four times the memory they took is there.

use std::fs;

use crate::{
    Fallible,
    flags::{Flags, Part},
    report::Figure,
    serve::{Kind, Program},
    side_by_side,
};

/// Series that everybody is loaded with.
const EVERYBODY: usize = 2_500_000;
/// And those that fit.
const ALL: usize = 10_000_000;

/// Measures all programs and prints a report for each number of series.
pub(crate) fn measure(programs: &[&Program], flags: &Flags) -> Fallible<()> {
    // A server without load takes the same whatever else is measured.
    let parts = flags.parts.iter().copied().filter(|part| *part != Part::Idle).collect::<Vec<_>>();
    let of = |series| Flags { series: Some(series), parts: parts.clone(), ..flags.clone() };
    let report = side_by_side(programs, &of(EVERYBODY))?;
    report.print();
    let available = available_memory();
    let mut fitting = Vec::new();
    for program in programs {
        let most = [Figure::Peak, Figure::RecentPeak, Figure::QueryPeak, Figure::PeakAfterKill];
        let most = most.into_iter().filter_map(|figure| report.highest(program.kind, figure)).fold(0.0, f64::max);
        let needed = most * (ALL / EVERYBODY) as f64;
        if program.kind == Kind::Vctsdb || (most > 0.0 && needed < available) {
            fitting.push(*program);
        } else {
            println!(
                "{} is not loaded with {ALL} series: it took {most:.0} MiB with {EVERYBODY}, and of four times that only \
                 {available:.0} MiB are there.\n",
                program.kind.name()
            );
        }
    }
    side_by_side(&fitting, &of(ALL))?.print();
    Ok(())
}

/// Memory that a new process may use (MiB).
fn available_memory() -> f64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1_024.0
}
