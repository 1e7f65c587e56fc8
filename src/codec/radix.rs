//! Numbers below a radix that is no power of two, several to a word: numbers below 76 take 6.25 bits each and not 7.
//!
//! A word is `d0 + d1 * radix + d2 * radix^2 + ...`, as many digits as its group has, and words are packed like other
//! numbers ([`super::packed`]), each in the bits that the largest needs; the last group may have fewer digits, and its
//! word's upper bytes, which are zeros then, are left out.
//!
//! Words have at most 31 bits, so that taking one apart needs no division: for a radix of at most `2^shift`, the product
//! with `2^(31 + shift) / radix + 1`, shifted down again, is the exact quotient of every such word.

use super::packed;

/// Most bits of a word.
const WORD: u32 = 31;
/// Most digits of a word. Longer groups would save a hundredth of a bit more.
pub(super) const DIGITS: usize = 8;

/// How digits are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Radix {
    radix: u64,
    digits: usize,
    width: u32,
}

impl Radix {
    /// Groups of `digits` digits below `radix`, if both are at least 2 and a word can have them.
    pub(super) fn new(radix: u64, digits: usize) -> Option<Self> {
        let largest = radix.checked_pow(u32::try_from(digits).ok()?)?.checked_sub(1)?;
        let width = 64 - largest.leading_zeros();
        (radix >= 2 && (2..=DIGITS).contains(&digits) && width <= WORD).then_some(Self { radix, digits, width })
    }

    /// The groups in which `n` numbers up to `highest` take the fewest bytes, and how many; of equal ones the smallest.
    pub(super) fn smallest(highest: u64, n: usize) -> Option<(usize, Self)> {
        let radix = highest.checked_add(1)?;
        let grouped = (2..=DIGITS).map_while(|digits| Self::new(radix, digits));
        grouped.map(|radix| (radix.bytes(n), radix)).min_by_key(|(bytes, _)| *bytes)
    }

    /// Digits in a word.
    pub(super) fn digits(self) -> usize {
        self.digits
    }

    /// How many bytes `n` numbers take.
    pub(super) fn bytes(self, n: usize) -> usize {
        let left = n % self.digits;
        let largest = self.radix.pow(left as u32) - 1;
        (n / self.digits * self.width as usize + (64 - largest.leading_zeros()) as usize).div_ceil(8)
    }

    /// Appends `numbers`, all below the radix.
    pub(super) fn put(self, numbers: &[u64], out: &mut Vec<u8>) {
        let end = out.len() + self.bytes(numbers.len());
        let word = |digits: &[u64]| digits.iter().rev().fold(0, |word, digit| word * self.radix + digit);
        packed::put(numbers.chunks(self.digits).map(word), self.width, out);
        out.truncate(end);
    }

    /// Number `at` of those in `bytes`.
    pub(super) fn one(self, bytes: &[u8], at: usize) -> u64 {
        let word = packed::one(bytes, self.width, at / self.digits);
        let below = self.radix.pow((at % self.digits) as u32);
        word / below % self.radix
    }

    /// Fills `out` with the numbers in `bytes`, each added to `base`. Bytes that no [`Radix::put`] wrote give any digits.
    pub(super) fn get(self, bytes: &[u8], base: i64, out: &mut [i64]) {
        let mut words = [0i64; packed::MOST / 2];
        let (words, _) = words.split_at_mut(out.len().div_ceil(self.digits).min(packed::MOST / 2));
        packed::get(bytes, self.width, 0, words);
        match self.digits {
            2 => self.take_apart::<2>(words, base, out),
            3 => self.take_apart::<3>(words, base, out),
            4 => self.take_apart::<4>(words, base, out),
            5 => self.take_apart::<5>(words, base, out),
            6 => self.take_apart::<6>(words, base, out),
            7 => self.take_apart::<7>(words, base, out),
            _ => self.take_apart::<8>(words, base, out),
        }
    }

    #[inline]
    fn take_apart<const N: usize>(self, words: &[i64], base: i64, out: &mut [i64]) {
        let shift = WORD + (64 - (self.radix - 1).leading_zeros());
        let reciprocal = (1u64 << shift) / self.radix + 1;
        let digits = |word: i64| {
            let mut rest = word as u64;
            [(); N].map(|()| {
                let quotient = rest.wrapping_mul(reciprocal) >> shift;
                let digit = rest.wrapping_sub(quotient * self.radix);
                rest = quotient;
                base.wrapping_add(digit as i64)
            })
        };
        let (whole, last) = out.as_chunks_mut::<N>();
        let mut words = words.iter();
        for (slots, word) in whole.iter_mut().zip(&mut words) {
            *slots = digits(*word);
        }
        if let Some(word) = words.next() {
            last.iter_mut().zip(digits(*word)).for_each(|(slot, digit)| *slot = digit);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn groups_are_chosen_by_the_bits_they_leave_unused() {
        let chosen = |highest, n| Radix::smallest(highest, n).map(|(bytes, radix)| (bytes, radix.digits()));
        assert_eq!(chosen(75, 128), Some((100, 4)));
        assert_eq!(chosen(2, 128), Some((26, 5)));
        assert_eq!(chosen(700, 128), Some((152, 2)));
        assert_eq!(chosen(46_339, 128), Some((248, 2)));
        assert_eq!(chosen(46_340, 128), None);
        assert_eq!(chosen(u64::MAX, 128), None);
        assert_eq!(chosen(0, 128), None);
    }

    #[test]
    fn the_reciprocal_is_exact_for_every_radix_at_the_ends_of_each_digit() {
        for radix in 2u64..=46_340 {
            let radix = (2..=DIGITS).filter_map(|digits| Radix::new(radix, digits)).next_back().unwrap();
            let high = radix.radix - 1;
            let mut numbers = vec![high; radix.digits()];
            for digit in 0..radix.digits() {
                for value in [0, 1, high - 1, high] {
                    numbers[digit] = value;
                    let (mut bytes, mut out) = (Vec::new(), vec![0; numbers.len()]);
                    radix.put(&numbers, &mut bytes);
                    assert_eq!(bytes.len(), radix.bytes(numbers.len()));
                    radix.get(&bytes, 0, &mut out);
                    assert!(out.iter().zip(&numbers).all(|(a, b)| *a as u64 == *b), "{radix:?} {numbers:?} {out:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn digits_come_back(highest in 1u64..46_340, seeds in prop::collection::vec(any::<u64>(), 0..=packed::MOST), base: i64) {
            let numbers: Vec<u64> = seeds.iter().map(|s| s % (highest + 1)).collect();
            let (size, radix) = Radix::smallest(highest, numbers.len()).unwrap();
            let (mut bytes, mut out) = (Vec::new(), vec![0; numbers.len()]);
            radix.put(&numbers, &mut bytes);
            prop_assert_eq!(bytes.len(), size);
            radix.get(&bytes, base, &mut out);
            let want: Vec<i64> = numbers.iter().map(|n| base.wrapping_add(*n as i64)).collect();
            prop_assert_eq!(out, want);
        }

        #[test]
        fn any_bytes_are_answered(radix in 2u64..50_000, digits in 0usize..10, bytes in prop::collection::vec(any::<u8>(), 0..600), n in 0..=packed::MOST) {
            if let Some(radix) = Radix::new(radix, digits) {
                radix.get(&bytes, i64::MAX, &mut vec![0; n]);
            }
        }
    }
}
