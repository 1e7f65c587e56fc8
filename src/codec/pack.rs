//! Integers in frames of up to 128, bit-packed above a base of their own, outliers aside.
//!
//! ```text
//! +------+---------------+-----------------+-----------------+-------------------+--------------------------------+
//! | head | highest:      | exceptions: 1   | base: zigzag    | n values          | exceptions: position 1,        |
//! |  1   | varint, if    | only if asked   | varint          |                   | value - base, zigzag varint,   |
//! |      | in groups     |                 |                 |                   | each                           |
//! +------+---------------+-----------------+-----------------+-------------------+--------------------------------+
//! head = w (0 to 64): each value in w bits; or 64 + g (66 to 72): in groups of g
//!        | 0x80 when there are exceptions
//! ```
//!
//! Values are stored as `value - base`, wrapping. In w bits each, bit `i * w` of the little-endian bit string is the
//! lowest of value `i`, and the string is filled up to whole bytes. In groups of g, they are the digits of numbers to the
//! base `highest + 1`, the first digit the lowest, which are packed likewise, in as many bits as the largest needs
//! (at most 31); the last number has the digits that are left, and the string ends with the byte that it can reach with
//! so few. An exception has zeros there. One scrape that came late, or a counter that starts anew, so costs a few bytes
//! and not a wider frame.

use super::{
    CodecError, packed,
    radix::{DIGITS, Radix},
    take, take_byte, varint,
};

/// Values in a frame; the last frame of a column may have fewer.
pub const FRAME: usize = packed::MOST;
/// The flag in the head byte.
const EXCEPTIONS: u8 = 0x80;
const WHAT: &str = "an integer frame";

/// How a frame is going to be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plan {
    base: i64,
    /// The largest distance from the base of a value that is no exception.
    highest: u64,
    /// `None`: in as many bits as the highest has.
    radix: Option<Radix>,
    /// What it will cost, to a few bytes.
    pub(super) bytes: usize,
}

/// Bits needed for `span`.
const fn bits(span: u64) -> u32 {
    64 - span.leading_zeros()
}

impl Plan {
    /// For `n` values from `base` to `highest` above it, without what exceptions cost.
    fn new(n: usize, base: i64, highest: u64) -> Self {
        let width = bits(highest);
        let mut plan = Self { base, highest, radix: None, bytes: (n * width as usize).div_ceil(8) };
        // Above seven eighths of what the width reaches, groups win less than they need to say what they are.
        if highest < 1 << 16
            && highest * 8 < 7 << width
            && let Some((packed, radix)) = Radix::smallest(highest, n)
        {
            let bytes = packed + varint::len(highest);
            if bytes < plan.bytes {
                plan = Self { radix: Some(radix), bytes, ..plan };
            }
        }
        plan.bytes += 1 + varint::len(varint::zigzag(base));
        plan
    }
}

/// Finds the cheapest window of at most [`FRAME`] values: the base and width that leave the right ones out as exceptions.
pub(super) fn plan(values: &[i64]) -> Plan {
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    for value in values {
        low = low.min(*value);
        high = high.max(*value);
    }
    if values.is_empty() {
        return Plan::new(0, 0, 0);
    }
    let span = (high as u64).wrapping_sub(low as u64);
    let whole = Plan::new(values.len(), low, span);
    // Without more than two bits there is nothing to win from outliers.
    if bits(span) <= 2 {
        return whole;
    }
    let spread = Spread::of(values, low, span);
    plan_with_outliers(values, span, whole, |width| spread.least_bytes(width))
}

/// What `exceptions` cost in a frame that spans so much. An outlier's distance has about as many bits as the whole frame.
fn aside(exceptions: usize, span: u64) -> usize {
    if exceptions == 0 { 0 } else { 1 + exceptions * (1 + varint::len(1 << bits(span).min(63))) }
}

/// How the values of a frame are spread over what it spans: that tells most windows which leave nothing worth it out, and
/// all frames that have none, without sorting the values.
///
/// Values are counted by their distance from the lowest, in up to 32 steps. A window of so many steps reaches into one
/// more, which bounds how many values it has; and those it has, the highest of them in the window's upper half, take at least
/// a bit less than its width each.
struct Spread {
    values: usize,
    span: u64,
    /// The bits of a step's width.
    shift: u32,
    /// The most values that a window of `2^i` steps may have.
    most: [usize; Self::STEPS as usize],
}

impl Spread {
    /// The bits of the number of steps.
    const STEPS: u32 = 5;

    fn of(values: &[i64], low: i64, span: u64) -> Self {
        let shift = bits(span).saturating_sub(Self::STEPS);
        // How many values lie below each step: a frame's fit a byte.
        let mut below = [0u8; (1 << Self::STEPS) + 1];
        for value in values {
            let step = (*value as u64).wrapping_sub(low as u64) >> shift;
            if let Some(count) = below.get_mut(step as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for count in &mut below {
            sum += *count;
            *count = sum;
        }
        let most = std::array::from_fn(|i| {
            let reach = (1 << i) + usize::from(shift > 0);
            let ends = below.iter().skip(reach).zip(&below);
            ends.map(|(end, start)| end - start).max().map_or(values.len(), usize::from)
        });
        Self { values: values.len(), span, shift, most }
    }

    /// What a window of so many bits, less than the frame has, takes at least.
    fn least_bytes(&self, width: u32) -> usize {
        // Narrower windows than one step have no more values than that.
        let steps = width.saturating_sub(self.shift) as usize;
        let most = self.most.get(steps).copied().unwrap_or(self.values);
        let inside = if width <= self.shift { 0 } else { (self.values * (width as usize - 1)).div_ceil(8) };
        2 + inside + aside(self.values - most, self.span)
    }
}

/// The cheapest window, at worst that of the plan for `whole` frame. Those whose width takes too many bytes at `least` are
/// passed over.
fn plan_with_outliers(values: &[i64], span: u64, whole: Plan, least: impl Fn(u32) -> usize) -> Plan {
    let mut scratch = [0i64; FRAME];
    let n = values.len().min(FRAME);
    let (sorted, _) = scratch.split_at_mut(n);
    let mut is_sorted = false;
    let mut best = whole;
    for width in (0..bits(span)).rev() {
        if least(width) >= best.bytes {
            continue;
        }
        if !std::mem::replace(&mut is_sorted, true) {
            sorted.iter_mut().zip(values).for_each(|(to, from)| *to = *from);
            sorted.sort_unstable();
        }
        let (base, highest, covered) = widest_window(sorted, width);
        let aside = aside(n - covered, span);
        let mut found = Plan::new(n, base, highest);
        found.bytes += aside;
        if found.bytes < best.bytes {
            best = found;
        }
        // Narrower windows leave out more.
        if 2 + aside > best.bytes {
            break;
        }
    }
    best
}

/// The base from which most of `sorted` is within reach of `width` bits, how far above it the last of these is, and how
/// many they are.
fn widest_window(sorted: &[i64], width: u32) -> (i64, u64, usize) {
    let reach = (1u64 << width) - 1;
    let mut best = (0, 0, 0);
    let mut ahead = sorted.iter();
    let (mut end, mut last) = (0usize, 0i64);
    for (start, base) in sorted.iter().enumerate() {
        let above = |value: i64| (value as u64).wrapping_sub(*base as u64);
        while let Some(next) = ahead.as_slice().first() {
            if above(*next) > reach {
                break;
            }
            last = *next;
            ahead.next();
            end += 1;
        }
        if end - start > best.2 {
            best = (*base, above(last), end - start);
        }
        if ahead.as_slice().is_empty() {
            break;
        }
    }
    best
}

/// Appends the frame of `values` as planned.
pub(super) fn encode(values: &[i64], plan: Plan, out: &mut Vec<u8>) {
    let Plan { base, highest, radix, .. } = plan;
    let width = bits(highest);
    let above = |value: &i64| (*value as u64).wrapping_sub(base as u64);
    let fits = |value: u64| if radix.is_some() { value <= highest } else { width == 64 || value >> width == 0 };
    // A value far below the base may wrap around into the window, so the plan's count is not to be trusted.
    let exceptions = values.iter().map(above).filter(|v| !fits(*v)).count();
    let flag = if exceptions == 0 { 0 } else { EXCEPTIONS };
    match radix {
        None => out.push(width as u8 | flag),
        Some(radix) => {
            out.push((64 + radix.digits() as u8) | flag);
            varint::put(out, highest);
        }
    }
    if exceptions > 0 {
        out.push(exceptions as u8);
    }
    varint::put_signed(out, base);
    let inside = values.iter().map(above).map(|value| if fits(value) { value } else { 0 });
    match radix {
        None => packed::put(inside, width, out),
        Some(radix) => {
            let mut digits = [0; FRAME];
            let (digits, _) = digits.split_at_mut(values.len().min(FRAME));
            digits.iter_mut().zip(inside).for_each(|(to, from)| *to = from);
            radix.put(digits, out);
        }
    }
    if exceptions > 0 {
        for (i, value) in values.iter().map(above).enumerate().filter(|(_, v)| !fits(*v)) {
            out.push(i as u8);
            varint::put_signed(out, value as i64);
        }
    }
}

/// What stands before the values of a frame.
struct Head {
    width: u32,
    radix: Option<Radix>,
    exceptions: u8,
    base: i64,
}

impl Head {
    fn take(input: &mut &[u8]) -> Result<Self, CodecError> {
        let head = take_byte(input, WHAT)?;
        let width = u32::from(head & !EXCEPTIONS);
        let radix = if width <= 64 { None } else { Some(take_radix(input, width)?) };
        let exceptions = if head & EXCEPTIONS == 0 { 0 } else { take_byte(input, WHAT)? };
        Ok(Self { width, radix, exceptions, base: varint::get_signed(input, WHAT)? })
    }
}

/// Takes a frame of `count` values, from 1 to [`FRAME`], off the front of `input` and answers its last value.
pub(super) fn last(input: &mut &[u8], count: usize) -> Result<i64, CodecError> {
    let Head { width, radix, exceptions, base } = Head::take(input)?;
    let at = count.saturating_sub(1);
    let above = match radix {
        None => packed::one(take(input, (count * width as usize).div_ceil(8), WHAT)?, width, at),
        Some(radix) => radix.one(take(input, radix.bytes(count), WHAT)?, at),
    };
    let mut last = base.wrapping_add(above as i64);
    for _ in 0..exceptions {
        let position = take_byte(input, WHAT)?;
        let above = varint::get_signed(input, WHAT)?;
        if usize::from(position) == at {
            last = base.wrapping_add(above);
        }
    }
    Ok(last)
}

/// Takes the frames of `count` values off the front of `input` and answers their last value; `None` without any.
pub(super) fn last_of_frames(input: &mut &[u8], count: usize) -> Result<Option<i64>, CodecError> {
    let (mut left, mut at) = (count, None);
    while left > 0 {
        let n = left.min(FRAME);
        at = Some(last(input, n)?);
        left -= n;
    }
    Ok(at)
}

/// Takes a frame off the front of `input` and fills `out`, at most [`FRAME`] long, with its values.
pub(super) fn decode(input: &mut &[u8], out: &mut [i64]) -> Result<(), CodecError> {
    let Head { width, radix, exceptions, base } = Head::take(input)?;
    match radix {
        None => packed::get(take(input, (out.len() * width as usize).div_ceil(8), WHAT)?, width, base, out),
        Some(radix) => radix.get(take(input, radix.bytes(out.len()), WHAT)?, base, out),
    }
    for _ in 0..exceptions {
        let at = take_byte(input, WHAT)?;
        let above = varint::get_signed(input, WHAT)?;
        let limit = out.len().saturating_sub(1) as u64;
        let slot = out.get_mut(usize::from(at)).ok_or(CodecError::Range {
            what: "the position of an exception",
            got: u64::from(at),
            limit,
        })?;
        *slot = base.wrapping_add(above);
    }
    Ok(())
}

/// Takes the highest digit of a frame whose head says groups.
fn take_radix(input: &mut &[u8], head: u32) -> Result<Radix, CodecError> {
    let highest = varint::get(input, WHAT)?;
    let wrong = CodecError::Range { what: "the grouping of a frame", got: u64::from(head), limit: 64 + DIGITS as u64 };
    highest.checked_add(1).and_then(|radix| Radix::new(radix, head as usize - 64)).ok_or(wrong)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(values: &[i64]) -> usize {
        let plan = plan(values);
        let mut bytes = Vec::new();
        encode(values, plan, &mut bytes);
        let mut out = vec![0; values.len()];
        let mut input = &bytes[..];
        decode(&mut input, &mut out).unwrap();
        assert_eq!((&out[..], input.len()), (values, 0));
        if let Some(end) = values.last() {
            let mut input = &bytes[..];
            assert_eq!((last(&mut input, values.len()), input.len()), (Ok(*end), 0));
        }
        bytes.len()
    }

    #[test]
    fn one_late_scrape_does_not_widen_the_frame() {
        let mut values: Vec<i64> = (0..128).map(|i| 15_000 + i % 4).collect();
        assert_eq!(round_trip(&values), 1 + 3 + 32);
        values[50] = 75_000;
        values[51] = -45_000;
        assert!(round_trip(&values) <= 2 + 3 + 32 + 8);
    }

    #[test]
    fn the_widest_span_needs_64_bits() {
        let values: Vec<i64> = (0..128).map(|i| if i % 2 == 0 { i64::MIN } else { i64::MAX }).collect();
        round_trip(&values);
        assert_eq!(round_trip(&[]), 2);
    }

    #[test]
    fn a_position_outside_the_frame_is_refused() {
        let mut out = [0; 3];
        let mut input = &[EXCEPTIONS, 1, 0, 3, 0][..];
        assert!(matches!(decode(&mut input, &mut out), Err(CodecError::Range { got: 3, limit: 2, .. })));
        let mut input = &[65, 0][..];
        assert!(matches!(decode(&mut input, &mut out), Err(CodecError::Range { got: 65, .. })));
    }

    proptest! {
        #[test]
        fn what_is_passed_over_would_not_have_been_chosen(
            shift in 0u32..62,
            values in prop::collection::vec((any::<u64>(), 0u32..8), 1..=FRAME),
            // Most lie close together when they are narrowed by this.
            narrowing in 0u32..40,
        ) {
            let value = |(v, far): &(u64, u32)| (v >> (shift + if *far == 0 { 0 } else { narrowing }).min(63)) as i64;
            let values: Vec<i64> = values.iter().map(value).collect();
            let (low, high) = (*values.iter().min().unwrap(), *values.iter().max().unwrap());
            let span = (high as u64).wrapping_sub(low as u64);
            let whole = Plan::new(values.len(), low, span);
            let best = if bits(span) <= 2 { whole } else { plan_with_outliers(&values, span, whole, |_| 0) };
            prop_assert_eq!(plan(&values), best);
        }

        #[test]
        fn values_of_every_width_come_back(shift in 0u32..64, base: i64, values in prop::collection::vec(any::<u64>(), 0..=FRAME), odd: Option<(prop::sample::Index, i64)>) {
            let mut values: Vec<i64> = values.into_iter().map(|v| base.wrapping_add((v >> shift) as i64)).collect();
            if let Some((at, value)) = odd && !values.is_empty() {
                let at = at.index(values.len());
                values[at] = value;
            }
            let planned = plan(&values).bytes;
            prop_assert!(round_trip(&values) <= planned + 4);
        }

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300), n in 0..=FRAME) {
            let mut out = vec![0; n];
            let _ = decode(&mut &bytes[..], &mut out);
        }
    }
}
