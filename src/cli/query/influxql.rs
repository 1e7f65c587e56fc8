//! Statements in InfluxQL.

use std::io::Write;

use serde_json::{Map, Value};

use super::{Failure, Output, QueryArgs, ask, columns, runtime, stderr};

/// Asks, and prints the answer: what statements answered before one that failed, too.
pub(super) fn run(args: &QueryArgs) -> Result<(), Failure> {
    let mut parameters = vec![("q", args.expr.clone())];
    parameters.extend(args.db.clone().map(|db| ("db", db)));
    let (answer, body) = runtime()?.block_on(ask(&args.server.url()?, "/query", &parameters))?;
    if let Some(error) = answer.get("error").and_then(Value::as_str) {
        return Err(Failure::Said(error.to_owned()));
    }
    let results = list(&answer, "results");
    for message in results.iter().flat_map(|result| list(result, "messages")) {
        stderr::say(&text(message.get("text")));
    }
    let mut out = std::io::stdout().lock();
    match args.output {
        Output::Json => out.write_all(&body)?,
        Output::Table => out.write_all(tables(results).as_bytes())?,
    }
    out.flush()?;
    // Only the first: those behind it say that they weren't executed.
    let error = results.iter().find_map(|result| result.get("error")?.as_str());
    error.map_or(Ok(()), |error| Err(Failure::Said(error.to_owned())))
}

/// A table for each series, which is named above it.
fn tables(results: &[Value]) -> String {
    let tables: Vec<String> = results.iter().flat_map(|result| list(result, "series")).map(table).collect();
    let failed = results.iter().any(|result| result.get("error").is_some());
    if tables.is_empty() && !failed { "no rows\n".to_owned() } else { tables.join("\n") }
}

fn table(series: &Value) -> String {
    let head: Vec<String> = list(series, "columns").iter().map(|name| text(Some(name))).collect();
    let rows: Vec<Vec<String>> = list(series, "values")
        .iter()
        .map(|row| row.as_array().into_iter().flatten().map(|value| text(Some(value))).collect())
        .collect();
    let name = text(series.get("name"));
    let tags: Vec<String> = series
        .get("tags")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
        .map(|(tag, value)| format!("{tag}={}", text(Some(value))))
        .collect();
    let title: Vec<String> = [name, tags.join(", ")].into_iter().filter(|part| !part.is_empty()).collect();
    let title = if title.is_empty() { String::new() } else { format!("{}\n", title.join("  ")) };
    title + &columns::align(&head, &rows)
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A value as text: nothing for none.
fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_series_is_a_table_below_its_name_and_tags() {
        let results = [
            json!({"statement_id": 0, "series": [
                {"name": "cpu", "tags": {"host": "a", "zone": ""}, "columns": ["time", "mean", "max"],
                 "values": [["1970-01-01T00:00:00Z", 1.5, 10], ["1970-01-01T00:01:00Z", null, 7]]},
                {"name": "cpu", "tags": {"host": "b", "zone": "z"}, "columns": ["time", "mean", "max"],
                 "values": [["1970-01-01T00:00:00Z", 2, true]]},
            ]}),
            json!({"statement_id": 1, "series": [{"columns": ["QUERY PLAN"], "values": [["EXPRESSION"]]}]}),
        ];
        assert_eq!(
            tables(&results),
            "cpu  host=a, zone=\n\
             time                  mean  max\n\
             1970-01-01T00:00:00Z  1.5   10\n\
             1970-01-01T00:01:00Z        7\n\
             \n\
             cpu  host=b, zone=z\n\
             time                  mean  max\n\
             1970-01-01T00:00:00Z  2     true\n\
             \n\
             QUERY PLAN\n\
             EXPRESSION\n"
        );
        assert_eq!(tables(&[json!({"statement_id": 0})]), "no rows\n");
        assert_eq!(tables(&[json!({"statement_id": 0, "error": "why"})]), "", "its error says it");
    }
}
