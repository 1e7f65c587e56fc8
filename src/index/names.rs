//! Label names and values, of all series of a part or of some.
//!
//! For some series there are two ways: ask each value's postings whether one of them is there, or walk their labels.
//! Which is cheaper depends on numbers that only the scan itself brings out, so it starts with the first way and
//! changes over when that has cost as much as the second would.

use std::{collections::BTreeSet, ops::ControlFlow};

use roaring::RoaringBitmap;

use super::{IndexError, pair, part::Part, postings::Postings};

/// Postings looked at per series before walking labels is cheaper.
const LOOKS_PER_SERIES: u64 = 4;
/// Looks that are always worth it.
const FREE_LOOKS: u64 = 64;

/// Adds the names of the labels of `part`'s series, of those in `filter` only if there is one.
pub(super) fn names(
    part: &dyn Part,
    filter: Option<&RoaringBitmap>,
    out: &mut BTreeSet<String>,
) -> Result<(), IndexError> {
    let Some(wanted) = narrowed(part, filter) else {
        out.extend(part.names());
        return Ok(());
    };
    let mut looks = looks(&wanted);
    for name in part.names() {
        if looks == 0 || wanted.is_empty() {
            break;
        }
        if out.contains(&name) {
            continue;
        }
        let mut found = false;
        part.scan(&name, "", &mut |_, postings| {
            looks = looks.saturating_sub(1);
            found = intersects(part, postings, &wanted, &mut looks)?;
            Ok(if found || looks == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if found {
            out.insert(name);
        }
    }
    if looks == 0 {
        part.each_labels(&wanted, &mut |_, labels| {
            pair::pairs(labels).for_each(|pair| add(out, pair.name));
        })?;
    }
    Ok(())
}

/// Adds the values of label `name` in `part`'s series, in those in `filter` only if there is one.
pub(super) fn values(
    part: &dyn Part,
    name: &str,
    filter: Option<&RoaringBitmap>,
    out: &mut BTreeSet<String>,
) -> Result<(), IndexError> {
    let Some(wanted) = narrowed(part, filter) else {
        return part.scan(name, "", &mut |value, _| {
            add(out, value.as_bytes());
            Ok(ControlFlow::Continue(()))
        });
    };
    if wanted.is_empty() {
        return Ok(());
    }
    let mut looks = looks(&wanted);
    part.scan(name, "", &mut |value, postings| {
        looks = looks.saturating_sub(1);
        if !out.contains(value) && intersects(part, postings, &wanted, &mut looks)? {
            out.insert(value.to_owned());
        }
        Ok(if looks == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    if looks == 0 {
        part.each_labels(&wanted, &mut |_, labels| {
            let value = pair::value_of(labels, name);
            if !value.is_empty() {
                add(out, value.as_bytes());
            }
        })?;
    }
    Ok(())
}

/// Whether the postings have one of the series wanted. When they are damaged, the labels have to be walked.
fn intersects(
    part: &dyn Part,
    postings: Postings<'_>,
    wanted: &RoaringBitmap,
    looks: &mut u64,
) -> Result<bool, IndexError> {
    postings.intersects(wanted).or_else(|error| {
        part.work_around(error)?;
        *looks = 0;
        Ok(false)
    })
}

fn looks(wanted: &RoaringBitmap) -> u64 {
    wanted.len().saturating_mul(LOOKS_PER_SERIES).saturating_add(FREE_LOOKS)
}

/// The series asked for, or `None` when all of the part are.
fn narrowed(part: &dyn Part, filter: Option<&RoaringBitmap>) -> Option<RoaringBitmap> {
    let wanted = filter? & part.ids();
    (wanted.len() < part.ids().len()).then_some(wanted)
}

fn add(out: &mut BTreeSet<String>, text: &[u8]) {
    if let Ok(text) = std::str::from_utf8(text)
        && !out.contains(text)
    {
        out.insert(text.to_owned());
    }
}
