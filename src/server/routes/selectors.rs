//! `match[]`: series selectors as parameters.

use crate::{
    model::{Matcher, TimeRange},
    promql::parse_selector,
    server::{error::ApiError, params::Params},
};

/// What selectors are called as a parameter.
const NAME: &str = "match[]";

/// All selectors given, each a list of conditions. The error says what is wrong, and not with which parameter.
pub(crate) fn selectors(params: &Params) -> Result<Vec<Vec<Matcher>>, String> {
    params.all(NAME).map(selector).collect()
}

/// What is wrong with a selector, and that it is one.
pub(crate) fn invalid(why: String) -> ApiError {
    ApiError::invalid(NAME, why)
}

fn selector(text: &str) -> Result<Vec<Matcher>, String> {
    let matchers = parse_selector(text).map_err(|error| error.to_string())?;
    // One that every series passes is most likely a mistake, and a costly one.
    if matchers.iter().all(Matcher::matches_empty) {
        return Err("match[] must contain at least one non-empty matcher".to_owned());
    }
    Ok(matchers)
}

/// `start` and `end`, unbounded where not given.
pub(crate) fn time_range(params: &Params) -> Result<TimeRange, ApiError> {
    Ok(TimeRange::new(params.time_or("start", i64::MIN)?, params.time_or("end", i64::MAX)?))
}
