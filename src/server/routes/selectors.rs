//! `match[]`: series selectors as parameters.

use crate::{
    model::{Matcher, TimeRange},
    promql::{QueryError, ast::{Edges, Expr, ExprKind}, parse},
    server::{error::ApiError, params::Params},
};

/// What selectors are called as a parameter.
const NAME: &str = "match[]";

/// All selectors given, each a list of conditions.
pub(crate) fn selectors(params: &Params) -> Result<Vec<Vec<Matcher>>, ApiError> {
    params.all(NAME).map(selector).collect()
}

fn selector(text: &str) -> Result<Vec<Matcher>, ApiError> {
    let expr = parse(text).map_err(|error| match error {
        // The parser speaks of the query it takes this for.
        QueryError::Parse { message, .. } if message.contains("at least one non-empty matcher") => {
            ApiError::invalid(NAME, "match[] must contain at least one non-empty matcher")
        }
        error => ApiError::query(NAME, error),
    })?;
    let Expr { kind: ExprKind::Selector(selector), .. } = expr else {
        return Err(not_plain());
    };
    if selector.shift.offset.is_some() || selector.shift.at.is_some() || selector.edges != Edges::Plain {
        return Err(not_plain());
    }
    Ok(selector.matchers)
}

fn not_plain() -> ApiError {
    ApiError::invalid(NAME, "1:1: parse error: expected a plain series selector, such as up{job=\"x\"}")
}

/// `start` and `end`, unbounded where not given.
pub(crate) fn time_range(params: &Params) -> Result<TimeRange, ApiError> {
    Ok(TimeRange::new(params.time_or("start", i64::MIN)?, params.time_or("end", i64::MAX)?))
}
