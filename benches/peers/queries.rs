//! A question: how it is asked of a fleet, and as a dashboard that is refreshed asks it.

use crate::{
    generate::{Fleet, Size},
    http::escape,
};

/// How a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// An expression at the end of the data.
    Instant,
    /// An expression over most of the data, about 120 steps.
    Range,
    /// `labels`, `series` or `label/NAME/values` with one `match[]`.
    Endpoint(&'static str),
    /// `labels` or `label/NAME/values` without a matcher.
    List(&'static str, Time),
}

/// The time that a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// Nothing is said.
    All,
    /// The last quarter of an hour.
    Latest,
}

/// What people do when they ask it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Dashboard,
    Lists,
    Everything,
    Windows,
}

impl Group {
    pub(crate) const ALL: [Self; 4] = [Self::Dashboard, Self::Lists, Self::Everything, Self::Windows];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dashboard => "dashboards",
            Self::Lists => "lists without matcher",
            Self::Everything => "the whole fleet now",
            Self::Windows => "instants with long windows",
        }
    }
}

/// A question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query {
    /// `HOST` stands for the name of a host.
    pub(crate) text: &'static str,
    pub(crate) ask: Ask,
    pub(crate) group: Group,
    /// Whether VictoriaMetrics means the same by it. It doesn't extrapolate in `rate` and `increase` and looks at the
    /// sample before the window, keeps metric names in places, and takes ranges of series that have just begun differently.
    pub(crate) same_in_victoria_metrics: bool,
    /// Whether the same data a minute later gives the same answer a minute later.
    pub(crate) same_at_any_minute: bool,
}

/// Between two evaluations of an alert or a recording rule (s).
const EVALUATED_EVERY: i64 = 60;
/// The end of the data that a list is asked for, where it says a time (s).
const LATEST: i64 = 900;

impl Query {
    /// Its path and parameters for a fleet.
    pub(crate) fn path(&self, fleet: &Fleet) -> String {
        let text = self.escaped();
        let (start, end) = window(fleet);
        match self.ask {
            Ask::Instant => self.instant(fleet, 0),
            Ask::Range => self.range(fleet, 0),
            Ask::Endpoint(name) => format!("/api/v1/{name}?match[]={text}&start={start}&end={end}"),
            Ask::List(name, Time::All) => format!("/api/v1/{name}?"),
            Ask::List(name, Time::Latest) => format!("/api/v1/{name}?start={}&end={end}", end - LATEST),
        }
    }

    /// The path of a range query whose window ends so many steps early, or of an instant with a long window as it was
    /// evaluated so many times before.
    pub(crate) fn refreshed(&self, fleet: &Fleet, early: i64) -> Option<String> {
        match (self.ask, self.group) {
            (Ask::Range, _) => Some(self.range(fleet, early)),
            (Ask::Instant, Group::Windows) => Some(self.instant(fleet, early)),
            _ => None,
        }
    }

    fn instant(&self, fleet: &Fleet, early: i64) -> String {
        format!("/api/v1/query?query={}&time={}", self.escaped(), window(fleet).1 - early * EVALUATED_EVERY)
    }

    fn range(&self, fleet: &Fleet, early: i64) -> String {
        let (start, end) = window(fleet);
        let steps = if fleet.size == Size::Operators { 239 } else { 120 };
        let step = ((end - start) / steps).max(15);
        let steps = (end - start) / step;
        let end = end - early * step;
        format!("/api/v1/query_range?query={}&start={}&end={end}&step={step}", self.escaped(), end - steps * step)
    }

    fn escaped(&self) -> String {
        escape(&self.text.replace("HOST", "host-0007.example.com:9100"))
    }

    pub(crate) fn label(&self) -> String {
        match self.ask {
            Ask::Instant => format!("{} (instant)", self.text),
            Ask::Range => format!("{} (range)", self.text),
            Ask::Endpoint(name) => format!("{name} of {}", self.text),
            Ask::List(name, Time::All) => format!("{name} (all)"),
            Ask::List(name, Time::Latest) => format!("{name} (last 15 minutes)"),
        }
    }
}

/// What is asked about, in seconds: all of a fleet's time but the first quarter of an hour, or of that time where there is no
/// more.
fn window(fleet: &Fleet) -> (i64, i64) {
    let (start, end) = (fleet.start() / 1_000, fleet.end / 1_000);
    let skipped = if end - start > 900 { 900 } else { (end - start) / 4 };
    ((start + skipped).div_euclid(60) * 60, end)
}
