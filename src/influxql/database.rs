//! What is asked, and what databases have of it.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    ast::{self, MeasurementName},
    error::QueryError,
    exec::{Context, Cost, Limits},
    plan::{Measurement, Surroundings},
    schema::{Schema, SchemaField, UNLABELED_DATABASE},
};
use crate::{
    model::{METRIC_NAME, Matcher, TimeRange},
    seams::{
        interrupt::Interrupt,
        memory_budget::MemoryBudget,
        select::{Lookup, Select, SelectLabels},
    },
};

/// The retention policy that there is.
pub(super) const POLICY: &str = "autogen";

/// What is asked, and by whom.
pub struct Database<'d> {
    /// The samples.
    pub select: &'d dyn Select,
    /// Lists of series and labels.
    pub labels: &'d dyn SelectLabels,
    /// What all databases have.
    pub schema: &'d Schema,
    /// The database of the request; may be empty.
    pub name: &'d str,
    /// The retention policy of the request; may be empty.
    pub policy: &'d str,
    /// Now, in ns.
    pub now: i64,
    /// How long samples are kept, in ms; 0: always.
    pub retention: i64,
    /// Gives room for memory; all of one is given back when it is dropped.
    pub room: &'d dyn Fn() -> Arc<dyn MemoryBudget>,
    /// The most memory that a query may take.
    pub limits: Limits,
    /// Who may end it.
    pub interrupt: Arc<dyn Interrupt>,
}

impl Database<'_> {
    /// What evaluating needs.
    pub(super) fn context(&self) -> Context<'_> {
        Context {
            select: self.select,
            room: self.room,
            limits: self.limits,
            interrupt: Arc::clone(&self.interrupt),
            cost: Cost::default(),
        }
    }

    /// The database that a statement names, or that of the request; it must be there.
    pub(super) fn named(&self, name: &str, policy: &str) -> Result<String, QueryError> {
        let database = if name.is_empty() { self.name } else { name };
        if database.is_empty() {
            return QueryError::refused("database name required");
        }
        if !self.has(database)? {
            return QueryError::refused(format!("database not found: {database}"));
        }
        let policy = match policy {
            "" if name.is_empty() => self.policy,
            other => other,
        };
        match policy {
            "" | POLICY => Ok(database.to_owned()),
            other => QueryError::refused(format!("retention policy not found: {other}")),
        }
    }

    /// Whether a database is there.
    pub(super) fn has(&self, name: &str) -> Result<bool, QueryError> {
        if name == UNLABELED_DATABASE || self.schema.databases().any(|own| own == name) {
            return Ok(true);
        }
        Ok(self.databases()?.iter().any(|own| own == name))
    }

    /// The names of all databases, sorted.
    pub(super) fn databases(&self) -> Result<Vec<String>, QueryError> {
        let mut names: BTreeSet<String> = self.schema.databases().map(str::to_owned).collect();
        // The catalog is younger than databases that are.
        if let Some(label) = self.schema.label() {
            names.extend(self.labels.label_values(label, &self.lookup(Vec::new(), TimeRange::ALL))?.items);
        }
        names.insert(UNLABELED_DATABASE.to_owned());
        Ok(names.into_iter().collect())
    }

    /// A lookup of series that pass any of these.
    pub(super) fn lookup(&self, selectors: Vec<Vec<Matcher>>, range: TimeRange) -> Lookup {
        Lookup { selectors, range, limit: 0, budget: (self.room)(), interrupt: Arc::clone(&self.interrupt) }
    }

    /// The names of a database's measurements, sorted.
    pub(super) fn measurement_names(&self, database: &str) -> Result<Vec<String>, QueryError> {
        let mut names: BTreeSet<String> = self.schema.measurements(database).into_iter().collect();
        let ask = self.lookup(vec![self.schema.matcher(database).into_iter().collect()], TimeRange::ALL);
        let metrics = self.labels.label_values(METRIC_NAME, &ask)?.items;
        names.extend(metrics.into_iter().filter(|metric| !self.schema.has_metric(database, metric)));
        Ok(names.into_iter().collect())
    }

    /// The fields of a measurement.
    pub(super) fn fields(&self, database: &str, measurement: &str) -> Vec<SchemaField> {
        self.schema.fields(database, measurement)
    }

    /// Matchers that find the series of a measurement: a list for each field.
    pub(super) fn selectors(&self, database: &str, measurement: &str, also: &[Vec<Matcher>]) -> Vec<Vec<Matcher>> {
        let of = |field: SchemaField| {
            also.iter().map(move |more| {
                let own = [Matcher::equal(METRIC_NAME, Arc::clone(&field.metric))];
                own.into_iter().chain(self.schema.matcher(database)).chain(more.iter().cloned()).collect()
            })
        };
        self.fields(database, measurement).into_iter().flat_map(of).collect()
    }

    /// The tag keys of series, sorted.
    pub(super) fn tag_keys(&self, selectors: Vec<Vec<Matcher>>, range: TimeRange) -> Result<Vec<String>, QueryError> {
        if selectors.is_empty() {
            return Ok(Vec::new());
        }
        let mut names = self.labels.label_names(&self.lookup(selectors, range))?.items;
        names.retain(|name| self.schema.is_tag(name));
        Ok(names)
    }
}

/// Names of InfluxDB's own sources, and the statements that show the same.
const SYSTEM: [(&str, &str); 5] = [
    ("_fieldKeys", "SHOW FIELD KEYS"),
    ("_measurements", "SHOW MEASUREMENTS"),
    ("_series", "SHOW SERIES"),
    ("_tagKeys", "SHOW TAG KEYS"),
    ("_tags", "SHOW TAG VALUES"),
];

impl Surroundings for Database<'_> {
    fn now(&self) -> i64 {
        self.now
    }

    fn measurements(&self, source: &ast::Measurement, with_tags: bool) -> Result<Vec<Measurement>, QueryError> {
        let database = self.named(&source.database, &source.policy)?;
        let names = match &source.name {
            MeasurementName::Is(name) => {
                if let Some((_, statement)) = SYSTEM.iter().find(|(system, _)| system == name) {
                    return QueryError::refused(format!(
                        "unable to use system source '{name}': use {statement} instead"
                    ));
                }
                vec![name.clone()]
            }
            MeasurementName::Matches(pattern) => {
                let mut names = self.measurement_names(&database)?;
                names.retain(|name| pattern.matcher.matches(name));
                names
            }
        };
        let mut measurements = Vec::with_capacity(names.len());
        let database_name: Arc<str> = Arc::from(database.as_str());
        for name in names {
            let tags = if with_tags {
                self.tag_keys(self.selectors(&database, &name, &[Vec::new()]), TimeRange::ALL)?
            } else {
                Vec::new()
            };
            measurements.push(Measurement {
                name: Arc::from(name.as_str()),
                database_name: Arc::clone(&database_name),
                database: self.schema.matcher(&database),
                fields: self.fields(&database, &name),
                tags,
            });
        }
        Ok(measurements)
    }
}
