//! Native histograms as values: arithmetic, resets, quantiles.
//!
//! Storage keeps histograms as their senders encoded them ([`Histogram`](crate::model::Histogram)); a [`FloatHistogram`]
//! is one laid out for calculation: counts are floats, buckets are listed by index. Every number carries its
//! compensation, so that long sums keep what rounding would lose.
//!
//! - [`float`]: the type, from and to storage's form,
//! - [`bounds`]: which values a bucket covers,
//! - [`arithmetic`]: sums, differences, factors, means,
//! - [`reset`]: whether a counter histogram started anew,
//! - [`shape`]: quantiles, fractions and spread,
//! - [`trim`]: cutting off one end.

mod arithmetic;
mod bounds;
mod float;
mod reset;
mod shape;
mod trim;

pub(crate) use arithmetic::{Combined, Incompatible, NativeMean};
pub(crate) use bounds::Bucket;
pub(crate) use float::FloatHistogram;
