//! SHOW: what databases have, from the list of fields and the index.

use std::collections::BTreeSet;

use super::{
    ast::{BinaryOp, Class, Expr, KeyCondition, Measurement, MeasurementName, Show, ShowOptions},
    database::{Database, POLICY},
    error::QueryError,
    exec::{Answer, list},
    plan::split_time,
    value::Value,
};
use crate::model::{Labels, METRIC_NAME, MatchOp, Matcher, TimeRange};

/// A condition on tags with more alternatives than this is refused.
const MAX_ALTERNATIVES: usize = 256;

/// What the WHERE of a statement that isn't SELECT says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Narrowed {
    /// Matchers of the tags, any list of which has to pass.
    pub(super) selectors: Vec<Vec<Matcher>>,
    pub(super) range: TimeRange,
}

impl Narrowed {
    pub(super) fn of(condition: Option<&Expr>, database: &Database<'_>) -> Result<Self, QueryError> {
        let Some(condition) = condition else {
            return Ok(Self { selectors: vec![Vec::new()], range: TimeRange::ALL });
        };
        let clock = super::plan::Clock { now: database.now, zone: None };
        let (rest, bounds) = split_time(condition, &clock)?;
        let ms = |ns: i64| ns.div_euclid(1_000_000);
        let start = bounds.start.map_or(TimeRange::ALL.start, ms);
        let end = bounds.end.map_or(TimeRange::ALL.end, ms);
        let selectors = rest.map_or(Ok(vec![Vec::new()]), |rest| alternatives(&rest, database))?;
        Ok(Self { selectors, range: TimeRange::new(start, end) })
    }
}

/// The lists of matchers of which one has to pass.
fn alternatives(condition: &Expr, database: &Database<'_>) -> Result<Vec<Vec<Matcher>>, QueryError> {
    let all = match condition {
        Expr::Paren(inner) => alternatives(inner, database)?,
        Expr::Or(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(alternatives(part, database)?);
            }
            all
        }
        Expr::And(parts) => {
            let mut all = vec![Vec::new()];
            for part in parts {
                let more = alternatives(part, database)?;
                if all.len() * more.len() > MAX_ALTERNATIVES {
                    return QueryError::refused(format!(
                        "a condition on tags has at most {MAX_ALTERNATIVES} alternatives"
                    ));
                }
                all = all
                    .iter()
                    .flat_map(|one| more.iter().map(move |more| [one.clone(), more.clone()].concat()))
                    .collect();
            }
            all
        }
        Expr::Binary { op, left, right } => vec![vec![comparison(*op, left, right, database)?]],
        other => return QueryError::refused(format!("invalid condition expression: {other}")),
    };
    if all.len() > MAX_ALTERNATIVES {
        return QueryError::refused(format!("a condition on tags has at most {MAX_ALTERNATIVES} alternatives"));
    }
    Ok(all)
}

fn comparison(op: BinaryOp, left: &Expr, right: &Expr, database: &Database<'_>) -> Result<Matcher, QueryError> {
    let (name, with) = match (left, right) {
        (Expr::Ref { name, class: None | Some(Class::Tag) }, with)
        | (with, Expr::Ref { name, class: None | Some(Class::Tag) }) => (name, with),
        _ => return QueryError::refused("invalid tag comparison operator"),
    };
    let (op, value) = match (op, with) {
        (BinaryOp::Equal, Expr::Text(text)) => (MatchOp::Equal, text.as_str()),
        (BinaryOp::NotEqual, Expr::Text(text)) => (MatchOp::NotEqual, text.as_str()),
        (BinaryOp::Match, Expr::Regex(pattern)) => (MatchOp::Regex, pattern.matcher.value()),
        (BinaryOp::NotMatch, Expr::Regex(pattern)) => (MatchOp::NotRegex, pattern.matcher.value()),
        _ => return QueryError::refused("invalid tag comparison operator"),
    };
    if !database.schema.is_tag(name) {
        return QueryError::refused(format!("{name} is no tag"));
    }
    Matcher::new(op, name.as_str(), value).map_err(|error| QueryError::Refused(error.to_string()))
}

/// What a statement lists of, in a database that is there.
struct Scope<'s> {
    database: &'s Database<'s>,
    name: String,
    measurements: Vec<String>,
    narrowed: Narrowed,
    limit: usize,
    offset: usize,
}

impl<'s> Scope<'s> {
    fn of(options: &ShowOptions, database: &'s Database<'s>) -> Result<Self, QueryError> {
        let name = database.named(&options.database, "")?;
        let narrowed = Narrowed::of(options.condition.as_ref(), database)?;
        let measurements = measurements(&options.sources, &name, database)?;
        let (limit, offset) = window(options);
        Ok(Self { database, name, measurements, narrowed, limit, offset })
    }

    fn selectors(&self, measurement: &str) -> Vec<Vec<Matcher>> {
        self.database.selectors(&self.name, measurement, &self.narrowed.selectors)
    }

    fn tag_keys(&self, measurement: &str) -> Result<Vec<String>, QueryError> {
        self.database.tag_keys(self.selectors(measurement), self.narrowed.range)
    }

    /// The tag sets of a measurement's series, each once.
    fn series(&self, measurement: &str) -> Result<BTreeSet<String>, QueryError> {
        let selectors = self.selectors(measurement);
        if selectors.is_empty() {
            return Ok(BTreeSet::new());
        }
        let ask = self.database.lookup(selectors, self.narrowed.range);
        let found = self.database.labels.series(&ask)?.items;
        Ok(found.iter().map(|labels| key(measurement, labels, self.database)).collect())
    }

    /// Keys and their values.
    fn tag_values(&self, measurement: &str, condition: &KeyCondition) -> Result<Vec<(String, String)>, QueryError> {
        let mut all = Vec::new();
        for key in self.tag_keys(measurement)?.into_iter().filter(|key| condition.names(key)) {
            let ask = self.database.lookup(self.selectors(measurement), self.narrowed.range);
            let values = self.database.labels.label_values(&key, &ask)?.items;
            all.extend(values.into_iter().map(|value| (key.clone(), value)));
        }
        Ok(all)
    }

    fn cut<T>(&self, items: Vec<T>) -> impl Iterator<Item = T> + use<T> {
        items.into_iter().skip(self.offset).take(self.limit)
    }
}

fn window(options: &ShowOptions) -> (usize, usize) {
    let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    (if options.limit == 0 { usize::MAX } else { size(options.limit) }, size(options.offset))
}

/// The measurements that FROM names, or all, sorted.
fn measurements(sources: &[Measurement], name: &str, database: &Database<'_>) -> Result<Vec<String>, QueryError> {
    let all = database.measurement_names(name)?;
    if sources.is_empty() {
        return Ok(all);
    }
    for source in sources {
        database.named(&source.database, &source.policy)?;
    }
    let named = |one: &String| {
        sources.iter().any(|source| match &source.name {
            MeasurementName::Is(name) => name == one,
            MeasurementName::Matches(pattern) => pattern.matcher.matches(one),
        })
    };
    Ok(all.into_iter().filter(named).collect())
}

/// A series as line protocol writes its key.
fn key(measurement: &str, labels: &Labels, database: &Database<'_>) -> String {
    let escaped = |text: &str, marks: &[char]| {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            if marks.contains(&c) {
                out.push('\\');
            }
            out.push(c);
        }
        out
    };
    let mut key = escaped(measurement, &[',', ' ']);
    for (name, value) in labels.iter().filter(|(name, _)| database.schema.is_tag(name)) {
        key.push(',');
        key.push_str(&escaped(name, &[',', ' ', '=']));
        key.push('=');
        key.push_str(&escaped(value, &[',', ' ', '=']));
    }
    key
}

fn texts(items: impl IntoIterator<Item = String>) -> impl Iterator<Item = Vec<Value>> {
    items.into_iter().map(|item| vec![Value::text(&item)])
}

/// Answers a SHOW.
pub(super) fn answer(show: &Show, database: &Database<'_>, answer: &mut dyn Answer) -> Result<(), QueryError> {
    match show {
        Show::Databases => list("databases", &["name"], texts(database.databases()?), answer),
        Show::Measurements { with, options } => show_measurements(with.as_ref(), options, database, answer),
        Show::FieldKeys(options) => {
            let scope = Scope::of(options, database)?;
            for measurement in &scope.measurements {
                let fields = database.fields(&scope.name, measurement);
                let rows =
                    scope.cut(fields).map(|field| vec![Value::text(&field.name), Value::text(field.kind.name())]);
                listed(measurement, &["fieldKey", "fieldType"], rows.collect(), answer)?;
            }
            Ok(())
        }
        Show::TagKeys { key, options } => {
            let scope = Scope::of(options, database)?;
            let wanted = |name: &String| key.as_ref().is_none_or(|key| key.names(name));
            for measurement in &scope.measurements {
                let keys = scope.tag_keys(measurement)?.into_iter().filter(wanted).collect();
                listed(measurement, &["tagKey"], texts(scope.cut(keys)).collect(), answer)?;
            }
            Ok(())
        }
        Show::TagValues { key, options } => {
            let scope = Scope::of(options, database)?;
            for measurement in &scope.measurements {
                let values = scope.tag_values(measurement, key)?;
                let rows = scope.cut(values).map(|(key, value)| vec![Value::text(&key), Value::text(&value)]);
                listed(measurement, &["key", "value"], rows.collect(), answer)?;
            }
            Ok(())
        }
        Show::Series(options) => {
            let scope = Scope::of(options, database)?;
            let mut keys = Vec::new();
            for measurement in &scope.measurements {
                keys.extend(scope.series(measurement)?);
            }
            keys.sort_unstable();
            listed("", &["key"], texts(scope.cut(keys)).collect(), answer)
        }
        Show::RetentionPolicies { database: name } => {
            database.named(name, "")?;
            let row = vec![
                Value::text(POLICY),
                Value::text(&hours(database.retention)),
                Value::text("168h0m0s"),
                Value::Integer(1),
                Value::Boolean(true),
            ];
            list("", &["name", "duration", "shardGroupDuration", "replicaN", "default"], [row], answer)
        }
        Show::ContinuousQueries => {
            database.databases()?.iter().try_for_each(|name| list(name, &["name", "query"], [], answer))
        }
        Show::Users => list("", &["user", "admin"], [], answer),
        Show::Subscriptions => Ok(()),
        Show::Queries => QueryError::refused("running queries are listed elsewhere"),
        cardinality => show_cardinality(cardinality, database, answer),
    }
}

/// A length of time (ms) as InfluxDB shows those of retention policies: `360h0m0s`, and `0s` of none.
fn hours(ms: i64) -> String {
    let seconds = ms / 1000;
    if seconds == 0 { "0s".to_owned() } else { format!("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60) }
}

/// A series of a list, unless it is empty.
fn listed(name: &str, columns: &[&str], rows: Vec<Vec<Value>>, answer: &mut dyn Answer) -> Result<(), QueryError> {
    if rows.is_empty() { Ok(()) } else { list(name, columns, rows, answer) }
}

fn show_measurements(
    with: Option<&MeasurementName>,
    options: &ShowOptions,
    database: &Database<'_>,
    answer: &mut dyn Answer,
) -> Result<(), QueryError> {
    let narrowed = Narrowed::of(options.condition.as_ref(), database)?;
    if narrowed.range != TimeRange::ALL {
        return QueryError::refused("SHOW MEASUREMENTS doesn't support time in WHERE clause");
    }
    let name = if options.database.is_empty() { database.name } else { &options.database };
    if name.is_empty() {
        return QueryError::refused("database name required");
    }
    if !database.has(name)? {
        return Ok(());
    }
    let mut names = database.measurement_names(name)?;
    names.retain(|name| match with {
        None => true,
        Some(MeasurementName::Is(wanted)) => wanted == name,
        Some(MeasurementName::Matches(pattern)) => pattern.matcher.matches(name),
    });
    if options.condition.is_some() {
        let of = |more: &Vec<Matcher>| database.schema.matcher(name).into_iter().chain(more.iter().cloned()).collect();
        let ask = database.lookup(narrowed.selectors.iter().map(of).collect(), TimeRange::ALL);
        let metrics: BTreeSet<String> = database.labels.label_values(METRIC_NAME, &ask)?.items.into_iter().collect();
        names.retain(|one| database.fields(name, one).iter().any(|field| metrics.contains(&*field.metric)));
    }
    let (limit, offset) = window(options);
    let rows: Vec<Vec<Value>> = texts(names.into_iter().skip(offset).take(limit)).collect();
    listed("measurements", &["name"], rows, answer)
}

fn show_cardinality(show: &Show, database: &Database<'_>, answer: &mut dyn Answer) -> Result<(), QueryError> {
    let number = |count: usize| vec![Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))];
    let plain =
        |exact: bool, options: &ShowOptions| !exact && options.sources.is_empty() && options.condition.is_none();
    let estimate = "cardinality estimation";
    match show {
        Show::SeriesCardinality { exact, options } => {
            let scope = Scope::of(options, database)?;
            let mut all = 0;
            for measurement in &scope.measurements {
                let count = scope.series(measurement)?.len();
                all += count;
                if !plain(*exact, options) && count > 0 {
                    list(measurement, &["count"], [number(count)], answer)?;
                }
            }
            if plain(*exact, options) { list("", &[estimate], [number(all)], answer) } else { Ok(()) }
        }
        Show::MeasurementCardinality { exact, options } => {
            let scope = Scope::of(options, database)?;
            let column = if plain(*exact, options) { estimate } else { "count" };
            let mut count = 0;
            for measurement in &scope.measurements {
                let counts = options.condition.is_none() || !scope.series(measurement)?.is_empty();
                count += usize::from(counts);
            }
            list("", &[column], [number(count)], answer)
        }
        Show::FieldKeyCardinality(options) | Show::TagKeyCardinality(options) => {
            let scope = Scope::of(options, database)?;
            for measurement in &scope.measurements {
                let count = match show {
                    Show::FieldKeyCardinality(_) => database.fields(&scope.name, measurement).len(),
                    _ => scope.tag_keys(measurement)?.len(),
                };
                if count > 0 {
                    list(measurement, &["count"], [number(count)], answer)?;
                }
            }
            Ok(())
        }
        Show::TagValuesCardinality { key, options } => {
            let scope = Scope::of(options, database)?;
            for measurement in &scope.measurements {
                let values: BTreeSet<(String, String)> = scope.tag_values(measurement, key)?.into_iter().collect();
                if !values.is_empty() {
                    list(measurement, &["count"], [number(values.len())], answer)?;
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
