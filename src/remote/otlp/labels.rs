//! The labels of a point: its attributes, and what its resource and scope add.

use std::collections::BTreeMap;

use super::{
    Stop, names,
    settings::OtlpSettings,
    value::{key_value, text},
};
use crate::{
    model::{METRIC_NAME, limits::MAX_LABELS},
    remote::wire::{Fields, WireError},
};

/// Attributes that name a resource, and are its `job` and `instance`.
const NAMESPACE: &str = "service.namespace";
const SERVICE: &str = "service.name";
const INSTANCE: &str = "service.instance.id";
/// Attributes that a resource may have: it isn't a label set yet.
const MAX_ATTRIBUTES: usize = 4 * MAX_LABELS;

/// Attributes that were read: keys and values as text, by key.
pub(super) type Attributes = BTreeMap<String, String>;

/// What a resource adds to its series. `Err` says which rule it breaks.
pub(super) struct Resource {
    pub(super) labels: Result<ResourceLabels, String>,
}

/// The labels of a resource.
#[derive(Default)]
pub(super) struct ResourceLabels {
    job: Option<String>,
    instance: Option<String>,
    /// Labels that fill what a point doesn't have.
    promoted: Attributes,
    /// Those of `target_info`, empty where there is none.
    pub(super) target_info: Attributes,
}

/// Appends the messages of a repeated KeyValue field, one more than a label set has labels at most.
pub(super) fn collect<'m>(message: &'m [u8], field: u32, out: &mut Vec<&'m [u8]>) -> Result<(), WireError> {
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        if number == field && out.len() <= MAX_ATTRIBUTES {
            out.push(value.bytes(field)?);
        }
    }
    Ok(())
}

/// Reads attributes; the inner `Err` says which rule they break.
fn attributes(messages: &[&[u8]]) -> Result<Result<Attributes, String>, Stop> {
    if messages.len() > MAX_ATTRIBUTES {
        return Ok(Err(format!("there are more than {MAX_ATTRIBUTES} attributes")));
    }
    let mut read = Attributes::new();
    for message in messages {
        let (key, value) = key_value(message)?;
        let Ok(key) = std::str::from_utf8(key) else {
            return Ok(Err("the key of an attribute is not UTF-8".to_owned()));
        };
        match text(value)? {
            Ok(value) => read.insert(key.to_owned(), value),
            Err(why) => return Ok(Err(format!("{why} (attribute {key:?})"))),
        };
    }
    Ok(Ok(read))
}

/// Adds attributes as labels. Values whose keys meet in one label are joined.
fn add(labels: &mut Attributes, given: &Attributes, settings: &OtlpSettings) -> Result<(), String> {
    for (key, value) in given {
        if value.is_empty() {
            continue;
        }
        let name = label_name(key, settings)?;
        if name == METRIC_NAME {
            continue;
        }
        labels
            .entry(name)
            .and_modify(|joined| {
                joined.push(';');
                joined.push_str(value);
            })
            .or_insert_with(|| value.clone());
    }
    Ok(())
}

fn label_name(key: &str, settings: &OtlpSettings) -> Result<String, String> {
    if !settings.strategy.escapes() {
        return if key.is_empty() { Err("an attribute has an empty key".to_owned()) } else { Ok(key.to_owned()) };
    }
    names::label_name(key, settings.sanitize_underscores, settings.keep_underscores)
        .ok_or_else(|| format!("the key of attribute {key:?} makes no name of a label"))
}

impl Resource {
    /// Reads a Resource message.
    pub(super) fn read(message: &[u8], settings: &OtlpSettings) -> Result<Self, Stop> {
        let mut messages = Vec::new();
        collect(message, 1, &mut messages)?;
        let labels = attributes(&messages)?.and_then(|attributes| ResourceLabels::of(&attributes, settings));
        Ok(Self { labels })
    }
}

impl ResourceLabels {
    fn of(attributes: &Attributes, settings: &OtlpSettings) -> Result<Self, String> {
        let given = |key: &str| attributes.get(key).filter(|value| !value.is_empty());
        let job = given(SERVICE).map(|service| match given(NAMESPACE) {
            Some(namespace) => format!("{namespace}/{service}"),
            None => service.clone(),
        });
        let instance = given(INSTANCE).cloned();
        let mut promoted = Attributes::new();
        let chosen = attributes.iter().filter(|(key, _)| settings.promoted.has(key));
        add(&mut promoted, &chosen.map(|(key, value)| (key.clone(), value.clone())).collect(), settings)?;
        let identifies = |key: &str| [NAMESPACE, SERVICE, INSTANCE].contains(&key);
        let other = attributes.iter().any(|(key, value)| !identifies(key) && !value.is_empty());
        let mut target_info = Attributes::new();
        if other && (job.is_some() || instance.is_some()) {
            let kept = attributes.iter().filter(|(key, _)| settings.keep_identifying || !identifies(key));
            add(&mut target_info, &kept.map(|(key, value)| (key.clone(), value.clone())).collect(), settings)?;
            for (name, value) in [("job", &job), ("instance", &instance)] {
                if let Some(value) = value {
                    target_info.insert(name.to_owned(), value.clone());
                }
            }
            target_info.insert(METRIC_NAME.to_owned(), "target_info".to_owned());
        }
        Ok(Self { job, instance, promoted, target_info })
    }
}

/// The labels of a scope, where they are wanted. `Err` says which rule they break.
pub(super) fn scope(scope: &[u8], schema: &[u8], settings: &OtlpSettings) -> Result<Result<Attributes, String>, Stop> {
    let mut labels = Attributes::new();
    if !settings.promote_scope {
        return Ok(Ok(labels));
    }
    let (mut name, mut version): (&[u8], &[u8]) = (&[], &[]);
    let mut fields = Fields::new(scope);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => name = value.bytes(1)?,
            2 => version = value.bytes(2)?,
            _ => {}
        }
    }
    // A scope without a name is none.
    if name.is_empty() {
        return Ok(Ok(labels));
    }
    let mut messages = Vec::new();
    collect(scope, 3, &mut messages)?;
    let given = match attributes(&messages)? {
        Ok(given) => given,
        Err(why) => return Ok(Err(why)),
    };
    let prefixed = given.into_iter().map(|(key, value)| (format!("otel_scope_{key}"), value)).collect();
    if let Err(why) = add(&mut labels, &prefixed, settings) {
        return Ok(Err(why));
    }
    for (label, bytes) in
        [("otel_scope_name", name), ("otel_scope_version", version), ("otel_scope_schema_url", schema)]
    {
        match std::str::from_utf8(bytes) {
            Ok("") => {}
            Ok(text) => {
                labels.insert(label.to_owned(), text.to_owned());
            }
            Err(_) => return Ok(Err("a text of the scope is not UTF-8".to_owned())),
        }
    }
    Ok(Ok(labels))
}

/// The labels that all series of a point have: its attributes, over them job and instance, the scope, and what `more` adds; what
/// the resource promotes fills what is absent. The inner `Err` says which rule they break.
pub(super) fn of_point(
    messages: &[&[u8]],
    resource: &Resource,
    scope: &Result<Attributes, String>,
    more: &[(&str, String)],
    settings: &OtlpSettings,
) -> Result<Result<Attributes, String>, Stop> {
    let (resource, scope) = match (&resource.labels, scope) {
        (Ok(resource), Ok(scope)) => (resource, scope),
        (Err(why), _) | (_, Err(why)) => return Ok(Err(why.clone())),
    };
    let given = match attributes(messages)? {
        Ok(given) => given,
        Err(why) => return Ok(Err(why)),
    };
    let mut labels = Attributes::new();
    if let Err(why) = add(&mut labels, &given, settings) {
        return Ok(Err(why));
    }
    for (name, value) in [("job", &resource.job), ("instance", &resource.instance)] {
        if let Some(value) = value {
            labels.insert(name.to_owned(), value.clone());
        }
    }
    let over = scope.iter().map(|(name, value)| (name.as_str(), value));
    for (name, value) in over.chain(more.iter().map(|(name, value)| (*name, value))) {
        labels.insert(name.to_owned(), value.clone());
    }
    for (name, value) in &resource.promoted {
        labels.entry(name.clone()).or_insert_with(|| value.clone());
    }
    Ok(Ok(labels))
}
