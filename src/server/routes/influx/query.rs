//! `/query`, as far as clients need it before they write: `CREATE DATABASE` and `SHOW DATABASES`.
//!
//! A database is a label, and there once something is written to it. The catalog remembers names that were created besides, so that
//! a client finds what it made.

use std::collections::BTreeSet;

use hyper::{Method, Request, StatusCode, body::Incoming};
use serde_json::{Value, json};

use super::{answer, is_from_page};
use crate::{
    ingest::UNLABELED_DATABASE,
    seams::append::Batch,
    server::{
        Response, ServerState, discard,
        error::ApiError,
        routes::{lookups, table::Call},
    },
};

/// At most so many databases are created, with names of at most so many bytes.
const MAX_NAMES: usize = 1_000;
const MAX_NAME_BYTES: usize = 255;

/// Makes the catalog remember a database. `Err` says why it can't, for the one who asked.
async fn create(name: &str, state: &ServerState) -> Result<Result<(), String>, ApiError> {
    if name.is_empty() {
        return Ok(Err("invalid name".to_owned()));
    }
    let append = &*state.stores()?.append;
    let mut batch = Batch::default();
    let full = format!(
        "at most {MAX_NAMES} databases are created before they are written to, with names of up to {MAX_NAME_BYTES} bytes"
    );
    if append.catalog().claim_database(name, &mut batch.catalog).is_err() {
        return Ok(Err(full));
    }
    let is_new = !batch.is_empty() && name != UNLABELED_DATABASE;
    if !is_new {
        return Ok(Ok(()));
    }
    if name.len() > MAX_NAME_BYTES || append.catalog().snapshot().databases().count() >= MAX_NAMES {
        return Ok(Err(full));
    }
    Ok(append.append(batch).await.map_err(|error| error.to_string()))
}

/// Refuses Flux, which comes by a path of its own.
pub(crate) async fn flux(request: Request<Incoming>) -> Result<Response, ApiError> {
    discard(request.into_body()).await;
    let why =
        "Flux is not answered here: use PromQL at /api/v1/query, or InfluxQL at /query, as far as that is answered";
    Err(ApiError::Plain(StatusCode::FORBIDDEN, why.to_owned()))
}

/// Answers statements, up to the first that fails.
pub(crate) async fn query(call: Call<'_>) -> Result<Response, ApiError> {
    let Call { head, params, state, .. } = call;
    let text = params.get("q");
    let statements: Vec<&str> =
        split(text).into_iter().map(str::trim).filter(|statement| !statement.is_empty()).collect();
    if statements.is_empty() {
        return Err(ApiError::Plain(StatusCode::BAD_REQUEST, "missing required parameter \"q\"".to_owned()));
    }
    let may_write = head.method == Method::POST && !is_from_page(&head.headers);
    let mut results: Vec<Value> = Vec::new();
    for (id, statement) in statements.iter().enumerate() {
        match run(statement, may_write, state).await? {
            Ok(Some(series)) => results.push(json!({"statement_id": id, "series": [series]})),
            Ok(None) => results.push(json!({"statement_id": id})),
            Err(why) => {
                results.push(json!({"statement_id": id, "error": why}));
                results
                    .extend((id + 1..statements.len()).map(|id| json!({"statement_id": id, "error": "not executed"})));
                break;
            }
        }
    }
    Ok(answer(StatusCode::OK, &json!({"results": results})))
}

/// What a statement answers, or why it fails.
async fn run(statement: &str, may_write: bool, state: &ServerState) -> Result<Result<Option<Value>, String>, ApiError> {
    let words = words(statement);
    let is = |at: usize, keyword: &str| words.get(at).is_some_and(|word| word.eq_ignore_ascii_case(keyword));
    if is(0, "SHOW") && is(1, "DATABASES") && words.len() == 2 {
        let snapshot = state.stores()?.append.catalog().snapshot();
        let mut names: BTreeSet<String> = snapshot.databases().map(str::to_owned).collect();
        // The catalog is younger than databases that are.
        let label = &state.options.field_naming.label;
        if !label.is_empty() {
            names.extend(lookups::all_values(label, state).await?);
        }
        names.insert(UNLABELED_DATABASE.to_owned());
        let rows: Vec<Value> = names.iter().map(|name| json!([name])).collect();
        return Ok(Ok(Some(json!({"name": "databases", "columns": ["name"], "values": rows}))));
    }
    if is(0, "CREATE") && is(1, "DATABASE") && (words.len() == 3 || is(3, "WITH")) {
        if !may_write {
            return Ok(Err(
                "CREATE DATABASE changes something: it takes a POST request, and none from a web page".to_owned()
            ));
        }
        let name = words.get(2).map(|word| unquoted(word)).unwrap_or_default();
        return Ok(create(&name, state).await?.map(|()| None));
    }
    if is(0, "DROP") {
        return Ok(Err(
            "nothing is dropped in InfluxQL: /api/v1/admin/tsdb/delete_series deletes series, where --web.enable-admin-api allows it"
                .to_owned(),
        ));
    }
    let why = "of InfluxQL only CREATE DATABASE and SHOW DATABASES are answered; PromQL is, at /api/v1/query";
    Ok(Err(why.to_owned()))
}

/// The statements of a text.
fn split(text: &str) -> Vec<&str> {
    let (mut quote, mut escaped, mut begin, mut parts) = (None, false, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, ';') => {
                parts.push(text.get(begin..at).unwrap_or_default());
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(begin..).unwrap_or_default());
    parts
}

/// The words of a statement; a name in quotes is one.
fn words(statement: &str) -> Vec<&str> {
    let (mut words, mut rest) = (Vec::new(), statement.trim_start());
    while !rest.is_empty() {
        let mut escaped = false;
        let end = if rest.starts_with('"') {
            let closing = rest.char_indices().skip(1).find(|(_, c)| {
                let closes = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                closes
            });
            closing.map_or(rest.len(), |(at, _)| at + 1)
        } else {
            rest.find(char::is_whitespace).unwrap_or(rest.len())
        };
        let (word, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        words.push(word);
        rest = behind.trim_start();
    }
    words
}

/// A name, maybe in quotes.
fn unquoted(word: &str) -> String {
    let inside = word.strip_prefix('"').map(|rest| rest.strip_suffix('"').unwrap_or(rest));
    inside.map_or_else(|| word.to_owned(), |inside| inside.replace("\\\"", "\"").replace("\\\\", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_and_words_end_outside_of_quotes() {
        assert_eq!(split("a; b \"c;\\\"d\"; 'e;f'"), ["a", " b \"c;\\\"d\"", " 'e;f'"]);
        assert_eq!(
            words("  CREATE  DATABASE \"my \\\" db\" WITH x"),
            ["CREATE", "DATABASE", "\"my \\\" db\"", "WITH", "x"]
        );
        assert_eq!(unquoted("\"my \\\" db\""), "my \" db");
        assert_eq!(unquoted("plain"), "plain");
    }
}
