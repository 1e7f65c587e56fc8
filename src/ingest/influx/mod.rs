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
//! - A point is stored as a whole or not at all, but for fields that the catalog has no place for, as those of another type; what
//!   is wrong with one is said in InfluxDB's words.

mod line;
mod series;
mod settings;
mod value;

use std::collections::HashMap;

use self::{
    line::{End, Field, Key, Point},
    series::{Database, Names},
    settings::Precision,
    value::Value,
};
use super::{Declared, FieldFault, Format, ImportBuilder, ImportError};
use crate::{
    model::FieldType,
    seams::{
        append::{Fingerprint, SeriesId},
        batch_builder::BatchError,
        catalog::{ClaimRefusal, WantedField},
    },
};

pub use self::settings::{POLICY as RETENTION_POLICY, UNLABELED as UNLABELED_DATABASE};

/// The path of imports in this format.
pub(super) const PATH: &str = "/api/v1/import/influx";

/// What a field takes in the lists of its line, and a series beside its labels once it is stored.
const FIELD_BYTES: usize = 1_540;
/// What a field of texts takes in the table of those, with what the table takes while it grows.
const TEXT_FIELD_BYTES: usize = 32;
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
        let database = Database::of(declared)?;
        Ok(Box::new(Reader {
            names: Names::new(&database.name, declared),
            precision: Precision::of(declared)?,
            may_be_empty: declared.by_protocol,
            database,
            line: 0,
            points: false,
            growth: 0,
            fields: Vec::new(),
            samples: Vec::new(),
            refused: Vec::new(),
            texts: HashMap::new(),
        }))
    }
}

/// Reads a body.
struct Reader {
    names: Names,
    precision: Precision,
    /// Whether a body without points is fine.
    may_be_empty: bool,
    database: Database,
    /// Lines read.
    line: usize,
    /// Whether there was anything but comments and blank lines.
    points: bool,
    /// Bytes of memory that the lines cut last take at most.
    growth: usize,
    /// The fields of a line, and its samples; kept for their memory.
    fields: Vec<Field>,
    samples: Vec<(SeriesId, f64)>,
    /// Fields of a line that the catalog has no place for: where they stand, and why.
    refused: Vec<(usize, String)>,
    /// By a hash of measurement and field as they stand: which type a field of texts has that isn't one of texts.
    texts: HashMap<Fingerprint, Option<FieldType>>,
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
            self.growth += fields * (FIELD_BYTES + 9 * key + 5 * self.database.name.len()) + 4 * length;
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
        self.texts = HashMap::new();
        if last && !self.points && !self.may_be_empty {
            builder.refuse("the body has only blank lines and comments");
        }
        Ok(())
    }

    fn memory(&self) -> usize {
        self.fields.capacity() * size_of::<Field>()
            + self.samples.capacity() * size_of::<(SeriesId, f64)>()
            + self.texts.capacity() * TEXT_FIELD_BYTES
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
            Ok(line) => self.point(line, builder)?.err(),
            Err(error) => Some(Refusal::Malformed { at: error.valid_up_to(), why: "this is not UTF-8".to_owned() }),
        };
        let place = |at: usize| {
            let before = String::from_utf8_lossy(record.get(..begin + at).unwrap_or(record)).into_owned();
            let (lines, last) =
                before.rsplit_once('\n').map_or((0, &*before), |(lines, last)| (1 + lines.matches('\n').count(), last));
            (self.line + 1 + lines, last.chars().count() + 1)
        };
        // A point counts once, however many of its fields are refused.
        for (i, (at, why)) in self.refused.iter().enumerate() {
            let (line, column) = place(*at);
            if i == 0 { builder.reject(line, column, why) } else { builder.fault(line, column, why) }
        }
        match refusal {
            None => {}
            Some(Refusal::Malformed { at, why }) => {
                let (line, column) = place(at);
                builder.fault(line, column, &format!("unable to parse '{}': {why}", shown(text)));
            }
            Some(Refusal::Rejected { at, why }) => {
                let (line, column) = place(at);
                builder.reject(line, column, &why);
            }
        }
        Ok(())
    }

    /// Takes a line that is neither blank nor a comment. Fields that the catalog has no place for are left in `refused`.
    fn point(&mut self, line: &str, builder: &mut ImportBuilder<'_>) -> Result<Result<(), Refusal>, BatchError> {
        self.refused.clear();
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
            let text = line.get(field.name.clone()).unwrap_or_default();
            let (value, field_type, exact) = match field.value {
                Value::Number { value, field_type, exact } => (value, field_type, exact),
                Value::Text => {
                    match text_conflict(&mut self.texts, self.names, &self.database, &point, text, builder) {
                        Ok(None) => texts += 1,
                        Ok(Some(why)) => self.refused.push((field.name.start, why)),
                        Err(refusal) => return Ok(Err(refusal)),
                    }
                    continue;
                }
            };
            if text == series::TIME {
                continue;
            }
            let fingerprint = self.names.series(name, text, field_type);
            let id = match builder.remembered(fingerprint) {
                Some(id) => id,
                None => {
                    match define(&mut self.texts, &self.database, &point, text, field_type, fingerprint, builder)? {
                        Ok(id) => id,
                        Err(Undefined::Point(refusal)) => {
                            self.refused.clear();
                            return Ok(Err(refusal));
                        }
                        Err(Undefined::Field(why)) => {
                            self.refused.push((field.name.start, why));
                            continue;
                        }
                    }
                }
            };
            rounded += u64::from(!exact);
            self.samples.push((id, value));
        }
        if self.samples.is_empty()
            && self.refused.is_empty()
            && let Err(refusal) = nothing(&point, texts, &self.database)
        {
            return Ok(Err(refusal));
        }
        builder.samples_at(time, &self.samples)?;
        builder.altered(texts, rounded);
        Ok(Ok(()))
    }
}

/// Why a field has no series.
enum Undefined {
    /// The point as a whole is refused.
    Point(Refusal),
    /// The catalog has no place for it.
    Field(String),
}

fn rejected(why: String) -> Refusal {
    Refusal::Rejected { at: 0, why }
}

/// The series of a field that the store doesn't remember, with this type.
fn define(
    texts: &mut HashMap<Fingerprint, Option<FieldType>>,
    database: &Database,
    point: &Point<'_>,
    field: &str,
    field_type: FieldType,
    fingerprint: Fingerprint,
    builder: &mut ImportBuilder<'_>,
) -> Result<Result<SeriesId, Undefined>, BatchError> {
    let key = match line::key(point.key) {
        Ok(key) => key,
        Err(fault) => return Ok(Err(Undefined::Point(fault.into()))),
    };
    let pairs = match database.labels(&key) {
        Ok(pairs) => pairs,
        Err(why) => return Ok(Err(Undefined::Point(rejected(why)))),
    };
    let field = line::unescape(field, b",= ");
    let wanted = WantedField {
        database: database.catalogued(),
        measurement: &key.measurement,
        field: &field,
        metric: &database.metric(&key.measurement, &field),
        field_type,
    };
    let id = match builder.series_of_field(fingerprint, &wanted, pairs)? {
        Ok(id) => id,
        Err(FieldFault::Claim(refusal)) => return Ok(Err(Undefined::Field(refusal.to_string()))),
        Err(FieldFault::Series(why)) => return Ok(Err(Undefined::Point(rejected(why)))),
    };
    // What was found out about fields of texts may be so no longer.
    texts.clear();
    // Where databases are no labels, the names that are written to are remembered all the same.
    if !database.name.is_empty() && database.name != wanted.database {
        builder.database(&database.name);
    }
    Ok(Ok(id))
}

/// Why a text can't be a value of its field, if it can't.
fn text_conflict(
    known: &mut HashMap<Fingerprint, Option<FieldType>>,
    names: Names,
    database: &Database,
    point: &Point<'_>,
    field: &str,
    builder: &ImportBuilder<'_>,
) -> Result<Option<String>, Refusal> {
    // Of series there may be many, of measurements there are few.
    let name = names.series(names.key(line::measurement(point.key)), field, FieldType::Float);
    if let Some(None) = known.get(&name) {
        return Ok(None);
    }
    let Key { measurement, .. } = line::key(point.key)?;
    let field = line::unescape(field, b",= ");
    let existing = builder.field_type(database.catalogued(), &measurement, &field);
    known.insert(name, existing);
    let conflict = |existing| {
        let (measurement, field) = (measurement.into_owned(), field.into_owned());
        ClaimRefusal::Type { measurement, field, given: "string", existing }.to_string()
    };
    Ok(existing.map(conflict))
}

/// Whether a point without samples, but with so many texts, is fine.
fn nothing(point: &Point<'_>, texts: u64, database: &Database) -> Result<(), Refusal> {
    let key = line::key(point.key)?;
    database.labels(&key).map_err(rejected)?;
    if texts > 0 {
        return Ok(());
    }
    let why = format!("invalid field name: input field \"time\" on measurement \"{}\" is invalid", key.measurement);
    Err(rejected(why))
}

/// A line as an answer shows it.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.get(..SHOWN_BYTES).unwrap_or(line)).into_owned();
    if line.len() > SHOWN_BYTES { text + "…" } else { text }
}

#[cfg(test)]
mod tests;
