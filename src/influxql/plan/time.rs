//! The bounds of time that a condition has.
//!
//! Comparisons with `time` are taken out of a condition wherever they stand, and all hold, even under OR, as in InfluxDB.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::reduce::reduce;
use crate::influxql::{
    ast::{BinaryOp, Expr},
    error::QueryError,
    window::{FIRST, LAST},
};

/// Bounds of time in ns, each where there is one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::influxql) struct Bounds {
    pub(in crate::influxql) start: Option<i64>,
    pub(in crate::influxql) end: Option<i64>,
}

impl Bounds {
    /// The times within both.
    pub(in crate::influxql) fn intersect(self, other: Self) -> Self {
        let start = self.start.max(other.start);
        let end = match (self.end, other.end) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self { start, end }
    }
}

/// What times are said in.
#[derive(Debug, Clone)]
pub(in crate::influxql) struct Clock {
    /// Now, in ns.
    pub(in crate::influxql) now: i64,
    /// Where times without a zone are.
    pub(in crate::influxql) zone: Option<TimeZone>,
}

/// A condition without its bounds of time, and these.
pub(in crate::influxql) fn split_time(condition: &Expr, clock: &Clock) -> Result<(Option<Expr>, Bounds), QueryError> {
    match condition {
        Expr::And(parts) | Expr::Or(parts) => {
            let (mut left, mut bounds) = (Vec::new(), Bounds::default());
            for part in parts {
                let (rest, more) = split_time(part, clock)?;
                left.extend(rest);
                bounds = bounds.intersect(more);
            }
            let rest = match (left.len(), condition) {
                (0, _) => None,
                (1, _) => left.pop(),
                (_, Expr::And(_)) => Some(Expr::And(left)),
                _ => Some(Expr::Or(left)),
            };
            Ok((rest, bounds))
        }
        Expr::Paren(inner) => {
            let (rest, bounds) = split_time(inner, clock)?;
            Ok((rest.map(|rest| Expr::Paren(Box::new(rest))), bounds))
        }
        Expr::Binary { op, left, right } if is_time(left) => Ok((None, bound(*op, right, clock)?)),
        Expr::Binary { op, left, right } if is_time(right) => Ok((None, bound(swapped(*op), left, clock)?)),
        Expr::Binary { left, right, .. } => {
            if names_time(left) || names_time(right) {
                return QueryError::refused(format!(
                    "time can only be compared as it stands, as in time > now() - 1h, not in {condition}"
                ));
            }
            Ok((Some(reduce(condition)), Bounds::default()))
        }
        Expr::Boolean(_) => Ok((Some(condition.clone()), Bounds::default())),
        other => QueryError::refused(format!("invalid condition expression: {other}")),
    }
}

fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::Ref { name, .. } if name.eq_ignore_ascii_case("time"))
}

fn names_time(expr: &Expr) -> bool {
    is_time(expr) || expr.children().into_iter().any(names_time)
}

fn swapped(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessOrEqual => BinaryOp::GreaterOrEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterOrEqual => BinaryOp::LessOrEqual,
        other => other,
    }
}

fn bound(op: BinaryOp, expr: &Expr, clock: &Clock) -> Result<Bounds, QueryError> {
    let time = match value(expr, clock)? {
        Moment::Time(time) => {
            let shown = || Timestamp::from_nanosecond(time).map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            let shown = || shown().unwrap_or_else(|_| time.to_string());
            if time > i128::from(LAST) {
                return QueryError::refused(format!("time {} overflows time literal", shown()));
            }
            if time <= i128::from(FIRST) {
                return QueryError::refused(format!("time {} underflows time literal", shown()));
            }
            time as i64
        }
        Moment::Duration(ns) | Moment::Integer(ns) => ns,
        Moment::Number(number) => number as i64,
        Moment::Other(name) => {
            return QueryError::refused(format!("invalid operation: time and *influxql.{name} are not compatible"));
        }
    };
    let only = |start, end| Ok(Bounds { start, end });
    match op {
        BinaryOp::Greater => only(Some(time.saturating_add(1)), None),
        BinaryOp::GreaterOrEqual => only(Some(time), None),
        BinaryOp::Less => only(None, Some(time.saturating_sub(1))),
        BinaryOp::LessOrEqual => only(None, Some(time)),
        BinaryOp::Equal => only(Some(time), Some(time)),
        other => QueryError::refused(format!("invalid time comparison operator: {}", other.sign())),
    }
}

/// What stands beside `time`.
enum Moment {
    /// ns since 1970.
    Time(i128),
    Duration(i64),
    Integer(i64),
    Number(f64),
    /// None that can be compared, by the name of its type in InfluxDB.
    Other(&'static str),
}

fn value(expr: &Expr, clock: &Clock) -> Result<Moment, QueryError> {
    Ok(match expr {
        Expr::Paren(inner) => value(inner, clock)?,
        Expr::Integer(number) => Moment::Integer(*number),
        Expr::Number(number) => Moment::Number(*number),
        Expr::Duration(ns) => Moment::Duration(*ns),
        Expr::Call { name, args } if name == "now" && args.is_empty() => Moment::Time(i128::from(clock.now)),
        Expr::Text(text) => match literal(text, clock)? {
            Some(time) => Moment::Time(time),
            None => Moment::Other("StringLiteral"),
        },
        Expr::Binary { op, left, right } => {
            let joined = match (value(left, clock)?, value(right, clock)?) {
                (Moment::Time(time), Moment::Duration(ns)) => moved(*op, time, ns).map(Moment::Time),
                (Moment::Duration(ns), Moment::Time(time)) if *op == BinaryOp::Add => {
                    Some(Moment::Time(time + i128::from(ns)))
                }
                (Moment::Time(time), Moment::Integer(ns)) => moved(*op, time, ns).map(Moment::Time),
                (Moment::Time(time), Moment::Time(other)) if *op == BinaryOp::Subtract => {
                    Some(Moment::Duration((time - other).clamp(i64::MIN.into(), i64::MAX.into()) as i64))
                }
                _ => match reduce(expr) {
                    Expr::Binary { .. } => None,
                    reduced => Some(value(&reduced, clock)?),
                },
            };
            joined.unwrap_or(Moment::Other("BinaryExpr"))
        }
        Expr::Ref { .. } => Moment::Other("VarRef"),
        Expr::Boolean(_) => Moment::Other("BooleanLiteral"),
        Expr::Regex(_) => Moment::Other("RegexLiteral"),
        Expr::Unsigned(_) => Moment::Other("UnsignedLiteral"),
        Expr::Call { .. } => Moment::Other("Call"),
        Expr::Wildcard(_) => Moment::Other("Wildcard"),
        Expr::Distinct(_) => Moment::Other("Distinct"),
        Expr::And(_) | Expr::Or(_) => Moment::Other("BinaryExpr"),
    })
}

fn moved(op: BinaryOp, time: i128, ns: i64) -> Option<i128> {
    match op {
        BinaryOp::Add => Some(time + i128::from(ns)),
        BinaryOp::Subtract => Some(time - i128::from(ns)),
        _ => None,
    }
}

/// The time that a text says; `None` where it doesn't look like one.
fn literal(text: &str, clock: &Clock) -> Result<Option<i128>, QueryError> {
    let bytes = text.as_bytes();
    let digits =
        |range: std::ops::Range<usize>| bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let dashes = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
    if !(dashes && digits(0..4) && digits(5..7) && digits(8..10)) {
        return Ok(None);
    }
    let invalid = || QueryError::Refused("invalid timestamp string".to_owned());
    if let Ok(time) = text.parse::<Timestamp>()
        && bytes.get(10) == Some(&b'T')
    {
        return Ok(Some(time.as_nanosecond()));
    }
    let local = match bytes.len() {
        10 => text.parse::<jiff::civil::Date>().map(|date| date.to_datetime(jiff::civil::Time::midnight())),
        _ if bytes.get(10) == Some(&b' ') => text.parse::<DateTime>(),
        _ => return Err(invalid()),
    };
    let zone = clock.zone.clone().unwrap_or(TimeZone::UTC);
    let time = local.and_then(|local| zone.to_timestamp(local)).map_err(|_| invalid())?;
    Ok(Some(time.as_nanosecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds_of(text: &str) -> Result<Bounds, String> {
        let clock = Clock { now: 1_000_000_000_000, zone: None };
        let select = crate::influxql::parse::select_of(&format!("SELECT v FROM m WHERE {text}"));
        split_time(&select.condition.unwrap(), &clock).map(|(_, bounds)| bounds).map_err(|error| error.to_string())
    }

    #[test]
    fn times_are_said_in_many_ways() {
        let at = 1_704_067_200_000_000_000;
        for text in [
            "time >= '2024-01-01'",
            "time > '2024-01-01' - 1ns",
            "'2024-01-01 00:00:00' <= time",
            "time >= '2024-01-01T01:00:00+01:00'",
            "time >= 1704067200s",
            "time >= 1704067200000ms",
            "time >= 1704067200000000000",
            "(time >= '2023-12-31T23:00:00Z' + 1h)",
            "v = 1 AND (time >= '2024-01-01' OR v = 2)",
        ] {
            assert_eq!(bounds_of(text), Ok(Bounds { start: Some(at), end: None }), "{text}");
        }
        assert_eq!(bounds_of("time < now() - 1s").unwrap().end, Some(998_999_999_999));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for (text, why) in [
            ("time != 5", "invalid time comparison operator: !="),
            ("time > 'yesterday'", "invalid operation: time and *influxql.StringLiteral are not compatible"),
            ("time > \"2024-01-01\"", "invalid operation: time and *influxql.VarRef are not compatible"),
            ("time > '2024-13-01'", "invalid timestamp string"),
            ("time > '2024-01-01T00:00:30'", "invalid timestamp string"),
            ("time > '3000-01-01'", "time 3000-01-01T00:00:00Z overflows time literal"),
            ("v", "invalid condition expression: v"),
        ] {
            assert_eq!(bounds_of(text).unwrap_err(), why, "{text}");
        }
    }
}
