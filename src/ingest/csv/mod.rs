//! Tables of comma-separated values.
//!
//! ```text
//! time,room,temperature,humidity
//! 1700000000,attic,21.5,40
//! ```
//!
//! - The first row names the columns. One called time, timestamp, date or so is the time; columns that begin with a number hold the
//!   values of a metric with the column's name; all others are labels. Where a column is called `__name__`, metric or name and
//!   another value, the metric is the one that is named there: so our own tables of results can be read again.
//! - Or `format` in the URL says what the columns are, in VictoriaMetrics' words (`columns`); then a first row in which neither the
//!   time nor any value can be read is passed over as the head.
//! - Times are numbers in the unit in which the first of them lies between 2000 and 2200, or RFC 3339. Without a column of times they
//!   are the time of the request.
//! - Fields are separated by commas, semicolons or tabs, whichever the first row has most of, and quoted as RFC 4180 says.
//! - An empty field is no label, or no sample. A row is taken or refused as a whole.

mod columns;
mod row;

use self::{
    columns::{Column, Columns, MAX_COLUMNS},
    row::{Cell, cells, end_of_row},
};
use super::{Declared, Format, ImportBuilder, ImportError, Unit, series_text::SeriesText, values};
use crate::{
    model::METRIC_NAME,
    seams::{append::SeriesId, batch_builder::BatchError},
};

/// What may stand between fields.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// The format.
pub(super) struct Csv;

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn title(&self) -> &'static str {
        "a table of comma-separated values"
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/api/v1/import/csv"]
    }

    fn content_types(&self) -> &'static [&'static str] {
        &["text/csv", "application/csv", "text/tab-separated-values"]
    }

    fn is_likely(&self, beginning: &[u8]) -> bool {
        let line = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let Ok(line) = std::str::from_utf8(line.trim_ascii_end()) else { return false };
        let mut names = Vec::new();
        let is_head = cells(line, separator_of(line), &mut names).is_ok() && names.len() > 1;
        is_head && !line.contains(['{', '<', '=', '\0']) && names.iter().all(|name| name.text.len() <= 200)
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["format"]
    }

    fn reader(&self, declared: &Declared) -> Result<Box<dyn super::Reader>, ImportError> {
        let said = declared.parameter("format").map(|format| Columns::said(format, declared.unit)).transpose();
        let columns = said.map_err(|why| ImportError::Parameter(format!("invalid parameter \"format\": {why}")))?;
        Ok(Box::new(Reader {
            unit: declared.unit,
            said: columns.is_some(),
            columns,
            head: None,
            separator: None,
            line: 0,
            rows: 0,
            series: SeriesText::default(),
            values: Vec::new(),
            found: Vec::new(),
        }))
    }
}

/// Reads a body.
struct Reader {
    unit: Option<Unit>,
    /// What the columns are, once that is known, and whether the sender said so.
    columns: Option<Columns>,
    said: bool,
    /// The first row, until there is another one.
    head: Option<String>,
    separator: Option<char>,
    line: usize,
    /// Rows behind the head.
    rows: u64,
    series: SeriesText,
    /// The values of a row with their columns, and then its samples.
    values: Vec<(usize, f64)>,
    found: Vec<(SeriesId, f64)>,
}

/// What is wrong, and at which byte of the row.
type Fault = (usize, String);

impl super::Reader for Reader {
    fn cut(&mut self, text: &[u8], most: usize) -> Option<usize> {
        let mut end = 0;
        while let Some(next) = text.get(end..).and_then(end_of_row) {
            if end > 0 && end + next > most {
                break;
            }
            end += next;
        }
        (end > 0).then_some(end)
    }

    fn growth(&self, bytes: usize) -> usize {
        // Each value of a wide row may be a series that is new.
        bytes * 107
    }

    fn take(&mut self, text: &[u8], builder: &mut ImportBuilder<'_>) -> Result<(), BatchError> {
        let mut rest = text;
        while !rest.is_empty() {
            let (row, behind) = rest.split_at(end_of_row(rest).unwrap_or(rest.len()));
            rest = behind;
            self.line += 1;
            let begin = self.line;
            self.line += row.trim_ascii_end().iter().filter(|byte| **byte == b'\n').count();
            let row = row.strip_suffix(b"\n").unwrap_or(row);
            let row = row.strip_suffix(b"\r").unwrap_or(row);
            let row = match std::str::from_utf8(row) {
                Ok(row) => row.strip_prefix('\u{feff}').unwrap_or(row),
                Err(error) => {
                    builder.fault(begin, error.valid_up_to() + 1, "this is not UTF-8");
                    continue;
                }
            };
            if row.trim().is_empty() {
                continue;
            }
            if let Err((at, why)) = self.row(row, builder)? {
                let column = row.get(..at).unwrap_or(row).chars().count() + 1;
                builder.fault(begin, column, &why);
            }
        }
        Ok(())
    }

    fn end_part(&mut self, last: bool, builder: &mut ImportBuilder<'_>) -> Result<(), BatchError> {
        if last && self.rows == 0 {
            builder.refuse("the table has no rows behind its head");
        }
        Ok(())
    }

    fn memory(&self) -> usize {
        self.series.memory() + (self.values.capacity() + self.found.capacity()) * size_of::<(SeriesId, f64)>()
    }

    fn guessed(&self) -> Option<String> {
        self.columns.as_ref().filter(|_| !self.said).map(Columns::words)
    }

    fn line(&self) -> usize {
        self.line
    }
}

impl Reader {
    /// Takes a row: the head, or samples.
    fn row(&mut self, row: &str, builder: &mut ImportBuilder<'_>) -> Result<Result<(), Fault>, BatchError> {
        let separator = *self.separator.get_or_insert_with(|| separator_of(row));
        let mut fields = Vec::new();
        if let Err((at, why)) = cells(row, separator, &mut fields) {
            return Ok(Err((at, why.to_owned())));
        }
        if fields.len() > MAX_COLUMNS {
            return Ok(Err((0, format!("the row has more than {MAX_COLUMNS} fields"))));
        }
        if self.columns.is_none() {
            let Some(head) = self.head.take() else {
                self.head = Some(row.to_owned());
                return Ok(Ok(()));
            };
            let mut names = Vec::new();
            // It was looked at before.
            let _ = cells(&head, separator, &mut names);
            match Columns::guess(&names, &fields, self.unit) {
                Ok(columns) => self.columns = Some(columns),
                Err(why) => {
                    builder.refuse(&format!("{why}; format in the URL says what the columns are"));
                    self.head = Some(head);
                    self.rows += 1;
                    return Ok(Ok(()));
                }
            }
        }
        let Some(columns) = self.columns.take() else { return Ok(Ok(())) };
        let taken = if self.said && self.line == 1 && is_head(&columns, &fields) {
            Ok(Ok(()))
        } else {
            self.rows += 1;
            self.samples(&columns, &fields, builder)
        };
        self.columns = Some(columns);
        taken
    }

    /// Takes the samples of a row.
    fn samples(
        &mut self,
        columns: &Columns,
        fields: &[Cell<'_>],
        builder: &mut ImportBuilder<'_>,
    ) -> Result<Result<(), Fault>, BatchError> {
        let wanted = columns.columns.len();
        if fields.len() < wanted || (!self.said && fields.len() > wanted) {
            return Ok(Err((0, format!("the row has {} fields, not {wanted} as the head", fields.len()))));
        }
        let mut time = builder.now();
        self.series.clear();
        for (column, cell) in columns.columns.iter().zip(fields) {
            match column {
                Column::Time => {
                    let read = columns.time.read(cell.text.trim());
                    match read.and_then(|time| builder.time_fault(time).map_or(Ok(time), Err)) {
                        Ok(read) => time = read,
                        Err(why) => return Ok(Err((cell.at, why))),
                    }
                }
                Column::Label(name) => self.series.add(name, &cell.text),
                Column::Metric => self.series.add(METRIC_NAME, &cell.text),
                _ => {}
            }
        }
        let holds = |column: &Column| matches!(column, Column::Values(_) | Column::NamedValues);
        self.values.clear();
        for (place, cell) in
            fields.iter().enumerate().filter(|(place, _)| columns.columns.get(*place).is_some_and(holds))
        {
            let text = cell.text.trim();
            match values::parse(text) {
                Some(value) => self.values.push((place, value)),
                None if text.is_empty() => {}
                None => return Ok(Err((cell.at, format!("{text:?} is no number")))),
            }
        }
        let labels = self.series.len();
        self.found.clear();
        for (place, value) in &self.values {
            if let Some(Column::Values(name)) = columns.columns.get(*place) {
                self.series.add(METRIC_NAME, name);
            }
            match self.series.series(builder)? {
                Ok(series) => self.found.push((series, *value)),
                Err(why) => return Ok(Err((fields.get(*place).map_or(0, |cell| cell.at), why))),
            }
            self.series.keep(labels);
        }
        builder.samples_at(time, &self.found)?;
        Ok(Ok(()))
    }
}

/// The separator of a table with this first row.
fn separator_of(row: &str) -> char {
    let count = |separator: &char| row.matches(*separator).count();
    SEPARATORS.into_iter().rev().max_by_key(count).unwrap_or(',')
}

/// Whether neither the time nor any value can be read in a row.
fn is_head(columns: &Columns, fields: &[Cell<'_>]) -> bool {
    let mut told = columns.columns.iter().zip(fields).filter_map(|(column, cell)| match column {
        Column::Time => Some(columns.time.read(cell.text.trim()).is_ok()),
        Column::Values(_) => Some(values::parse(cell.text.trim()).is_some()),
        _ => None,
    });
    !told.any(|readable| readable)
}

#[cfg(test)]
mod tests;
