//! Functions from a time to a part of its date in UTC.

use crate::promql::data::moment::Moment;

/// A function from a time in seconds.
pub(crate) type DateFunction = fn(f64) -> f64;

/// The date function of this name.
pub(crate) fn lookup(name: &str) -> Option<DateFunction> {
    fn of(seconds: f64) -> Moment {
        Moment::from_float(seconds)
    }
    Some(match name {
        "days_in_month" => |s| f64::from(of(s).days_in_month()),
        "day_of_month" => |s| f64::from(of(s).day),
        "day_of_week" => |s| f64::from(of(s).weekday),
        "day_of_year" => |s| f64::from(of(s).day_of_year),
        "hour" => |s| f64::from(of(s).hour),
        "minute" => |s| f64::from(of(s).minute),
        "month" => |s| f64::from(of(s).month),
        "year" => |s| of(s).year as f64,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leap_years_have_a_long_february() {
        let days = lookup("days_in_month").unwrap();
        assert_eq!((days(951_782_400.0), days(0.0)), (29.0, 31.0));
        assert_eq!(lookup("hour").unwrap()(7_200.9), 2.0);
        // What is no time is the lowest one.
        assert_eq!(["month", "day_of_month", "hour"].map(|f| lookup(f).unwrap()(f64::NAN)), [12.0, 4.0, 15.0]);
    }
}
