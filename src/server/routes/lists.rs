//! `/api/v1/labels`, `/api/v1/label/<name>/values` and `/api/v1/series`: what series there are.

use super::selectors::{selectors, time_range};
use crate::{
    model::{Labels, Matcher, TimeRange},
    seams::select::{Limited, Select, SelectError},
    server::{
        Response, State,
        envelope::{Array, Remarks, success},
        error::ApiError,
        json,
        params::{Params, decode},
        work::blocking,
    },
};

/// What all three ask with.
struct Lookup {
    selectors: Vec<Vec<Matcher>>,
    range: TimeRange,
    limit: usize,
}

impl Lookup {
    fn new(params: &Params) -> Result<Self, ApiError> {
        Ok(Self { limit: params.limit()?, range: time_range(params)?, selectors: selectors(params)? })
    }

    /// Looks names or values up: on this thread if the index has so few that this takes less than handing it over.
    async fn run_in_small<T: Send + 'static>(
        self,
        state: &State,
        find: impl FnOnce(&dyn Select, &Self) -> Result<Limited<T>, SelectError> + Send + 'static,
    ) -> Result<Limited<T>, ApiError> {
        let select = &*state.stores()?.select;
        if self.range.start > self.range.end || !select.finds_at_once(&[]) {
            return self.run(state, find).await;
        }
        let _pass = state.lookups.enter(state.engine.options().timeout).await?;
        Ok(find(select, &self)?)
    }

    /// Looks things up on a thread that may wait.
    async fn run<T: Send + 'static>(
        self,
        state: &State,
        find: impl FnOnce(&dyn Select, &Self) -> Result<Limited<T>, SelectError> + Send + 'static,
    ) -> Result<Limited<T>, ApiError> {
        let stores = state.stores()?.clone();
        if self.range.start > self.range.end {
            return Ok(Limited { items: Vec::new(), truncated: false });
        }
        let pass = state.lookups.enter(state.engine.options().timeout).await?;
        blocking(pass, move || Ok(find(&*stores.select, &self)?)).await
    }
}

/// Label names.
pub(crate) async fn names(params: Params, state: &State) -> Result<Response, ApiError> {
    let found = Lookup::new(&params)?
        .run_in_small(state, |select, ask| select.label_names(&ask.selectors, ask.range, ask.limit))
        .await?;
    Ok(strings(found))
}

/// Values of the label whose encoded name is `name`.
pub(crate) async fn values(name: &str, params: Params, state: &State) -> Result<Response, ApiError> {
    let name = unescape(decode(name.as_bytes(), false)?);
    let found = Lookup::new(&params)?
        .run_in_small(state, move |select, ask| select.label_values(&name, &ask.selectors, ask.range, ask.limit))
        .await?;
    Ok(strings(found))
}

/// Label sets.
pub(crate) async fn series(params: Params, state: &State) -> Result<Response, ApiError> {
    if params.all("match[]").next().is_none() {
        return Err(ApiError::BadData("no match[] parameter provided".to_owned()));
    }
    let found =
        Lookup::new(&params)?.run(state, |select, ask| select.series(&ask.selectors, ask.range, ask.limit)).await?;
    let remarks = Remarks::default().truncated(found.truncated);
    Ok(success(Array::new(found.items, |out, labels: Labels| json::labels(out, &labels)), &remarks))
}

fn strings(found: Limited<String>) -> Response {
    let remarks = Remarks::default().truncated(found.truncated);
    success(Array::new(found.items, |out, item: String| json::string(out, &item)), &remarks)
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
