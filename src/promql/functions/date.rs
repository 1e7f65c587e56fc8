//! Functions from a time to a part of its date in UTC.

use crate::promql::data::moment::Moment;

fn of(seconds: f64) -> Moment {
    Moment::from_float(seconds)
}

/// How many days the month has.
pub(crate) fn days_in_month(seconds: f64) -> f64 {
    f64::from(of(seconds).days_in_month())
}

/// 1 to 31.
pub(crate) fn day_of_month(seconds: f64) -> f64 {
    f64::from(of(seconds).day)
}

/// 0 is Sunday.
pub(crate) fn day_of_week(seconds: f64) -> f64 {
    f64::from(of(seconds).weekday)
}

/// 1 is the first of January.
pub(crate) fn day_of_year(seconds: f64) -> f64 {
    f64::from(of(seconds).day_of_year)
}

/// 0 to 23.
pub(crate) fn hour(seconds: f64) -> f64 {
    f64::from(of(seconds).hour)
}

/// 0 to 59.
pub(crate) fn minute(seconds: f64) -> f64 {
    f64::from(of(seconds).minute)
}

/// 1 to 12.
pub(crate) fn month(seconds: f64) -> f64 {
    f64::from(of(seconds).month)
}

/// The year.
pub(crate) fn year(seconds: f64) -> f64 {
    of(seconds).year as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leap_years_have_a_long_february() {
        assert_eq!((days_in_month(951_782_400.0), days_in_month(0.0)), (29.0, 31.0));
        assert_eq!(hour(7_200.9), 2.0);
        // What is no time is the lowest one.
        assert_eq!([month, day_of_month, hour].map(|f| f(f64::NAN)), [12.0, 4.0, 15.0]);
    }
}
