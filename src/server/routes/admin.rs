//! `/api/v1/admin/…`: only where `--web.enable-admin-api` allows it.

use serde_json::json;

use crate::{
    seams::admin::AdminError,
    server::{Response, State, envelope::success_json, error::ApiError, params::Params, work::blocking},
};

impl From<AdminError> for ApiError {
    fn from(error: AdminError) -> Self {
        Self::Internal(error.to_string())
    }
}

/// Refuses when administration isn't enabled.
pub(crate) fn allowed(state: &State) -> Result<(), ApiError> {
    if state.options.admin_api { Ok(()) } else { Err(ApiError::Unavailable("admin APIs disabled".to_owned())) }
}

/// `/api/v1/admin/tsdb/snapshot`: makes a snapshot and answers its name.
pub(crate) async fn snapshot(params: Params, state: &State) -> Result<Response, ApiError> {
    allowed(state)?;
    let skip_head = match params.get("skip_head") {
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
        "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
        other => return Err(ApiError::invalid("skip_head", format!("expected true or false, got {other:?}"))),
    };
    let admin = state.stores()?.admin.clone();
    let pass = state.lookups.enter(state.engine.options().timeout).await?;
    let name = blocking(pass, move || Ok(admin.snapshot(skip_head)?)).await?;
    Ok(success_json(&json!({"name": name})))
}
