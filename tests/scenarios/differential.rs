//! Random expressions over random data, asked of a real Prometheus and of us: the answers are the same.
//!
//! - [`data`] makes series of every kind from a seed,
//! - [`grammar`] makes expressions, as trees ([`expression`]) that a failure can be shrunk with,
//! - [`peers`] runs both servers and asks them,
//! - [`compare`] says what differs, [`known`] what is meant to differ,
//! - [`text`] asks both about expressions instead of data, [`neutral`] asks us alone with optimisations on and off.
//!
//! `DIFF_SEED` names the first seed (default 1), `DIFF_RUNS` how many expressions to ask (default 1000). Each seed has
//! data and servers of its own and asks [`PER_SEED`] expressions, each at one time and on a grid of steps.

mod compare;
mod data;
mod expression;
mod grammar;
mod known;
mod neutral;
mod peers;
mod random;
mod text;

use std::{collections::BTreeMap, env};

use compare::{Difference, difference, order};
use data::{BEGIN, END};
use expression::{Node, shrink};
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
const SHOWN: usize = 60;

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
    messages: Vec<String>,
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

/// How our answer differs from Prometheus', which is asked again where it does; `Err` where it is not sure itself.
fn asked(peers: &Peers, expr: &str, when: When, tally: &mut Tally) -> Result<Option<Difference>, ()> {
    let ask_prometheus = || {
        let mut answer = peers.ask_prometheus(expr, when);
        known::modernise(&mut answer.1);
        answer
    };
    let theirs = ask_prometheus();
    let mut ours = peers.ask_vctsdb(expr, when);
    known::age(&mut ours.1);
    tally.questions += 1;
    tally.succeeded += u64::from(theirs.0 == 200);
    tally.with_remarks += u64::from(!theirs.1["warnings"].is_null() || !theirs.1["infos"].is_null());
    let mut found = difference(&theirs, &ours);
    let sorted = expr.starts_with("sort(") || expr.starts_with("sort_desc(") || expr.starts_with("sort_by_label");
    if found.is_none() && sorted && when.step == 0 && order(&theirs.1).len() == order(&ours.1).len() {
        let differs = order(&theirs.1).iter().zip(order(&ours.1)).any(|(a, b)| {
            let number = |text: &str| text.trim_matches('"').parse::<f64>().unwrap_or(f64::NAN);
            let (a, b) = (number(a), number(&b));
            (a - b).abs() > 1e-9 * a.abs() && a.is_finite()
        });
        found = differs
            .then(|| Difference::Answer(format!("order: {:?}\n   ours: {:?}", order(&theirs.1), order(&ours.1))));
    }
    if found.is_some() && (0..ASK_AGAIN).any(|_| difference(&theirs, &ask_prometheus()).is_some()) {
        return Err(());
    }
    Ok(found)
}

fn one(peers: &Peers, node: &Node, when: When, seed: u64, tally: &mut Tally) {
    let text = node.to_string();
    match asked(peers, &text, when, tally) {
        Ok(None) => {}
        Err(()) => tally.undecided += 1,
        Ok(Some(Difference::Message(message))) => tally.messages.push(format!("{text}\n   {message}")),
        Ok(Some(found)) => {
            if let Some(reason) = known::reason(&text, &found) {
                *tally.known.entry(reason).or_default() += 1;
                return;
            }
            let mut scratch = Tally::default();
            let still = |node: &Node| {
                let text = node.to_string();
                matches!(
                    asked(peers, &text, when, &mut scratch),
                    Ok(Some(found @ Difference::Answer(_))) if known::reason(&text, &found).is_none()
                )
            };
            let tries = if tally.wrong.len() < SHOWN { SHRINK_TRIES } else { 0 };
            let small = shrink(node.clone(), tries, still).to_string();
            let found = asked(peers, &small, when, &mut Tally::default());
            let found = found.map_or_else(|()| "undecided".to_owned(), |found| format!("{found:?}"));
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
    println!("seeds {first} to {}: {} expressions, {} questions", next - 1, tally.expressions, tally.questions);
    println!(
        "{} of them answered, {} with remarks; {} where Prometheus itself is undecided",
        tally.succeeded, tally.with_remarks, tally.undecided
    );
    for (reason, count) in &tally.known {
        println!("{count} known: {reason}");
    }
    println!("{} failures in other words, such as", tally.messages.len());
    for message in tally.messages.iter().take(20) {
        println!(" {message}");
    }
    println!("{} differences", tally.wrong.len());
    for wrong in tally.wrong.iter().take(SHOWN) {
        println!("{}", wrong.replace("\\n", "\n").replace("\\\"", "\""));
    }
    assert!(tally.succeeded * 2 > tally.questions, "most questions have an answer");
    assert!(tally.wrong.is_empty(), "{} differences, listed above", tally.wrong.len());
}
