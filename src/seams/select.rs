//! Reading: from matchers and a time range to decoded columns, one series at a time.
//!
//! [`Select::select`] finds the series; [`SeriesSet`] then gives their labels and samples by position, so that several
//! threads can each take a share, and nothing is decoded or kept that wasn't asked for.

use std::sync::Arc;

use super::{
    interrupt::{Interrupt, Interrupted, Never},
    room::{Endless, Room},
};
use crate::model::{Exemplar, Labels, Matcher, Metadata, SeriesBuf, TimeRange};

/// Why a read failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SelectError {
    /// The request asks for more than its limits allow; the message says what to narrow.
    #[error("{0}")]
    Limit(String),
    /// Stored data can't be read.
    #[error("reading stored data failed: {0}")]
    Storage(String),
    /// Nobody waits for the answer, or not any longer.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

/// A list that may have been cut at the limit that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limited<T> {
    /// At most as many items as asked for.
    pub items: Vec<T>,
    /// Whether there were more.
    pub truncated: bool,
}

/// Which series, or which of their labels, to list.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// Series that pass any of these count; each is a list of matchers that all have to pass.
    pub selectors: Vec<Vec<Matcher>>,
    /// They may have samples in this range.
    pub range: TimeRange,
    /// At most so many items; 0 means all.
    pub limit: usize,
    /// What the list takes its memory from.
    pub room: Arc<dyn Room>,
    /// Who may end it before it is complete.
    pub interrupt: Arc<dyn Interrupt>,
}

impl Lookup {
    /// All series that pass any of `selectors`, at all times, however many they are.
    #[must_use]
    pub fn all(selectors: Vec<Vec<Matcher>>) -> Self {
        Self { selectors, range: TimeRange::ALL, limit: 0, room: Arc::new(Endless), interrupt: Arc::new(Never) }
    }
}

/// What the reader is going to do. But for `sorted` it is advice that may save work and never changes the answer.
#[derive(Debug, Clone, Default)]
pub struct SelectHints {
    /// Step of the query in ms; 0 for an instant query.
    pub step: i64,
    /// The function or aggregation directly around the selector.
    pub function: String,
    /// The answer must come in [`Labels`] order; the labels are held for that, in this room.
    pub sorted: Option<Arc<dyn Room>>,
    /// Who may end the search for series.
    pub interrupt: Option<Arc<dyn Interrupt>>,
}

impl SelectHints {
    /// Who may end the search for series.
    #[must_use]
    pub fn interrupt(&self) -> &dyn Interrupt {
        self.interrupt.as_deref().unwrap_or(&Never)
    }
}

/// Equal when they ask for the same; who gives room or interrupts is no part of that.
impl PartialEq for SelectHints {
    fn eq(&self, other: &Self) -> bool {
        let asked = |hints: &Self| (hints.step, hints.function.clone(), hints.sorted.is_some());
        asked(self) == asked(other)
    }
}

/// The stored data, for reading.
pub trait Select: Send + Sync {
    /// The series that pass all `matchers` and may have samples in `range`.
    ///
    /// The set is a consistent view: data flushed or compacted later doesn't disturb it. It may hold series that turn
    /// out to have no sample in `range`.
    ///
    /// # Errors
    /// When the index can't be read, or the labels to sort by don't fit their room.
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: &SelectHints,
    ) -> Result<Arc<dyn SeriesSet>, SelectError>;

    /// Label sets of the series asked for, sorted. With a limit they may be any of them.
    ///
    /// # Errors
    /// When the index can't be read, or the answer doesn't fit its room.
    fn series(&self, ask: &Lookup) -> Result<Limited<Labels>, SelectError>;

    /// Sorted label names of those series; without selectors, of all series. With a limit, the first of them.
    ///
    /// # Errors
    /// When the index can't be read, or the answer doesn't fit its room.
    fn label_names(&self, ask: &Lookup) -> Result<Limited<String>, SelectError>;

    /// Sorted values of label `name` in those series; without selectors, in all series. With a limit, the first of them.
    ///
    /// # Errors
    /// When the index can't be read, or the answer doesn't fit its room.
    fn label_values(&self, name: &str, ask: &Lookup) -> Result<Limited<String>, SelectError>;

    /// Exemplars in `range` of the series that pass any of `selectors`: series labels in order, times ascending.
    ///
    /// # Errors
    /// When stored data can't be read.
    fn exemplars(
        &self,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
        interrupt: &dyn Interrupt,
    ) -> Result<Vec<(Labels, Vec<Exemplar>)>, SelectError>;

    /// Metadata of one metric family, or of all (`None`), by family name; a family may have several.
    fn metadata(&self, family: Option<&str>) -> Vec<Metadata>;

    /// Whether [`Select::select`] finds the series with these matchers in next to no time, however many series there are.
    /// Without matchers: whether looking through all names and values takes no longer.
    fn finds_at_once(&self, _matchers: &[Matcher]) -> bool {
        false
    }

    /// Whether it is known without a look at stored samples which series have some in `range`, as lists want to know it.
    fn knows_at_once(&self, _range: TimeRange) -> bool {
        true
    }

    /// Whether [`Select::series`] answers `ask` in next to no time: there are few series, and what it reads is in memory.
    ///
    /// # Errors
    /// When the index can't be read.
    fn lists_at_once(&self, _ask: &Lookup) -> Result<bool, SelectError> {
        Ok(false)
    }

    /// How the index finds series with these matchers, in the order it takes them, and how many series there are at all
    /// times. It looks every matcher up by itself: for people, not for planning.
    ///
    /// # Errors
    /// When the index can't be read.
    fn explain(
        &self,
        matchers: &[Matcher],
        _interrupt: &dyn Interrupt,
    ) -> Result<(Vec<MatcherStep>, u64), SelectError> {
        let all =
            |matchers: Vec<Matcher>| self.series(&Lookup::all(vec![matchers])).map(|found| found.items.len() as u64);
        let step = |matcher: &Matcher| {
            let series = all(vec![matcher.clone()])?;
            Ok(MatcherStep { matcher: matcher.to_string(), path: "all series one by one".to_owned(), series })
        };
        Ok((matchers.iter().map(step).collect::<Result<_, SelectError>>()?, all(vec![])?))
    }
}

/// What the index does with a matcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatcherStep {
    /// The matcher.
    pub matcher: String,
    /// How the series are found.
    pub path: String,
    /// Series that pass it, of those at all times.
    pub series: u64,
}

/// The series that a selection found. Positions run from 0 to `len() - 1` and keep their meaning.
pub trait SeriesSet: Send + Sync {
    /// How many series there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Labels of series `i`.
    ///
    /// # Errors
    /// When the index can't be read or `i` is out of range.
    fn labels(&self, i: usize) -> Result<Labels, SelectError>;

    /// Replaces what `out` holds by the samples of series `i` in the selection's range.
    ///
    /// # Errors
    /// When the data can't be read or `i` is out of range.
    fn read(&self, i: usize, out: &mut SeriesBuf) -> Result<(), SelectError>;

    /// About how many samples the series have in the selection's range together, known without reading them; `None`
    /// when it isn't.
    fn samples(&self) -> Option<u64> {
        None
    }

    /// What a reader has to know about the samples read so far, such as that some are lost to damage.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

pub mod fake {
    //! A [`Select`] over vectors in memory, for tests of the layers above.

    use std::collections::{BTreeMap, BTreeSet};

    use super::{
        Arc, Exemplar, Interrupt, Labels, Limited, Lookup, Matcher, Metadata, Select, SelectError, SelectHints,
        SeriesBuf, SeriesSet, TimeRange,
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

        fn exemplars(
            &self,
            selectors: &[Vec<Matcher>],
            range: TimeRange,
            _: &dyn Interrupt,
        ) -> Result<Vec<(Labels, Vec<Exemplar>)>, SelectError> {
            let inside = |all: &[Exemplar]| all.iter().filter(|e| range.contains(e.time)).cloned().collect::<Vec<_>>();
            Ok(self
                .exemplars
                .iter()
                .filter(|(labels, _)| selectors.iter().any(|s| passes(labels, s)))
                .map(|(labels, all)| (labels.clone(), inside(all)))
                .filter(|(_, found)| !found.is_empty())
                .collect())
        }

        fn finds_at_once(&self, matchers: &[Matcher]) -> bool {
            matchers.iter().all(|matcher| matcher.literals().is_some())
        }

        fn metadata(&self, family: Option<&str>) -> Vec<Metadata> {
            self.metadata.iter().filter(|m| family.is_none_or(|f| f == m.family)).cloned().collect()
        }
    }

    impl SeriesSet for MemorySet {
        fn len(&self) -> usize {
            self.series.len()
        }

        fn labels(&self, i: usize) -> Result<Labels, SelectError> {
            self.series.get(i).map(|s| s.0.clone()).ok_or_else(|| SelectError::Storage(format!("no series {i}")))
        }

        fn samples(&self) -> Option<u64> {
            let inside = |all: &SeriesBuf| {
                let histograms = all.histograms.iter().map(|(time, _)| time);
                all.times.iter().chain(histograms).filter(|time| self.range.contains(**time)).count()
            };
            Some(self.series.iter().map(|(_, all)| inside(all) as u64).sum())
        }

        fn read(&self, i: usize, out: &mut SeriesBuf) -> Result<(), SelectError> {
            let (_, all) = self.series.get(i).ok_or_else(|| SelectError::Storage(format!("no series {i}")))?;
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
}
