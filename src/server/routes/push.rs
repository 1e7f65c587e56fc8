//! `/metrics/job/<job>/…`: pushes of current values, as a Pushgateway takes them ([`ingest::push`](crate::ingest::push)).

use std::{hash::BuildHasher, sync::Arc};

use hyper::{Method, Request, StatusCode, body::Incoming, header::CONTENT_TYPE};
use tokio::sync::Mutex;

use super::import::{self, Refusal};
use crate::{
    ingest::{
        Declared, Format, Import, ImportError, ImportLimits, OnError, format_at,
        push::{self, Group, Grouping, How, LookError, Named},
        reader,
    },
    seams::{append::AppendError, interrupt::Interrupt},
    server::{
        Response, ServerState, discard,
        error::ApiError,
        params::{Params, decode},
        request_budget::Reservation,
        respond,
        senders::StoredSamples,
    },
    telemetry::log_each_minute,
};

/// Where pushes go: the path of our own metrics, and the first label's name.
const PREFIXES: [&str; 2] = ["/metrics/job/", "/metrics/job@base64/"];
/// Bodies that don't say otherwise are in the text format.
const TEXT_PATH: &str = "/api/v1/import/prometheus";
/// The other format of a push.
const PROTOBUF_PATH: &str = "/api/v1/import/protobuf";
/// What a staleness marker takes beside copies of its series' labels.
const MARKER_BYTES: usize = 1 << 10;
/// How many groups can be pushed to at once; which of them wait for each other is told by a hash.
const LOCKS: usize = 64;
/// What an answer to a push that breaks a rule begins with, in the words of a Pushgateway.
const INVALID: &str = "pushed metrics are invalid or inconsistent with existing metrics";

/// Whether the path is one of pushes.
pub(crate) fn is_push(path: &str) -> bool {
    PREFIXES.iter().any(|prefix| path.starts_with(prefix))
}

/// Has pushes to a group one after the other.
pub(crate) struct PushOrder {
    locks: [Mutex<()>; LOCKS],
    hash: std::hash::RandomState,
}

impl Default for PushOrder {
    fn default() -> Self {
        Self { locks: std::array::from_fn(|_| Mutex::default()), hash: std::hash::RandomState::new() }
    }
}

impl PushOrder {
    /// Waits for pushes to the same group to be over.
    async fn turn(&self, grouping: &Grouping) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let place = self.hash.hash_one(grouping.labels()) as usize % LOCKS;
        Some(self.locks.get(place)?.lock().await)
    }
}

/// Takes a push.
pub(crate) async fn push(request: Request<Incoming>, state: Arc<ServerState>) -> Result<Response, ApiError> {
    let stores = state.stores()?.clone();
    let parameters = Params::of_url(request.uri()).and_then(|params| params.only(&[], "a push"));
    let grouping = match parameters.map(|()| grouping(request.uri().path())) {
        Ok(Ok(grouping)) => grouping,
        Ok(Err(why)) => {
            discard(request.into_body()).await;
            return Ok(respond::text(StatusCode::BAD_REQUEST, why));
        }
        Err(error) => {
            discard(request.into_body()).await;
            return Err(error.plainly());
        }
    };
    let how = match *request.method() {
        Method::DELETE => How::Delete,
        Method::PUT => How::Replace,
        _ => How::Add,
    };
    let declared = declared(&request, &grouping);
    let limits = ImportLimits { max_ahead: import::max_ahead(&state), ..ImportLimits::default() };
    let reader = match reader(format(&declared), &declared) {
        Ok(reader) => reader,
        Err(error) => {
            discard(request.into_body()).await;
            return Ok(respond::text(StatusCode::BAD_REQUEST, error.to_string()));
        }
    };
    let mut import = Import::new(reader, &declared, state.clock.now(), &limits, &*stores.append);
    let mut reservation = state.import_budget.reserve_nothing();
    let fed = if how == How::Delete {
        discard(request.into_body()).await;
        Ok(())
    } else {
        import::feed(
            &mut import,
            request,
            &import::Terms { limit: None, patience: import::PATIENCE },
            &mut reservation,
            &state,
        )
        .await
    };
    // From here on pushes to the group are in order. What is read before takes as long as the client does.
    let _turn = state.pushes.turn(&grouping).await;
    let stored = match fed {
        Ok(()) => store(&mut import, &grouping, how, &mut reservation, &state).await,
        Err(refusal) => Err(refusal),
    };
    let mut response = match stored {
        Ok(()) if how == How::Delete => empty(StatusCode::ACCEPTED),
        Ok(()) => empty(StatusCode::OK),
        Err(Refusal::Request(error)) => return Err(error.plainly()),
        Err(Refusal::Import(error)) => {
            if matches!(error, ImportError::Faults(_)) {
                note_refusal(&grouping, &state).await;
            }
            refusal(&error)
        }
    };
    let StoredSamples(samples) = import::count(&import, false);
    response.extensions_mut().insert(StoredSamples(samples));
    Ok(response)
}

/// The format of a body: protobuf where its sender says so, else text, whatever is said.
fn format(declared: &Declared) -> Option<&'static dyn Format> {
    let protobuf =
        format_at(PROTOBUF_PATH).filter(|format| format.content_types().contains(&declared.media().as_str()));
    protobuf.or_else(|| format_at(TEXT_PATH))
}

/// The group that a path names.
fn grouping(path: &str) -> Result<Grouping, String> {
    let parts = path.strip_prefix("/metrics/").unwrap_or(path).split('/');
    // A value with an escaped slash is one with a slash.
    let parts: Result<Vec<String>, ApiError> = parts.map(|part| decode(part.as_bytes(), false)).collect();
    Grouping::of(&parts.map_err(|error| format!("the path can't be decoded: {error}"))?)
}

fn declared(request: &Request<Incoming>, grouping: &Grouping) -> Declared {
    let content_type = request.headers().get(CONTENT_TYPE);
    Declared {
        content_type: content_type
            .map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
        on_error: OnError::Refuse,
        extra_labels: grouping.pairs().to_vec(),
        may_be_empty: true,
        // Which time a sample has doesn't matter, as it must have none.
        allow_old: true,
        without_times: true,
        whole: true,
        ..Declared::default()
    }
}

/// Stores what was read, and markers for what leaves the group.
async fn store(
    import: &mut Import<'_>,
    grouping: &Grouping,
    how: How,
    reservation: &mut Reservation,
    state: &ServerState,
) -> Result<(), Refusal> {
    let builder = import.complete()?;
    if let Some(labels) = builder.repeated() {
        let name = labels.metric_name().unwrap_or_default();
        let rest = labels.without_metric_name();
        return Err(Refusal::Import(ImportError::Faults(format!(
            "collected metric {name:?} {rest} was collected before with the same name and label values"
        ))));
    }
    let named: Named = builder.named().cloned().collect();
    let group = look(grouping, how, named, state).await?;
    let now = now(&group, state);
    builder.retime(now);
    let markers: usize = group.gone.iter().map(|labels| MARKER_BYTES + 3 * labels.as_bytes().len()).sum();
    reservation.grow(reservation.bytes() + markers as u64).await?;
    if let Err(why) = push::finish(grouping, how, &group, now, builder).map_err(ImportError::from)? {
        return Err(Refusal::Import(ImportError::Faults(why)));
    }
    import::wait_for_store(import::PATIENCE, state).await?;
    Ok(import.hand_over().await?)
}

/// The time of what is pushed to the group now.
fn now(group: &Group, state: &ServerState) -> i64 {
    let now = state.clock.now();
    push::time(group, now, now.saturating_add(import::max_ahead(state)))
}

/// Looks through the group on a thread that may wait.
async fn look(grouping: &Grouping, how: How, named: Named, state: &ServerState) -> Result<Group, ApiError> {
    let (select, room) = (Arc::clone(&state.stores()?.select), state.engine.room());
    let (grouping, now) = (grouping.clone(), state.clock.now());
    let job = move |interrupt: &Arc<dyn Interrupt>| {
        let found = push::look(&*select, &grouping, how, &named, now, &*room, interrupt);
        found.map_err(|error| match error {
            LookError::Select(error) => error.into(),
            LookError::Interrupted(interrupted) => interrupted.into(),
            LookError::NoRoom(_) => ApiError::Plain(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
        })
    };
    state.default_deadline().run(&state.lookups, job).await
}

/// Stores when a push to the group was refused. That this fails changes nothing about the answer.
async fn note_refusal(grouping: &Grouping, state: &ServerState) {
    let noted = async {
        let group = look(grouping, How::Add, Named::default(), state).await.map_err(|error| error.to_string())?;
        let append = Arc::clone(&state.stores().map_err(|error| error.to_string())?.append);
        push::refused(grouping, &group, now(&group, state), &*append).await.map_err(|error| error.to_string())
    };
    if let Err(error) = noted.await {
        log_each_minute!(warn, error, "that a push was refused could not be stored");
    }
}

fn empty(status: StatusCode) -> Response {
    let mut response = respond::no_content();
    *response.status_mut() = status;
    response
}

/// The answer to a push that was not stored.
fn refusal(error: &ImportError) -> Response {
    let words = match error {
        ImportError::Faults(why) => format!("{INVALID}: {why}"),
        other => other.to_string(),
    };
    let mut response = respond::text(import::status(error), words);
    if let ImportError::Append(AppendError::Unavailable { retry_after, .. }) = error {
        respond::retry_after(&mut response, *retry_after);
    }
    response
}
