//! InfluxDB's line protocol.
//!
//! ```text
//! cpu,host=a,region=eu usage_idle=98.5,procs=100i,up=true 1704067200000000000
//! ```
//!
//! - A line is a point, a comment (`#`) or blank; `\r\n` ends one too. A text in quotes may have line feeds. Quotes that nothing
//!   closes end with their line, so that they hide no other.
//! - Each field is a sample of its own series ([`series`]): `cpu_usage_idle{host="a",region="eu"}`. Numbers are floats, whether they
//!   end in `i`, `u` or neither; booleans are 1 and 0; texts are counted and left out, which is no fault.
//! - Times count ns unless `precision` says otherwise, and are rounded down to ms. Without one a point has the time of the request,
//!   cut to the precision.
//! - A point is stored as a whole or not at all; what is wrong with one is said in InfluxDB's words.

mod line;
mod series;
mod settings;
mod value;

use self::{
    line::{End, Field, Point},
    series::Names,
    settings::Precision,
    value::Value,
};
use super::{Declared, Format, ImportBuilder, ImportError};
use crate::seams::{append::SeriesId, batch_builder::BatchError};

pub use self::{
    series::DATABASE as DATABASE_LABEL,
    settings::{POLICY as RETENTION_POLICY, UNLABELED as UNLABELED_DATABASE},
};

/// The path of imports in this format.
pub(super) const PATH: &str = "/api/v1/import/influx";

/// What a field takes in the lists of its line, and a series beside its labels once it is stored.
const FIELD_BYTES: usize = 640;
/// A line that is wrong is shown up to so many bytes.
const SHOWN_BYTES: usize = 120;
/// The longest line. Where quotes stay open for longer, the first of these lines is taken by itself.
const MAX_LINE: usize = 1 << 20;

/// The format.
pub(super) struct LineProtocol;

impl Format for LineProtocol {
    fn name(&self) -> &'static str {
        "influx"
    }

    fn title(&self) -> &'static str {
        "InfluxDB's line protocol"
    }

    fn paths(&self) -> &'static [&'static str] {
        &[PATH]
    }

    fn content_types(&self) -> &'static [&'static str] {
        &[]
    }

    fn is_likely(&self, beginning: &[u8]) -> bool {
        let lines = beginning.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let mut points = lines.filter(|line| line.first().is_some_and(|byte| *byte != b'#'));
        points.next().is_some_and(line::is_likely)
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["bucket", "consistency", "db", "org", "p", "precision", "rp", "u"]
    }

    fn reader(&self, declared: &Declared) -> Result<Box<dyn super::Reader>, ImportError> {
        let database = settings::database(declared)?;
        Ok(Box::new(Reader {
            names: Names::new(&database, declared),
            precision: Precision::of(declared)?,
            may_be_empty: declared.by_protocol,
            database,
            line: 0,
            points: false,
            growth: 0,
            fields: Vec::new(),
            samples: Vec::new(),
        }))
    }
}

/// Reads a body.
struct Reader {
    names: Names,
    precision: Precision,
    /// Whether a body without points is fine.
    may_be_empty: bool,
    /// The value of the database's label; empty: there is none.
    database: String,
    /// Lines read.
    line: usize,
    /// Whether there was anything but comments and blank lines.
    points: bool,
    /// Bytes of memory that the lines cut last take at most.
    growth: usize,
    /// The fields of a line, and its samples; kept for their memory.
    fields: Vec<Field>,
    samples: Vec<(SeriesId, f64)>,
}

/// Why a point is not stored.
enum Refusal {
    /// Its line is no point.
    Malformed { at: usize, why: String },
    /// It breaks a rule of the store.
    Rejected { at: usize, why: String },
}

impl From<line::Fault> for Refusal {
    fn from(line::Fault { at, why }: line::Fault) -> Self {
        Self::Malformed { at, why: why.into_owned() }
    }
}

impl super::Reader for Reader {
    fn cut(&mut self, text: &[u8], most: usize) -> Option<usize> {
        self.growth = 0;
        let mut cut = 0;
        while cut < most {
            let rest = text.get(cut..).unwrap_or_default();
            let length = match line::end(rest) {
                End::At(length) => length,
                End::Quoted if rest.len() > MAX_LINE && cut == 0 => first_line(rest),
                End::Open | End::Quoted => break,
            };
            if cut > 0 && cut + length > most {
                break;
            }
            let (key, fields) = line::weight(rest.get(..length).unwrap_or_default());
            self.growth += fields * (FIELD_BYTES + 3 * (key + self.database.len())) + 4 * length;
            cut += length;
        }
        (cut > 0).then_some(cut)
    }

    fn growth(&self, _: usize) -> usize {
        self.growth
    }

    fn max_record(&self) -> usize {
        MAX_LINE
    }

    fn take(&mut self, text: &[u8], builder: &mut ImportBuilder<'_>) -> Result<(), BatchError> {
        let mut rest = text;
        while !rest.is_empty() {
            let length = match line::end(rest) {
                End::At(length) => length,
                End::Open => rest.len(),
                End::Quoted => first_line(rest),
            };
            let (record, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            self.record(record, builder)?;
            let feeds = memchr::memchr_iter(b'\n', record).count();
            self.line += if record.ends_with(b"\n") { feeds } else { feeds + 1 };
            rest = behind;
        }
        Ok(())
    }

    fn end_part(&mut self, last: bool, builder: &mut ImportBuilder<'_>) -> Result<(), BatchError> {
        if last && !self.points && !self.may_be_empty {
            builder.refuse("the body has only blank lines and comments");
        }
        Ok(())
    }

    fn memory(&self) -> usize {
        self.fields.capacity() * size_of::<Field>() + self.samples.capacity() * size_of::<(SeriesId, f64)>()
    }

    fn line(&self) -> usize {
        self.line
    }
}

/// The bytes of the first line, whatever is in quotes.
fn first_line(text: &[u8]) -> usize {
    memchr::memchr(b'\n', text).map_or(text.len(), |at| at + 1)
}

impl Reader {
    /// Takes a line, with what ends it.
    fn record(&mut self, record: &[u8], builder: &mut ImportBuilder<'_>) -> Result<(), BatchError> {
        let text = record.strip_suffix(b"\n").unwrap_or(record);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let begin = text.iter().position(|byte| !line::is_blank(*byte)).unwrap_or(text.len());
        let text = text.get(begin..).unwrap_or_default();
        if text.is_empty() || text.starts_with(b"#") {
            return Ok(());
        }
        self.points = true;
        let refusal = match std::str::from_utf8(text) {
            Ok(line) => match self.point(line, builder)? {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            },
            Err(error) => Refusal::Malformed { at: error.valid_up_to(), why: "this is not UTF-8".to_owned() },
        };
        let (Refusal::Malformed { at, .. } | Refusal::Rejected { at, .. }) = &refusal;
        let before = String::from_utf8_lossy(record.get(..begin + at).unwrap_or(record)).into_owned();
        let (lines, last) =
            before.rsplit_once('\n').map_or((0, &*before), |(lines, last)| (1 + lines.matches('\n').count(), last));
        let (line, column) = (self.line + 1 + lines, last.chars().count() + 1);
        match refusal {
            Refusal::Malformed { why, .. } => {
                builder.fault(line, column, &format!("unable to parse '{}': {why}", shown(text)));
            }
            Refusal::Rejected { why, .. } => builder.reject(line, column, &why),
        }
        Ok(())
    }

    /// Takes a line that is neither blank nor a comment.
    fn point(&mut self, line: &str, builder: &mut ImportBuilder<'_>) -> Result<Result<(), Refusal>, BatchError> {
        let point = match line::parse(line, &mut self.fields) {
            Ok(point) => point,
            Err(fault) => return Ok(Err(fault.into())),
        };
        let time = match point.time.map(|time| self.precision.milliseconds(time, builder.now())) {
            None => self.precision.now(builder.now()),
            Some(Ok(time)) => time,
            Some(Err(why)) => return Ok(Err(Refusal::Rejected { at: point.time_at, why })),
        };
        if let Some(why) = builder.time_fault(time) {
            return Ok(Err(Refusal::Rejected { at: point.time_at, why }));
        }
        let (mut texts, mut rounded) = (0, 0);
        let name = self.names.key(point.key);
        self.samples.clear();
        for field in &self.fields {
            let (value, exact) = match field.value {
                Value::Number { value, exact } => (value, exact),
                Value::Text => {
                    texts += 1;
                    continue;
                }
            };
            let text = line.get(field.name.clone()).unwrap_or_default();
            if text == series::TIME {
                continue;
            }
            let fingerprint = self.names.series(name, text);
            let id = match builder.remembered(fingerprint) {
                Some(id) => id,
                None => {
                    let labels = match labels(&point, text, &self.database) {
                        Ok(labels) => labels,
                        Err(refusal) => return Ok(Err(refusal)),
                    };
                    match builder.series_of(fingerprint, &labels)? {
                        Ok(id) => id,
                        Err(why) => return Ok(Err(Refusal::Rejected { at: 0, why })),
                    }
                }
            };
            rounded += u64::from(!exact);
            self.samples.push((id, value));
        }
        if self.samples.is_empty()
            && let Err(refusal) = nothing(&point, texts, &self.database)
        {
            return Ok(Err(refusal));
        }
        for (id, value) in &self.samples {
            builder.sample(*id, time, *value)?;
        }
        builder.altered(texts, rounded);
        Ok(Ok(()))
    }
}

fn labels<'b>(point: &Point<'b>, field: &'b str, database: &'b str) -> Result<Vec<super::Pair<'b>>, Refusal> {
    series::labels(&line::key(point.key)?, field, database).map_err(|why| Refusal::Rejected { at: 0, why })
}

/// Whether a point without samples, but with so many texts, is fine.
fn nothing(point: &Point<'_>, texts: u64, database: &str) -> Result<(), Refusal> {
    labels(point, "", database)?;
    if texts > 0 {
        return Ok(());
    }
    let measurement = line::key(point.key)?.measurement;
    let why = format!("invalid field name: input field \"time\" on measurement \"{measurement}\" is invalid");
    Err(Refusal::Rejected { at: 0, why })
}

/// A line as an answer shows it.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.get(..SHOWN_BYTES).unwrap_or(line)).into_owned();
    if line.len() > SHOWN_BYTES { text + "…" } else { text }
}

#[cfg(test)]
mod tests;
