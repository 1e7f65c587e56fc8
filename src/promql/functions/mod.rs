//! The functions of PromQL as tables: a name and a plain function.
//!
//! - [`window`]: over a series' samples in a window (`rate`, `sum_over_time` …),
//! - [`math`]: from one float to another (`abs`, `sin`, …),
//! - [`elementary`]: of these, what Go computes in its own way (`sin`, powers, …),
//! - [`date`]: from a time in seconds to a part of its date (`hour`, …),
//! - [`buckets`]: over the buckets of a classic histogram,
//! - [`native`]: native histograms as values,
//! - [`operators`]: what a binary operator does to two values.
//!
//! Operators look functions up here and never spell one out.

pub(crate) mod buckets;
pub(crate) mod date;
pub(crate) mod elementary;
pub(crate) mod kahan;
pub(crate) mod math;
pub(crate) mod native;
pub(crate) mod natural;
pub(crate) mod operators;
pub(crate) mod quantile;
pub(crate) mod window;
