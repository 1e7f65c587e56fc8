//! Random expressions over random data, asked of a real Prometheus and of us: the answers are the same.
//!
//! - [`data`] makes series of every kind from a seed,
//! - [`grammar`] makes expressions, as trees ([`expression`]) that a failure can be shrunk with,
//! - [`catalogue`] lists every function, aggregation, operator and modifier in its usual variants,
//! - [`peers`] runs both servers and asks them,
//! - [`compare`] says what differs, [`known`] what is meant to differ,
//! - [`floats`] asks both for functions of floats, which are the same to the last bit,
//! - [`text`] asks both about expressions instead of data, [`samples`] how much they look at for their answers, [`neutral`]
//!   asks us alone with optimisations on and off, [`pieces`] with answers that were kept before.
//!
//! `DIFF_SEED` names the first seed (default 1), `DIFF_RUNS` how many expressions to ask (default 1000). Each seed has
//! data and servers of its own and asks [`PER_SEED`] expressions, each at one time and on a grid of steps.

mod catalogue;
pub(crate) mod compare;
mod data;
mod expression;
mod floats;
mod grammar;
mod known;
mod neutral;
mod peers;
mod pieces;
mod random;
mod samples;
mod text;

use std::{collections::BTreeMap, env};

use compare::{Difference, difference, labels_in_order, values_in_order};
use data::{BEGIN, END};
use expression::{Kind, Node, shrink};
use known::Answer;
use peers::{Peers, When};
use random::Random;

use super::process::peer;

/// Expressions asked over the data of one seed.
const PER_SEED: u64 = 500;
/// Questions spent on making a failing expression smaller.
const SHRINK_TRIES: usize = 200;
/// How often Prometheus is asked again whether it is sure of an answer.
const ASK_AGAIN: usize = 6;
/// Differences shown in full.
const SHOWN: usize = 200;

/// What came of all questions.
#[derive(Default)]
struct Tally {
    expressions: u64,
    questions: u64,
    succeeded: u64,
    with_remarks: u64,
    /// Prometheus gave several answers to the same question.
    undecided: u64,
    known: BTreeMap<&'static str, u64>,
    wrong: Vec<String>,
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")))
}

/// A time within the data, often on the grid of the samples.
fn time(random: &mut Random) -> i64 {
    let time = BEGIN + 300_000 + random.below((END - BEGIN - 240_000) as u64) as i64;
    if random.percent(60) { time / 15_000 * 15_000 } else { time }
}

fn whens(random: &mut Random) -> [When; 2] {
    let (at, start) = (time(random), time(random));
    let steps = [15_000, 30_000, 60_000, 47_000, 1_000, 300_000];
    let step = steps[random.below(steps.len() as u64) as usize];
    let end = start + step * random.below(40) as i64 + random.below(2) as i64 * 500;
    [When { start: at, end: at, step: 0 }, When { start, end, step }]
}

/// Prometheus' answer, in the words of 3.14.
fn theirs(peers: &Peers, expr: &str, when: When) -> Answer {
    let mut answer = peers.ask_prometheus(expr, when);
    known::modernise(&mut answer.1);
    answer
}

/// Our answer, without what 3.5 didn't say.
fn ours(peers: &Peers, expr: &str, when: When) -> Answer {
    let mut answer = peers.ask_vctsdb(expr, when);
    known::age(&mut answer.1);
    answer
}

/// A difference, and the answer of ours that shows it.
struct Found {
    difference: Difference,
    ours: Answer,
}

/// How our answer differs from Prometheus', which is asked again where it does; `Err` where it is not sure itself.
fn asked(peers: &Peers, expr: &str, when: When, tally: &mut Tally) -> Result<Option<Found>, ()> {
    let (theirs, ours) = (theirs(peers, expr, when), ours(peers, expr, when));
    tally.questions += 1;
    tally.succeeded += u64::from(theirs.0 == 200);
    tally.with_remarks += u64::from(!theirs.1["warnings"].is_null() || !theirs.1["infos"].is_null());
    let mut found = difference(&theirs, &ours);
    if found.is_none() && when.step == 0 {
        found = order_difference(expr, &theirs, &ours);
    }
    if found.is_some() && (0..ASK_AGAIN).any(|_| difference(&theirs, &self::theirs(peers, expr, when)).is_some()) {
        return Err(());
    }
    Ok(found.map(|difference| Found { difference, ours }))
}

/// How the order of series differs where the expression asks for one: by labels altogether, by values as far as they
/// tell series apart.
fn order_difference(expr: &str, theirs: &Answer, ours: &Answer) -> Option<Difference> {
    let differs = |a: &str, b: &str| {
        let number = |text: &str| text.trim_matches('"').parse::<f64>().unwrap_or(f64::NAN);
        let (a, b) = (number(a), number(b));
        (a - b).abs() > 1e-9 * a.abs() && a.is_finite()
    };
    let told = |a: Vec<String>, b: Vec<String>| Some(Difference::Answer(format!("order: {a:?}\n   ours: {b:?}")));
    if expr.starts_with("sort_by_label") {
        let (a, b) = (labels_in_order(&theirs.1), labels_in_order(&ours.1));
        return if a == b { None } else { told(a, b) };
    }
    if expr.starts_with("sort(") || expr.starts_with("sort_desc(") {
        let (a, b) = (values_in_order(&theirs.1), values_in_order(&ours.1));
        return if a.iter().zip(&b).any(|(a, b)| differs(a, b)) { told(a, b) } else { None };
    }
    None
}

/// Whether the difference is gone, and our answer can't be what changed: asked again and again it is the same. What
/// Prometheus 3.5 answers of native histograms now and then depends on the queries before (#16879).
fn has_changed_its_mind(peers: &Peers, expr: &str, when: When, found: &Found) -> bool {
    let same = |answer: Answer| difference(&answer, &found.ours).is_none();
    let theirs = theirs(peers, expr, when);
    let is_ordered = when.step > 0 || order_difference(expr, &theirs, &found.ours).is_none();
    is_ordered && same(theirs) && (0..ASK_AGAIN).all(|_| same(ours(peers, expr, when)))
}

fn one(peers: &Peers, node: &Node, when: When, seed: u64, tally: &mut Tally) {
    let text = node.to_string();
    let mut ask = |expr: &str, when: When| (theirs(peers, expr, when), ours(peers, expr, when));
    match asked(peers, &text, when, tally) {
        Ok(None) => {}
        Err(()) => tally.undecided += 1,
        Ok(Some(found)) => {
            if let Some(reason) = known::reason(node, when, &found.difference, &mut ask) {
                *tally.known.entry(reason).or_default() += 1;
                return;
            }
            if has_changed_its_mind(peers, &text, when, &found) {
                tally.undecided += 1;
                return;
            }
            let mut scratch = Tally::default();
            let still = |node: &Node| match asked(peers, &node.to_string(), when, &mut scratch) {
                Ok(Some(found)) => known::reason(node, when, &found.difference, &mut ask).is_none(),
                _ => false,
            };
            let tries = if tally.wrong.len() < SHOWN { SHRINK_TRIES } else { 0 };
            let small = shrink(node.clone(), tries, still).to_string();
            // By now others have been asked.
            if has_changed_its_mind(peers, &text, when, &found) {
                tally.undecided += 1;
                return;
            }
            let found = asked(peers, &small, when, &mut Tally::default());
            let found = found
                .map_or_else(|()| "undecided".to_owned(), |found| format!("{:?}", found.map(|found| found.difference)));
            tally.wrong.push(format!("{small}\n   {found}\n   seed {seed}, {when:?}, found as {text}"));
        }
    }
}

fn seed(program: &std::path::Path, seed: u64, count: u64, tally: &mut Tally) {
    let peers = Peers::start(program, &data::request(seed));
    let mut random = Random::new(seed ^ 0x5EED);
    for _ in 0..count {
        let node = grammar::expression(&mut random);
        tally.expressions += 1;
        for when in whens(&mut random) {
            one(&peers, &node, when, seed, tally);
        }
    }
}

#[test]
fn random_expressions_answer_as_prometheus_answers_them() {
    let Some(program) = peer("PROMETHEUS_BIN", "prometheus") else { return };
    let (first, mut left) = (number("DIFF_SEED", 1), number("DIFF_RUNS", 1_000));
    let mut tally = Tally::default();
    let mut next = first;
    while left > 0 {
        let count = left.min(PER_SEED);
        seed(&program, next, count, &mut tally);
        (next, left) = (next + 1, left - count);
    }
    println!("seeds {first} to {}", next - 1);
    tally.judge();
}

#[test]
fn every_function_operator_and_modifier_answers_as_prometheus_does() {
    let Some(program) = peer("PROMETHEUS_BIN", "prometheus") else { return };
    let seed = number("DIFF_SEED", 1);
    let peers = Peers::start(&program, &data::request(seed));
    let mut tally = Tally::default();
    let (start, end) = (BEGIN + 600_000, END + 60_000);
    let whens = [When { start: end - 180_000, end: end - 180_000, step: 0 }, When { start, end, step: 50_000 }];
    for text in catalogue::expressions() {
        tally.expressions += 1;
        for when in whens {
            one(&peers, &Node::leaf(Kind::Vector, text.as_str()), when, seed, &mut tally);
        }
    }
    tally.judge();
}

impl Tally {
    /// Tells what was counted, and fails when anything differs.
    fn judge(&self) {
        println!("{} expressions, {} questions", self.expressions, self.questions);
        println!(
            "{} of them answered, {} with annotations; {} where Prometheus itself is undecided",
            self.succeeded, self.with_remarks, self.undecided
        );
        for (reason, count) in &self.known {
            println!("{count} known: {reason}");
        }
        println!("{} differences", self.wrong.len());
        for wrong in self.wrong.iter().take(SHOWN) {
            println!("{}", wrong.replace("\\n", "\n").replace("\\\"", "\""));
        }
        assert!(self.succeeded * 2 > self.questions, "most questions have an answer");
        assert!(self.wrong.is_empty(), "{} differences, listed above", self.wrong.len());
    }
}
