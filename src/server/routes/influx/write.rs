//! `/write` and `/api/v2/write`: what is right of a body is stored, and the answer names what is not.

use std::{sync::Arc, time::Duration};

use hyper::{Request, StatusCode, body::Incoming};

use super::failure;
use crate::{
    ingest::{self, Fault, Faults, Import, ImportError, ImportLimits, Imported},
    seams::append::AppendError,
    server::{
        Response, ServerState, discard,
        error::ApiError,
        respond,
        routes::import::{self, Refusal, Terms, Wanted},
    },
};

/// The most bytes of a body, as sent and inflated.
const MAX_BODY: usize = 25_000_000;
/// How long a body waits for memory, and again for the store: with both, Telegraf, which gives up after 5 s, still gets the answer.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Stores the request's points; `parameter` is the one that names the database.
pub(crate) async fn write(
    request: Request<Incoming>,
    parameter: &'static str,
    state: Arc<ServerState>,
) -> Result<Response, ApiError> {
    let (wanted, reader) = match begin(&request, parameter, &state) {
        Ok(begun) => begun,
        Err(error) => {
            discard(request.into_body()).await;
            return Err(error);
        }
    };
    let stores = state.stores()?;
    let limits = ImportLimits { decoded: MAX_BODY, max_ahead: import::max_ahead(&state) };
    let append = wanted.append(&*stores.append);
    let mut import = Import::new(reader, &wanted.declared, state.clock.now(), &limits, append.get());
    let outcome =
        import::store(&mut import, request, &Terms { limit: Some(MAX_BODY), patience: PATIENCE }, &state).await;
    let faults = import.faults();
    let mut response = match outcome {
        Ok(imported) if faults.count() > 0 => partial(imported, faults),
        Ok(imported) if wanted.report => wanted.answer(&imported, &import),
        Ok(_) => respond::no_content(),
        Err(Refusal::Import(ImportError::Faults(_))) if faults.count() > 0 && !import.is_senseless() => {
            partial(import.stored().map(|(imported, _)| imported).unwrap_or_default(), faults)
        }
        Err(Refusal::Import(error)) => refusal(&error),
        Err(Refusal::Request(ApiError::Plain(StatusCode::PAYLOAD_TOO_LARGE, why))) => too_large(&why),
        Err(Refusal::Request(error)) => return Err(error),
    };
    response.extensions_mut().insert(import::count(&import, wanted.dry_run));
    Ok(response)
}

/// Reads what the URL says.
fn begin(
    request: &Request<Incoming>,
    parameter: &str,
    state: &ServerState,
) -> Result<(Wanted, Box<dyn ingest::Reader>), ApiError> {
    let wanted = Wanted::read(request, true, state)?;
    let given = |name: &str| wanted.declared.parameter(name).unwrap_or_default();
    let database = given(parameter);
    if database.is_empty() {
        let what = if parameter == "db" { "database" } else { parameter };
        return Err(ApiError::Plain(StatusCode::BAD_REQUEST, format!("{what} is required")));
    }
    let policies = [given("rp"), database.split_once('/').map_or("", |(_, policy)| policy)];
    let of_bucket = parameter != "db";
    if let Some(other) = policies
        .iter()
        .take(1 + usize::from(of_bucket))
        .find(|policy| !matches!(**policy, "" | ingest::RETENTION_POLICY))
    {
        return Err(ApiError::Plain(StatusCode::INTERNAL_SERVER_ERROR, format!("retention policy not found: {other}")));
    }
    let format = ingest::format_at(ingest::LINE_PROTOCOL_PATH);
    let reader = ingest::reader(format, &wanted.declared)
        .map_err(|error| ApiError::Plain(StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok((wanted, reader))
}

/// The answer to a body in which something is wrong. Lines that are no points don't count as dropped.
fn partial(imported: Imported, faults: &Faults) -> Response {
    let words =
        faults.first().iter().map(|Fault { line, column, why }| format!("{why} (line {line}, column {column})"));
    let mut text = words.collect::<Vec<_>>().join("\n");
    match faults.count() - faults.first().len() as u64 {
        0 => {}
        more => text.push_str(&format!("\nand {more} more lines")),
    }
    let any_point = imported.samples > 0 || imported.texts > 0 || faults.rejected() > 0;
    if any_point {
        text = format!("partial write: {text} dropped={}", faults.rejected());
    }
    failure(StatusCode::BAD_REQUEST, &text)
}

/// The answer to a body that was refused as a whole, or from some line on.
fn refusal(error: &ImportError) -> Response {
    let status = import::status(error);
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large(&error.to_string());
    }
    let mut response = failure(status, &error.to_string());
    if let ImportError::Append(AppendError::Unavailable { retry_after, .. }) = error {
        respond::retry_after(&mut response, *retry_after);
    }
    response
}

fn too_large(why: &str) -> Response {
    failure(StatusCode::PAYLOAD_TOO_LARGE, &format!("Request Entity Too Large: {why}"))
}
