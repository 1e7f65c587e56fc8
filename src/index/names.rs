//! Label names and values, of all series of a part or of some.
//!
//! For some series there are two ways: ask each value's postings whether one of them is there, or walk their labels.
//! What the second costs is known beforehand, what the first costs only the scan itself brings out; so, unless the second
//! is cheap, it starts with the first way and changes over when that has cost as much as the second would. Costs are in
//! units of about 0.1 µs.

use std::ops::ControlFlow;

use roaring::RoaringBitmap;

use super::{IndexError, distinct::Distinct, part::Part, postings::Postings};

/// Cost that is hardly worth a thought.
pub(super) const CHEAP: u64 = 1000;

/// Adds the names of the labels of `part`'s series, of those in `filter` only if there is one.
pub(super) fn names(part: &dyn Part, filter: Option<&RoaringBitmap>, out: &mut Distinct<'_>) -> Result<(), IndexError> {
    let Some(wanted) = narrowed(part, filter) else {
        return part.names().iter().try_for_each(|name| out.add(name));
    };
    let mut left = worth_asking(part, &wanted);
    for name in part.names() {
        if left == 0 || wanted.is_empty() {
            break;
        }
        if !out.lacks(&name) {
            continue;
        }
        let mut found = false;
        part.scan(&name, "", &mut |_, postings| {
            found = intersects(part, postings, &wanted, &mut left)?;
            Ok(if found || left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if found {
            out.add(&name)?;
        }
    }
    if left == 0 {
        return walk_names(part, &wanted, out);
    }
    Ok(())
}

/// Adds the values of label `name` in `part`'s series, in those in `filter` only if there is one.
pub(super) fn values(
    part: &dyn Part,
    name: &str,
    filter: Option<&RoaringBitmap>,
    out: &mut Distinct<'_>,
) -> Result<(), IndexError> {
    let Some(wanted) = narrowed(part, filter) else {
        return part.scan(name, "", &mut |value, _| {
            out.add(value)?;
            Ok(ControlFlow::Continue(()))
        });
    };
    if wanted.is_empty() {
        return Ok(());
    }
    let mut left = worth_asking(part, &wanted);
    part.scan(name, "", &mut |value, postings| {
        if out.lacks(value) && intersects(part, postings, &wanted, &mut left)? {
            out.add(value)?;
        }
        Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    if left == 0 {
        return walk_values(part, name, &wanted, out);
    }
    Ok(())
}

/// Whether the postings have one of the series wanted; takes what that cost off `left`. When they are damaged, the labels
/// have to be walked.
fn intersects(
    part: &dyn Part,
    postings: Postings<'_>,
    wanted: &RoaringBitmap,
    left: &mut u64,
) -> Result<bool, IndexError> {
    match postings.intersects(wanted) {
        Ok((found, cost)) => {
            *left = left.saturating_sub(cost);
            Ok(found)
        }
        Err(error) => {
            part.work_around(error)?;
            *left = 0;
            Ok(false)
        }
    }
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
