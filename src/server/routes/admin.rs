//! `/api/v1/admin/tsdb/…`, which change what is stored, and stopping other people's queries. Served only where `--web.enable-admin-api` allows it.

use serde_json::{Value, json};

use super::selectors::{invalid, selectors, time_range};
use crate::{
    seams::admin::{Admin, AdminError, Snapshot},
    server::{
        Response, ServerState, access::Login, admission::run_blocking, envelope::success_json, error::ApiError,
        json::rfc_3339, params::Params, respond,
    },
};

/// The parameters of a delete. A misspelt `end` or `dry_run` would cost data.
const DELETE_PARAMS: [&str; 4] = ["match[]", "start", "end", "dry_run"];

/// Deletes samples of `match[]` from `start` to `end`; with `dry_run=1` only counts them.
pub(crate) async fn delete_series(params: Params, state: &ServerState) -> Result<Response, ApiError> {
    allowed(state)?;
    params.only(&DELETE_PARAMS, "a delete")?;
    if params.all("match[]").next().is_none() {
        return Err(ApiError::BadData("no match[] parameter provided".to_owned()));
    }
    let room = state.engine.room();
    let range = time_range(&params)?;
    if range.start > range.end {
        return Err(ApiError::invalid("end", "end timestamp must not be before start timestamp"));
    }
    let dry_run = params.boolean("dry_run")?;
    let stores = state.stores()?.clone();
    let deadline = state.default_deadline();
    let permit = state.lookups.enter(deadline.left()).await?;
    // The answer tells what was deleted, so no timeout cuts this off once the delete is decided.
    let _cancel_on_drop = deadline.cancel_on_drop();
    let interrupt = deadline.interrupt();
    let delete = move || {
        let selectors = selectors(&params, &*room, invalid, &*interrupt)?;
        Ok(stores.admin.delete(&selectors, range, dry_run, &*interrupt)?)
    };
    let deleted = run_blocking(permit, delete).await?;
    if dry_run {
        return Ok(success_json(&json!({"series": deleted.series, "samples": deleted.samples})));
    }
    Ok(respond::no_content())
}

/// `/api/v1/status/queries/cancel`: stops the running queries of the request `requestId`; how many there were.
pub(crate) async fn cancel_query(params: Params, state: &ServerState) -> Result<Response, ApiError> {
    allowed(state)?;
    params.only(&["requestId"], "canceling a query")?;
    match params.get("requestId") {
        "" => Err(ApiError::BadData("no requestId parameter provided".to_owned())),
        id => Ok(success_json(&json!({"canceled": state.asked.cancel(id)}))),
    }
}

/// Rewrites files without the samples that were deleted.
pub(crate) async fn clean_tombstones(params: Params, state: &ServerState) -> Result<Response, ApiError> {
    allowed(state)?;
    params.only(&[], "cleaning")?;
    administer(state, |admin| admin.clean_tombstones()).await?;
    Ok(respond::no_content())
}

/// `/api/v1/admin/tsdb/snapshot`: makes a snapshot and answers its name.
pub(crate) async fn snapshot(params: Params, login: &Login, state: &ServerState) -> Result<Response, ApiError> {
    allowed_to_back_up(login, state)?;
    params.only(&["skip_head"], "a snapshot")?;
    let skip_head = params.flag("skip_head")?;
    let name = administer(state, move |admin| admin.snapshot(skip_head)).await?;
    Ok(success_json(&json!({"name": name})))
}

/// `GET /api/v1/admin/tsdb/snapshots`: the snapshots that there are.
pub(crate) async fn snapshots(params: &Params, login: &Login, state: &ServerState) -> Result<Response, ApiError> {
    allowed_to_back_up(login, state)?;
    params.only(&[], "the list of snapshots")?;
    let snapshots = administer(state, |admin| admin.snapshots()).await?;
    let shown = |snapshot: &Snapshot| json!({"name": snapshot.name, "time": rfc_3339(snapshot.time), "complete": snapshot.complete});
    Ok(success_json(&Value::Array(snapshots.iter().map(shown).collect())))
}

/// `DELETE /api/v1/admin/tsdb/snapshots`: deletes the snapshot `name`.
pub(crate) async fn delete_snapshot(params: Params, login: &Login, state: &ServerState) -> Result<Response, ApiError> {
    allowed_to_back_up(login, state)?;
    params.only(&["name"], "deleting a snapshot")?;
    let name = params.get("name").to_owned();
    if name.is_empty() {
        return Err(ApiError::BadData("no name parameter provided".to_owned()));
    }
    administer(state, move |admin| admin.delete_snapshot(&name)).await?;
    Ok(respond::no_content())
}

/// Has `work` done where it may block, in its turn among lookups. It is not cut off once it has begun.
async fn administer<T: Send + 'static>(
    state: &ServerState,
    work: impl FnOnce(&dyn Admin) -> Result<T, AdminError> + Send + 'static,
) -> Result<T, ApiError> {
    let admin = state.stores()?.admin.clone();
    let permit = state.lookups.enter(state.engine.options().timeout).await?;
    run_blocking(permit, move || Ok(work(&*admin)?)).await
}

/// A login with a role of its own is enough for who makes backups: they need not be able to delete what is stored.
fn allowed_to_back_up(login: &Login, state: &ServerState) -> Result<(), ApiError> {
    if login.name.is_some() { Ok(()) } else { allowed(state) }
}

fn allowed(state: &ServerState) -> Result<(), ApiError> {
    let refusal = "admin APIs disabled; --web.enable-admin-api allows them";
    if state.options.admin_api { Ok(()) } else { Err(ApiError::Unavailable(refusal)) }
}
