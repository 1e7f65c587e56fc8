//! `/api/v1/admin/tsdb/…`: changing what is stored. Served only where `--web.enable-admin-api` allows it.

use serde_json::json;

use super::selectors::{invalid, selectors, time_range};
use crate::server::{
    Response, State, envelope::success_json, error::ApiError, params::Params, respond, work::blocking,
};

/// Deletes samples of `match[]` from `start` to `end`; with `dry_run=1` only counts them.
pub(crate) async fn delete_series(params: Params, state: &State) -> Result<Response, ApiError> {
    allowed(state)?;
    if params.all("match[]").next().is_none() {
        return Err(ApiError::BadData("no match[] parameter provided".to_owned()));
    }
    let selectors = selectors(&params).map_err(invalid)?;
    let range = time_range(&params)?;
    if range.start > range.end {
        return Err(ApiError::invalid("end", "end timestamp must not be before start timestamp"));
    }
    let dry_run = match params.get("dry_run") {
        "" | "0" | "false" => false,
        "1" | "true" => true,
        other => return Err(ApiError::invalid("dry_run", format!("\"{other}\" is neither 1 nor 0"))),
    };
    let stores = state.stores()?.clone();
    let pass = state.lookups.enter(state.engine.options().timeout).await?;
    let deleted = blocking(pass, move || Ok(stores.admin.delete(&selectors, range, dry_run)?)).await?;
    if dry_run {
        return Ok(success_json(&json!({"series": deleted.series, "samples": deleted.samples})));
    }
    Ok(respond::no_content())
}

/// Takes deleted samples out of the files.
pub(crate) async fn clean_tombstones(state: &State) -> Result<Response, ApiError> {
    allowed(state)?;
    let stores = state.stores()?.clone();
    let pass = state.lookups.enter(state.engine.options().timeout).await?;
    blocking(pass, move || Ok(stores.admin.clean_tombstones()?)).await?;
    Ok(respond::no_content())
}

/// `/api/v1/admin/tsdb/snapshot`: makes a snapshot and answers its name.
pub(crate) async fn snapshot(params: Params, state: &State) -> Result<Response, ApiError> {
    allowed(state)?;
    let skip_head = match params.get("skip_head") {
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
        "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
        other => return Err(ApiError::invalid("skip_head", format!("\"{other}\" is neither true nor false"))),
    };
    let admin = state.stores()?.admin.clone();
    let pass = state.lookups.enter(state.engine.options().timeout).await?;
    let name = blocking(pass, move || Ok(admin.snapshot(skip_head)?)).await?;
    Ok(success_json(&json!({"name": name})))
}

fn allowed(state: &State) -> Result<(), ApiError> {
    if state.options.admin_api { Ok(()) } else { Err(ApiError::Unavailable("admin APIs disabled".to_owned())) }
}
