//! Native histograms in scripts: `{{schema:1 count:9 sum:18.4 z_bucket:1 z_bucket_w:0.001 buckets:[1 2] offset:1}}`.
//!
//! Buckets are kept by index, so that two histograms are the same whatever spans they were written with.

use std::{collections::BTreeMap, fmt};

use super::series::number;
use crate::model::{BucketCounts, BucketSpan, CUSTOM_BUCKETS_SCHEMA, Histogram, ResetHint};

/// A histogram of floats.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ScriptHistogram {
    pub(super) hint: ResetHint,
    pub(super) schema: i32,
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) zero: f64,
    pub(super) zero_threshold: f64,
    pub(super) custom_values: Vec<f64>,
    pub(super) positive: BTreeMap<i32, f64>,
    pub(super) negative: BTreeMap<i32, f64>,
}

/// Reads a histogram from the start of `text`: its value, whether its reset hint was given, and what follows it.
pub(super) fn parse(text: &str) -> Result<(ScriptHistogram, bool, &str), String> {
    let wrong = |what: &str| format!("{what} in the histogram {text:?}");
    let inner = text.strip_prefix("{{").ok_or_else(|| wrong("expected {{"))?;
    let (mut rest, after) = inner.split_once("}}").ok_or_else(|| wrong("missing }}"))?;
    let mut histogram = ScriptHistogram::default();
    let (mut offset, mut negative_offset) = (0, 0);
    let (mut buckets, mut negative_buckets) = (vec![], vec![]);
    let mut seen = vec![];
    rest = rest.trim();
    while !rest.is_empty() {
        let (key, value) = rest.split_once(':').ok_or_else(|| wrong("missing `:` for histogram descriptor"))?;
        if seen.contains(&key) {
            return Err(wrong(&format!("duplicate key {key:?}")));
        }
        seen.push(key);
        let list = value.starts_with('[');
        let end = if list { value.find(']').map(|i| i + 1) } else { value.find(char::is_whitespace) };
        let (value, tail) = value.split_at(end.unwrap_or(value.len()));
        let bad = || wrong(&format!("bad value {value:?} for {key:?}"));
        let float = || number(value).filter(|n| n.1.is_empty()).map(|n| n.0).ok_or_else(bad);
        let int = || value.parse::<i32>().map_err(|_| bad());
        let floats = || floats(value).ok_or_else(bad);
        match key {
            "schema" => histogram.schema = int()?,
            "sum" => histogram.sum = float()?,
            "count" => histogram.count = float()?,
            "z_bucket" => histogram.zero = float()?,
            "z_bucket_w" => histogram.zero_threshold = float()?,
            "custom_values" => histogram.custom_values = floats()?,
            "buckets" => buckets = floats()?,
            "n_buckets" => negative_buckets = floats()?,
            "offset" => offset = int()?,
            "n_offset" => negative_offset = int()?,
            "counter_reset_hint" => {
                histogram.hint = match value {
                    "unknown" => ResetHint::Unknown,
                    "reset" => ResetHint::Reset,
                    "not_reset" => ResetHint::NotReset,
                    "gauge" => ResetHint::Gauge,
                    _ => return Err(bad()),
                }
            }
            _ => return Err(wrong(&format!("bad histogram descriptor {key:?}"))),
        }
        rest = tail.trim_start();
    }
    let indexed = |first: i32, counts: Vec<f64>| {
        counts.into_iter().zip(0..).map(|(c, i)| Some((first.checked_add(i)?, c))).collect::<Option<BTreeMap<_, _>>>()
    };
    let beyond = || wrong("offset beyond any bucket index");
    histogram.positive = indexed(offset, buckets).ok_or_else(beyond)?;
    histogram.negative = indexed(negative_offset, negative_buckets).ok_or_else(beyond)?;
    Ok((histogram, seen.contains(&"counter_reset_hint"), after))
}

fn floats(text: &str) -> Option<Vec<f64>> {
    text.strip_prefix('[')?
        .strip_suffix(']')?
        .split_whitespace()
        .map(|n| number(n).filter(|n| n.1.is_empty()).map(|n| n.0))
        .collect()
}

impl ScriptHistogram {
    /// The histogram that storage or an answer holds.
    pub(super) fn from_model(histogram: &Histogram) -> Self {
        let (count, zero, positive, negative) = match &histogram.counts {
            BucketCounts::Float { count, zero, positive, negative } => {
                (*count, *zero, positive.clone(), negative.clone())
            }
            BucketCounts::Integer { count, zero, positive, negative } => {
                (*count as f64, *zero as f64, absolute(positive), absolute(negative))
            }
        };
        Self {
            hint: histogram.reset_hint,
            schema: histogram.schema,
            count,
            sum: histogram.sum,
            zero,
            zero_threshold: histogram.zero_threshold,
            custom_values: histogram.custom_values.clone(),
            positive: by_index(&histogram.positive_spans, &positive),
            negative: by_index(&histogram.negative_spans, &negative),
        }
    }

    /// The histogram as storage holds it.
    pub(super) fn to_model(&self) -> Histogram {
        Histogram {
            reset_hint: self.hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            sum: self.sum,
            positive_spans: spans(&self.positive),
            negative_spans: spans(&self.negative),
            custom_values: self.custom_values.clone(),
            counts: BucketCounts::Float {
                count: self.count,
                zero: self.zero,
                positive: self.positive.values().copied().collect(),
                negative: self.negative.values().copied().collect(),
            },
        }
    }

    /// Adds `sign` times `other`, whose buckets must be as fine as those of `self`, or finer, or none.
    pub(super) fn add(&mut self, other: &Self, sign: f64) -> Result<(), String> {
        let empty = other.positive.is_empty() && other.negative.is_empty() && other.zero == 0.0;
        let exponential = !self.has_custom_buckets() && !other.has_custom_buckets();
        let coarser = other.schema.checked_sub(self.schema).filter(|by| exponential && (0..=16).contains(by));
        let alike = coarser.is_some() || (self.schema == other.schema && self.custom_values == other.custom_values);
        if !empty && (!alike || self.zero_threshold != other.zero_threshold) {
            return Err(format!("{self} and {other} differ in layout, so a series can't step from one by the other"));
        }
        self.hint = match (self.hint, other.hint) {
            (a, b) if a == b => a,
            (ResetHint::Gauge, _) | (_, ResetHint::Gauge) => ResetHint::Gauge,
            _ => ResetHint::Unknown,
        };
        self.count += sign * other.count;
        self.sum += sign * other.sum;
        self.zero += sign * other.zero;
        for (mine, theirs) in [(&mut self.positive, &other.positive), (&mut self.negative, &other.negative)] {
            for (index, count) in theirs {
                // Each step of the schema joins two buckets, those with an odd and the next even index.
                let index = coarser.map_or(*index, |by| (index.wrapping_sub(1) >> by).wrapping_add(1));
                *mine.entry(index).or_default() += sign * count;
            }
        }
        Ok(())
    }

    pub(super) fn has_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }
}

fn absolute(deltas: &[i64]) -> Vec<f64> {
    let running = deltas.iter().scan(0i64, |sum, delta| {
        *sum = sum.wrapping_add(*delta);
        Some(*sum as f64)
    });
    running.collect()
}

fn by_index(spans: &[BucketSpan], counts: &[f64]) -> BTreeMap<i32, f64> {
    let mut counts = counts.iter();
    let mut buckets = BTreeMap::new();
    let mut index = 0i32;
    for span in spans {
        index = index.wrapping_add(span.offset);
        for count in counts.by_ref().take(span.length as usize) {
            buckets.insert(index, *count);
            index = index.wrapping_add(1);
        }
    }
    buckets
}

fn spans(buckets: &BTreeMap<i32, f64>) -> Vec<BucketSpan> {
    let mut spans: Vec<BucketSpan> = vec![];
    let mut next = 0i32;
    for index in buckets.keys() {
        match spans.last_mut() {
            Some(span) if *index == next => span.length += 1,
            _ => spans.push(BucketSpan { offset: index.wrapping_sub(next), length: 1 }),
        }
        next = index.wrapping_add(1);
    }
    spans
}

/// The notation of scripts; empty buckets inside are written out, so that offsets hold.
impl fmt::Display for ScriptHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{schema:{} count:{} sum:{}", self.schema, self.count, self.sum)?;
        if self.hint != ResetHint::Unknown {
            write!(f, " hint:{:?}", self.hint)?;
        }
        if self.zero != 0.0 || self.zero_threshold != 0.0 {
            write!(f, " z_bucket:{} z_bucket_w:{}", self.zero, self.zero_threshold)?;
        }
        if self.has_custom_buckets() {
            write!(f, " custom_values:{:?}", self.custom_values)?;
        }
        for (side, buckets) in [("buckets", &self.positive), ("n_buckets", &self.negative)] {
            if !buckets.is_empty() {
                write!(f, " {side}:{buckets:?}")?;
            }
        }
        f.write_str("}}")
    }
}
