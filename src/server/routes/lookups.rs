//! `/api/v1/labels`, `/api/v1/label/<name>/values` and `/api/v1/series`: what series there are.

use std::sync::Arc;

use super::selectors::{are_few, invalid, selectors, time_range};
use crate::{
    seams::{
        interrupt::Interrupt,
        select::{Limited, Listing, Lookup, LookupCost, SelectError, SelectLabels},
    },
    server::{
        Response, ServerState,
        admission::run_inline,
        envelope::{Array, ResponseAnnotations, success},
        error::ApiError,
        json,
        params::{Params, decode},
    },
};

/// Looks up what the parameters ask for, and answers a list of what `write` makes of each item. The memory of the list is counted
/// until the client has read it. A lookup of negligible cost is done on the runtime's thread, as handing it to another one would
/// take longer. `fault` makes the error of a selector that is refused.
async fn list<T: Send + 'static>(
    params: Params,
    state: &ServerState,
    fault: fn(String) -> ApiError,
    listing: Listing,
    find: impl FnOnce(&dyn SelectLabels, &Lookup) -> Result<Limited<T>, SelectError> + Send + 'static,
    write: impl Fn(&mut Vec<u8>, &T) + Send + 'static,
) -> Result<Response, ApiError> {
    let deadline = state.default_deadline();
    let (limit, range) = (params.limit()?, time_range(&params)?);
    let (room, stores) = (state.engine.room(), state.stores()?.clone());
    let asked = {
        let room = Arc::clone(&room);
        move |params: &Params, interrupt: &Arc<dyn Interrupt>| {
            let selectors = selectors(params, &*room, fault, &**interrupt)?;
            Ok::<_, ApiError>(Lookup { selectors, range, limit, budget: room, interrupt: Arc::clone(interrupt) })
        }
    };
    let nothing = || Limited { items: Vec::new(), truncated: false };
    let find = move |labels: &dyn SelectLabels, ask: &Lookup| {
        if range.start > range.end { Ok(nothing()) } else { Ok(find(labels, ask)?) }
    };
    let permit = state.lookups.enter(deadline.left()).await?;
    let found = if are_few(&params) {
        let ask = asked(&params, &deadline.interrupt())?;
        if run_inline(|| Ok(stores.labels.cost(listing, &ask)?))? == LookupCost::Negligible {
            run_inline(|| find(&*stores.labels, &ask))?
        } else {
            deadline.run_admitted(permit, move |_| find(&*stores.labels, &ask)).await?
        }
    } else {
        deadline.run_admitted(permit, move |interrupt| find(&*stores.labels, &asked(&params, interrupt)?)).await?
    };
    let annotations = ResponseAnnotations::default().truncated(found.truncated);
    let write = move |out: &mut Vec<u8>, item: T| {
        let _kept_until_now = &room;
        write(out, &item);
    };
    Ok(success(Array::new(found.items, write), &annotations))
}

/// Label names.
pub(crate) async fn names(params: Params, state: &ServerState) -> Result<Response, ApiError> {
    // Prometheus names the parameter only where series are asked for.
    let find = |labels: &dyn SelectLabels, ask: &Lookup| labels.label_names(ask);
    list(params, state, ApiError::BadData, Listing::Strings, find, |out, text| json::string(out, text)).await
}

/// Values of the label whose encoded name is `name`.
pub(crate) async fn values(name: &str, params: Params, state: &ServerState) -> Result<Response, ApiError> {
    let name = unescape(decode(name.as_bytes(), false)?);
    list(
        params,
        state,
        ApiError::BadData,
        Listing::Strings,
        move |labels, ask| labels.label_values(&name, ask),
        |out, text| json::string(out, text),
    )
    .await
}

/// Label sets.
pub(crate) async fn series(params: Params, state: &ServerState) -> Result<Response, ApiError> {
    if params.all("match[]").next().is_none() {
        return Err(ApiError::BadData("no match[] parameter provided".to_owned()));
    }
    list(params, state, invalid, Listing::Series, |labels, ask| labels.series(ask), json::labels).await
}

/// Undoes the escaping of names that old clients can't send: `U__http_2e_status` is `http.status`.
///
/// After the prefix, two underscores are one, and hexadecimal digits between underscores are a character. A name that
/// breaks these rules is taken as it stands.
fn unescape(name: String) -> String {
    let Some(escaped) = name.strip_prefix("U__") else { return name };
    let mut plain = String::new();
    let mut rest = escaped;
    while let Some((before, after)) = rest.split_once('_') {
        plain.push_str(before);
        let Some((code, after)) = after.split_once('_') else { return name };
        if code.is_empty() {
            plain.push('_');
        } else {
            let character = u32::from_str_radix(code, 16).ok().and_then(char::from_u32);
            let Some(character) = character else { return name };
            plain.push(character);
        }
        rest = after;
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_are_undone() {
        for (name, plain) in [
            ("job", "job"),
            ("U__http_2e_status", "http.status"),
            ("U__a__b", "a_b"),
            ("U___1f600_", "😀"),
            ("U__a_zz_", "U__a_zz_"),
            ("U__a_2e", "U__a_2e"),
            ("U__a_d800_", "U__a_d800_"),
        ] {
            assert_eq!(unescape(name.to_owned()), plain);
        }
    }
}
