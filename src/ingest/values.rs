//! Values of samples in words.

use crate::model::decimal;

/// The NaN that stands for "not a number", as Prometheus stores it: words can't say which other one it was.
pub(super) const NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// Reads a value; digits beyond the largest number are none.
pub(super) fn parse(text: &str) -> Option<f64> {
    decimal::parse_float(text).map(|value| if value.is_nan() { NAN } else { value })
}
