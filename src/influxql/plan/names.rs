//! What columns are called.

use std::collections::HashMap;

use crate::influxql::ast::{Expr, Field};

/// The name of a column that has no alias: the function's, or the variables of the expression.
pub(super) fn name(expr: &Expr) -> String {
    match expr {
        Expr::Call { name, .. } => name.clone(),
        Expr::Distinct(_) => "distinct".to_owned(),
        Expr::Ref { name, .. } => name.clone(),
        Expr::Paren(inner) => name(inner),
        Expr::Binary { .. } => {
            let mut parts = Vec::new();
            variables(expr, &mut parts);
            parts.join("_")
        }
        _ => String::new(),
    }
}

fn variables(expr: &Expr, out: &mut Vec<String>) {
    match expr {
        Expr::Ref { name, .. } | Expr::Call { name, .. } => out.push(name.clone()),
        other => other.children().into_iter().for_each(|child| variables(child, out)),
    }
}

/// The names of all columns, each once unless an alias is repeated.
pub(super) fn resolve(fields: &[Field]) -> Vec<String> {
    let mut taken: HashMap<String, usize> = HashMap::new();
    for alias in fields.iter().filter_map(|field| field.alias.as_ref()) {
        taken.insert(alias.clone(), 1);
    }
    let mut one = |field: &Field| {
        if let Some(alias) = &field.alias {
            return alias.clone();
        }
        let plain = name(&field.expr);
        let mut resolved = plain.clone();
        if let Some(mut count) = taken.get(&plain).copied() {
            loop {
                resolved = format!("{plain}_{count}");
                count += 1;
                if !taken.contains_key(&resolved) {
                    break;
                }
            }
            taken.insert(plain, count);
        }
        *taken.entry(resolved.clone()).or_insert(0) += 1;
        resolved
    };
    fields.iter().map(&mut one).collect()
}
