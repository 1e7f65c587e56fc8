//! A fleet of monitored hosts, as seeded numbers.
//!
//! A [`Fleet`] is some hosts scraped at a fixed interval; each shard of the sender gets its [`Source`]s, and a source
//! gives the samples of one scrape after the other. [`host`] says what a host exposes, [`pods`] what short-lived
//! containers do, [`service`] what many
//! instances of one program count, [`values`] how numbers move.

mod host;
mod pods;
mod service;
mod values;

use host::Host;
use pods::Pods;
use service::Instance;

use crate::{Fallible, flags::Flags};

/// How much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// 10,000 series, every 15 s, for an hour.
    Small,
    /// 100,000 series, every 60 s, for two hours.
    Medium,
    /// 30,000 series, every 15 s, for three hours.
    Dense,
    /// 100,000 series, every 15 s, for an hour.
    Hosts,
    /// 1,000 series, every 15 s, for an hour.
    Tiny,
    /// 1,000,000 series, every 60 s, for ten minutes.
    Wide,
    /// 10,000,000 series, every 60 s, for ten minutes; peers have as many only where they fit.
    Fleet,
    /// 1,000,000 series that live for 5 samples each, every 15 s, for an hour.
    Churn,
    /// 10,000 counters and 10,000 histogram buckets of a service, every 15 s, for 75 minutes.
    Operators,
}

impl Size {
    pub(crate) fn parse(name: &str) -> Fallible<Self> {
        match name {
            "small" => Ok(Self::Small),
            "medium" => Ok(Self::Medium),
            "churn" => Ok(Self::Churn),
            "dense" => Ok(Self::Dense),
            "hosts" => Ok(Self::Hosts),
            "tiny" => Ok(Self::Tiny),
            "wide" => Ok(Self::Wide),
            "fleet" => Ok(Self::Fleet),
            "operators" => Ok(Self::Operators),
            _ => {
                let known = "tiny, small, medium, dense, hosts, wide, fleet, churn or operators";
                Err(format!("--size {name}: expected {known}").into())
            }
        }
    }
}

/// What is monitored.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) size: Size,
    seed: u64,
    /// Time of the last scrape round (ms).
    pub(crate) end: i64,
    /// Between scrapes (ms).
    pub(crate) interval: i64,
    rounds: usize,
    /// Hosts, or nodes that pods run on.
    pub(crate) hosts: usize,
}

/// Something that is scraped.
pub(crate) enum Source {
    Host(Box<Host>),
    Pods(Pods),
    Service(Box<Instance>),
}

impl Source {
    /// Hands over the encoded labels, time (ms) and value of each sample of the scrape.
    pub(crate) fn scrape(&mut self, round: usize, each: &mut dyn FnMut(&[u8], i64, f64)) {
        match self {
            Self::Host(host) => host.scrape(round, each),
            Self::Pods(pods) => pods.scrape(round, each),
            Self::Service(instance) => instance.scrape(round, each),
        }
    }
}

impl Fleet {
    /// The fleet that `flags` name, with its last scrape as of [`Self::new`].
    pub(crate) fn of(flags: &Flags, end: i64) -> Self {
        let fleet = Self::new(flags.size, flags.hours, flags.seed, end);
        let hosts = match flags.series {
            // Nothing else has a number of hosts that is free.
            Some(series) if !matches!(flags.size, Size::Churn | Size::Operators) => series / host::SERIES,
            _ => fleet.hosts,
        };
        Self { hosts, ..fleet }
    }

    /// A fleet whose last scrape is at or before `end` (ms), on a whole minute.
    pub(crate) fn new(size: Size, hours: Option<u32>, seed: u64, end: i64) -> Self {
        let (hosts, interval, rounds) = match size {
            Size::Tiny => (1_000 / host::SERIES, 15_000, 240),
            Size::Dense => (30_000 / host::SERIES, 15_000, 720),
            Size::Hosts => (100_000 / host::SERIES, 15_000, 240),
            Size::Wide => (1_000_000 / host::SERIES, 60_000, 10),
            Size::Fleet => (10_000_000 / host::SERIES, 60_000, 10),
            Size::Small => (10_000 / host::SERIES, 15_000, 240),
            Size::Medium => (100_000 / host::SERIES, 60_000, 120),
            Size::Churn => (pods::NODES, 15_000, 240),
            Size::Operators => (service::INSTANCES, 15_000, 300),
        };
        let rounds = hours.map_or(rounds, |hours| hours as usize * 3_600_000 / interval as usize);
        Self { size, seed, end: end / 60_000 * 60_000, interval, rounds, hosts }
    }

    /// Hosts with so many series together, every 60 s for 20 minutes.
    pub(crate) fn growing(series: usize, seed: u64, end: i64) -> Self {
        let hosts = series / host::SERIES;
        Self { size: Size::Wide, seed, end: end / 60_000 * 60_000, interval: 60_000, rounds: 20, hosts }
    }

    /// Time of the first scrape round (ms).
    pub(crate) fn start(&self) -> i64 {
        self.end - (self.rounds as i64 - 1) * self.interval
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds
    }

    pub(crate) fn series(&self) -> u64 {
        match self.size {
            Size::Churn => pods::series(self.rounds),
            Size::Operators => (self.hosts * service::SERIES) as u64,
            _ => (self.hosts * host::SERIES) as u64,
        }
    }

    pub(crate) fn samples(&self) -> u64 {
        match self.size {
            Size::Churn => self.series() * pods::LIFE as u64,
            _ => self.series() * self.rounds as u64,
        }
    }

    /// The sources of one shard.
    pub(crate) fn sources(&self, shard: usize, shards: usize) -> Vec<Source> {
        let mine = (0..self.hosts).filter(|host| host % shards == shard);
        mine.map(|host| match self.size {
            Size::Churn => Source::Pods(Pods::new(host, self.seed, self.start(), self.interval, self.rounds)),
            Size::Operators => Source::Service(Box::new(Instance::new(host, self.seed, self.start(), self.interval))),
            _ => Source::Host(Box::new(Host::new(host, self.seed, self.start(), self.interval))),
        })
        .collect()
    }

    /// Names of all metrics, and a metric that every host exposes once.
    pub(crate) fn metrics(&self) -> (Vec<String>, &'static str) {
        match self.size {
            Size::Churn => (pods::metrics(), "container_metric_0"),
            Size::Operators => (service::metrics(), r#"x{handler="/api/v1/handler-0"}"#),
            _ => (host::metrics(), "node_load1"),
        }
    }
}
