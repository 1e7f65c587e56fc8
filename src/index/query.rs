//! From matchers to ids, within one part.
//!
//! A matcher that a missing label fails (`job="api"`, `job=~"a.+"`, `job!=""`) is an intersection with the union of the
//! postings of its values. One that a missing label passes (`job=""`, `job!="api"`, `job=~"a?"`) can't be united from
//! postings, as a missing label has none: the values that fail it are united and subtracted. Either way the values are
//! looked up one by one when they are few, else searched for among the name's values.
//!
//! The cheapest matchers go first: lookups before searches, and of lookups the ones with the fewest series. Of the later
//! ones' postings only the series found so far are taken, and the work stops when none are left. When few are, their
//! labels are read and matched instead of scanning a dictionary.

use std::ops::ControlFlow;

use roaring::RoaringBitmap;

use super::{
    IndexError, names,
    part::Part,
    postings::{Gather, Postings},
};
use crate::model::{MatchOp, Matcher};

/// Up to this many series are matched one by one, wherever they lie.
const FEW_SERIES: u64 = 64;
/// The series of up to this many values are counted before they are read.
const FEW_VALUES: usize = 4;

/// The series of `part` that pass all matchers.
pub(super) fn find(part: &dyn Part, matchers: &[Matcher]) -> Result<RoaringBitmap, IndexError> {
    let mut found: Option<RoaringBitmap> = None;
    for matcher in in_order(matchers, |matcher| series_of(part, matcher)) {
        found = Some(match found {
            Some(found) if found.is_empty() => return Ok(found),
            Some(found) if scans(matcher) && few(part, &found) => part.filter(&found, matcher)?,
            found => match collect(part, matcher, found.as_ref()) {
                Ok(set) => narrow(part, found, matcher, set),
                // Damaged postings or dictionary: labels tell the same, only slower.
                Err(error) => {
                    part.work_around(error)?;
                    part.filter(found.as_ref().unwrap_or(part.ids()), matcher)?
                }
            },
        });
    }
    Ok(found.unwrap_or_else(|| part.ids().clone()))
}

/// Whether to match series one by one rather than to search for values.
fn few(part: &dyn Part, found: &RoaringBitmap) -> bool {
    found.len() <= FEW_SERIES || part.cost_of_pairs(found) <= names::CHEAP
}

/// The matchers, cheapest first; `series` says how many series one has that is looked up.
pub fn in_order(matchers: &[Matcher], series: impl Fn(&Matcher) -> u64) -> Vec<&Matcher> {
    let mut ordered: Vec<&Matcher> = matchers.iter().collect();
    if let [_, _, ..] = matchers {
        let series = |m: &Matcher| if scans(m) { 0 } else { series(m) };
        ordered.sort_by_cached_key(|m| (scans(m), m.matches_empty(), series(m), std::cmp::Reverse(m.prefix().len())));
    }
    ordered
}

/// How many series a matcher's values have, if these are few and known.
fn series_of(part: &dyn Part, matcher: &Matcher) -> u64 {
    let Some(values) = matcher.literals() else { return 0 };
    if values.len() > FEW_VALUES {
        return u64::MAX;
    }
    let count = |value: &str| part.postings(matcher.name(), value)?.map_or(Ok(0), Postings::count);
    // Damage will be met again.
    values.iter().map(|value| count(value).unwrap_or(u64::MAX)).fold(0, u64::saturating_add)
}

/// Whether series with these matchers are found by looking up values, without searching for any.
#[must_use]
pub fn looks_up(matchers: &[Matcher]) -> bool {
    !matchers.is_empty() && matchers.iter().all(|matcher| !scans(matcher))
}

/// How the series that pass a matcher are found, in words.
#[must_use]
pub fn path(matcher: &Matcher) -> String {
    let postings = match matcher.literals() {
        Some(literals) if wanted(matcher) => match literals.iter().filter(|v| !v.is_empty()).count() {
            1 => "postings of one value".to_owned(),
            count => format!("postings of {count} values"),
        },
        _ if selects_everything(matcher) && !wanted(matcher) => return "all series".to_owned(),
        _ if selects_everything(matcher) => "postings of all values".to_owned(),
        _ if wanted(matcher) && !matcher.prefix().is_empty() => {
            format!("scan of the values that begin with {:?}", matcher.prefix())
        }
        _ => "scan of all values".to_owned(),
    };
    if matcher.matches_empty() { format!("all series but the {postings}") } else { postings }
}

/// Whether the values concerned must be searched for.
fn scans(matcher: &Matcher) -> bool {
    !wanted(matcher) || matcher.literals().is_none()
}

/// Whether the values to unite are those that [`Matcher::selects`] accepts, or the others.
fn wanted(matcher: &Matcher) -> bool {
    // Intersecting needs the values that pass, subtracting those that fail; a negative matcher swaps the two.
    matcher.matches_empty() == matcher.is_negative()
}

/// What is left of `found` (`None`: all) by `set`, the union that [`collect`] made for the matcher.
fn narrow(part: &dyn Part, found: Option<RoaringBitmap>, matcher: &Matcher, set: RoaringBitmap) -> RoaringBitmap {
    match (found, matcher.matches_empty()) {
        (None, false) => set,
        (None, true) => part.ids() - set,
        (Some(found), false) => found & set,
        (Some(found), true) => found - set,
    }
}

/// The union of the postings that the matcher needs, at least as far as they are in `found`.
fn collect(part: &dyn Part, matcher: &Matcher, found: Option<&RoaringBitmap>) -> Result<RoaringBitmap, IndexError> {
    let mut gather = Gather::within(found);
    let wanted = wanted(matcher);
    match matcher.literals() {
        Some(literals) if wanted => {
            for value in literals.iter().filter(|v| !v.is_empty()) {
                if let Some(postings) = part.postings(matcher.name(), value)? {
                    postings.add_to(&mut gather)?;
                }
            }
        }
        _ => match (selects_everything(matcher), wanted) {
            (true, false) => {}
            (false, true) => part.select(matcher, &mut || Ok(()), &mut |postings| postings.add_to(&mut gather))?,
            (everything, _) => part.scan(matcher.name(), "", &mut |value, postings| {
                if everything || !matcher.selects(value) {
                    postings.add_to(&mut gather)?;
                }
                Ok(ControlFlow::Continue(()))
            })?,
        },
    }
    Ok(gather.finish())
}

/// Whether every value there can be is selected, without asking each.
fn selects_everything(matcher: &Matcher) -> bool {
    matches!(matcher.op(), MatchOp::Regex | MatchOp::NotRegex) && matches!(matcher.value(), ".*" | ".+")
}
