//! One server's turn in a run.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    Fallible, answers,
    ask::{self, Answered, Phase},
    encode::Spool,
    flags::{Flags, Part},
    generate::{Fleet, Size},
    http::{self, escape},
    keep::Kept,
    load, measure,
    queries::Query,
    questions,
    report::Figure,
    serve::{Kind, Program, Server, eventually},
};

/// An idle server gets this many rounds of scrapes …
const IDLE_ROUNDS: usize = 10;
/// … so far apart.
const IDLE_PAUSE: Duration = Duration::from_secs(15);
/// The newest data is this old when questions about it begin: while it is being loaded it gets older, by more or less.
const RECENT_AGE: Duration = Duration::from_secs(180);
/// After a kill, a right answer is waited for this long.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// What one server showed in one run.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) figures: Vec<(Figure, f64)>,
    /// The parts of the settled directory.
    pub(crate) disk: String,
    /// Answers to all questions, of each time at which they were asked.
    pub(crate) answers: Vec<(Phase, Vec<Answered>)>,
}

impl Found {
    /// The figure, if it was measured.
    pub(crate) fn figure(&self, figure: Figure) -> Option<f64> {
        self.figures.iter().find(|(f, _)| *f == figure).map(|(_, value)| *value)
    }

    /// What was answered in a phase, question by question.
    pub(crate) fn answered(&self, phase: Phase) -> &[Answered] {
        self.answers.iter().find(|(asked, _)| *asked == phase).map_or(&[], |(_, answers)| answers)
    }
}

/// Everything that `flags` asks for, of one server, which may be the only one that is measured.
pub(crate) fn measure(
    program: &Program,
    flags: &Flags,
    (fleet, spool): (&Fleet, &Spool),
    kept: Option<&Kept>,
    alone: bool,
    scratch: &Path,
) -> Fallible<Found> {
    let mut found = Found::default();
    let questions = questions::of(flags);
    if let Some(kept) = kept {
        let server = settled_in(kept, program, fleet, spool, &mut found)?;
        found.answers.push((Phase::Settled, ask::all(program.kind, &questions, fleet, &server)?));
        server.stop()?;
        return Ok(found);
    }
    let asks = fleet.size != Size::Churn;
    if [Part::Ingest, Part::Recent, Part::Size, Part::Query].iter().any(|part| flags.wants(*part)) {
        let dir = tempfile::Builder::new().prefix("server-").tempdir_in(scratch)?;
        let server = ingest(program, fleet, spool, dir.path(), &mut found)?;
        let mut asked = 0.0;
        if flags.wants(Part::Recent) && asks {
            asked = ask_recent(program, &questions, fleet, &server, alone, &mut found)?;
        }
        if flags.wants(Part::Size) || flags.wants(Part::Query) {
            let server = settle(program, fleet, server, asked, dir.path(), &mut found)?;
            if flags.wants(Part::Query) && asks {
                found.answers.push((Phase::Settled, ask::all(program.kind, &questions, fleet, &server)?));
                found.figures.push((Figure::QueryPeak, measure::memory(server.pid())?.peak));
            }
        }
    }
    if flags.wants(Part::Restart) {
        let dir = tempfile::Builder::new().prefix("server-").tempdir_in(scratch)?;
        restart(program, fleet, spool, dir.path(), &mut found)?;
    }
    if flags.wants(Part::Idle) {
        let dir = tempfile::Builder::new().prefix("server-").tempdir_in(scratch)?;
        idle(program, flags, dir.path(), &mut found)?;
    }
    Ok(found)
}

/// A server over kept data, loaded and settled now if it wasn't before.
fn settled_in(kept: &Kept, program: &Program, fleet: &Fleet, spool: &Spool, found: &mut Found) -> Fallible<Server> {
    if let Some(dir) = kept.loaded(program.kind) {
        let server = program.start(&dir)?;
        if program.kind == Kind::VictoriaMetrics {
            // It has saved the answers of the last time.
            http::get(&server.address, "/internal/resetRollupResultCache")?;
        }
        measure::wait_idle(server.pid())?;
        return Ok(server);
    }
    let dir = kept.begin(program.kind)?;
    let server = ingest(program, fleet, spool, &dir, found)?;
    settle(program, fleet, server, 0.0, &dir, found)?.stop()?;
    program.start(&kept.finish(program.kind)?)
}

pub(crate) fn ingest(
    program: &Program,
    fleet: &Fleet,
    spool: &Spool,
    dir: &Path,
    found: &mut Found,
) -> Fallible<Server> {
    let server = program.start(dir)?;
    let before = measure::cpu_seconds(server.pid())?;
    let (loaded, yardstick) = measure::beside_yardstick(|| load::send(spool, &server.address));
    let loaded = loaded?;
    let cpu = measure::cpu_seconds(server.pid())? - before;
    let memory = measure::memory(server.pid())?;
    let settled = measure::wait_idle(server.pid())? - before;
    let samples = fleet.samples() as f64;
    found.figures.extend([
        (Figure::Yardstick, yardstick),
        (Figure::Ingest, samples / cpu),
        (Figure::IngestSettled, samples / settled),
        (Figure::Wall, samples / loaded.seconds),
        (Figure::P50, loaded.percentile(0.5)),
        (Figure::P99, loaded.percentile(0.99)),
        (Figure::Retries, loaded.retries as f64),
        (Figure::Peak, memory.peak),
        (Figure::Settled, measure::memory(server.pid())?.now),
    ]);
    Ok(server)
}

/// Asks while the newest data is in memory. Answers the CPU seconds of the server that this took.
fn ask_recent(
    program: &Program,
    questions: &[Query],
    fleet: &Fleet,
    server: &Server,
    alone: bool,
    found: &mut Found,
) -> Fallible<f64> {
    // Caches and merges go by age, so nobody's data is younger than another's.
    let age = || Duration::from_millis((measure::now_ms() - fleet.end).unsigned_abs());
    if !alone {
        std::thread::sleep(RECENT_AGE.saturating_sub(age()));
    }
    found.figures.push((Figure::Age, age().as_secs_f64()));
    let before = measure::cpu_seconds(server.pid())?;
    found.answers.push((Phase::Recent, ask::all(program.kind, questions, fleet, server)?));
    found.figures.push((Figure::RecentPeak, measure::memory(server.pid())?.peak));
    Ok(measure::cpu_seconds(server.pid())? - before)
}

/// Restarts the server gracefully, waits until nothing more happens to its files, and measures them. `asked` are the CPU
/// seconds that it took to answer questions.
pub(crate) fn settle(
    program: &Program,
    fleet: &Fleet,
    server: Server,
    asked: f64,
    dir: &Path,
    found: &mut Found,
) -> Fallible<Server> {
    found.figures.push((Figure::IngestStopped, fleet.samples() as f64 / (server.stop()? - asked)));
    let server = program.start(dir)?;
    if program.kind == Kind::VictoriaMetrics {
        http::get(&server.address, "/internal/force_merge")?;
        // It has saved the answers of the last time.
        http::get(&server.address, "/internal/resetRollupResultCache")?;
    }
    measure::wait_idle(server.pid())?;
    // VictoriaMetrics saves its caches when it stops; they are not what it needs to keep. Nor is our reserve for a full
    // disk, which has the same size whatever is stored.
    let spare = ["cache", "RESERVE"].map(|name| measure::disk_of(&server.data, name)).iter().sum::<u64>();
    let bytes = (measure::disk(&server.data) - spare) as f64;
    found.disk = measure::disk_parts(&server.data);
    found.figures.extend([
        (Figure::BytesPerSample, bytes / fleet.samples() as f64),
        (Figure::BytesPerSeries, bytes / fleet.series() as f64),
        (Figure::Restarted, measure::memory(server.pid())?.now),
    ]);
    Ok(server)
}

/// What a server uses that stores 1,000 series every 15 s.
fn idle(program: &Program, flags: &Flags, dir: &Path, found: &mut Found) -> Fallible<()> {
    let server = program.start(&dir.join("server"))?;
    let fleet = Fleet::new(Size::Tiny, None, flags.seed, measure::now_ms() + IDLE_ROUNDS as i64 * 15_000);
    let spool = Spool::write(&fleet, &dir.join("requests"))?;
    let rounds = fleet.rounds();
    // The first two tell the server of all series.
    let began = Instant::now();
    let mut before = 0.0;
    for round in 0..IDLE_ROUNDS {
        if round == 2 {
            before = measure::cpu_seconds(server.pid())?;
        }
        load::send_round(&spool, &server.address, rounds - IDLE_ROUNDS + round)?;
        std::thread::sleep((IDLE_PAUSE * (round as u32 + 1)).saturating_sub(began.elapsed()));
    }
    let seconds = IDLE_PAUSE.as_secs_f64() * (IDLE_ROUNDS - 2) as f64;
    found.figures.extend([
        (Figure::IdleCpu, (measure::cpu_seconds(server.pid())? - before) / seconds * 100.0),
        (Figure::IdleMemory, measure::memory(server.pid())?.now),
    ]);
    Ok(())
}

/// Loads, kills without warning, and measures how the server comes back.
fn restart(program: &Program, fleet: &Fleet, spool: &Spool, dir: &Path, found: &mut Found) -> Fallible<()> {
    let mut server = program.start(dir)?;
    load::send(spool, &server.address)?;
    let before = measure::memory(server.pid())?.peak;
    server.kill();
    let (metrics, everywhere) = fleet.metrics();
    let right = match fleet.size {
        // Pods that are alive, and those whose last sample is less than five minutes old.
        Size::Churn => 1.0,
        _ => fleet.hosts as f64,
    };
    let began = Instant::now();
    server = program.launch(dir)?;
    let instances = || count(&server.address, &format!("count({everywhere})"), fleet.end);
    // A server that has lost the last minutes never gives it; how much is missing says the rest.
    if eventually(ANSWER_LIMIT, || instances().is_ok_and(|n| n >= right)) {
        found.figures.push((Figure::FirstAnswer, began.elapsed().as_secs_f64()));
    }
    // VictoriaMetrics shows what it has replayed within a second or so.
    measure::wait_idle(server.pid())?;
    let range = (fleet.end - fleet.start()) / 60_000 + 10;
    let mut stored = 0.0;
    for metric in metrics {
        stored += count(&server.address, &format!("sum(count_over_time({metric}[{range}m]))"), fleet.end)?;
    }
    found.figures.extend([
        (Figure::Missing, fleet.samples() as f64 - stored),
        (Figure::PeakBeforeKill, before),
        (Figure::PeakAfterKill, measure::memory(server.pid())?.peak),
    ]);
    Ok(())
}

/// The number that an expression has at `time` (ms).
fn count(address: &str, expression: &str, time: i64) -> Fallible<f64> {
    let path = format!("/api/v1/query?query={}&time={}&nocache=1", escape(expression), time / 1_000);
    let response = http::get(address, &path)?;
    if response.status != 200 {
        return Err(format!("{expression}: status {}: {}", response.status, response.text()).into());
    }
    Ok(answers::read(&response.body)?.first().and_then(|(_, points)| points.first()).map_or(0.0, |(_, v)| *v))
}
