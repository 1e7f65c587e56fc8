//! Why a SELECT has an empty answer, where that lies in its names: measurements, fields and tags that aren't there, and tags without a
//! field. What is there but has no points in the range of time is an empty answer like any other.

use std::collections::BTreeSet;

use super::{
    ast::BinaryOp,
    database::Database,
    error::QueryError,
    near::near,
    plan::{Cell, Measurement, Plan, Source},
};
use crate::model::TimeRange;

/// The most names that are told.
const MAX_TOLD: usize = 16;
/// The most sources that a sentence names.
const MAX_SOURCES: usize = 3;

/// What the names of a plan with an empty answer say about it; looks at the index.
pub(super) fn missing(plan: &Plan, database: &Database<'_>) -> Result<Vec<String>, QueryError> {
    let mut told = Vec::new();
    look(plan, database, &mut told)?;
    told.truncate(MAX_TOLD);
    Ok(told)
}

/// What a source has: its name in a sentence, and the names of its fields and tags.
struct Known {
    source: String,
    names: BTreeSet<String>,
}

fn look(plan: &Plan, database: &Database<'_>, told: &mut Vec<String>) -> Result<(), QueryError> {
    if plan.sources.is_empty() {
        told.push("no measurement has a name that matches the pattern of FROM".to_owned());
        return Ok(());
    }
    let (before, mut known) = (told.len(), Vec::new());
    for source in &plan.sources {
        match source {
            Source::Measurement(measurement) => known.extend(of_measurement(measurement, database, told)?),
            Source::Query(inner) => {
                look(inner, database, told)?;
                let columns = inner.columns.iter().map(|column| column.name.clone());
                let names = columns.chain(inner.group.iter().cloned()).collect();
                known.push(Known { source: "the query inside".to_owned(), names });
            }
        }
    }
    // What lacks a source lacks its names as well: one reason is enough.
    if known.is_empty() || told.len() > before {
        return Ok(());
    }
    let wheres: BTreeSet<&str> = known.iter().map(|known| known.source.as_str()).collect();
    let wheres = wheres.into_iter().take(MAX_SOURCES).collect::<Vec<_>>().join(" and ");
    let quoted = quoted_texts(plan);
    let refs = plan.aux.iter().chain(&plan.drivers).chain(&plan.named).map(|name| name.name.as_str());
    let names: BTreeSet<&str> = refs.chain(plan.group.iter().map(String::as_str)).collect();
    let all: BTreeSet<&str> = known.iter().flat_map(|known| &known.names).map(String::as_str).collect();
    let unknown = |name: &&str| !all.contains(name) && !quoted.contains(name) && !name.eq_ignore_ascii_case("time");
    for name in names.into_iter().filter(unknown).take(MAX_TOLD) {
        told.push(format!("\"{name}\" is no field or tag of {wheres}{}", near(name, all.iter().copied())));
    }
    if told.len() == before && !plan.has_values() {
        told.push(format!("only tags of {wheres} are selected: without a field there are no points"));
    }
    Ok(())
}

/// What a measurement has; `None` where it has no series, which is told if it isn't listed either.
fn of_measurement(
    measurement: &Measurement,
    database: &Database<'_>,
    told: &mut Vec<String>,
) -> Result<Option<Known>, QueryError> {
    let (name, within) = (&*measurement.name, &*measurement.database_name);
    let selectors = database.selectors(within, name, &[Vec::new()]);
    let labels = database.labels.label_names(&database.lookup(selectors, TimeRange::ALL))?.items;
    if labels.is_empty() {
        let names = database.measurement_names(within)?;
        if names.binary_search_by(|other| other.as_str().cmp(name)).is_err() {
            let near = near(name, names.iter().map(String::as_str));
            told.push(format!("there is no measurement \"{name}\" in the database \"{within}\"{near}"));
        }
        return Ok(None);
    }
    let tags = labels.into_iter().filter(|label| database.schema.is_tag(label));
    let names = measurement.fields.iter().map(|field| field.name.to_string()).chain(tags).collect();
    Ok(Some(Known { source: format!("the measurement \"{name}\""), names }))
}

/// Names of the condition that stand for texts in the wrong quotes, which is told without looking: `host = "a"`.
fn quoted_texts(plan: &Plan) -> BTreeSet<&str> {
    let (mut quoted, mut left) = (BTreeSet::new(), Vec::from_iter(&plan.condition));
    while let Some(cell) = left.pop() {
        match cell {
            Cell::Binary { op, left: one, right: other } => {
                if let (BinaryOp::Equal | BinaryOp::NotEqual, Cell::Aux(_), Cell::Aux(text)) = (op, &**one, &**other) {
                    quoted.extend(plan.named.get(*text).map(|of| of.name.as_str()));
                }
                left.extend([&**one, &**other]);
            }
            Cell::And(parts) | Cell::Or(parts) | Cell::Math { args: parts, .. } => left.extend(parts),
            Cell::Aux(_) | Cell::Call(_) | Cell::Literal(_) | Cell::Regex(_) => {}
        }
    }
    quoted
}
