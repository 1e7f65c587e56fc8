//! Remote read.
