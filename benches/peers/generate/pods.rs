//! Containers that come and go: each of their series lives for five samples.

use super::values::{Course, Random};
use crate::encode;

/// Samples of a series.
pub(crate) const LIFE: usize = 5;
/// Machines that run the pods.
pub(crate) const NODES: usize = 40;
/// Series of a pod.
const METRICS: usize = 50;
/// Pods a node starts in each round.
const STARTS: usize = 2;

/// Series that are ever made.
pub(crate) fn series(rounds: usize) -> u64 {
    (NODES * (rounds - LIFE + 1) * STARTS * METRICS) as u64 + extra(rounds)
}

/// The rest to a million goes to the first round.
fn extra(rounds: usize) -> u64 {
    1_000_000 - (NODES * (rounds - LIFE + 1) * STARTS * METRICS) as u64
}

/// Names of all metrics.
pub(crate) fn metrics() -> Vec<String> {
    (0..METRICS).map(|i| format!("container_metric_{i}")).collect()
}

struct Series {
    labels: Vec<u8>,
    course: Course,
}

/// The pods of a node.
pub(crate) struct Pods {
    node: usize,
    random: Random,
    /// Those alive, and the round they started in.
    alive: Vec<(usize, Vec<Series>)>,
    started: usize,
    start: i64,
    interval: i64,
    rounds: usize,
}

impl Pods {
    pub(crate) fn new(node: usize, seed: u64, start: i64, interval: i64, rounds: usize) -> Self {
        let mut random = Random::new(seed.wrapping_mul(7_919).wrapping_add(node as u64));
        let start = start - random.below(interval as u64) as i64;
        Self { node, random, alive: Vec::new(), started: 0, start, interval, rounds }
    }

    pub(crate) fn scrape(&mut self, round: usize, each: &mut dyn FnMut(&[u8], i64, f64)) {
        self.alive.retain(|(since, _)| round - since < LIFE);
        if round + LIFE <= self.rounds {
            let first = if round == 0 { extra(self.rounds) as usize / METRICS / NODES } else { 0 };
            for _ in 0..STARTS + first {
                let pod = self.pod();
                self.alive.push((round, pod));
            }
        }
        let time = self.start + round as i64 * self.interval;
        for series in self.alive.iter_mut().flat_map(|(_, pod)| pod) {
            each(&series.labels, time, series.course.next(&mut self.random, time, &[]));
        }
    }

    fn pod(&mut self) -> Vec<Series> {
        self.started += 1;
        let name = ["cart", "frontend", "orders", "search", "worker"][self.started % 5];
        let pod = format!("{name}-{:08x}-{:05x}", self.random.below(1 << 32), self.node * 0x1000 + self.started);
        let id =
            format!("/kubepods/burstable/pod{:016x}{:016x}", self.random.below(1 << 62), self.random.below(1 << 62));
        let node = format!("node-{:03}", self.node);
        let image = format!("registry.example.com/shop/{name}:1.{}", self.started / 100);
        let course = |i: usize, random: &mut Random| match i % 5 {
            0 => Course::counter(random, 4_000, 0),
            1 => Course::seconds(random, 900, 10),
            2 => Course::gauge(random, 1e6, 4e8, 0),
            3 => Course::gauge(random, 0.0, 100.0, 2),
            _ => Course::Constant(random.below(1 << 20) as f64),
        };
        (0..METRICS)
            .map(|i| {
                let metric = format!("container_metric_{i}");
                let labels = encode::labels([
                    ("__name__", metric.as_str()),
                    ("cluster", "eu-west-1"),
                    ("container", name),
                    ("id", &id),
                    ("image", &image),
                    ("job", "kubelet"),
                    ("namespace", "shop"),
                    ("node", &node),
                    ("pod", &pod),
                ]);
                Series { labels, course: course(i, &mut self.random) }
            })
            .collect()
    }
}
