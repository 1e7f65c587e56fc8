//! A segment in numbers.

/// What a segment holds, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SegmentSummary {
    /// Series.
    pub series: u64,
    /// Distinct label pairs.
    pub pairs: u64,
    /// Bytes on disk.
    pub bytes: u64,
}
