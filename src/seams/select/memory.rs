//! A store of vectors in memory, read only: what rule tests load, and tests of the layers above.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    IndexPath, Limited, Listing, Lookup, LookupCost, MatcherStep, Select, SelectError, SelectExemplars, SelectHints,
    SelectLabels, SelectMetadata, SeriesExemplars, SeriesSet,
};
use crate::{
    model::{Exemplar, Labels, Matcher, Metadata, SeriesBuf, TimeRange},
    seams::interrupt::Interrupt,
};

/// Series in memory, by labels.
#[derive(Debug, Clone, Default)]
pub struct MemorySelect {
    /// The samples of each series.
    pub series: BTreeMap<Labels, SeriesBuf>,
    /// The exemplars of each series, by time.
    pub exemplars: BTreeMap<Labels, Vec<Exemplar>>,
    /// All metadata.
    pub metadata: Vec<Metadata>,
}

struct MemorySet {
    series: Vec<(Labels, SeriesBuf)>,
    range: TimeRange,
}

fn passes(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|m| m.matches(labels.get(m.name()).unwrap_or_default()))
}

fn limited<T: Ord>(items: BTreeSet<T>, limit: usize) -> Limited<T> {
    let truncated = limit > 0 && items.len() > limit;
    let count = if truncated { limit } else { items.len() };
    Limited { items: items.into_iter().take(count).collect(), truncated }
}

impl MemorySelect {
    fn matching<'a>(&'a self, ask: &'a Lookup) -> impl Iterator<Item = &'a Labels> + 'a {
        self.series
            .iter()
            .filter(|(_, buf)| buf.time_range().is_some_and(|r| r.overlaps(ask.range)))
            .map(|(labels, _)| labels)
            .filter(|labels| ask.selectors.is_empty() || ask.selectors.iter().any(|s| passes(labels, s)))
    }
}

impl Select for MemorySelect {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        _hints: &SelectHints,
    ) -> Result<Arc<dyn SeriesSet>, SelectError> {
        let series = self
            .series
            .iter()
            .filter(|(labels, _)| passes(labels, matchers))
            .map(|(labels, buf)| (labels.clone(), buf.clone()))
            .collect();
        Ok(Arc::new(MemorySet { series, range }))
    }

    fn cost(&self, matchers: &[Matcher]) -> LookupCost {
        if matchers.iter().all(|matcher| matcher.literals().is_some()) {
            LookupCost::Negligible
        } else {
            LookupCost::Unknown
        }
    }

    fn explain(&self, matchers: &[Matcher], _: &dyn Interrupt) -> Result<IndexPath, SelectError> {
        let all = |matchers: &[Matcher]| {
            let found = self.matching(&Lookup::all(vec![matchers.to_vec()])).count();
            found as u64
        };
        let step = |matcher: &Matcher| MatcherStep {
            matcher: matcher.to_string(),
            path: "all series one by one".to_owned(),
            series: all(std::slice::from_ref(matcher)),
        };
        Ok(IndexPath { steps: matchers.iter().map(step).collect(), series: all(&[]) })
    }
}

impl SelectLabels for MemorySelect {
    fn series(&self, ask: &Lookup) -> Result<Limited<Labels>, SelectError> {
        Ok(limited(self.matching(ask).cloned().collect(), ask.limit))
    }

    fn label_names(&self, ask: &Lookup) -> Result<Limited<String>, SelectError> {
        let names = self.matching(ask).flat_map(|l| l.iter().map(|(n, _)| n.to_owned())).collect();
        Ok(limited(names, ask.limit))
    }

    fn label_values(&self, name: &str, ask: &Lookup) -> Result<Limited<String>, SelectError> {
        let values = self.matching(ask).filter_map(|l| l.get(name).map(str::to_owned)).collect();
        Ok(limited(values, ask.limit))
    }

    fn cost(&self, listing: Listing, _: &Lookup) -> Result<LookupCost, SelectError> {
        Ok(match listing {
            Listing::Series => LookupCost::Unknown,
            Listing::Strings => LookupCost::Negligible,
        })
    }
}

impl SelectExemplars for MemorySelect {
    fn exemplars(
        &self,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
        _: &dyn Interrupt,
    ) -> Result<Vec<SeriesExemplars>, SelectError> {
        let inside = |all: &[Exemplar]| all.iter().filter(|e| range.contains(e.time)).cloned().collect::<Vec<_>>();
        Ok(self
            .exemplars
            .iter()
            .filter(|(labels, _)| selectors.iter().any(|s| passes(labels, s)))
            .map(|(labels, all)| (labels.clone(), inside(all)))
            .filter(|(_, found)| !found.is_empty())
            .collect())
    }
}

impl SelectMetadata for MemorySelect {
    fn metadata(&self, family: Option<&str>) -> Vec<Metadata> {
        self.metadata.iter().filter(|m| family.is_none_or(|f| f == m.family)).cloned().collect()
    }
}

impl SeriesSet for MemorySet {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, i: usize) -> Result<Labels, SelectError> {
        self.series.get(i).map(|s| s.0.clone()).ok_or_else(|| SelectError::Storage(format!("no series {i}").into()))
    }

    fn samples(&self) -> Option<u64> {
        let inside = |all: &SeriesBuf| {
            let histograms = all.histograms.iter().map(|(time, _)| time);
            all.times.iter().chain(histograms).filter(|time| self.range.contains(**time)).count()
        };
        Some(self.series.iter().map(|(_, all)| inside(all) as u64).sum())
    }

    fn read(&self, i: usize, out: &mut SeriesBuf) -> Result<(), SelectError> {
        let (_, all) = self.series.get(i).ok_or_else(|| SelectError::Storage(format!("no series {i}").into()))?;
        out.clear();
        for (t, v, start) in all.floats().filter(|sample| self.range.contains(sample.0)) {
            out.push_float_from(t, v, start);
        }
        for (t, histogram, start) in all.histograms_from().filter(|sample| self.range.contains(sample.0)) {
            out.push_histogram(t, histogram.clone(), start);
        }
        Ok(())
    }
}
