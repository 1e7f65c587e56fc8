//! `/query`: InfluxQL.
//!
//! All statements of a request are read before the first is done: one that is none means 400 for all. From then on the answer is 200,
//! and what fails says so in its own result; those behind it are not done.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use hyper::{Method, Request, StatusCode, body::Incoming, header::ACCEPT};

use super::{
    answer::{Csv, Epoch, Json, Layout, Writer},
    is_from_page,
};
use crate::{
    influxql::{Answer, Database, Limits, Params, QueryError, Schema, Series, Statement, Task, Value, Watched, parse},
    ingest::UNLABELED_DATABASE,
    promql::{Cancel, SAMPLE_BYTES, Until, parse_duration},
    seams::{
        append::Batch,
        interrupt::{Interrupt, Interrupted},
    },
    server::{
        Response, ServerState, Stores,
        access::{Login, Role},
        admission::Deadline,
        discard,
        error::ApiError,
        queries::QueryParams,
        routes::{status::limit_flag, table::Call},
        streaming::{Sink, StreamError, stream},
    },
};

/// At most so many databases are created, with names of at most so many bytes.
const MAX_NAMES: usize = 1_000;
const MAX_NAME_BYTES: usize = 255;
/// Rows of a chunk unless the request says otherwise.
const CHUNK: usize = 10_000;
/// Pauses of a query that waits for memory.
const LEAST_PAUSE: Duration = Duration::from_millis(5);
const MOST_PAUSE: Duration = Duration::from_millis(100);
/// A query that is out of time says so itself, within this.
const GRACE: Duration = Duration::from_secs(5);

/// Refuses Flux, which comes by a path of its own.
pub(crate) async fn flux(request: Request<Incoming>) -> Result<Response, ApiError> {
    discard(request.into_body()).await;
    let why = "Flux is not answered here: use InfluxQL at /query, or PromQL at /api/v1/query";
    Err(ApiError::Plain(StatusCode::FORBIDDEN, why.to_owned()))
}

/// Answers the statements of a request.
pub(crate) async fn query(call: Call<'_>, state: &Arc<ServerState>) -> Result<Response, ApiError> {
    let Call { head, params, context, .. } = call;
    let bad = |why: String| ApiError::Plain(StatusCode::BAD_REQUEST, why);
    let text = params.get("q").to_owned();
    if text.is_empty() {
        return Err(bad("missing required parameter \"q\"".to_owned()));
    }
    let bound = match params.get("params") {
        "" => Params::default(),
        json => Params::of_json(json).map_err(|error| bad(error.to_string()))?,
    };
    let statements = parse(&text, &bound).map_err(|error| bad(format!("error parsing query: {error}")))?;
    let chunk = match (params.get("chunked"), params.get("chunk_size").parse()) {
        ("true", Ok(size)) if size > 0 => Some(size),
        ("true", _) => Some(CHUNK),
        _ => None,
    };
    let epoch = Epoch::of(params.get("epoch"));
    let layout = Layout { epoch, pretty: params.get("pretty") == "true", chunk };
    let accept = head.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let csv = matches!(accept, "text/csv" | "application/csv");
    let content_type = if csv { "text/csv" } else { "application/json" };
    let job = Job {
        statements,
        text: text.clone(),
        database: params.get("db").to_owned(),
        policy: params.get("rp").to_owned(),
        login: context.login.clone(),
        may_write: head.method == Method::POST && !is_from_page(&head.headers),
        state: Arc::clone(state),
        stores: state.stores()?.clone(),
    };
    let timeout = state.engine.options().timeout;
    let begun = Instant::now();
    let permit = state.queries.enter(timeout).await?;
    let now = state.clock.now();
    let shown = QueryParams { query: text, start: now, end: now, step: 0 };
    let cancel = Cancel::default();
    let running = state.asked.begin(&context, &shown, now, &cancel);
    let until = Until::new(&cancel, timeout.saturating_sub(begun.elapsed()));
    let runtime = tokio::runtime::Handle::current();
    let deadline = Deadline::new(timeout.saturating_add(GRACE));
    stream(&deadline, content_type, move |client, sink| {
        let _permit = permit;
        let sent = Arc::new(AtomicBool::new(false));
        let interrupt: Arc<dyn Interrupt> =
            Arc::new(QueryInterrupt { client: Arc::clone(client), until, cancel, sent: Arc::clone(&sent) });
        let mut sink = |piece: Vec<u8>| {
            sent.store(true, Ordering::Relaxed);
            sink(piece)
        };
        let outcome = job.run(csv, layout, &interrupt, &runtime, &mut sink);
        let took = begun.elapsed();
        let stats = || serde_json::json!({"timings": {"execTotalTime": took.as_secs_f64()}});
        let ended = match &outcome {
            Ok(None) => Ok(&stats as &dyn Fn() -> serde_json::Value),
            Ok(Some(error)) => Err(error.clone()),
            Err(error) => Err(error.to_string()),
        };
        running.end(&context, &shown, now, ended);
        outcome.map(drop).map_err(Failed)
    })
    .await
}

/// An answer that nobody reads to its end.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Failed(QueryError);

impl StreamError for Failed {
    fn is_unheard(&self) -> bool {
        matches!(self.0, QueryError::Interrupted)
    }

    fn refusal(self) -> ApiError {
        ApiError::Plain(StatusCode::SERVICE_UNAVAILABLE, self.0.to_string())
    }
}

/// Ends a query: when its client has gone, when it was killed, and until its answer begins when its time is over.
#[derive(Debug)]
struct QueryInterrupt {
    client: Arc<dyn Interrupt>,
    until: Until,
    cancel: Cancel,
    sent: Arc<AtomicBool>,
}

impl Interrupt for QueryInterrupt {
    fn check(&self) -> Result<(), Interrupted> {
        if self.cancel.is_canceled() {
            return Err(Interrupted::Canceled);
        }
        self.client.check()?;
        if self.sent.load(Ordering::Relaxed) { Ok(()) } else { self.until.check() }
    }
}

/// A request whose statements are read.
struct Job {
    statements: Vec<Statement>,
    text: String,
    database: String,
    policy: String,
    login: Login,
    may_write: bool,
    state: Arc<ServerState>,
    stores: Stores,
}

impl Job {
    /// Answers all statements; gives the error of the one that failed.
    fn run<'o>(
        &self,
        csv: bool,
        layout: Layout,
        interrupt: &Arc<dyn Interrupt>,
        runtime: &tokio::runtime::Handle,
        sink: &'o mut Sink<'o>,
    ) -> Result<Option<String>, QueryError> {
        let mut writer: Box<dyn Writer + 'o> = match csv {
            true => Box::new(Csv::new(layout.epoch, sink)),
            false => Box::new(Json::new(layout, sink)),
        };
        let mut failed: Option<String> = None;
        for (id, statement) in self.statements.iter().enumerate() {
            writer.begin(id)?;
            if failed.is_some() {
                writer.end(Some("not executed"), &[])?;
                continue;
            }
            match self.statement_in_turn(statement, interrupt, runtime, &mut *writer) {
                Ok(warnings) => writer.end(None, &warnings)?,
                Err(error) => {
                    let why = error.to_string();
                    writer.end(Some(&why), &[])?;
                    failed = Some(why);
                }
            }
        }
        writer.finish()?;
        Ok(failed)
    }

    /// Does a statement. One for which there is no memory, because others have it, waits in order of arrival with those in PromQL
    /// until there is or its time is up, unless some of its answer is written.
    fn statement_in_turn(
        &self,
        statement: &Statement,
        interrupt: &Arc<dyn Interrupt>,
        runtime: &tokio::runtime::Handle,
        writer: &mut dyn Writer,
    ) -> Result<Vec<String>, QueryError> {
        let mut watched = Watched::new(writer);
        let mut outcome = self.statement(statement, interrupt, runtime, &mut watched);
        let mut turn = None;
        let mut pause = LEAST_PAUSE;
        while matches!(outcome, Err(QueryError::NoRoom(_))) && !watched.is_touched() && interrupt.check().is_ok() {
            if turn.is_none() {
                // This thread may wait.
                turn = runtime.block_on(tokio::time::timeout(pause, self.state.memory_queue.lock())).ok();
            } else {
                std::thread::sleep(pause);
            }
            let (used, limit) = self.state.engine.memory();
            if turn.is_some() && (used <= limit / 2 || pause >= MOST_PAUSE) {
                outcome = self.statement(statement, interrupt, runtime, &mut watched);
            }
            pause = (2 * pause).min(MOST_PAUSE);
        }
        outcome
    }

    fn statement(
        &self,
        statement: &Statement,
        interrupt: &Arc<dyn Interrupt>,
        runtime: &tokio::runtime::Handle,
        writer: &mut dyn Answer,
    ) -> Result<Vec<String>, QueryError> {
        let task = statement.task();
        let needed = match task {
            Task::Read | Task::ShowQueries => Role::Read,
            Task::CreateDatabase(_) => Role::Write,
            Task::KillQuery(_) | Task::Delete => Role::Admin,
        };
        if !self.login.may(needed) {
            return Err(QueryError::Refused(format!("{} needs the role {needed}", statement.name())));
        }
        if !self.may_write && !matches!(task, Task::Read | Task::ShowQueries) {
            return Err(QueryError::Refused(format!(
                "{} changes something: it takes a POST request, and none from a web page",
                statement.name()
            )));
        }
        let (state, stores) = (&*self.state, &self.stores);
        let schema = Schema::new(stores.append.catalog().snapshot(), state.options.field_naming.label.clone());
        let room = || state.engine.room();
        let options = state.engine.options();
        let database = Database {
            select: &*stores.select,
            labels: &*stores.labels,
            schema: &schema,
            name: &self.database,
            policy: &self.policy,
            now: state.clock.now().saturating_mul(1_000_000),
            retention: limit_flag(state, "retention.time").and_then(|time| parse_duration(time).ok()).unwrap_or(0),
            room: &room,
            limits: Limits { query: options.max_samples.saturating_mul(SAMPLE_BYTES), all: state.engine.memory().1 },
            interrupt: Arc::clone(interrupt),
        };
        match task {
            Task::Read => return database.answer(statement, writer),
            Task::CreateDatabase(name) => self.create(name, runtime)?,
            Task::KillQuery(id) => {
                if !state.asked.running().iter().any(|(number, ..)| *number == id) {
                    return Err(QueryError::Refused(format!("no such query id: {id}")));
                }
                if !state.options.admin_api {
                    return Err(QueryError::Refused(NEEDS_ADMIN.to_owned()));
                }
                state.asked.cancel_numbered(id);
            }
            Task::ShowQueries => self.show_queries(writer)?,
            Task::Delete => {
                if !state.options.admin_api {
                    return Err(QueryError::Refused(NEEDS_ADMIN.to_owned()));
                }
                let (selectors, range) = database.doomed(statement)?;
                if !selectors.is_empty() {
                    stores
                        .admin
                        .delete(&selectors, range, false, &**interrupt)
                        .map_err(|error| QueryError::Refused(error.to_string()))?;
                }
            }
        }
        Ok(Vec::new())
    }

    /// Makes the catalog remember a database.
    fn create(&self, name: &str, runtime: &tokio::runtime::Handle) -> Result<(), QueryError> {
        if name.is_empty() {
            return Err(QueryError::Refused("invalid name".to_owned()));
        }
        let append = &*self.stores.append;
        let mut batch = Batch::default();
        let full = || {
            QueryError::Refused(format!(
                "at most {MAX_NAMES} databases are created before they are written to, with names of up to {MAX_NAME_BYTES} bytes"
            ))
        };
        append.catalog().claim_database(name, &mut batch.catalog).map_err(|_| full())?;
        if batch.is_empty() || name == UNLABELED_DATABASE {
            return Ok(());
        }
        if name.len() > MAX_NAME_BYTES || append.catalog().snapshot().databases().count() >= MAX_NAMES {
            return Err(full());
        }
        // This thread may wait.
        runtime.block_on(append.append(batch)).map_err(|error| QueryError::Refused(error.to_string()))
    }

    fn show_queries(&self, writer: &mut dyn Answer) -> Result<(), QueryError> {
        let columns = ["qid", "query", "database", "duration", "status"].map(str::to_owned);
        writer.series(&Series { name: "", tags: &[], columns: &columns, zone: None })?;
        for (number, query, running) in self.state.asked.running() {
            let database = if query == self.text { self.database.as_str() } else { "" };
            let row = [
                Value::Integer(i64::try_from(number).unwrap_or(i64::MAX)),
                Value::Text(query.as_str().into()),
                Value::Text(database.into()),
                Value::Text(format!("{}ms", running.as_millis()).into()),
                Value::Text("running".into()),
            ];
            writer.row(&row)?;
        }
        Ok(())
    }
}

const NEEDS_ADMIN: &str = "this statement needs the admin API; --web.enable-admin-api allows it";
