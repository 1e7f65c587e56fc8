//! Queries over a store in memory, held against what a few lines compute from the same points.

mod explain;
mod functions;
mod promises;
mod warnings;

use std::sync::Arc;

use super::{Answer, Database, Limits, Params, QueryError, Schema, Series, Value, parse};
use crate::{
    model::{FieldType, Labels, SeriesBuf},
    seams::{
        catalog::{Catalog, WantedField},
        interrupt::{Interrupt, Never},
        memory_budget::{MemoryBudget, Unlimited},
        select::MemorySelect,
    },
};

/// Now, in s.
const NOW: i64 = 100_000;
const S: i64 = 1_000_000_000;

/// A database `t`.
#[derive(Default)]
struct Store {
    select: MemorySelect,
    catalog: Catalog,
}

impl Store {
    /// Adds points of a field with a tag `host`, with times in s.
    fn points(mut self, measurement: &str, field: &str, host: &str, points: &[(i64, f64)]) -> Self {
        let (metric, mut claims) = (format!("{measurement}_{field}"), Vec::new());
        let field_type = if field == "n" { FieldType::Integer } else { FieldType::Float };
        let wanted = WantedField { database: "t", measurement, field, metric: &metric, field_type };
        self.catalog.claim(&wanted, &mut claims).unwrap();
        self.catalog.commit(claims);
        let mut buffer = SeriesBuf::default();
        points.iter().for_each(|(time, value)| buffer.push_float(time * 1000, *value));
        let labels = Labels::from_pairs([("__name__", metric.as_str()), ("influx_db", "t"), ("host", host)]).unwrap();
        self.select.series.insert(labels, buffer);
        self
    }

    /// Adds a metric of Prometheus, whose samples have start times.
    fn metric(mut self, name: &str, samples: &[(i64, f64, i64)]) -> Self {
        let mut buffer = SeriesBuf::default();
        samples.iter().for_each(|(time, value, start)| buffer.push_float_from(time * 1000, *value, start * 1000));
        self.select.series.insert(Labels::from_pairs([("__name__", name)]).unwrap(), buffer);
        self
    }

    fn try_ask(&self, name: &str, query: &str) -> Result<Told, QueryError> {
        self.ask_within(name, query, &|| Arc::new(Unlimited), Arc::new(Never), u64::MAX)
    }

    fn ask_within(
        &self,
        name: &str,
        query: &str,
        room: &dyn Fn() -> Arc<dyn MemoryBudget>,
        interrupt: Arc<dyn Interrupt>,
        most: u64,
    ) -> Result<Told, QueryError> {
        let schema = Schema::new(self.catalog.snapshot(), "influx_db".into());
        let (select, now) = (&self.select, NOW * S);
        let limits = Limits { query: most, all: u64::MAX };
        let database = Database {
            select,
            labels: select,
            schema: &schema,
            name,
            policy: "",
            now,
            retention: 90_061_000,
            room,
            limits,
            interrupt,
        };
        let mut told = Told::default();
        for statement in parse(query, &Params::default()).unwrap_or_else(|error| panic!("{query}: {error}")) {
            told.messages.extend(database.answer(&statement, &mut told.rows)?);
        }
        Ok(told)
    }

    fn ask(&self, query: &str) -> Told {
        self.try_ask("t", query).unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    fn error(&self, query: &str) -> String {
        self.try_ask("t", query).map(|_| ()).expect_err(query).to_string()
    }
}

/// An answer.
#[derive(Default)]
struct Told {
    rows: Rows,
    messages: Vec<String>,
}

/// Its series: name and tags, and the rows of each.
#[derive(Default)]
struct Rows(Vec<(String, Vec<Vec<Value>>)>);

impl Answer for Rows {
    fn series(&mut self, series: &Series<'_>) -> Result<(), QueryError> {
        let tags = series.tags.iter().map(|(name, value)| format!(",{name}={value}"));
        self.0.push((format!("{}{}", series.name, tags.collect::<String>()), Vec::new()));
        Ok(())
    }

    fn row(&mut self, values: &[Value]) -> Result<(), QueryError> {
        if let Some((_, rows)) = self.0.last_mut() {
            rows.push(values.to_vec());
        }
        Ok(())
    }
}

impl Told {
    /// The one series: times in s, and the numbers of a column; missing ones are NaN.
    fn column(&self, column: usize) -> Vec<(i64, f64)> {
        match self.rows.0.as_slice() {
            [] => Vec::new(),
            [_] => self.column_of(0, column),
            more => panic!("{} series", more.len()),
        }
    }

    fn column_of(&self, series: usize, column: usize) -> Vec<(i64, f64)> {
        let one = |row: &Vec<Value>| {
            let Value::Time(ns) = row[0] else { panic!("no time: {row:?}") };
            (ns / S, row[column].number().unwrap_or(f64::NAN))
        };
        self.rows.0[series].1.iter().map(one).collect()
    }

    fn names(&self) -> Vec<&str> {
        self.rows.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The texts of the first column that isn't the time.
    fn lines(&self) -> Vec<String> {
        let text = |row: &Vec<Value>| match row.last() {
            Some(Value::Text(text)) => text.to_string(),
            other => panic!("{other:?}"),
        };
        self.rows.0.iter().flat_map(|(_, rows)| rows).map(text).collect()
    }
}

/// Holds numbers against others, but for what the order of sums leaves.
fn assert_close(told: &[(i64, f64)], wanted: &[(i64, f64)], what: &str) {
    let alike = |((t, a), (u, b)): (&(i64, f64), &(i64, f64))| {
        t == u && ((a - b).abs() <= 1e-9 * a.abs().max(b.abs()) + 1e-12 || (a.is_nan() && b.is_nan()) || a == b)
    };
    let fine = told.len() == wanted.len() && told.iter().zip(wanted).all(alike);
    assert!(fine, "{what}:\n told {told:?}\nwanted {wanted:?}");
}

/// Points from `first` to `last` (s) every `step`, of values that look like chance.
fn noise(first: i64, last: i64, step: usize, seed: i64) -> Vec<(i64, f64)> {
    let value = |t: i64| ((t * 7_919 + seed * 104_729).rem_euclid(1_009)) as f64 / 8.0 - 40.0;
    (first..=last).step_by(step).map(|t| (t, value(t))).collect()
}
