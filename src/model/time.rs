//! Times as people and programs write them: seconds since 1970, or RFC 3339.
//!
//! A number's fraction is rounded to ms by itself, as Go does, and not the number as a whole: 1717999200.0005 is a little less as a
//! float, and all of its ms are 0. Years have four digits; what lies beyond 64 bits of ms by no more than a float can tell is the first or
//! last time there is.

/// Beyond so many seconds there is no time in ms, and no float next to it that could have been meant.
const MAX_SECONDS: f64 = 9_223_372_036_854_776.0;

/// A time in ms from a number of seconds or RFC 3339; `None` when it is neither.
#[must_use]
pub fn parse_time(text: &str) -> Option<i64> {
    text.parse().map_or_else(|_| rfc_3339(text), from_seconds)
}

/// Whole ms of a number of seconds.
fn from_seconds(seconds: f64) -> Option<i64> {
    if seconds.is_nan() || seconds.abs() > MAX_SECONDS {
        return None;
    }
    let ms = (seconds.fract() * 1000.0).round() as i64;
    Some((seconds.trunc() as i64).saturating_mul(1000).saturating_add(ms))
}

/// `2026-01-31T12:00:00.5Z`, or with an offset instead of the Z.
fn rfc_3339(text: &str) -> Option<i64> {
    let mut rest = Fields(text);
    let (year, month, day) = (rest.number(4)?, rest.after('-')?.number(2)?, rest.after('-')?.number(2)?);
    let (hour, minute, second) =
        (rest.after('T')?.number(2)?, rest.after(':')?.number(2)?, rest.after(':')?.number(2)?);
    let ms = rest.fraction()?;
    let offset = rest.offset()?;
    let fits = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day) && hour < 24 && minute < 60;
    let seconds = (hour * 60 + minute - offset) * 60 + second;
    (fits && second < 60).then_some((days_since_1970(year, month, day) * 86_400 + seconds) * 1000 + ms)
}

/// What is left of a time.
struct Fields<'t>(&'t str);

impl Fields<'_> {
    /// A number of so many digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())?
    }

    fn after(&mut self, mark: char) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(mark)?;
        Some(self)
    }

    /// ms of a fraction of a second, if there is one; what is less is cut off.
    fn fraction(&mut self) -> Option<i64> {
        let Some(digits) = self.0.strip_prefix('.') else { return Some(0) };
        let length = digits.find(|c: char| !c.is_ascii_digit()).filter(|length| *length > 0)?;
        let (digits, rest) = digits.split_at_checked(length)?;
        self.0 = rest;
        format!("{digits:0<3}").get(..3)?.parse().ok()
    }

    /// Minutes ahead of UTC; nothing follows.
    fn offset(&mut self) -> Option<i64> {
        if self.0 == "Z" {
            return Some(0);
        }
        let sign = if self.0.starts_with('-') { -1 } else { 1 };
        self.0 = self.0.strip_prefix(['+', '-'])?;
        let (hours, minutes) = (self.number(2)?, self.after(':')?.number(2)?);
        (self.0.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
    }
}

fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar. Years begin with March here, so that leap days are at their ends.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (century, month) = (year.div_euclid(100), (month + 9) % 12);
    let leap_days = year.div_euclid(4) - century + century.div_euclid(4);
    // 719,468 days lie between 0000-03-01 and 1970-01-01; months from March on have 153 days every five.
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn dates_are_those_of_the_calendar(ms in -62_135_596_800_000i64..253_402_207_200_000) {
            let time = jiff::Timestamp::from_millisecond(ms).unwrap();
            prop_assert_eq!(parse_time(&time.to_string()), Some(ms));
        }

        #[test]
        fn arbitrary_text_never_panics(text in "[0-9TZ:.+-]{0,30}|\\PC{0,20}") {
            let _ = parse_time(&text);
        }
    }
}
