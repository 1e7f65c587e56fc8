//! A tree as text, as errors and lists of queries show it.

use std::fmt;

use super::{
    ast::{Class, Expr, Wildcard},
    lex::Word,
    parse::format_duration,
};

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ref { name, class } => {
                write_name(f, name)?;
                class.map_or(Ok(()), |class: Class| write!(f, "::{}", class.name()))
            }
            Self::Number(number) => write_number(f, *number),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Unsigned(number) => write!(f, "{number}"),
            Self::Duration(ns) => f.write_str(&format_duration(*ns)),
            Self::Text(text) => write_text(f, text),
            Self::Boolean(yes) => write!(f, "{yes}"),
            Self::Regex(pattern) => write!(f, "/{}/", pattern.text.replace('/', "\\/")),
            Self::Wildcard(Wildcard::All) => f.write_str("*"),
            Self::Wildcard(Wildcard::Fields) => f.write_str("*::field"),
            Self::Wildcard(Wildcard::Tags) => f.write_str("*::tag"),
            Self::Distinct(name) => {
                f.write_str("DISTINCT ")?;
                write_name(f, name)
            }
            Self::Call { name, args } => {
                write!(f, "{name}(")?;
                write_list(f, args, ", ")?;
                f.write_str(")")
            }
            Self::Binary { op, left, right } => write!(f, "{left} {} {right}", op.sign()),
            Self::And(parts) => write_list(f, parts, " AND "),
            Self::Or(parts) => write_list(f, parts, " OR "),
            Self::Paren(inner) => write!(f, "({inner})"),
        }
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, parts: &[Expr], between: &str) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        let before = if i == 0 { "" } else { between };
        write!(f, "{before}{part}")?;
    }
    Ok(())
}

/// With a point, as integers have none.
fn write_number(f: &mut fmt::Formatter<'_>, number: f64) -> fmt::Result {
    let text = format!("{number}");
    f.write_str(&text)?;
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') { f.write_str(".0") } else { Ok(()) }
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"))
}

/// A name, in quotes where it needs them.
fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let word = name.split('.').all(|part| {
        !part.is_empty()
            && part.chars().all(plain)
            && !part.starts_with(|c: char| c.is_ascii_digit())
            && Word::spelled(part).is_none()
    });
    if word {
        return f.write_str(name);
    }
    write!(f, "\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
