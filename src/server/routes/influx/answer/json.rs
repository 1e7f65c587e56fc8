//! Answers as JSON.
//!
//! ```json
//! {"results":[{"statement_id":0,"series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","mean"],"values":[["2024-01-01T00:00:00Z",1.5]]}]}]}
//! ```
//!
//! In chunks, each is such an object by itself, with rows of one series: `partial` in a series says that the next object goes on with it,
//! in a result that the statement goes on. So a chunk is sent when it is known what follows.

use jiff::tz::TimeZone;

use super::{
    Epoch, Out, Writer,
    value::{float, string, time},
};
use crate::{
    influxql::{Answer, QueryError, Series, Value},
    server::streaming::Sink,
};

/// How the answer is cut and set out.
#[derive(Debug, Clone, Copy)]
pub(in crate::server::routes::influx) struct Layout {
    pub(in crate::server::routes::influx) epoch: Epoch,
    /// Whether lines are indented.
    pub(in crate::server::routes::influx) pretty: bool,
    /// The most rows of a chunk, if it is cut.
    pub(in crate::server::routes::influx) chunk: Option<usize>,
}

/// Writes JSON.
pub(in crate::server::routes::influx) struct Json<'o> {
    out: Out<'o>,
    layout: Layout,
    zone: Option<TimeZone>,
    /// How many objects and lists are open, and whether something stands in the innermost.
    depth: usize,
    filled: bool,
    id: usize,
    /// Results so far.
    results: usize,
    /// Whether a list of series, with its last series, and the rows of that are open.
    in_series: bool,
    in_rows: bool,
    /// Rows of the chunk.
    rows: usize,
    /// The beginning of the series, for the next chunk of it.
    head: Head,
}

/// What a series begins with.
#[derive(Default)]
struct Head {
    name: String,
    tags: Vec<(String, String)>,
    columns: Vec<String>,
}

impl<'o> Json<'o> {
    pub(in crate::server::routes::influx) fn new(layout: Layout, sink: &'o mut Sink<'o>) -> Self {
        Self {
            out: Out { text: Vec::new(), sink },
            layout,
            zone: None,
            depth: 0,
            filled: false,
            id: 0,
            results: 0,
            in_series: false,
            in_rows: false,
            rows: 0,
            head: Head::default(),
        }
    }

    fn line(&mut self) {
        if self.layout.pretty {
            self.out.text.push(b'\n');
            self.out.text.extend(std::iter::repeat_n(b' ', 4 * self.depth));
        }
    }

    /// Begins a member or an item.
    fn item(&mut self) {
        if self.filled {
            self.out.text.push(b',');
        }
        self.filled = true;
        if self.depth > 0 {
            self.line();
        }
    }

    fn key(&mut self, name: &str) {
        self.item();
        string(&mut self.out.text, name);
        self.out.text.extend_from_slice(if self.layout.pretty { b": " } else { b":" });
    }

    fn open(&mut self, mark: u8) {
        self.out.text.push(mark);
        self.depth += 1;
        self.filled = false;
    }

    fn close(&mut self, mark: u8) {
        self.depth -= 1;
        if self.filled {
            self.line();
        }
        self.out.text.push(mark);
        self.filled = true;
    }

    fn partial(&mut self) {
        self.key("partial");
        self.out.text.extend_from_slice(b"true");
    }

    fn open_results(&mut self) {
        self.filled = false;
        self.open(b'{');
        self.key("results");
        self.open(b'[');
    }

    fn close_results(&mut self) {
        self.close(b']');
        self.close(b'}');
        self.out.text.push(b'\n');
        self.filled = false;
    }

    /// Opens the result that the statement's series stand in.
    fn open_result(&mut self) {
        if self.layout.chunk.is_some() || self.results == 0 {
            self.open_results();
        }
        self.results += 1;
        self.item();
        self.open(b'{');
        self.key("statement_id");
        self.out.text.extend_from_slice(self.id.to_string().as_bytes());
    }

    fn open_series(&mut self) {
        let head = std::mem::take(&mut self.head);
        if !self.in_series {
            self.key("series");
            self.open(b'[');
            self.in_series = true;
        }
        self.item();
        self.open(b'{');
        if !head.name.is_empty() {
            self.key("name");
            string(&mut self.out.text, &head.name);
        }
        if !head.tags.is_empty() {
            self.key("tags");
            self.open(b'{');
            for (name, value) in &head.tags {
                self.key(name);
                string(&mut self.out.text, value);
            }
            self.close(b'}');
        }
        self.key("columns");
        self.open(b'[');
        for column in &head.columns {
            self.item();
            string(&mut self.out.text, column);
        }
        self.close(b']');
        self.head = head;
        self.rows = 0;
    }

    /// Ends the open series, of which more may follow in another chunk.
    fn close_series(&mut self, goes_on: bool) {
        if self.in_rows {
            self.close(b']');
            self.in_rows = false;
        }
        if goes_on {
            self.partial();
        }
        self.close(b'}');
    }

    /// Sends the chunk; the statement goes on.
    fn cut(&mut self, series_goes_on: bool) -> Result<(), QueryError> {
        self.close_series(series_goes_on);
        self.close(b']');
        self.in_series = false;
        self.partial();
        self.close(b'}');
        self.close_results();
        self.out.send(true)?;
        self.open_result();
        Ok(())
    }

    fn write(&mut self, value: &Value) {
        let out = &mut self.out.text;
        match value {
            Value::Float(number) if number.is_finite() => float(out, *number),
            Value::Null | Value::Float(_) => out.extend_from_slice(b"null"),
            Value::Integer(number) => out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes()),
            Value::Boolean(yes) => out.extend_from_slice(if *yes { b"true" } else { b"false" }),
            Value::Text(text) => string(out, text),
            Value::Time(ns) => {
                let quoted = self.layout.epoch == Epoch::Text;
                out.extend(quoted.then_some(b'"'));
                time(out, *ns, self.layout.epoch, self.zone.as_ref());
                out.extend(quoted.then_some(b'"'));
            }
        }
    }
}

impl Answer for Json<'_> {
    fn series(&mut self, series: &Series<'_>) -> Result<(), QueryError> {
        if self.in_series {
            if self.layout.chunk.is_some() { self.cut(false)? } else { self.close_series(false) }
        }
        self.zone = series.zone.cloned();
        self.head = Head {
            name: series.name.to_owned(),
            tags: series.tags.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
            columns: series.columns.to_vec(),
        };
        self.open_series();
        self.out.send(false)
    }

    fn row(&mut self, values: &[Value]) -> Result<(), QueryError> {
        if self.layout.chunk.is_some_and(|most| self.rows >= most) {
            self.cut(true)?;
            self.open_series();
        }
        if !self.in_rows {
            self.key("values");
            self.open(b'[');
            self.in_rows = true;
        }
        self.rows += 1;
        self.item();
        self.open(b'[');
        for value in values {
            self.item();
            self.write(value);
        }
        self.close(b']');
        // A chunk is whole when it is sent.
        if self.layout.chunk.is_none() { self.out.send(false) } else { Ok(()) }
    }
}

impl Writer for Json<'_> {
    fn begin(&mut self, id: usize) -> Result<(), QueryError> {
        self.id = id;
        self.open_result();
        Ok(())
    }

    fn end(&mut self, error: Option<&str>, warnings: &[String]) -> Result<(), QueryError> {
        if self.in_series {
            self.close_series(false);
            self.close(b']');
            self.in_series = false;
        }
        if !warnings.is_empty() {
            self.key("messages");
            self.open(b'[');
            for warning in warnings {
                self.item();
                self.open(b'{');
                self.key("level");
                string(&mut self.out.text, "warning");
                self.key("text");
                string(&mut self.out.text, warning);
                self.close(b'}');
            }
            self.close(b']');
        }
        if let Some(error) = error {
            self.key("error");
            string(&mut self.out.text, error);
        }
        self.close(b'}');
        if self.layout.chunk.is_some() {
            self.close_results();
            return self.out.send(true);
        }
        self.out.send(false)
    }

    fn finish(&mut self) -> Result<(), QueryError> {
        if self.results == 0 {
            self.out.text.extend_from_slice(b"{}\n");
        } else if self.layout.chunk.is_none() {
            self.close_results();
        }
        self.out.send(true)
    }
}
