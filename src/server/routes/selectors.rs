//! `match[]`: series selectors as parameters.

use crate::{
    model::{Matcher, TimeRange},
    promql::{QueryError, parse_selector},
    seams::{interrupt::Interrupt, room::Room},
    server::{error::ApiError, params::Params},
};

/// Reading so many selectors with so many bytes all together takes next to no time.
const FEW: usize = 8;
const SHORT: usize = 1 << 10;

/// What selectors are called as a parameter.
const NAME: &str = "match[]";

/// All selectors given, each a list of conditions; the memory for them is taken of `room`. `fault` says of what is wrong
/// with one that it is.
pub(crate) fn selectors(
    params: &Params,
    room: &dyn Room,
    fault: fn(String) -> ApiError,
    interrupt: &dyn Interrupt,
) -> Result<Vec<Vec<Matcher>>, ApiError> {
    let selectors = any_selectors(params, room, fault, interrupt)?;
    // One that every series passes is most likely a mistake, and a costly one.
    if selectors.iter().any(|matchers| matchers.iter().all(Matcher::matches_empty)) {
        return Err(fault("match[] must contain at least one non-empty matcher".to_owned()));
    }
    Ok(selectors)
}

/// The same, where selectors that every series passes are none too many.
pub(crate) fn any_selectors(
    params: &Params,
    room: &dyn Room,
    fault: fn(String) -> ApiError,
    interrupt: &dyn Interrupt,
) -> Result<Vec<Vec<Matcher>>, ApiError> {
    let one = |text| {
        interrupt.check()?;
        parse_selector(text, &|bytes| room.take(bytes)).map_err(|error| match error {
            QueryError::Parse { .. } => fault(error.to_string()),
            error => error.into(),
        })
    };
    params.all(NAME).map(one).collect()
}

/// Whether there are so few, and so short ones, that reading them takes next to no time.
pub(crate) fn are_few(params: &Params) -> bool {
    params.all(NAME).count() <= FEW && params.all(NAME).map(str::len).sum::<usize>() <= SHORT
}

/// What is wrong with a selector, and that it is one.
pub(crate) fn invalid(why: String) -> ApiError {
    ApiError::invalid(NAME, why)
}

/// `start` and `end`, unbounded where not given.
pub(crate) fn time_range(params: &Params) -> Result<TimeRange, ApiError> {
    Ok(TimeRange::new(params.time_or("start", i64::MIN)?, params.time_or("end", i64::MAX)?))
}
