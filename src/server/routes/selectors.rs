//! `match[]`: series selectors as parameters.

use crate::{
    model::{Matcher, TimeRange},
    promql::{QueryError, parse_selector},
    seams::{interrupt::Interrupt, memory_budget::MemoryBudget},
    server::{error::ApiError, params::Params},
};

/// Parsing up to this many selectors, with this many bytes together, takes so little time that it is done on the runtime's thread.
const FEW: usize = 8;
const SHORT: usize = 1 << 10;

/// The parameter that holds selectors.
const NAME: &str = "match[]";

/// The matchers of each selector given; the memory for them is taken of `room`. `fault` makes the error of one that is wrong.
pub(crate) fn selectors(
    params: &Params,
    room: &dyn MemoryBudget,
    fault: fn(String) -> ApiError,
    interrupt: &dyn Interrupt,
) -> Result<Vec<Vec<Matcher>>, ApiError> {
    let selectors = any_selectors(params, room, fault, interrupt)?;
    // A selector that every series matches is most likely a mistake, and a costly one.
    if selectors.iter().any(|matchers| matchers.iter().all(Matcher::matches_empty)) {
        return Err(fault("match[] must contain at least one non-empty matcher".to_owned()));
    }
    Ok(selectors)
}

/// The matchers of each selector given, also of those that match every series.
pub(crate) fn any_selectors(
    params: &Params,
    room: &dyn MemoryBudget,
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

/// Whether the selectors are so few and short that they are parsed on the runtime's thread.
pub(crate) fn are_few(params: &Params) -> bool {
    params.all(NAME).count() <= FEW && params.all(NAME).map(str::len).sum::<usize>() <= SHORT
}

/// The error of a selector that names its parameter.
pub(crate) fn invalid(why: String) -> ApiError {
    ApiError::invalid(NAME, why)
}

/// `start` and `end`, unbounded where not given.
pub(crate) fn time_range(params: &Params) -> Result<TimeRange, ApiError> {
    Ok(TimeRange::new(params.time_or("start", i64::MIN)?, params.time_or("end", i64::MAX)?))
}
