//! `/api/v1/export`, `/api/v1/export/csv` and `/api/v1/export/prometheus`: stored samples as text, streamed.
//!
//! `match[]` says which series, `start` and `end` from when to when (all there are), `histograms=omit` leaves native histograms out instead of
//! refusing, `stale_markers=0` leaves staleness markers out. JSON lines have at most `max_rows_per_line` samples each; a table has the columns
//! that `format` lists, and their names in the first row with `header=1`.

use super::selectors::{any_selectors, invalid, time_range};
use crate::server::{
    Response, ServerState,
    error::ApiError,
    export::{JsonLines, Table, Text, Wanted, Writer, export},
    params::Params,
    streaming::stream,
};

/// The parameters of every export.
const COMMON: [&str; 5] = ["end", "histograms", "match[]", "stale_markers", "start"];

/// Exports as JSON lines.
pub(crate) async fn json_lines(params: Params, state: &ServerState) -> Result<Response, ApiError> {
    known(&params, &["max_rows_per_line"])?;
    let most =
        match params.get("max_rows_per_line") {
            "" => JsonLines::USUAL,
            text => text.parse().ok().filter(|most| *most > 0).ok_or_else(|| {
                ApiError::invalid("max_rows_per_line", format!("\"{text}\" is no whole number above 0"))
            })?,
        };
    run(params, state, "application/stream+json; charset=utf-8", JsonLines::new(most)).await
}

/// Exports as a table.
pub(crate) async fn table(params: Params, state: &ServerState) -> Result<Response, ApiError> {
    known(&params, &["format", "header"])?;
    let format = params.get("format");
    if format.is_empty() {
        let why = "the columns are missing, as in format=__name__,job,__value__,__timestamp__:unix_s";
        return Err(ApiError::invalid("format", why));
    }
    let table = Table::new(format, params.boolean("header")?).map_err(|why| ApiError::invalid("format", why))?;
    run(params, state, "text/csv; charset=utf-8", table).await
}

/// Exports as Prometheus' text format.
pub(crate) async fn text(params: Params, state: &ServerState) -> Result<Response, ApiError> {
    known(&params, &[])?;
    run(params, state, "text/plain; version=1.0.0; charset=utf-8", Text::default()).await
}

fn known(params: &Params, own: &[&str]) -> Result<(), ApiError> {
    params.only(&[&COMMON, own].concat(), "an export")
}

async fn run(
    params: Params,
    state: &ServerState,
    content_type: &'static str,
    mut writer: impl Writer + 'static,
) -> Result<Response, ApiError> {
    let stores = state.stores()?.clone();
    let omit_histograms = match params.get("histograms") {
        "" | "refuse" => false,
        "omit" => true,
        other => return Err(ApiError::invalid("histograms", format!("\"{other}\" is neither refuse nor omit"))),
    };
    let omit_stale = !params.get("stale_markers").is_empty() && !params.boolean("stale_markers")?;
    let range = time_range(&params)?;
    let (room, deadline) = (state.engine.room(), state.default_deadline());
    let selectors = any_selectors(&params, &*room, invalid, &*deadline.interrupt())?;
    if selectors.is_empty() {
        return Err(ApiError::invalid("match[]", "no series are selected; {__name__!=\"\"} selects all"));
    }
    let wanted = Wanted { selectors, range, omit_histograms, omit_stale };
    let permit = state.remote_reads.enter(deadline.left()).await?;
    stream(&deadline, content_type, move |interrupt, sink| {
        // The place among those that stream, and the memory of the selectors, until the last piece is sent.
        let _held = (permit, room);
        export(&wanted, &*stores.select, &mut writer, interrupt, sink)
    })
    .await
}
