//! Whether a time that nobody said the unit of can be in milliseconds.

use std::ops::Range;

/// From 2000 to 2200, in seconds: when most of what is measured was.
const LIKELY: Range<i64> = 946_684_800..7_258_118_400;

/// Units that people's clocks have besides milliseconds, and how many of them make a second.
const OTHER_UNITS: [(&str, i64); 3] = [("seconds", 1), ("microseconds", 1_000_000), ("nanoseconds", 1_000_000_000)];

/// Why `time` is hardly one in milliseconds, if so.
pub(super) fn doubt(time: i64) -> Option<String> {
    let in_unit = |per_second: i64| LIKELY.contains(&time.div_euclid(per_second));
    if in_unit(1_000) {
        return None;
    }
    let way_out = "if it is meant so, allow_old=1 in the URL stores it";
    if let Some((unit, _)) = OTHER_UNITS.iter().find(|(_, per_second)| in_unit(*per_second)) {
        let advice = if *unit == "seconds" { "say unit=s in the URL" } else { "milliseconds are wanted" };
        return Some(format!("the time {time} looks like {unit}, not milliseconds: {advice}; {way_out}"));
    }
    let side = if time < 0 || time / 1_000 < LIKELY.start { "before 2000" } else { "after 2200" };
    Some(format!("the time {time} ms lies {side}; {way_out}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_doubted_beyond_two_centuries_and_its_unit_guessed() {
        for time in [946_684_800_000, 1_700_000_000_000, 7_258_118_399_999] {
            assert_eq!(doubt(time), None, "{time}");
        }
        for (time, says) in [
            (1_700_000_000, "looks like seconds"),
            (946_684_800, "looks like seconds"),
            (1_700_000_000_000_000, "looks like microseconds"),
            (1_700_000_000_000_000_000, "looks like nanoseconds"),
            (946_684_799_999, "before 2000"),
            (946_684_799, "before 2000"),
            (0, "before 2000"),
            (-1_700_000_000_000, "before 2000"),
            (i64::MIN, "before 2000"),
            (7_258_118_400_000, "after 2200"),
            (i64::MAX, "after 2200"),
        ] {
            assert!(doubt(time).is_some_and(|why| why.contains(says)), "{time}: {:?}", doubt(time));
        }
    }
}
