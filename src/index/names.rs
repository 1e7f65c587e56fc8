//! Label names and values, of all series of a part or of some.
//!
//! For some series there are two ways: ask each value's postings whether one of them is there, or walk their labels.
//! What the second costs is known beforehand, what the first costs only the scan itself brings out; so, unless the second
//! is cheap, it starts with the first way and changes over when that has cost as much as the second would. Costs are in
//! units of about 0.1 µs.
//!
//! Where it isn't known yet which series count, a glance at a few series of each value goes first ([`super::filter`]).

use std::ops::ControlFlow;

use roaring::RoaringBitmap;

use super::{
    IndexError,
    distinct::Distinct,
    filter::Glances,
    part::Part,
    postings::{Gather, Postings},
};

/// Cost that is hardly worth a thought.
pub(super) const CHEAP: u64 = 1000;

/// Adds the names of the labels of `part`'s series, of those in `filter` only if there is one.
pub(super) fn names(part: &dyn Part, filter: Option<&RoaringBitmap>, out: &mut Distinct<'_>) -> Result<(), IndexError> {
    let wanted = narrowed(part, filter);
    let asked = ask_names(part, wanted.as_ref(), out);
    if told(part, asked)? { Ok(()) } else { walk_names(part, wanted.as_ref().unwrap_or(part.ids()), out) }
}

/// Adds the values of label `name` in `part`'s series, in those in `filter` only if there is one.
pub(super) fn values(
    part: &dyn Part,
    name: &str,
    filter: Option<&RoaringBitmap>,
    out: &mut Distinct<'_>,
) -> Result<(), IndexError> {
    let wanted = narrowed(part, filter);
    let asked = ask_values(part, name, wanted.as_ref(), out);
    if told(part, asked)? { Ok(()) } else { walk_values(part, name, wanted.as_ref().unwrap_or(part.ids()), out) }
}

/// Adds the names of `part`'s labels that a glance shows to be of a series that is present.
pub(super) fn glance_at_names(
    part: &dyn Part,
    glances: &mut Glances<'_>,
    out: &mut Distinct<'_>,
) -> Result<(), IndexError> {
    let seen = ask_names_at_a_glance(part, glances, out);
    if !told(part, seen)? {
        glances.leave_open(part.ids());
    }
    Ok(())
}

/// Adds the values of label `name` that a glance shows to be of a series of `part` that is present.
pub(super) fn glance_at_values(
    part: &dyn Part,
    name: &str,
    glances: &mut Glances<'_>,
    out: &mut Distinct<'_>,
) -> Result<(), IndexError> {
    let mut open = Gather::default();
    let seen = part.scan(name, "", &mut |value, postings| {
        if out.lacks(value) {
            if glances.show(postings)? {
                out.add(value)?;
            } else {
                postings.add_to(&mut open)?;
            }
        }
        Ok(if glances.are_spent() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    if told(part, seen.map(|()| !glances.are_spent()))? {
        glances.leave_open(&open.finish());
    } else {
        glances.leave_open(part.ids());
    }
    Ok(())
}

/// Adds names that a glance shows. Of each other name the series of all values are left open. Says whether that were all names.
fn ask_names_at_a_glance(
    part: &dyn Part,
    glances: &mut Glances<'_>,
    out: &mut Distinct<'_>,
) -> Result<bool, IndexError> {
    for name in part.names()? {
        if glances.are_spent() {
            return Ok(false);
        }
        if !out.lacks(&name) {
            continue;
        }
        let (mut found, mut open) = (false, Gather::default());
        part.scan(&name, "", &mut |_, postings| {
            found = glances.show(postings)?;
            if !found {
                postings.add_to(&mut open)?;
            }
            Ok(if found || glances.are_spent() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if found {
            out.add(&name)?;
        } else {
            glances.leave_open(&open.finish());
        }
    }
    Ok(!glances.are_spent())
}

/// Whether asking the dictionary and the postings told all. Where they are damaged, the labels have to be walked.
fn told(part: &dyn Part, asked: Result<bool, IndexError>) -> Result<bool, IndexError> {
    asked.or_else(|error| part.work_around(error).map(|()| false))
}

/// Adds names by the dictionary, those of the series in `wanted` only if it is there. Says whether that were all.
fn ask_names(part: &dyn Part, wanted: Option<&RoaringBitmap>, out: &mut Distinct<'_>) -> Result<bool, IndexError> {
    let names = part.names()?;
    let Some(wanted) = wanted else {
        names.iter().try_for_each(|name| out.add(name))?;
        return Ok(true);
    };
    let mut left = worth_asking(part, wanted);
    for name in names {
        if left == 0 || wanted.is_empty() {
            break;
        }
        if !out.lacks(&name) {
            continue;
        }
        let mut found = false;
        part.scan(&name, "", &mut |_, postings| {
            found = intersects(postings, wanted, &mut left)?;
            Ok(if found || left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if found {
            out.add(&name)?;
        }
    }
    Ok(left > 0)
}

/// Adds values of label `name` by the dictionary, those of the series in `wanted` only if it is there. Says whether that
/// were all.
fn ask_values(
    part: &dyn Part,
    name: &str,
    wanted: Option<&RoaringBitmap>,
    out: &mut Distinct<'_>,
) -> Result<bool, IndexError> {
    let Some(wanted) = wanted else {
        part.scan(name, "", &mut |value, _| {
            out.add(value)?;
            Ok(ControlFlow::Continue(()))
        })?;
        return Ok(true);
    };
    if wanted.is_empty() {
        return Ok(true);
    }
    let mut left = worth_asking(part, wanted);
    part.scan(name, "", &mut |value, postings| {
        if out.lacks(value) && intersects(postings, wanted, &mut left)? {
            out.add(value)?;
        }
        Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(left > 0)
}

/// Whether the postings have one of the series wanted; takes what that cost off `left`.
fn intersects(postings: Postings<'_>, wanted: &RoaringBitmap, left: &mut u64) -> Result<bool, IndexError> {
    let (found, cost) = postings.intersects(wanted)?;
    *left = left.saturating_sub(cost);
    Ok(found)
}

/// The series asked for, or `None` when all of the part are.
fn narrowed(part: &dyn Part, filter: Option<&RoaringBitmap>) -> Option<RoaringBitmap> {
    let wanted = filter? & part.ids();
    (wanted.len() < part.ids().len()).then_some(wanted)
}

/// What asking postings may cost before walking labels is the better way.
fn worth_asking(part: &dyn Part, wanted: &RoaringBitmap) -> u64 {
    match part.cost_of_pairs(wanted) {
        0..=CHEAP => 0,
        dear => dear.saturating_add(CHEAP),
    }
}

/// Adds the names of all labels of the series wanted.
fn walk_names(part: &dyn Part, wanted: &RoaringBitmap, out: &mut Distinct<'_>) -> Result<(), IndexError> {
    let mut added = Ok(());
    part.each_pair(wanted, &mut |pair| {
        if added.is_ok()
            && let Ok(name) = std::str::from_utf8(pair.name)
        {
            added = out.add(name);
        }
    })?;
    added
}

/// Adds the values of label `name` of the series wanted.
fn walk_values(part: &dyn Part, name: &str, wanted: &RoaringBitmap, out: &mut Distinct<'_>) -> Result<(), IndexError> {
    let mut added = Ok(());
    part.each_value(name, wanted, &mut |value| {
        if added.is_ok() {
            added = out.add(value);
        }
    })?;
    added
}
