//! `/federate`: the newest sample of each selected series, for a Prometheus that scrapes us.
//!
//! Series come by metric name and then label set, each with its time. A series whose newest sample in the lookback
//! window is a staleness marker has ended and is left out. External labels are added where absent, and an empty
//! `instance`, so that the scraper adds none of its own. Every family is untyped, but for histograms with custom
//! buckets, which are written as classic ones. Exponential histograms can't be written as text: comments name the families of
//! which some are left out. Selectors are those of Prometheus' federation: `{}` selects nothing.

use std::{
    collections::{BTreeMap, btree_map},
    io::Write,
    sync::Arc,
};

use hyper::{HeaderMap, StatusCode, header::ACCEPT};

use super::selectors::{any_selectors, invalid};
use crate::{
    model::{BUCKET_LABEL, BucketCounts, Histogram, Labels, METRIC_NAME, Matcher, SeriesBuf, TimeRange, is_stale},
    seams::{
        interrupt::{Interrupt, Ticks},
        memory_budget::{ITEM_BYTES, MemoryBudget},
        select::{Select, SelectHints},
    },
    server::{
        Response, ServerState,
        error::ApiError,
        negotiation::{Preference, preferences},
        params::Params,
        respond,
        response_body::{BodySource, ResponseBody},
        text_format::{is_classic, is_classic_char, put_quoted, put_value},
    },
};

/// The text format as every scraper reads it.
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
/// The text format with names of any characters, in quotes.
const UTF8: &str = "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8";

/// How names outside the classic alphabet are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// With underscores in place of other characters.
    Underscores,
    /// As they are, quoted.
    Quoted,
}

impl Names {
    /// The escaping that the client can read.
    pub(crate) fn accepted(headers: &HeaderMap) -> Self {
        let quoted = |preference: Preference<'_>| preference.parameter("escaping") == Some("allow-utf-8");
        if preferences(headers, ACCEPT).any(quoted) { Self::Quoted } else { Self::Underscores }
    }
}

/// A series' newest sample.
enum Newest {
    Float(f64),
    Histogram(Arc<Histogram>),
    /// One that can't be written.
    LeftOut,
}

/// What rows are ordered by.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RowKey {
    name: String,
    /// Without the name.
    labels: Labels,
}

/// A series' newest sample and its time, in ms.
struct Row {
    time: i64,
    sample: Newest,
}

type Rows = BTreeMap<RowKey, Row>;

/// The newest samples of all series that `match[]` selects.
pub(crate) async fn federate(params: Params, names: Names, state: &ServerState) -> Result<Response, ApiError> {
    let room = state.engine.room();
    let stores = state.stores()?.clone();
    let options = state.engine.options();
    let now = state.clock.now();
    let range = TimeRange::new(now.saturating_sub(options.lookback).saturating_add(1), now);
    let external = state.options.external_labels.clone();
    let taken = Arc::clone(&room);
    let gather = move |interrupt: &Arc<dyn Interrupt>| {
        let mut selectors = any_selectors(&params, &*taken, invalid, &**interrupt)?;
        selectors.retain(|matchers| !matchers.is_empty());
        gather(&*stores.select, &selectors, range, &*taken, &external, interrupt)
    };
    let rows = state.default_deadline().run(&state.lookups, gather).await?;
    let text = Text { rows: rows.into_iter(), names, family: String::new(), left_out: String::new(), _room: room };
    let content_type = if names == Names::Quoted { UTF8 } else { CLASSIC };
    Ok(respond::typed(content_type, ResponseBody::Streamed(Box::new(text))))
}

fn gather(
    select: &dyn Select,
    selectors: &[Vec<Matcher>],
    range: TimeRange,
    room: &dyn MemoryBudget,
    external: &Labels,
    interrupt: &Arc<dyn Interrupt>,
) -> Result<Rows, ApiError> {
    let mut rows = Rows::new();
    let mut samples = SeriesBuf::default();
    let ticks = Ticks::of(&**interrupt);
    for matchers in selectors {
        let hints = SelectHints { interrupt: Some(Arc::clone(interrupt)), ..SelectHints::default() };
        let set = select.select(matchers, range, &hints)?;
        for i in 0..set.len() {
            ticks.tick()?;
            set.read(i, &mut samples)?;
            let Some(row) = newest(&samples) else { continue };
            let labels = set.labels(i)?;
            let Some(name) = labels.metric_name() else { continue };
            let labels = federated_labels(&labels, external);
            if !room.take(name.len() + labels.as_bytes().len() + ITEM_BYTES + size_of::<Newest>()) {
                let why = "the series selected take more memory than there is for queries; narrow match[]";
                return Err(ApiError::Plain(StatusCode::UNPROCESSABLE_ENTITY, why.to_owned()));
            }
            rows.insert(RowKey { name: name.to_owned(), labels }, row);
        }
    }
    Ok(rows)
}

/// The newest sample, unless the series has ended.
fn newest(samples: &SeriesBuf) -> Option<Row> {
    let float = samples.times.last().copied().zip(samples.values.last().copied());
    let row = |time, value| (!is_stale(value)).then_some(Row { time, sample: Newest::Float(value) });
    match (float, samples.histograms.last()) {
        (Some((time, value)), None) => row(time, value),
        (Some((time, value)), Some((other, _))) if time > *other => row(time, value),
        (_, Some((time, histogram))) => {
            let shown = || Newest::Histogram(histogram.clone());
            let sample = || if histogram.has_custom_buckets() { shown() } else { Newest::LeftOut };
            (!histogram.is_stale()).then(|| Row { time: *time, sample: sample() })
        }
        (None, None) => None,
    }
}

/// The labels without the name, and with the external labels that they lack.
fn federated_labels(labels: &Labels, external: &Labels) -> Labels {
    let mut builder = labels.without_metric_name().builder();
    for (name, value) in external.iter().filter(|(name, _)| labels.get(name).is_none()) {
        builder.set(name, value);
    }
    builder.build()
}

/// Writes the rows as they are taken.
struct Text {
    rows: btree_map::IntoIter<RowKey, Row>,
    names: Names,
    /// The family whose type was written last.
    family: String,
    /// The family of the last comment on series that are left out.
    left_out: String,
    /// The memory counted for the rows, until they are written.
    _room: Arc<dyn MemoryBudget>,
}

impl BodySource for Text {
    fn fill(&mut self, out: &mut Vec<u8>) -> bool {
        let Some((RowKey { name, labels }, Row { time, sample })) = self.rows.next() else { return false };
        let kind = match sample {
            Newest::Float(_) => "untyped",
            Newest::Histogram(_) => "histogram",
            Newest::LeftOut => {
                if name != self.left_out {
                    out.extend_from_slice(b"# left out: ");
                    self.put_name(out, &name);
                    out.extend_from_slice(b", native histograms, which text can't carry; remote read has them\n");
                    self.left_out = name;
                }
                return true;
            }
        };
        if name != self.family {
            out.extend_from_slice(b"# TYPE ");
            self.put_name(out, &name);
            let _ = writeln!(out, " {kind}");
            self.family.clone_from(&name);
        }
        match sample {
            Newest::Float(value) => self.put(out, &name, &labels, None, value, time),
            Newest::Histogram(histogram) => self.put_classic(out, &name, &labels, &histogram, time),
            Newest::LeftOut => {}
        }
        true
    }
}

impl Text {
    fn put(&self, out: &mut Vec<u8>, name: &str, labels: &Labels, bound: Option<&str>, value: f64, time: i64) {
        let quoted = self.names == Names::Quoted && !is_classic(name, true);
        if !quoted {
            self.put_name(out, name);
        }
        out.push(b'{');
        if quoted {
            self.put_name(out, name);
            out.push(b',');
        }
        let mut separator: &[u8] = b"";
        let instance = labels.get("instance").is_none().then_some(("instance", ""));
        for (name, value) in labels.iter().chain(instance).chain(bound.map(|bound| (BUCKET_LABEL, bound))) {
            out.extend_from_slice(separator);
            self.put_label_name(out, name);
            out.push(b'=');
            put_quoted(out, value);
            separator = b",";
        }
        out.extend_from_slice(b"} ");
        put_value(out, value);
        let _ = writeln!(out, " {time}");
    }

    /// A histogram with custom buckets as the series of a classic one.
    fn put_classic(&self, out: &mut Vec<u8>, name: &str, labels: &Labels, histogram: &Histogram, time: i64) {
        let total = match &histogram.counts {
            BucketCounts::Integer { count, .. } => *count as f64,
            BucketCounts::Float { count, .. } => *count,
        };
        let bucket = format!("{name}_bucket");
        let listed = histogram.buckets();
        for bound in &histogram.custom_values {
            let below: f64 = listed.iter().filter(|b| b.upper <= *bound).map(|b| b.count).sum();
            let mut text = Vec::new();
            put_value(&mut text, *bound);
            self.put(out, &bucket, labels, Some(&String::from_utf8_lossy(&text)), below, time);
        }
        self.put(out, &bucket, labels, Some("+Inf"), total, time);
        self.put(out, &format!("{name}_sum"), labels, None, histogram.sum, time);
        self.put(out, &format!("{name}_count"), labels, None, total, time);
    }

    fn put_name(&self, out: &mut Vec<u8>, name: &str) {
        self.put_any(out, name, true);
    }

    fn put_label_name(&self, out: &mut Vec<u8>, name: &str) {
        debug_assert_ne!(name, METRIC_NAME, "the name stands in front");
        self.put_any(out, name, false);
    }

    fn put_any(&self, out: &mut Vec<u8>, name: &str, colons: bool) {
        if is_classic(name, colons) {
            out.extend_from_slice(name.as_bytes());
        } else if self.names == Names::Quoted {
            put_quoted(out, name);
        } else {
            let plain = |(i, c): (usize, char)| if is_classic_char(c, colons, i == 0) { c } else { '_' };
            out.extend(name.chars().enumerate().map(plain).collect::<String>().bytes());
        }
    }
}
