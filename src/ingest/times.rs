//! How the times of a body are read, and whether one that nobody said the unit of can be what it is taken for.

use std::ops::Range;

use super::{Declared, Unit};

/// From 2000 to 2200, in seconds: when most of what is measured was.
const LIKELY: Range<i64> = 946_684_800..7_258_118_400;

/// The units with their names, in words and in parameters.
const UNITS: [(Unit, &str, &str); 4] = [
    (Unit::Seconds, "seconds", "s"),
    (Unit::Milliseconds, "milliseconds", "ms"),
    (Unit::Microseconds, "microseconds", "us"),
    (Unit::Nanoseconds, "nanoseconds", "ns"),
];

/// How the times of a body are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    unit: Unit,
    /// Whether one may be refused for what it looks like.
    doubted: bool,
    /// The parameter that says the unit.
    parameter: &'static str,
}

impl Times {
    /// Those of a format that counts in `usual` unless its sender says otherwise. `said`: the unit by the body's own words.
    pub(super) fn of(declared: &Declared, usual: Unit, said: Option<Unit>) -> Self {
        let said = declared.unit.or(said);
        let doubted = said.is_none() && !declared.allow_old;
        Self { unit: said.unwrap_or(usual), doubted, parameter: "unit" }
    }

    /// The same, where `parameter` says the unit.
    pub(super) fn said_by(self, parameter: &'static str) -> Self {
        Self { parameter, ..self }
    }

    /// The same, of which all are taken.
    pub(super) fn undoubted(self) -> Self {
        Self { doubted: false, ..self }
    }

    /// Whether one may be refused for what it looks like.
    pub(super) fn is_doubted(self) -> bool {
        self.doubted
    }

    /// The unit in which `written` lies between 2000 and 2200; there is at most one.
    pub(super) fn unit_of(written: f64) -> Option<Unit> {
        let looks_like = |(unit, ..): &&(Unit, &str, &str)| {
            let seconds = written / unit.per_second() as f64;
            seconds >= LIKELY.start as f64 && seconds < LIKELY.end as f64
        };
        UNITS.iter().find(looks_like).map(|(unit, ..)| *unit)
    }

    /// In `unit`, and no doubt about it.
    pub(super) fn said(unit: Unit) -> Self {
        Self { unit, doubted: false, parameter: "unit" }
    }

    /// Seconds, and no doubt about it.
    pub(super) const SECONDS: Self = Self { unit: Unit::Seconds, doubted: false, parameter: "unit" };

    /// The time in ms of one in words: a whole number, of seconds also one with fractions.
    pub(super) fn parse(self, word: &str) -> Result<i64, String> {
        if self.unit == Unit::Seconds {
            return word.parse().map_err(|_| format!("{word:?} is no time in seconds")).and_then(|s| self.seconds(s));
        }
        let number = word.parse().map_err(|_| {
            let hint = "seconds with fractions need unit=s or Content-Type: application/openmetrics-text";
            format!("{word:?} is no time in whole {}; {hint}", self.words().0)
        })?;
        self.milliseconds(number)
    }

    /// The time in ms of one in seconds.
    pub(super) fn seconds(self, seconds: f64) -> Result<i64, String> {
        let ms = (seconds * 1000.0).round();
        // Beyond this a float doesn't know its milliseconds any more.
        if ms.is_nan() || ms.abs() >= (1i64 << 53) as f64 {
            return Err(format!("{seconds:?} is no time in seconds"));
        }
        self.doubt(ms as i64, seconds as i64).map_or(Ok(ms as i64), Err)
    }

    /// The time in ms of one that stands as a whole number, whatever the unit.
    #[inline]
    pub(super) fn whole(self, time: i64) -> Result<i64, String> {
        if self.unit == Unit::Seconds { self.seconds(time as f64) } else { self.milliseconds(time) }
    }

    /// The name of the unit, and the short one of parameters.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        UNITS.iter().find(|(unit, ..)| *unit == self.unit).map_or(("", ""), |(_, name, short)| (name, short))
    }

    /// The time in ms of one that stands as a whole number, rounded down.
    pub(super) fn milliseconds(self, time: i64) -> Result<i64, String> {
        let ms = match self.unit {
            Unit::Seconds => time.checked_mul(1_000).ok_or_else(|| format!("the time {time} s is out of range"))?,
            Unit::Milliseconds => time,
            Unit::Microseconds => time.div_euclid(1_000),
            Unit::Nanoseconds => time.div_euclid(1_000_000),
        };
        self.doubt(ms, time).map_or(Ok(ms), Err)
    }

    /// Why `ms` is hardly meant, if so, where `written` is what stands in the body.
    fn doubt(self, ms: i64, written: i64) -> Option<String> {
        if !self.doubted || (1_000 * LIKELY.start..1_000 * LIKELY.end).contains(&ms) {
            return None;
        }
        Some(self.doubt_in_words(ms, written))
    }

    #[cold]
    fn doubt_in_words(self, ms: i64, written: i64) -> String {
        let way_out = "if it is meant so, allow_old=1 in the URL (--allow-old of vctsdb import) stores it";
        let (taken_for, short) = self.words();
        let parameter = self.parameter;
        let looks_like = |unit: &Unit| LIKELY.contains(&written.div_euclid(unit.per_second()));
        if let Some((_, looks, name)) = UNITS.iter().find(|(unit, ..)| looks_like(unit)) {
            return format!(
                "the time {written} looks like {looks}, not {taken_for}: say {parameter}={name} in the URL (--unit {name} of vctsdb import); {way_out}"
            );
        }
        let side = if ms < 0 || ms / 1_000 < LIKELY.start { "before 2000" } else { "after 2200" };
        format!("the time {written} {short} lies {side}; {way_out}")
    }
}

/// The unit in which `time` would be within a day of `now`, in ms, in words and in parameters.
pub(super) fn unit_of_now(time: i64, now: i64) -> Option<(&'static str, &'static str)> {
    const DAY_SECONDS: u64 = 86_400;
    let now = now.div_euclid(1_000);
    let is_near = |unit: Unit| time.div_euclid(unit.per_second()).abs_diff(now) <= DAY_SECONDS;
    UNITS.iter().find(|(unit, ..)| is_near(*unit)).map(|(_, words, short)| (*words, *short))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(usual: Unit) -> Times {
        Times::of(&Declared::default(), usual, None)
    }

    #[test]
    fn a_time_is_doubted_beyond_two_centuries_and_its_unit_guessed() {
        let ms = times(Unit::Milliseconds);
        for time in [946_684_800_000, 1_700_000_000_000, 7_258_118_399_999] {
            assert_eq!(ms.milliseconds(time), Ok(time), "{time}");
        }
        for (time, says) in [
            (1_700_000_000, "looks like seconds, not milliseconds: say unit=s"),
            (946_684_800, "looks like seconds"),
            (1_700_000_000_000_000, "looks like microseconds, not milliseconds: say unit=us"),
            (1_700_000_000_000_000_000, "looks like nanoseconds"),
            (946_684_799_999, "before 2000"),
            (946_684_799, "before 2000"),
            (0, "before 2000"),
            (-1_700_000_000_000, "before 2000"),
            (i64::MIN, "before 2000"),
            (7_258_118_400_000, "after 2200"),
            (i64::MAX, "after 2200"),
        ] {
            assert!(ms.milliseconds(time).is_err_and(|why| why.contains(says)), "{time}: {:?}", ms.milliseconds(time));
        }
        let ns = times(Unit::Nanoseconds);
        assert!(ns.milliseconds(1_700_000_000_000).is_err_and(|why| why.contains("looks like milliseconds, not nano")));
        assert_eq!(ns.milliseconds(1_700_000_000_000_999_999), Ok(1_700_000_000_000));
    }

    #[test]
    fn a_unit_that_is_said_is_believed_and_times_are_rounded_down() {
        for (unit, time, ms) in [
            (Unit::Seconds, -2, -2_000),
            (Unit::Milliseconds, -2, -2),
            (Unit::Microseconds, -1, -1),
            (Unit::Microseconds, 1_999, 1),
            (Unit::Nanoseconds, -1, -1),
            (Unit::Nanoseconds, 1_000_000, 1),
        ] {
            let declared = Declared { unit: Some(unit), ..Declared::default() };
            assert_eq!(Times::of(&declared, Unit::Milliseconds, None).milliseconds(time), Ok(ms), "{unit:?} {time}");
        }
        let seconds = Times::of(&Declared::default(), Unit::Milliseconds, Some(Unit::Seconds));
        assert!(seconds.milliseconds(i64::MAX).is_err());
    }
}
