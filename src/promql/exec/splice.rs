//! Cutting and joining series by time.

use crate::{
    model::{SeriesBuf, TimeRange},
    promql::MatrixSeries,
};

/// The part of `series` in `range`; series without a sample there are left out. Floats only.
pub(crate) fn cut(series: &[MatrixSeries], range: TimeRange) -> Vec<MatrixSeries> {
    let within = |one: &MatrixSeries| {
        let times = &one.samples.times;
        let from = times.partition_point(|t| *t < range.start);
        let to = times.partition_point(|t| *t <= range.end);
        let (times, values) = (times.get(from..to)?, one.samples.values.get(from..to)?);
        let samples = SeriesBuf { times: times.to_vec(), values: values.to_vec(), ..SeriesBuf::default() };
        (!times.is_empty()).then(|| MatrixSeries { labels: one.labels.clone(), samples })
    };
    series.iter().filter_map(within).collect()
}

/// Appends the samples of `later`, which come after all of `earlier`, series by series. Both are sorted by labels, and
/// so is the answer.
pub(crate) fn join(earlier: Vec<MatrixSeries>, later: Vec<MatrixSeries>) -> Vec<MatrixSeries> {
    if earlier.is_empty() {
        return later;
    }
    let mut joined = Vec::with_capacity(earlier.len().max(later.len()));
    let mut later = later.into_iter().peekable();
    for mut one in earlier {
        while let Some(before) = later.next_if(|other| other.labels < one.labels) {
            joined.push(before);
        }
        if let Some(same) = later.next_if(|other| other.labels == one.labels) {
            one.samples.times.extend(same.samples.times);
            one.samples.values.extend(same.samples.values);
            one.samples.histograms.extend(same.samples.histograms);
        }
        joined.push(one);
    }
    joined.extend(later);
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Labels;

    fn series(name: &str, times: &[i64]) -> MatrixSeries {
        let values = times.iter().map(|t| *t as f64).collect();
        let samples = SeriesBuf { times: times.to_vec(), values, ..SeriesBuf::default() };
        MatrixSeries { labels: Labels::from_pairs([("a", name)]).unwrap(), samples }
    }

    #[test]
    fn cutting_and_joining_gives_the_whole() {
        let whole = vec![series("a", &[1, 2, 3, 4]), series("b", &[1, 2]), series("c", &[4]), series("d", &[2, 3])];
        for split in 0..=5 {
            let parts = [TimeRange::new(i64::MIN, split - 1), TimeRange::new(split, i64::MAX)];
            let [earlier, later] = parts.map(|range| cut(&whole, range));
            assert_eq!(join(earlier, later), whole, "split at {split}");
        }
    }
}
