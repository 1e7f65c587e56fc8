//! The routes: for each group a file that parses parameters, does the work and answers, and one [`table`] of them all.

mod admin;
mod cardinality;
mod exemplars;
mod explain;
mod export;
mod federate;
mod health;
mod import;
mod influx;
mod lookups;
mod metadata;
mod otlp;
mod path_hints;
mod push;
mod query;
mod remote_read;
mod remote_write;
mod selectors;
mod status;
mod storage;
mod table;

use std::sync::Arc;

use hyper::{Request, body::Incoming};

use super::{Response, ServerState, error::ApiError, params::Params, request_context::RequestContext};
pub(crate) use health::landing;
pub(super) use import::max_ahead;
pub(crate) use influx::failure as influx_failure;
pub(crate) use path_hints::hint;
pub(crate) use push::PushOrder;
#[cfg(test)]
pub(crate) use table::examples;
use table::{Call, Handler};
pub(crate) use table::{Route, find, find_for};

/// Answers a request for `route`.
pub(crate) async fn answer(
    route: Route,
    request: Request<Incoming>,
    context: RequestContext,
    state: Arc<ServerState>,
) -> Result<Response, ApiError> {
    match route.handler {
        Handler::Immediate(answer) => answer(&state),
        Handler::WithBody(answer) => answer(request, state).await,
        Handler::Import(format) => import::import(format, request, state).await,
        Handler::Influx(answer) => {
            let id = context.id.clone();
            Ok(influx::dress(answer(request, context, state).await, &id))
        }
        Handler::WithParams(answer) => answer(call(request, context, &state).await?).await,
        Handler::WithPlainErrors(answer) => {
            let call = call(request, context, &state).await.map_err(ApiError::plainly)?;
            answer(call).await.map_err(ApiError::plainly)
        }
    }
}

/// Reads a request's parameters, if the store is open.
async fn call(request: Request<Incoming>, context: RequestContext, state: &ServerState) -> Result<Call<'_>, ApiError> {
    state.stores()?;
    let (head, body) = request.into_parts();
    let params = Params::read(&head, body, state).await?;
    Ok(Call { head, params, context, state })
}
