//! `/api/v1/import` and `/api/v1/import/…`: the formats of [`ingest`](crate::ingest).
//!
//! Parameters are in the URL, since the body is data: `unit` (`s`, `ms`, `us` or `ns`) is the unit of times, `allow_old=1` says
//! that times before 2000 are meant, `on_error=skip` stores what is right beside what is wrong, `extra_label=name=value` is a label
//! of all series, `dry_run=1` stores nothing, and `report=1` asks for an answer that tells what was stored, as an `Accept` header
//! does that names JSON. A format may have some of its own.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::{
    HeaderMap, Request, StatusCode,
    body::{Body as _, Incoming},
    header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderName},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    ingest::{
        COMMON_PARAMETERS, Declared, DryRun, Fault, Format, Import, ImportError, ImportLimits, Imported, OnError, Unit,
        encoding::Inflater, reader,
    },
    seams::{
        allocator,
        append::{Append, AppendError},
    },
    server::{
        Response, ServerState, discard, envelope::success_json, error::ApiError, metrics, negotiation::preferences,
        params::Params, request_body::BodyReader, request_budget::Reservation, respond, senders::StoredSamples,
    },
    telemetry::log_each_minute,
};

/// Bytes that the connection buffers of a body.
const CHUNK_BYTES: usize = 128 << 10;
/// So much more than is needed is reserved, while there is memory.
const SPARE_BYTES: u64 = 256 << 10;
/// How long an import waits each time for the store to accept more, or for memory.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// How often it asks meanwhile.
const STORE_PAUSE: Duration = Duration::from_millis(20);

/// Stores a body in `format`, or in one that is to be found out.
pub(crate) async fn import(
    format: Option<&'static dyn Format>,
    request: Request<Incoming>,
    state: Arc<ServerState>,
) -> Result<Response, ApiError> {
    let stores = state.stores()?;
    let mut wanted = match Wanted::read(&request, false, &state) {
        Ok(wanted) => wanted,
        Err(error) => {
            discard(request.into_body()).await;
            return Err(error.plainly());
        }
    };
    // vmctl passes on what another server exports, and that may be nothing. A body that is known to be empty is a mistake.
    wanted.declared.may_be_empty = format.is_none() && request.body().size_hint().exact().is_none();
    let limits = ImportLimits { max_ahead: max_ahead(&state), ..ImportLimits::default() };
    let append = wanted.append(&*stores.append);
    let reader = match reader(format, &wanted.declared) {
        Ok(reader) => reader,
        Err(error) => {
            discard(request.into_body()).await;
            return Ok(wanted.refusal(&error, None));
        }
    };
    let mut import = Import::new(reader, &wanted.declared, state.clock.now(), &limits, append.get());
    let mut answer = match store(&mut import, request, &Terms { limit: None, patience: PATIENCE }, &state).await {
        Ok(imported) => Ok(wanted.answer(&imported, &import)),
        Err(Refusal::Import(error)) => Ok(wanted.refusal(&error, Some(&import))),
        Err(Refusal::Request(error)) => Err(error.after(&stored_before(import.stored()))),
    };
    let stored = count(&import, wanted.dry_run);
    if let Ok(response) = &mut answer {
        response.extensions_mut().insert(stored);
    }
    answer
}

/// How far ahead of now samples may lie, in ms.
pub(in crate::server) fn max_ahead(state: &ServerState) -> i64 {
    i64::try_from(state.options.max_ahead.as_millis()).unwrap_or(i64::MAX)
}

/// Counts what was stored, in our metrics and for the list of senders.
pub(super) fn count(import: &Import<'_>, dry_run: bool) -> StoredSamples {
    let stored = import.stored().filter(|_| !dry_run).map(|(stored, _)| stored).unwrap_or_default();
    metrics::WRITTEN.with_label_values(&["float"]).inc_by(stored.samples);
    metrics::WRITTEN.with_label_values(&["exemplar"]).inc_by(stored.exemplars);
    metrics::ALTERED.with_label_values(&["text"]).inc_by(stored.texts);
    metrics::ALTERED.with_label_values(&["rounded"]).inc_by(stored.rounded);
    StoredSamples(stored.samples)
}

/// Where a body goes: to the store or nowhere.
pub(super) enum Target<'s> {
    Store(&'s dyn Append),
    Nowhere(DryRun),
}

impl Target<'_> {
    pub(super) fn get(&self) -> &dyn Append {
        match self {
            Self::Store(append) => *append,
            Self::Nowhere(dry_run) => dry_run,
        }
    }
}

/// Refuses VictoriaMetrics' binary format, in words that tell those who use vmctl what to do.
pub(crate) async fn native(request: Request<Incoming>) -> Result<Response, ApiError> {
    discard(request.into_body()).await;
    let why = "VictoriaMetrics' native format is not spoken here: give vmctl --vm-native-disable-binary-protocol, with which it \
               sends and reads JSON lines (/api/v1/import, /api/v1/export)";
    Ok(respond::text(StatusCode::BAD_REQUEST, why))
}

/// Why a body was not stored, or not to its end.
pub(super) enum Refusal {
    Import(ImportError),
    Request(ApiError),
}

impl From<ImportError> for Refusal {
    fn from(error: ImportError) -> Self {
        Self::Import(error)
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Request(error)
    }
}

/// What a body is granted.
pub(super) struct Terms {
    /// The most bytes that are sent.
    pub(super) limit: Option<usize>,
    /// How long it waits for the store, and for memory.
    pub(super) patience: Duration,
}

/// Stores the body as it comes, in one part if there is memory for it, else in several.
pub(super) async fn store(
    import: &mut Import<'_>,
    request: Request<Incoming>,
    terms: &Terms,
    state: &ServerState,
) -> Result<Imported, Refusal> {
    let mut reservation = state.import_budget.reserve_nothing();
    feed(import, request, terms, &mut reservation, state).await?;
    wait_for_store(terms.patience, state).await?;
    let imported = import.finish().await?;
    allocator::give_back();
    Ok(imported)
}

/// Has the body read as it comes, and all but its last part stored.
pub(super) async fn feed(
    import: &mut Import<'_>,
    request: Request<Incoming>,
    terms: &Terms,
    reservation: &mut Reservation,
    state: &ServerState,
) -> Result<(), Refusal> {
    let inflater = match Inflater::new(&text(request.headers(), CONTENT_ENCODING), reservation.max()) {
        Ok(inflater) => inflater,
        Err(error) => {
            discard(request.into_body()).await;
            return Err(error.into());
        }
    };
    let mut reader = match terms.limit {
        Some(limit) => BodyReader::begin(request.into_body(), limit, &state.import_budget, state).await?,
        None => BodyReader::endless(request.into_body(), &state.import_budget, state),
    };
    let taken = take(import, inflater, &mut reader, reservation, terms.patience, state).await;
    if let Err(Refusal::Import(_)) = &taken {
        // Who is still sending would see a broken connection instead of what is wrong.
        reader.discard().await;
    }
    taken
}

/// Has read what `reader` brings.
async fn take(
    import: &mut Import<'_>,
    mut inflater: Inflater,
    reader: &mut BodyReader,
    reservation: &mut Reservation,
    patience: Duration,
    state: &ServerState,
) -> Result<(), Refusal> {
    let overhead = inflater.memory(reservation.max()) + CHUNK_BYTES;
    while let Some(chunk) = reader.next().await? {
        let mut left = &chunk[..];
        while !left.is_empty() {
            reserve(import, overhead, reservation, patience, state).await?;
            reader.set_reserved(reservation);
            let taken = inflater.inflate(left, import.text())?;
            left = left.get(taken..).unwrap_or_default();
            // Other requests need this thread too.
            tokio::task::yield_now().await;
            while import.step()? {
                reserve(import, overhead, reservation, patience, state).await?;
            }
        }
    }
    inflater.finish(import.text())?;
    while import.step()? {
        reserve(import, overhead, reservation, patience, state).await?;
    }
    Ok(())
}

/// Reserves memory for some more lines, by waiting for other requests or by ending a part.
async fn reserve(
    import: &mut Import<'_>,
    overhead: usize,
    reservation: &mut Reservation,
    patience: Duration,
    state: &ServerState,
) -> Result<(), Refusal> {
    let needed = |import: &mut Import<'_>| (import.memory() + overhead + import.bite()) as u64;
    let is_too_much = import.is_full() || needed(import) > reservation.max();
    if is_too_much && import.is_whole() {
        return Err(Refusal::Import(ImportError::NoRoom));
    }
    if is_too_much {
        wait_for_store(patience, state).await?;
        import.store().await?;
        allocator::give_back();
        // Other requests may have the memory meanwhile.
        reservation.shrink(0);
    }
    // Reserving a little more than is needed saves asking each time.
    let needed = needed(import);
    if needed > reservation.bytes() && !reservation.try_grow(needed + SPARE_BYTES) {
        timeout(patience, reservation.grow(needed)).await.unwrap_or(Err(ApiError::Busy))?;
    }
    Ok(())
}

/// Waits for the store to accept more: it may have to flush first.
pub(super) async fn wait_for_store(patience: Duration, state: &ServerState) -> Result<(), Refusal> {
    let end = Instant::now() + patience;
    while let Err(error) = state.stores()?.append.admits() {
        if Instant::now() >= end {
            return Err(Refusal::Import(error.into()));
        }
        tokio::time::sleep(STORE_PAUSE).await;
    }
    Ok(())
}

/// What a request wants.
pub(super) struct Wanted {
    pub(super) declared: Declared,
    pub(super) dry_run: bool,
    /// Whether the answer tells what was stored.
    pub(super) report: bool,
}

impl Wanted {
    /// Reads a request, which may come by its format's own protocol: there what is right is stored unless the sender says otherwise,
    /// and only the sender's parameter asks for a report, as headers are those of the protocol.
    pub(super) fn read(request: &Request<Incoming>, by_protocol: bool, state: &ServerState) -> Result<Self, ApiError> {
        let params = Params::of_url(request.uri())?;
        let unit = match params.all("unit").next() {
            None => None,
            Some(name) => Some(
                Unit::named(name)
                    .ok_or_else(|| ApiError::invalid("unit", format!("\"{name}\" is none of s, ms, us and ns")))?,
            ),
        };
        let on_error = match params.all("on_error").next() {
            None if by_protocol => OnError::Skip,
            None | Some("refuse") => OnError::Refuse,
            Some("skip") => OnError::Skip,
            Some(other) => {
                return Err(ApiError::invalid("on_error", format!("\"{other}\" is neither refuse nor skip")));
            }
        };
        let label = |text: &str| {
            let (name, value) = text
                .split_once('=')
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| ApiError::invalid("extra_label", format!("\"{text}\" is not name=value")))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        let own = params.pairs().filter(|(name, _)| !COMMON_PARAMETERS.contains(name));
        let declared = Declared {
            content_type: text(request.headers(), CONTENT_TYPE),
            unit,
            allow_old: params.boolean("allow_old")?,
            on_error,
            extra_labels: params.all("extra_label").map(label).collect::<Result<_, ApiError>>()?,
            by_protocol,
            may_be_empty: false,
            naming: state.options.field_naming.clone(),
            without_times: false,
            whole: false,
            parameters: own.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        };
        let names_json = || preferences(request.headers(), ACCEPT).any(|wish| wish.is_any_of(&["application/json"]));
        let report = params.boolean("report")? || (!by_protocol && names_json());
        Ok(Self { declared, dry_run: params.boolean("dry_run")?, report })
    }

    /// Where the body goes, where `store` is the store.
    pub(super) fn append<'s>(&self, store: &'s dyn Append) -> Target<'s> {
        if self.dry_run { Target::Nowhere(DryRun::new(store)) } else { Target::Store(store) }
    }

    /// The answer to a body that was stored, maybe without some records.
    pub(super) fn answer(&self, imported: &Imported, import: &Import<'_>) -> Response {
        if self.report { success_json(&report(imported, import)) } else { respond::no_content() }
    }

    /// The answer to a body that was refused, as a whole or from some line on.
    fn refusal(&self, error: &ImportError, import: Option<&Import<'_>>) -> Response {
        let stored = import.and_then(Import::stored);
        let (status, words) = (status(error), format!("{error}{}", stored_before(stored)));
        let mut response = if self.report {
            let mut body = json!({"status": "error", "errorType": "bad_data", "error": words});
            if let (Some(import), Some(fields)) = (import, body.as_object_mut()) {
                let imported = stored.map(|(imported, _)| imported).unwrap_or_default();
                fields.insert("data".to_owned(), report(&imported, import));
            }
            let mut response = respond::json(body.to_string());
            *response.status_mut() = status;
            response
        } else {
            respond::text(status, words)
        };
        if let ImportError::Append(AppendError::Unavailable { retry_after, .. }) = error {
            respond::retry_after(&mut response, *retry_after);
        }
        response
    }
}

/// What was stored, and what was wrong.
fn report(imported: &Imported, import: &Import<'_>) -> Value {
    let Imported { series, samples, exemplars, metadata, texts, rounded } = imported;
    let fault = |Fault { line, column, why }: &Fault| json!({"line": line, "column": column, "error": why});
    let faults = import.faults();
    let mut report = json!({
        "series": series,
        "samples": samples,
        "exemplars": exemplars,
        "metadata": metadata,
        "texts_left_out": texts,
        "rounded": rounded,
        "skipped": faults.count(),
        "first_faults": faults.first().iter().map(fault).collect::<Vec<_>>(),
    });
    if let (Some(guessed), Some(fields)) = (import.guessed(), report.as_object_mut()) {
        fields.insert("guessed".to_owned(), guessed.into());
    }
    report
}

/// A header's text. One that isn't text names nothing that we know.
fn text(headers: &HeaderMap, name: HeaderName) -> String {
    headers.get(name).map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// What a refusal adds when something is stored nonetheless.
fn stored_before(stored: Option<(Imported, usize)>) -> String {
    stored.map_or_else(String::new, |(Imported { samples, .. }, line)| {
        format!(
            "; what stands before, {samples} samples up to line {line}, is stored, and posting it again changes nothing"
        )
    })
}

pub(super) fn status(error: &ImportError) -> StatusCode {
    match error {
        ImportError::Parameter(_)
        | ImportError::Faults(_)
        | ImportError::Encoding { .. }
        | ImportError::Append(AppendError::SeriesLimit(_)) => StatusCode::BAD_REQUEST,
        ImportError::TooLarge(_) | ImportError::NoRoom => StatusCode::PAYLOAD_TOO_LARGE,
        ImportError::UnknownEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ImportError::Append(AppendError::Unavailable { .. }) => StatusCode::SERVICE_UNAVAILABLE,
        ImportError::Append(AppendError::SeriesExhausted | AppendError::Storage(_)) => {
            log_each_minute!(error, %error, "an import failed");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}
