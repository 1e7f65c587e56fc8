//! `/api/v1/query_exemplars`: exemplars of all series that an expression selects.

use std::sync::Arc;

use super::selectors::time_range;
use crate::{
    model::{Exemplar, Labels, Matcher},
    promql::{Features, parse_with},
    seams::interrupt::Interrupt,
    server::{
        Response, ServerState,
        envelope::{Array, ResponseAnnotations, success},
        error::ApiError,
        json,
        params::Params,
        respond,
    },
};

/// Exemplars by series.
pub(crate) async fn query(params: Params, state: &ServerState) -> Result<Response, ApiError> {
    let range = time_range(&params)?;
    if range.end < range.start {
        return Err(ApiError::BadData("end timestamp must not be before start timestamp".to_owned()));
    }
    let (room, stores) = (state.engine.room(), state.stores()?.clone());
    let find = move |interrupt: &Arc<dyn Interrupt>| {
        let expr = parse_with(params.get("query"), Features::ALL, &|bytes| room.take(bytes))?;
        let selectors: Vec<Vec<Matcher>> =
            expr.selectors().into_iter().map(|selector| selector.matchers.clone()).collect();
        let asked = !selectors.is_empty();
        Ok(if asked { Some(stores.exemplars.exemplars(&selectors, range, &**interrupt)?) } else { None })
    };
    let Some(found) = state.default_deadline().run(&state.lookups, find).await? else {
        return Ok(respond::no_content());
    };
    Ok(success(Array::new(found, write), &ResponseAnnotations::default()))
}

fn write(out: &mut Vec<u8>, (series, exemplars): (Labels, Vec<Exemplar>)) {
    out.extend_from_slice(b"{\"seriesLabels\":");
    json::labels(out, &series);
    out.extend_from_slice(b",\"exemplars\":[");
    for (i, exemplar) in exemplars.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"{\"labels\":" } else { b",{\"labels\":" });
        json::labels(out, &exemplar.labels);
        out.extend_from_slice(b",\"value\":");
        json::value(out, exemplar.value);
        out.extend_from_slice(b",\"timestamp\":");
        json::time(out, exemplar.time);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}
