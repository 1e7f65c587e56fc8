//! Metadata as it comes in, and the metric family that it belongs to.
//!
//! 1.0 names the family. 2.0 attaches metadata to a series, so the family has to be found from the metric's name: a
//! reader of `/api/v1/metadata` looks histograms and summaries up without the suffix that their parts carry
//! (`http_seconds` for `http_seconds_bucket`), and counters by their full name, `_total` included.

use crate::model::{Metadata, MetricType, limits::MAX_VALUE};

/// The family of the series `name`. A series with native histograms carries no suffix, whatever it ends in.
pub(super) fn family_of(name: &str, metric_type: MetricType, native: bool) -> &str {
    let suffixes: &[&str] = match metric_type {
        MetricType::Histogram if !native => &["_bucket", "_count", "_sum"],
        MetricType::GaugeHistogram if !native => &["_bucket", "_gcount", "_gsum"],
        MetricType::Summary => &["_count", "_sum"],
        _ => &[],
    };
    let stripped = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
    stripped.filter(|family| !family.is_empty()).unwrap_or(name)
}

/// Metadata worth keeping: it names a family, says something about it, and is not absurdly long.
pub(super) fn metadata(family: &str, metric_type: MetricType, help: &[u8], unit: &[u8]) -> Option<Metadata> {
    let says_nothing = metric_type == MetricType::Unknown && help.is_empty() && unit.is_empty();
    if family.is_empty() || says_nothing || [family.len(), help.len(), unit.len()].into_iter().any(|l| l > MAX_VALUE) {
        return None;
    }
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Some(Metadata { family: family.to_owned(), metric_type, help: text(help), unit: text(unit) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_classic_histogram_share_its_family() {
        for part in ["a_seconds_bucket", "a_seconds_count", "a_seconds_sum"] {
            assert_eq!(family_of(part, MetricType::Histogram, false), "a_seconds");
        }
        assert_eq!(family_of("a_count", MetricType::Summary, false), "a");
        assert_eq!(family_of("a", MetricType::Summary, false), "a");
        assert_eq!(family_of("a_gsum", MetricType::GaugeHistogram, false), "a");
    }

    #[test]
    fn counters_gauges_and_native_histograms_keep_their_name() {
        assert_eq!(family_of("a_total", MetricType::Counter, false), "a_total");
        assert_eq!(family_of("queue_count", MetricType::Gauge, false), "queue_count");
        assert_eq!(family_of("a_count", MetricType::Histogram, true), "a_count");
        assert_eq!(family_of("_sum", MetricType::Summary, false), "_sum");
    }

    #[test]
    fn metadata_that_says_nothing_is_left_out() {
        assert_eq!(metadata("a", MetricType::Unknown, b"", b""), None);
        assert_eq!(metadata("", MetricType::Gauge, b"help", b""), None);
        assert_eq!(metadata("a", MetricType::Gauge, &[b'x'; MAX_VALUE + 1], b""), None);
        assert_eq!(metadata("a", MetricType::Gauge, b"\xff", b"").map(|m| m.help), Some("\u{fffd}".into()));
    }
}
