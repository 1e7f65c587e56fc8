//! What the columns of a table are: as its sender says, or as its head and first row suggest.

use std::borrow::Cow;

use super::row::Cell;
use crate::{
    ingest::{Unit, times::Times},
    model::{METRIC_NAME, decimal, parse_time},
};

/// Names that a column of times has, in lower case.
const TIME_NAMES: [&str; 8] = ["time", "timestamp", "_time", "ts", "date", "datetime", "date_time", "epoch"];
/// Names that a column of metric names has, and of the values beside it.
const METRIC_NAMES: [&str; 4] = [METRIC_NAME, "metric", "metric_name", "name"];
const VALUE_NAMES: [&str; 2] = ["value", "_value"];

/// What a column is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    /// Of times.
    Time,
    /// Of values of the metric with this name.
    Values(String),
    /// Of values of the metric that another column names.
    NamedValues,
    /// Of metric names.
    Metric,
    /// Of values of the label with this name.
    Label(String),
    /// Of nothing that is wanted.
    Ignored,
}

/// How a time stands in its column.
#[derive(Debug, Clone, Copy)]
pub(super) enum TimeForm {
    /// A number.
    Number(Times),
    /// RFC 3339.
    Text,
}

impl TimeForm {
    /// The time in ms.
    pub(super) fn read(self, text: &str) -> Result<i64, String> {
        match self {
            Self::Number(times) => times.parse(text),
            Self::Text => parse_time(text)
                .filter(|_| text.contains('T'))
                .ok_or_else(|| format!("{text:?} is no time as RFC 3339 writes it (2026-01-31T12:00:00Z)")),
        }
    }

    fn words(self) -> Cow<'static, str> {
        match self {
            Self::Number(times) => Cow::Borrowed(times.words().0),
            Self::Text => Cow::Borrowed("RFC 3339"),
        }
    }
}

/// All columns of a table.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    pub(super) columns: Vec<Column>,
    pub(super) time: TimeForm,
}

impl Columns {
    /// As `format` says, in VictoriaMetrics' words: `2:metric:temperature,3:label:room,1:time:unix_s`, columns from 1.
    pub(super) fn said(format: &str, unit: Option<Unit>) -> Result<Self, String> {
        let mut columns: Vec<Column> = Vec::new();
        let mut time = TimeForm::Number(Times::said(unit.unwrap_or(Unit::Milliseconds)));
        for part in format.split(',') {
            let mut words = part.splitn(3, ':');
            let number = words.next().and_then(|number| number.trim().parse::<usize>().ok());
            let place = number.and_then(|number| number.checked_sub(1)).filter(|place| *place < MAX_COLUMNS);
            let (Some(place), Some(kind), Some(what)) = (place, words.next(), words.next()) else {
                return Err(format!("{part:?} is not column:kind:name, with the column from 1 to {MAX_COLUMNS}"));
            };
            let column = match kind {
                "metric" => Column::Values(what.to_owned()),
                "label" => Column::Label(what.to_owned()),
                "time" => {
                    time = match what {
                        "unix_s" => TimeForm::Number(Times::said(Unit::Seconds)),
                        "unix_ms" => TimeForm::Number(Times::said(Unit::Milliseconds)),
                        "unix_us" => TimeForm::Number(Times::said(Unit::Microseconds)),
                        "unix_ns" => TimeForm::Number(Times::said(Unit::Nanoseconds)),
                        "rfc3339" => TimeForm::Text,
                        other => {
                            let known = "unix_s, unix_ms, unix_us, unix_ns and rfc3339";
                            return Err(format!("times are {known}, not {other:?}"));
                        }
                    };
                    Column::Time
                }
                other => return Err(format!("a column is a metric, a label or the time, not {other:?}")),
            };
            if columns.len() <= place {
                columns.resize(place + 1, Column::Ignored);
            }
            match columns.get_mut(place) {
                Some(free @ Column::Ignored) => *free = column,
                _ => return Err(format!("column {} is said twice", place + 1)),
            }
        }
        let all = Self { columns, time };
        if all.columns.iter().filter(|column| **column == Column::Time).count() > 1 {
            return Err("there is more than one column of times".to_owned());
        }
        all.has_values()
    }

    /// As the head and the first row suggest.
    pub(super) fn guess(head: &[Cell<'_>], first: &[Cell<'_>], unit: Option<Unit>) -> Result<Self, String> {
        let names: Vec<String> = head.iter().map(|cell| cell.text.trim().to_ascii_lowercase()).collect();
        let place = |wanted: &[&str]| names.iter().position(|name| wanted.contains(&name.as_str()));
        let cell = |place: usize| first.get(place).map_or("", |cell| cell.text.trim());
        let time_at = place(&TIME_NAMES);
        let time = match (time_at.map(cell), unit) {
            (_, Some(unit)) => TimeForm::Number(Times::said(unit)),
            (None | Some(""), None) => TimeForm::Number(Times::said(Unit::Milliseconds)),
            (Some(text), None) => match decimal::parse_float(text).map(Times::unit_of) {
                Some(Some(unit)) => TimeForm::Number(Times::said(unit)),
                Some(None) => {
                    return Err(format!("{text:?} is no time from 2000 to 2200 in any unit; say unit=s in the URL"));
                }
                None => TimeForm::Text,
            },
        };
        let metric_at = place(&METRIC_NAMES).filter(|at| decimal::parse_float(cell(*at)).is_none());
        let named_at = metric_at.and_then(|_| place(&VALUE_NAMES));
        let column = |(at, head): (usize, &Cell<'_>)| match head.text.trim() {
            _ if Some(at) == time_at => Column::Time,
            _ if Some(at) == named_at => Column::NamedValues,
            _ if named_at.is_some() && Some(at) == metric_at => Column::Metric,
            "" => Column::Ignored,
            name if named_at.is_none() && is_number(cell(at)) => Column::Values(name.to_owned()),
            name => Column::Label(name.to_owned()),
        };
        Self { columns: head.iter().enumerate().map(column).collect(), time }.has_values()
    }

    fn has_values(self) -> Result<Self, String> {
        let holds = |column: &Column| matches!(column, Column::Values(_) | Column::NamedValues);
        if self.columns.iter().any(holds) { Ok(self) } else { Err("no column holds values".to_owned()) }
    }

    /// What the columns are taken for, for people.
    pub(super) fn words(&self) -> String {
        let one = |(place, column): (usize, &Column)| {
            let place = place + 1;
            match column {
                Column::Time => format!("{place}: time ({})", self.time.words()),
                Column::Values(name) => format!("{place}: values of {name}"),
                Column::NamedValues => format!("{place}: values"),
                Column::Metric => format!("{place}: metric name"),
                Column::Label(name) => format!("{place}: label {name}"),
                Column::Ignored => format!("{place}: ignored"),
            }
        };
        let columns: Vec<String> = self.columns.iter().enumerate().map(one).collect();
        format!("columns {}", columns.join(", "))
    }
}

/// A table has at most so many columns.
pub(super) const MAX_COLUMNS: usize = 10_000;

fn is_number(text: &str) -> bool {
    decimal::parse_float(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::csv::row::cells;

    fn guess(head: &str, first: &str) -> Result<String, String> {
        let (mut names, mut row) = (Vec::new(), Vec::new());
        cells(head, ',', &mut names).unwrap();
        cells(first, ',', &mut row).unwrap();
        Columns::guess(&names, &row, None).map(|columns| columns.words())
    }

    #[test]
    fn columns_are_guessed_by_their_names_and_first_values() {
        for (head, first, says) in [
            (
                "time,room,temp,humidity",
                "1700000000,attic,21.5,40",
                "columns 1: time (seconds), 2: label room, 3: values of temp, 4: values of humidity",
            ),
            (
                "__name__,job,time,value",
                "up,node,1700000000.500,1",
                "columns 1: metric name, 2: label job, 3: time (seconds), 4: values",
            ),
            ("Timestamp,x", "1700000000000,1", "columns 1: time (milliseconds), 2: values of x"),
            ("date,,x", "2023-11-14T22:13:20Z,7,1", "columns 1: time (RFC 3339), 2: ignored, 3: values of x"),
            ("name,count", "a,5", "columns 1: label name, 2: values of count"),
            ("value", "5", "columns 1: values of value"),
        ] {
            assert_eq!(guess(head, first).as_deref(), Ok(says), "{head}");
        }
        assert!(guess("a,b", "x,y").unwrap_err().contains("no column holds values"));
        assert!(guess("time,b", "7,1").unwrap_err().contains("unit=s"));
    }

    #[test]
    fn columns_are_what_is_said() {
        let said = |format| Columns::said(format, None).map(|columns| columns.words());
        assert_eq!(
            said("2:metric:temp,4:label:room,1:time:rfc3339").as_deref(),
            Ok("columns 1: time (RFC 3339), 2: values of temp, 3: ignored, 4: label room")
        );
        for (format, says) in [
            ("", "is not column:kind:name"),
            ("0:metric:a", "is not column:kind:name"),
            ("99999999999:metric:a", "is not column:kind:name"),
            ("1:metric", "is not column:kind:name"),
            ("1:metric:a,1:label:b", "column 1 is said twice"),
            ("1:time:unix_s", "no column holds values"),
            ("1:time:unix_s,2:time:unix_s,3:metric:a", "more than one column of times"),
            ("1:time:%Y,2:metric:a", "times are unix_s"),
            ("1:value:a", "a column is a metric, a label or the time"),
        ] {
            assert!(said(format).is_err_and(|why| why.contains(says)), "{format}: {:?}", said(format));
        }
    }
}
