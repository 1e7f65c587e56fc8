use super::*;
use crate::influxql::ast::{Expr, Select, Source};

fn parsed(text: &str) -> Result<Vec<Statement>, String> {
    parse(text, &Params::default()).map_err(|error| error.to_string())
}

fn select(text: &str) -> Select {
    match parsed(text).unwrap().remove(0) {
        Statement::Select(select) => select,
        other => panic!("{other:?}"),
    }
}
