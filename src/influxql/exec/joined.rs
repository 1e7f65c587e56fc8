//! Rows of several queries inside, put together: those of one time and of the same values of the tags that all of them have.
//!
//! A column is that of the first query that has one of its name.

use std::{collections::HashMap, sync::Arc};

use super::{
    Context, Room,
    gather::{Bound, Data, TagSet},
};
use crate::influxql::{
    error::QueryError,
    plan::{Plan, Source},
};

/// A series of each of the queries.
pub(super) struct Parts(pub(super) Vec<Arc<TagSet>>);

impl Parts {
    /// The value of a tag, of the first that has it.
    pub(super) fn tag(&self, name: &str) -> Option<Arc<str>> {
        self.0.iter().find_map(|part| match &part.data {
            Data::Rows(rows) => rows.tag(name),
            _ => None,
        })
    }
}

/// The values of the common tags, and a series of each of the first queries that have them.
type Matched = (Vec<Arc<str>>, Vec<Arc<TagSet>>);

/// All series of the queries that belong together, of those that each of them gave.
pub(super) fn joined(
    plan: &Plan,
    of_queries: Vec<Vec<TagSet>>,
    (context, room): (&Context<'_>, &Room<'_>),
) -> Result<Vec<TagSet>, QueryError> {
    let queries = plan.sources.iter().filter_map(|source| match source {
        Source::Query(query) => Some(query),
        Source::Measurement(_) => None,
    });
    let common = queries
        .map(|query| query.group.clone())
        .reduce(|one, other| one.into_iter().filter(|tag| other.contains(tag)).collect());
    let common = common.unwrap_or_default();
    let key = |set: &TagSet| -> Vec<Arc<str>> {
        let Data::Rows(rows) = &set.data else { return Vec::new() };
        common.iter().map(|tag| rows.tag(tag).unwrap_or_default()).collect()
    };
    let mut of_queries = of_queries.into_iter();
    let first = of_queries.next().unwrap_or_default();
    let mut all: Vec<Matched> = first.into_iter().map(|set| (key(&set), vec![Arc::new(set)])).collect();
    for sets in of_queries {
        let mut by_key: HashMap<Vec<Arc<str>>, Vec<Arc<TagSet>>> = HashMap::new();
        for set in sets {
            by_key.entry(key(&set)).or_default().push(Arc::new(set));
        }
        let mut more = Vec::new();
        for (key, parts) in all {
            context.check()?;
            for set in by_key.get(&key).into_iter().flatten() {
                room.take((parts.len() + key.len() + 2) * size_of::<Arc<TagSet>>() + size_of::<TagSet>())?;
                let mut parts = parts.clone();
                parts.push(Arc::clone(set));
                more.push((key.clone(), parts));
            }
        }
        all = more;
    }
    Ok(all.into_iter().map(|(_, parts)| whole(plan, parts)).collect())
}

fn whole(plan: &Plan, parts: Vec<Arc<TagSet>>) -> TagSet {
    let mut names: Vec<&str> = Vec::new();
    for part in &parts {
        if !names.contains(&&*part.name) {
            names.push(&part.name);
        }
    }
    let name = Arc::from(names.join(","));
    // What each column is read from is told part by part.
    let condition = plan.condition.clone();
    let bound = Arc::new(Bound { readings: Vec::new(), named: Vec::new(), condition, fields: Vec::new() });
    let parts = Parts(parts);
    let group = plan.group.iter().map(|tag| parts.tag(tag).unwrap_or_default()).collect();
    TagSet { name, group, bound, data: Data::Joined(parts) }
}
