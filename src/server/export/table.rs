//! Tables of comma-separated values, a row a sample, with the columns that are asked for.

use super::Writer;
use crate::{
    model::{Labels, METRIC_NAME},
    server::{
        formats::csv::field,
        json::{rfc_3339, time},
        text_format::put_value,
    },
};

/// What a column shows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Label(String),
    Value,
    Time(TimeForm),
}

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeForm {
    Seconds,
    Milliseconds,
    Nanoseconds,
    Rfc3339,
}

/// Writes a table.
pub(crate) struct Table {
    columns: Vec<Column>,
    with_head: bool,
}

impl Table {
    /// With the columns that `format` lists, in VictoriaMetrics' words: `__name__,job,__value__,__timestamp__:unix_s`; `with_head` names
    /// them in the first row.
    pub(crate) fn new(format: &str, with_head: bool) -> Result<Self, String> {
        let column = |word: &str| {
            Ok(match word.split_once(':').map_or((word, ""), |(name, form)| (name, form)) {
                ("__value__", "") => Column::Value,
                ("__timestamp__", form) => Column::Time(match form {
                    "" | "unix_s" => TimeForm::Seconds,
                    "unix_ms" => TimeForm::Milliseconds,
                    "unix_ns" => TimeForm::Nanoseconds,
                    "rfc3339" => TimeForm::Rfc3339,
                    _ => return Err(format!("times are unix_s, unix_ms, unix_ns or rfc3339, not {form:?}")),
                }),
                _ if word.is_empty() => return Err("a column has no name".to_owned()),
                _ => Column::Label(word.to_owned()),
            })
        };
        let columns = format.split(',').map(column).collect::<Result<Vec<_>, _>>()?;
        if !columns.contains(&Column::Value) {
            return Err("no column is __value__".to_owned());
        }
        Ok(Self { columns, with_head })
    }
}

impl Writer for Table {
    fn head(&mut self, out: &mut Vec<u8>) {
        if self.with_head {
            let names = self.columns.iter().map(|column| match column {
                Column::Label(name) => name,
                Column::Value => "value",
                Column::Time(_) => "time",
            });
            row(out, names.map(|name| move |out: &mut Vec<u8>| field(out, name.as_bytes())));
        }
    }

    fn write(&mut self, labels: &Labels, times: &[i64], values: &[f64], out: &mut Vec<u8>) {
        for (ms, value) in times.iter().zip(values) {
            row(
                out,
                self.columns.iter().map(|column| {
                    move |out: &mut Vec<u8>| match column {
                        Column::Label(name) if name == METRIC_NAME => {
                            field(out, labels.metric_name().unwrap_or_default().as_bytes())
                        }
                        Column::Label(name) => field(out, labels.get(name).unwrap_or_default().as_bytes()),
                        Column::Value => put_value(out, *value),
                        Column::Time(form) => put_time(out, *ms, *form),
                    }
                }),
            );
        }
    }
}

fn row<F: FnOnce(&mut Vec<u8>)>(out: &mut Vec<u8>, fields: impl Iterator<Item = F>) {
    for (i, write) in fields.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(out);
    }
    out.push(b'\n');
}

fn put_time(out: &mut Vec<u8>, ms: i64, form: TimeForm) {
    match form {
        TimeForm::Seconds => time(out, ms),
        TimeForm::Milliseconds => out.extend_from_slice(itoa::Buffer::new().format(ms).as_bytes()),
        TimeForm::Nanoseconds => {
            out.extend_from_slice(itoa::Buffer::new().format(i128::from(ms) * 1_000_000).as_bytes());
        }
        TimeForm::Rfc3339 => out.extend_from_slice(rfc_3339(ms).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_asked_for() {
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "a,\"b\"")]).unwrap();
        let mut table = Table::new("__name__,job,none,__value__,__timestamp__:unix_ms", true).unwrap();
        let mut out = Vec::new();
        table.head(&mut out);
        table.write(&labels, &[1500, 2000], &[1e-9, f64::INFINITY], &mut out);
        let want = "__name__,job,none,value,time\nup,\"a,\"\"b\"\"\",,1e-09,1500\nup,\"a,\"\"b\"\"\",,+Inf,2000\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
        for (form, want) in
            [("", "1.500"), (":unix_s", "1.500"), (":unix_ns", "1500000000"), (":rfc3339", "1970-01-01T00:00:01.5Z")]
        {
            let (mut table, mut out) =
                (Table::new(&format!("__timestamp__{form},__value__"), false).unwrap(), Vec::new());
            table.head(&mut out);
            table.write(&labels, &[1500], &[1.0], &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{want},1\n"), "{form}");
        }
        for (format, says) in
            [("", "no name"), ("job", "no column is __value__"), ("__value__,__timestamp__:x", "times are")]
        {
            assert!(Table::new(format, false).is_err_and(|why| why.contains(says)), "{format}");
        }
    }
}
