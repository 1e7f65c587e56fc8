//! `/api/v1/metadata`: what metric families are.

use serde_json::{Map, Value, json};

use crate::server::{Response, ServerState, envelope::success_json, error::ApiError, params::Params};

/// Type, help and unit by metric family.
pub(crate) async fn families(params: Params, state: &ServerState) -> Result<Response, ApiError> {
    let limit = whole_number(&params, "limit")?;
    let per_family = whole_number(&params, "limit_per_metric")?.filter(|limit| *limit > 0);
    let family = Some(params.get("metric").to_owned()).filter(|name| !name.is_empty());
    let stores = state.stores()?.clone();
    let find = move |_: &_| Ok(stores.metadata.metadata(family.as_deref()));
    let found = state.default_deadline().run(&state.lookups, find).await?;
    let mut families = Map::new();
    for metadata in found {
        if !families.contains_key(&metadata.family) && limit.is_some_and(|limit| families.len() >= limit) {
            continue;
        }
        let list = families.entry(metadata.family).or_insert_with(|| Value::Array(Vec::new()));
        let Some(list) = list.as_array_mut() else { continue };
        if per_family.is_none_or(|limit| list.len() < limit) {
            list.push(json!({
                "type": metadata.metric_type.as_str(),
                "help": metadata.help,
                "unit": metadata.unit,
            }));
        }
    }
    Ok(success_json(&Value::Object(families)))
}

/// A whole number; none when it is absent or negative. Unlike elsewhere a limit of 0 lets nothing through.
fn whole_number(params: &Params, name: &str) -> Result<Option<usize>, ApiError> {
    match params.get(name) {
        "" => Ok(None),
        text => {
            let number: i64 = text.parse().map_err(|_| ApiError::BadData(format!("{name} must be a number")))?;
            Ok(usize::try_from(number).ok())
        }
    }
}
