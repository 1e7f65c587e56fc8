//! Any bytes as a table: with columns that are guessed, and with those that its first line says.

use vctsdb::ingest::{Declared, OnError};

use super::json::post;

/// Takes an input.
pub(crate) fn run(bytes: &[u8]) {
    const PATH: &str = "/api/v1/import/csv";
    post(PATH, bytes, &Declared::default());
    post(PATH, bytes, &Declared { on_error: OnError::Skip, allow_old: true, ..Declared::default() });
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let format = String::from_utf8_lossy(first).into_owned();
    let table = bytes.get(first.len() + 1..).unwrap_or_default();
    let formats = [format, "1:time:unix_ms,2:metric:a,3:label:b,4:metric:c".to_owned()];
    for format in formats {
        let parameters = vec![("format".to_owned(), format)];
        post(PATH, table, &Declared { parameters, on_error: OnError::Skip, allow_old: true, ..Declared::default() });
    }
}
