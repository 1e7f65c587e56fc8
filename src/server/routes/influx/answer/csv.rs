//! Answers as tables.
//!
//! ```text
//! name,tags,time,mean
//! cpu,"host=a,region=eu",1704067200000000000,1.5
//! ```
//!
//! Before each statement and each change of columns there is a blank line and a new first row.

use jiff::tz::TimeZone;

use super::{Epoch, Out, Writer, value::time};
use crate::{
    influxql::{Answer, QueryError, Series, Value},
    server::streaming::Sink,
};

/// Writes tables.
pub(in crate::server::routes::influx) struct Csv<'o> {
    out: Out<'o>,
    epoch: Epoch,
    zone: Option<TimeZone>,
    /// The columns of the table that is open.
    columns: Option<Vec<String>>,
    /// Whether there was a table before.
    follows: bool,
    /// What each row begins with.
    prefix: Vec<u8>,
}

impl<'o> Csv<'o> {
    pub(in crate::server::routes::influx) fn new(epoch: Epoch, sink: &'o mut Sink<'o>) -> Self {
        // Times are numbers in any case.
        let epoch = if epoch == Epoch::Text { Epoch::Units(1) } else { epoch };
        let out = Out { text: Vec::new(), sink };
        Self { out, epoch, zone: None, columns: None, follows: false, prefix: Vec::new() }
    }

    fn head(&mut self, columns: &[String]) {
        if std::mem::replace(&mut self.follows, true) {
            self.out.text.push(b'\n');
        }
        self.out.text.extend_from_slice(b"name,tags");
        for column in columns {
            self.out.text.push(b',');
            field(&mut self.out.text, column);
        }
        self.out.text.push(b'\n');
        self.columns = Some(columns.to_vec());
    }
}

/// Writes a text, in quotes where it needs them.
fn field(out: &mut Vec<u8>, text: &str) {
    let needs = text.contains(['"', ',', '\n', '\r']) || text.starts_with([' ', '\t']) || text == "\\.";
    if needs {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

impl Answer for Csv<'_> {
    fn series(&mut self, series: &Series<'_>) -> Result<(), QueryError> {
        if self.columns.as_deref() != Some(series.columns) {
            self.head(series.columns);
        }
        self.zone = series.zone.cloned();
        self.prefix.clear();
        field(&mut self.prefix, series.name);
        self.prefix.push(b',');
        let tags: Vec<String> = series.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        field(&mut self.prefix, &tags.join(","));
        Ok(())
    }

    fn row(&mut self, values: &[Value]) -> Result<(), QueryError> {
        let out = &mut self.out.text;
        out.extend_from_slice(&self.prefix);
        for value in values {
            out.push(b',');
            match value {
                Value::Float(number) if number.is_finite() => out.extend_from_slice(number.to_string().as_bytes()),
                Value::Null | Value::Float(_) => {}
                Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
                Value::Boolean(yes) => out.extend_from_slice(yes.to_string().as_bytes()),
                Value::Text(text) => field(out, text),
                Value::Time(ns) => time(out, *ns, self.epoch, self.zone.as_ref()),
            }
        }
        out.push(b'\n');
        self.out.send(false)
    }
}

impl Writer for Csv<'_> {
    fn begin(&mut self, _: usize) -> Result<(), QueryError> {
        self.columns = None;
        Ok(())
    }

    fn end(&mut self, error: Option<&str>, _: &[String]) -> Result<(), QueryError> {
        if let Some(error) = error {
            if std::mem::replace(&mut self.follows, true) {
                self.out.text.push(b'\n');
            }
            self.out.text.extend_from_slice(b"error\n");
            field(&mut self.out.text, error);
            self.out.text.push(b'\n');
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), QueryError> {
        self.out.send(true)
    }
}
