//! Asking: each question cold, repeated, and as it is refreshed.

use std::time::{Duration, Instant};

use crate::{
    Fallible,
    answers::{self, Answer},
    generate::Fleet,
    http::Connection,
    measure,
    queries::Query,
    serve::{Kind, Server},
};

/// Asked at least this often after the first, cold time …
const REPEATS: usize = 5;
/// … and until it has taken this long together: quick answers need many to tell them apart.
const REPEAT_FOR: Duration = Duration::from_millis(100);
/// Repeating a question ends when it has taken this long.
const REPEAT_LIMIT: Duration = Duration::from_secs(10);

/// When questions are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// After the load, before any restart.
    Recent,
    /// After a restart, once nothing more happens to the files.
    Settled,
}

impl Phase {
    pub(crate) const ALL: [Self; 2] = [Self::Recent, Self::Settled];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Recent => "the newest data in memory",
            Self::Settled => "settled data",
        }
    }
}

/// One question's latencies (s) and answer.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) cold: f64,
    pub(crate) repeated: f64,
    /// Of what is refreshed.
    pub(crate) refreshed: Option<f64>,
    /// CPU seconds of the server for one of the repeated ones.
    pub(crate) cpu: f64,
    pub(crate) answer: Result<Answer, String>,
}

/// Asks everything, one after the other.
pub(crate) fn all(kind: Kind, questions: &[Query], fleet: &Fleet, server: &Server) -> Fallible<Vec<Answered>> {
    let mut connection = Connection::open(&server.address)?;
    let mut all = Vec::new();
    for query in questions {
        let answered = match one(&mut connection, kind, query, fleet, server) {
            Ok(answered) => answered,
            Err(error) => {
                // It closed the connection or took minutes; others may still be answered.
                connection = Connection::open(&server.address)?;
                let answer = Err(error.to_string());
                Answered { cold: f64::NAN, repeated: f64::NAN, refreshed: None, cpu: f64::NAN, answer }
            }
        };
        all.push(answered);
    }
    Ok(all)
}

fn one(connection: &mut Connection, kind: Kind, query: &Query, fleet: &Fleet, server: &Server) -> Fallible<Answered> {
    let path = format!("{}{}", query.path(fleet), kind.uncached());
    let mut time = || -> Fallible<_> {
        let began = Instant::now();
        let response = connection.get(&path)?;
        Ok((began.elapsed().as_secs_f64(), response))
    };
    let (cold, response) = time()?;
    let (mut repeated, cpu) = measure::cpu_of(server.pid(), || {
        let (mut repeated, mut took) = (Vec::new(), 0.0);
        while (repeated.len() < REPEATS && took < REPEAT_LIMIT.as_secs_f64()) || took < REPEAT_FOR.as_secs_f64() {
            repeated.push(time()?.0);
            took = repeated.iter().sum();
        }
        Ok(repeated)
    })?;
    let cpu = cpu / repeated.len() as f64;
    repeated.sort_by(f64::total_cmp);
    let refreshed = refresh(connection, query, fleet)?;
    let answer = match response.status {
        200 => answers::read(&response.body)
            .map(|answer| answers::since(fleet.end as f64 / 1e3, answer))
            .map_err(|e| e.to_string()),
        status => Err(format!("status {status}: {}", response.text())),
    };
    Ok(Answered { cold, repeated: repeated[repeated.len() / 2], refreshed, cpu, answer })
}

/// Asks as a dashboard that is refreshed or a rule that is evaluated does, caches on: the same expression, a step further
/// each time. The first time fills the caches.
fn refresh(connection: &mut Connection, query: &Query, fleet: &Fleet) -> Fallible<Option<f64>> {
    let mut seconds = Vec::new();
    for late in (0..=REPEATS).rev() {
        let Some(path) = query.refreshed(fleet, late as i64) else { return Ok(None) };
        let began = Instant::now();
        connection.get(&path)?;
        seconds.push(began.elapsed().as_secs_f64());
        if seconds.len() > 1 && seconds.iter().sum::<f64>() > REPEAT_LIMIT.as_secs_f64() {
            break;
        }
    }
    seconds.remove(0);
    seconds.sort_by(f64::total_cmp);
    Ok(Some(seconds[seconds.len() / 2]))
}
