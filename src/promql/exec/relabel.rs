//! `label_replace` and `label_join`.

use regex_automata::{Input, util::captures::Captures};

use super::{
    context::Context,
    dedup::{Overlap, distinct},
    operator::{Op, Series},
};
use crate::{
    model::{
        Groups, METRIC_NAME, MatcherError, capturing,
        limits::{LabelLimit, MAX_VALUE, check_label},
        shortened,
    },
    promql::QueryError,
};

/// Sets label `target` to `replacement`, with the groups of `pattern` filled in, where the whole of `source` matches.
/// `inner` is built when the arguments have turned out to be right, and so are its errors told later.
pub(super) fn replace<'c>(
    cx: &'c Context<'c>,
    inner: impl FnOnce() -> Result<Op<'c>, QueryError>,
    [target, replacement, source, pattern]: [&str; 4],
) -> Result<Op<'c>, QueryError> {
    let (regex, groups) = capturing(pattern, &|bytes| cx.budget.keep_bytes(bytes).is_ok()).map_err(|error| {
        QueryError::Execution(match error {
            MatcherError::Regex { .. } => {
                format!("invalid regular expression in label_replace(): {}", shortened(pattern))
            }
            error => format!("label_replace(): {error}"),
        })
    })?;
    if !is_label_name(target) {
        let text = format!("invalid destination label name in label_replace(): {target}");
        return Err(QueryError::Execution(text));
    }
    distinct(cx, inner()?, Overlap::Refuse, |series| {
        let value = series.labels.get(source).unwrap_or_default();
        let mut captures = regex.create_captures();
        regex.captures(Input::new(value), &mut captures);
        if !captures.is_match() {
            return Ok(series);
        }
        let refused = |limit| QueryError::Execution(format!("label_replace(): {limit}"));
        let bytes = expanded_bytes(replacement, value, &groups, &captures);
        check_label(target, bytes, 0).map_err(refused)?;
        set(&series, target, &expand(replacement, value, &groups, &captures)).map_err(refused)
    })
}

/// How long the text is that [`expand`] makes; an upper bound where that is short enough.
fn expanded_bytes(replacement: &str, value: &str, groups: &Groups, captures: &Captures) -> usize {
    // A group is named by two bytes at least, and is no longer than the value.
    let most = replacement.len().saturating_add((replacement.len() / 2).saturating_mul(value.len()));
    if most <= MAX_VALUE {
        return most;
    }
    let mut bytes: usize = 0;
    groups.expand(replacement, value, captures, |piece| bytes = bytes.saturating_add(piece.len()));
    bytes
}

/// The replacement with its groups filled in.
fn expand(replacement: &str, value: &str, groups: &Groups, captures: &Captures) -> String {
    let mut out = String::new();
    groups.expand(replacement, value, captures, |piece| out.push_str(piece));
    out
}

/// Sets label `target` to the values of `sources`, joined by `separator`.
pub(super) fn join<'c>(
    cx: &'c Context<'c>,
    inner: impl FnOnce() -> Result<Op<'c>, QueryError>,
    target: &str,
    separator: &str,
    sources: &[&str],
) -> Result<Op<'c>, QueryError> {
    let refused =
        |which, name| Err(QueryError::Execution(format!("invalid {which} label name in label_join(): {name}")));
    if let Some(name) = sources.iter().find(|name| !is_label_name(name)) {
        return refused("source", *name);
    }
    if !is_label_name(target) {
        return refused("destination", target);
    }
    distinct(cx, inner()?, Overlap::Refuse, |series| {
        let values: Vec<&str> = sources.iter().map(|name| series.labels.get(name).unwrap_or_default()).collect();
        let separators = separator.len().saturating_mul(values.len().saturating_sub(1));
        let bytes = values.iter().map(|value| value.len()).fold(separators, usize::saturating_add);
        let refused = |limit| QueryError::Execution(format!("label_join(): {limit}"));
        check_label(target, bytes, 0).map_err(refused)?;
        set(&series, target, &values.join(separator)).map_err(refused)
    })
}

/// Any text names a label but the empty one, and one that was written with bytes that are no text.
pub(crate) fn is_label_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(char::REPLACEMENT_CHARACTER)
}

/// A name that is set on purpose stays.
fn set(series: &Series, target: &str, value: &str) -> Result<Series, LabelLimit> {
    let labels = series.labels.with(target, value)?;
    Ok(Series { labels, drop_name: series.drop_name && target != METRIC_NAME })
}
