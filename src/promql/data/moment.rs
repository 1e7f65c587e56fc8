//! Dates and times of day in UTC.

/// A broken-down time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: u32,
    /// 1 to 31.
    pub(crate) day: u32,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
    pub(crate) second: u32,
    /// 0 is Sunday.
    pub(crate) weekday: u32,
    /// 1 is the first of January.
    pub(crate) day_of_year: u32,
}

/// Eras of 400 years from the first day that can be told to the year 0.
const ERAS_BEFORE_0: i64 = 730_692_556;
/// From the first of March of that year to the Unix epoch.
const SECONDS_BEFORE_1970: u64 = (ERAS_BEFORE_0 as u64 * 146_097 + 719_468) * 86_400;
const DAYS_BEFORE: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Moment {
    /// How many days its month has.
    pub(crate) fn days_in_month(&self) -> u32 {
        days_in_month(self.year, self.month)
    }

    /// The moment of a sample's value. What is no 64-bit number of seconds (NaN, infinities) is the lowest one, as in
    /// Prometheus on common machines.
    pub(crate) fn from_float(seconds: f64) -> Self {
        // 2^63; the negative of it is in range.
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        Self::from_seconds(if (-LIMIT..LIMIT).contains(&seconds) { seconds as i64 } else { i64::MIN })
    }

    /// The moment `seconds` after the Unix epoch, on the Gregorian calendar.
    pub(crate) fn from_seconds(seconds: i64) -> Self {
        // Counting from a March so long ago that all but the lowest numbers are positive; those wrap, as in Prometheus.
        let since = (seconds as u64).wrapping_add(SECONDS_BEFORE_1970);
        let (days, in_day) = ((since / 86_400) as i64, (since % 86_400) as u32);
        // Years that begin in March put the leap day last; eras of 400 years all have 146,097 days.
        let (era, in_era) = (days / 146_097, days % 146_097);
        let year_of_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
        let in_year = (in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100)) as u32;
        let from_march = (5 * in_year + 2) / 153;
        let day = in_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = year_of_era + (era - ERAS_BEFORE_0) * 400 + i64::from(month <= 2);
        let before = DAYS_BEFORE.get(month as usize - 1).copied().unwrap_or(0);
        let leap = u32::from(month > 2 && is_leap(year));
        Self {
            year,
            month,
            day,
            hour: in_day / 3600,
            minute: in_day / 60 % 60,
            second: in_day % 60,
            // The first day was a Wednesday.
            weekday: ((days + 3) % 7) as u32,
            day_of_year: before + leap + day,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_come_apart_right() {
        let of = |seconds| {
            let m = Moment::from_seconds(seconds);
            ((m.year, m.month, m.day), (m.hour, m.minute, m.second), m.weekday, m.day_of_year)
        };
        assert_eq!(of(0), ((1970, 1, 1), (0, 0, 0), 4, 1));
        assert_eq!(of(951_782_400), ((2000, 2, 29), (0, 0, 0), 2, 60));
        assert_eq!(of(1_735_689_599), ((2024, 12, 31), (23, 59, 59), 2, 366));
        assert_eq!(of(-1), ((1969, 12, 31), (23, 59, 59), 3, 365));
    }

    #[test]
    fn every_day_of_eight_centuries_follows_the_one_before() {
        let mut yesterday = Moment::from_seconds(-86_400 * 146_097);
        for day in -146_096..146_097 {
            let today = Moment::from_seconds(day * 86_400);
            assert_eq!(today.weekday, (yesterday.weekday + 1) % 7);
            if today.day == 1 {
                assert_eq!(yesterday.day, days_in_month(yesterday.year, yesterday.month));
            } else {
                assert_eq!((today.month, today.day), (yesterday.month, yesterday.day + 1));
            }
            let new_year = today.month == 1 && today.day == 1;
            assert_eq!(today.day_of_year, if new_year { 1 } else { yesterday.day_of_year + 1 });
            yesterday = today;
        }
    }
}
