//! The log, on standard error, as text or JSON.

use std::{fmt, io::IsTerminal};

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter,
    filter::LevelFilter,
    fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, format::Writer},
    registry::LookupSpan,
};

use super::{Failure, stderr::BestEffort};
use crate::config::{LogFormat, ObservationFlags};

/// The crate, in which all our modules are.
const OURS: &str = "vctsdb";

/// Starts logging as the flags say.
pub(super) fn start(flags: &ObservationFlags) -> Result<(), Failure> {
    let filter = filter(&flags.log_level).map_err(|why| {
        Failure::Usage(format!(
            "--log.level {:?}: {why} (expected error, warn, info, debug, trace or off, or filters such as \
             vctsdb::storage=debug,info)",
            flags.log_level
        ))
    })?;
    // Its own report of a failed write would go to standard error too, and panic.
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| BestEffort).log_internal_errors(false);
    match flags.log_format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.event_format(JsonLines).init(),
    }
    Ok(())
}

/// Parses the filter. The library takes an unknown word for the name of a module that may log everything, and silences all others,
/// so words are checked here first.
fn filter(text: &str) -> Result<EnvFilter, String> {
    // Values of a span's fields may hold commas; such filters are left to the library.
    if !text.contains('[') {
        text.split(',').try_for_each(directive)?;
    }
    EnvFilter::try_new(text).map_err(|error| error.to_string())
}

/// Checks one filter: a level, a module of ours, or a module with a level.
fn directive(text: &str) -> Result<(), String> {
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    match text.split_once('=') {
        None if is_level(text) || text == OURS || text.starts_with(&format!("{OURS}::")) => Ok(()),
        None => Err(format!("{text:?} is no level")),
        Some((module, _)) if module.is_empty() || module.contains(char::is_whitespace) => {
            Err(format!("{module:?} is no module"))
        }
        Some((_, level)) if is_level(level) => Ok(()),
        Some((_, level)) => Err(format!("{level:?} is no level")),
    }
}

/// One JSON object a line: time, level, target, message, then the event's own fields and what is known about the request.
struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut object = Object(Map::new());
        object.set("time", jiff::Timestamp::now().to_string());
        object.set("level", event.metadata().level().as_str());
        object.set("target", event.metadata().target());
        event.record(&mut object);
        if let Some(span) = context.lookup_current()
            && let Some(fields) = span.extensions().get::<FormattedFields<N>>()
        {
            object.set(span.name(), fields.as_str());
        }
        writeln!(writer, "{}", Value::Object(object.0))
    }
}

struct Object(Map<String, Value>);

impl Object {
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Object {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_names_levels_and_modules() {
        for good in
            ["info", "WARN", "3", "off", "vctsdb", "vctsdb::wal", "vctsdb::storage=debug,info", "hyper=off,warn"]
        {
            assert!(filter(good).is_ok(), "{good}");
        }
        assert!(filter("info,[request{path=\"/metrics\"}]=debug,vctsdb=warn").is_ok());
        for bad in ["", "warning", "hyper", "vctsdbs", "debug,", "a b=info", "=info", "hyper=", "hyper=warning"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }
}
