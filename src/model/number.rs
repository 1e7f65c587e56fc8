//! Numbers at the beginning of bytes, read without a look at each digit.
//!
//! Nearly all numbers that are sent have few digits and no exponent. Those are read here, eight digits at a time, to the bits that the
//! standard library reads; of any other number nothing is read, and who wants it asks that.

/// The most digits that fit into 64 bits whatever they are.
const DIGITS: usize = 19;
/// Up to here each whole number is a float.
const EXACT: u64 = 1 << 53;

/// Powers of ten that are floats without rounding.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// A decimal such as `-12`, `1.5` or `7.` at the beginning of `bytes`, and how many bytes it has. What follows may still belong to the
/// number, as an exponent does: who asks knows what may stand behind one.
#[inline]
#[must_use]
pub fn decimal(bytes: &[u8]) -> Option<(f64, usize)> {
    let sign = usize::from(bytes.first() == Some(&b'-'));
    let (mut whole, digits) = digits(bytes.get(sign..)?, 0);
    let (mut end, mut places) = (sign + digits, 0);
    if bytes.get(end) == Some(&b'.') {
        (whole, places) = self::digits(bytes.get(end + 1..)?, whole);
        end += 1 + places;
    }
    if digits == 0 || digits + places > DIGITS {
        return None;
    }
    let value = match POWERS.get(places) {
        // Both are floats without rounding, so that the division rounds once.
        Some(power) if whole <= EXACT => whole as f64 / power,
        _ => quotient(whole, places),
    };
    Some((if sign == 1 { -value } else { value }, end))
}

/// A whole number such as `-12` at the beginning of `bytes`, and how many bytes it has.
#[inline]
#[must_use]
pub fn integer(bytes: &[u8]) -> Option<(i64, usize)> {
    let sign = usize::from(bytes.first() == Some(&b'-'));
    let (whole, digits) = digits(bytes.get(sign..)?, 0);
    if digits == 0 || digits >= DIGITS {
        return None;
    }
    // Of 18 digits there is none beyond an i64.
    let whole = whole as i64;
    Some((if sign == 1 { -whole } else { whole }, sign + digits))
}

/// The digits at the beginning of `bytes`: the number that they make behind `before`, which wraps, and how many they are.
#[inline]
fn digits(bytes: &[u8], before: u64) -> (u64, usize) {
    let (mut number, mut count) = (before, 0);
    loop {
        let rest = bytes.get(count..).unwrap_or_default();
        let word = match rest.first_chunk::<8>() {
            Some(word) => u64::from_le_bytes(*word),
            None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        let (some, length) = digits_of(word);
        number = number.wrapping_mul(TENS.get(length).copied().unwrap_or_default()).wrapping_add(some);
        count += length;
        if length < 8 {
            return (number, count);
        }
    }
}

/// Powers of ten of up to eight digits.
const TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The digits at the beginning of eight bytes, the first byte the lowest: their number, and how many they are.
#[inline]
fn digits_of(word: u64) -> (u64, usize) {
    let values = word ^ 0x3030_3030_3030_3030;
    // A digit has a value below ten: adding 6 leaves the upper half of its byte empty. A carry comes only from a byte that is none.
    let others = (values | values.wrapping_add(0x0606_0606_0606_0606)) & 0xf0f0_f0f0_f0f0_f0f0;
    let count = (others.trailing_zeros() / 8) as usize;
    if count == 0 {
        return (0, 0);
    }
    // The digits move to the end, behind zeros; then neighbours are joined to pairs, fours, and all eight.
    let values = values << (64 - 8 * count);
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff, count)
}

/// `whole` / 10^`places`, rounded once. There are at most 19 places.
fn quotient(whole: u64, places: usize) -> f64 {
    let divisor = 10u64.wrapping_pow(places as u32);
    // The quotient has 55 bits or more: all of a float's, one that decides how it is rounded, and those behind it, of which only counts
    // whether any is set.
    let shift = (55 + whole.leading_zeros()).saturating_sub(divisor.leading_zeros());
    let (dividend, divisor) = (u128::from(whole) << shift, u128::from(divisor));
    let bits = (dividend / divisor) as u64 | u64::from(dividend % divisor != 0);
    // A power of two takes nothing away, since nothing here is near the smallest float.
    bits as f64 * f64::from_bits(u64::from(1023 - shift) << 52)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bits(text: &str) -> Option<u64> {
        text.parse().ok().map(f64::to_bits)
    }

    #[test]
    fn numbers_at_the_edges_are_read_or_left() {
        for text in [
            "0",
            "-0",
            "7.",
            "1.5",
            "-1.5",
            "00012",
            "99999999",
            "100000000",
            "9007199254740992",
            "9007199254740993",
            "9999999999999999999",
            "0.123456789012345678",
            "0.000000000000000001",
            "-123456789.987654321",
            "4503599627370497.5",
            "4503599627370498.5",
            "1844674407370955161",
            "0.30000000000000004",
            "72057594037927945",
        ] {
            let (value, end) = decimal(text.as_bytes()).unwrap();
            assert_eq!((Some(value.to_bits()), end), (bits(text), text.len()), "{text}");
        }
        for text in ["", "-", ".", ".5", "-.5", "e5", "+1", "NaN", "12345678901234567890", "0.12345678901234567890"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
        assert_eq!(decimal(b"1.5e3"), Some((1.5, 3)));
        assert_eq!(decimal("1२".as_bytes()), Some((1.0, 1)));
        assert_eq!(integer(b"-999999999999999999,"), Some((-999_999_999_999_999_999, 19)));
        for text in ["", "-", "a", "1000000000000000000"] {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn decimals_have_the_bits_that_the_standard_library_reads(
            text in "-?[0-9]{1,20}(\\.[0-9]{0,20})?",
            behind in "[ ,\\]}e:/\\x00-\\xff]{0,9}",
        ) {
            let whole = format!("{text}{}", behind.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()));
            let found = decimal(whole.as_bytes());
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            let want = (digits <= DIGITS).then(|| (bits(&text).unwrap(), text.len()));
            prop_assert_eq!(found.map(|(value, end)| (value.to_bits(), end)), want, "{}", whole);
        }

        #[test]
        fn floats_as_they_are_printed_come_back(value in any::<f64>().prop_filter("finite", |value| value.is_finite()), scale in -12i32..20) {
            for value in [value, (value.fract() + 1.0) * 10f64.powi(scale)] {
                let text = format!("{value}");
                if let Some((read, end)) = decimal(text.as_bytes()) {
                    prop_assert_eq!((read.to_bits(), end), (value.to_bits(), text.len()));
                }
            }
        }

        #[test]
        fn halves_between_two_floats_go_to_the_even_one(mantissa in 1u64 << 52..1 << 53, halvings in 1u32..4, step in -1i64..=1) {
            // Exact decimals of what lies in the middle of two floats, and right beside it.
            let middle = (2 * mantissa + 1) as u128 * 5u128.pow(halvings);
            let text = format!("{:0width$}", middle as i128 + i128::from(step), width = halvings as usize + 1);
            let (whole, part) = text.split_at(text.len() - halvings as usize);
            let text = format!("{whole}.{part}");
            if let Some((read, _)) = decimal(text.as_bytes()) {
                prop_assert_eq!(Some(read.to_bits()), bits(&text), "{}", text);
            }
        }

        #[test]
        fn integers_are_those_of_the_standard_library(number in any::<i64>(), cut in 0u32..64, behind in "[^0-9].{0,9}|") {
            let number = number >> cut;
            let text = format!("{number}{behind}");
            let digits = number.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
            let want = (digits < 19).then(|| (number, number.to_string().len()));
            prop_assert_eq!(integer(text.as_bytes()), want);
        }
    }
}
