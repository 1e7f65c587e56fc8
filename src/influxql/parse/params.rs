//! Values for the parameters of a text, `$name`.

use std::collections::HashMap;

use serde_json::Value;

use crate::influxql::{
    error::ParseError,
    lex::{Kind, Token},
};

/// What parameters stand for.
#[derive(Debug, Clone, Default)]
pub struct Params(HashMap<String, Value>);

impl Params {
    /// Reads the JSON object of a request.
    ///
    /// # Errors
    /// When it is none.
    pub fn of_json(text: &str) -> Result<Self, ParseError> {
        let parsed: Result<HashMap<String, Value>, _> = serde_json::from_str(text);
        parsed.map(Self).map_err(|error| ParseError(format!("error parsing query parameters: {error}")))
    }

    /// The token that a parameter stands for; any other is itself.
    pub(super) fn bind(&self, token: Token) -> Result<Token, ParseError> {
        if token.kind != Kind::Parameter {
            return Ok(token);
        }
        if token.text.is_empty() {
            return Err(ParseError("empty bound parameter".to_owned()));
        }
        let value = self.0.get(&token.text).ok_or_else(|| ParseError(format!("missing parameter: {}", token.text)))?;
        let (kind, text) = literal(value)?;
        Ok(Token { kind, text, ..token })
    }
}

/// The literal that a value is.
fn literal(value: &Value) -> Result<(Kind, String), ParseError> {
    let unable = |what: &str| Err(ParseError(format!("unable to bind parameter with type {what}")));
    match value {
        Value::String(text) => Ok((Kind::Text, text.clone())),
        Value::Bool(yes) => Ok((boolean(*yes), String::new())),
        Value::Number(number) => {
            let text = number.to_string();
            let whole = text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
            Ok((if whole { Kind::Integer } else { Kind::Number }, text))
        }
        Value::Null => unable("<nil>"),
        Value::Array(_) => unable("[]interface {}"),
        Value::Object(object) => {
            let mut fields = object.iter();
            let (Some((kind, value)), None) = (fields.next(), fields.next()) else {
                return Err(ParseError("bound object parameter value must have exactly one entry".to_owned()));
            };
            typed(kind, value)
        }
    }
}

fn boolean(yes: bool) -> Kind {
    use crate::influxql::lex::Word;
    Kind::Word(if yes { Word::True } else { Word::False })
}

/// `{"ident": "cpu"}` and the like.
fn typed(kind: &str, value: &Value) -> Result<(Kind, String), ParseError> {
    let wrong = || Err(ParseError(format!("invalid value {value} for bound parameter of type {kind}")));
    let text = value.as_str();
    match (kind, value) {
        ("ident" | "identifier", _) => text.map_or_else(wrong, |text| Ok((Kind::Name, text.to_owned()))),
        ("regex", _) => text.map_or_else(wrong, |text| Ok((Kind::Regex, text.to_owned()))),
        ("string", _) => text.map_or_else(wrong, |text| Ok((Kind::Text, text.to_owned()))),
        ("duration", Value::String(text)) => Ok((Kind::Duration, text.clone())),
        ("duration", Value::Number(ns)) if ns.is_i64() => Ok((Kind::Duration, format!("{ns}ns"))),
        ("integer" | "int", Value::Number(number)) if !number.is_f64() => Ok((Kind::Integer, number.to_string())),
        ("float" | "number", Value::Number(number)) => Ok((Kind::Number, number.to_string())),
        ("duration" | "integer" | "int" | "float" | "number", _) => wrong(),
        _ => Err(ParseError(format!("unknown bind object type: {kind}"))),
    }
}
