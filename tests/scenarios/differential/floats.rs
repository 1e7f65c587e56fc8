//! Functions and operators of floats answer as Prometheus' do to the last bit, from one end of the numbers to the other.

use std::collections::BTreeMap;

use prost::Message;
use vctsdb::remote::proto::v1::{Label, Sample, TimeSeries, WriteRequest};

use super::{
    data::BEGIN,
    number,
    peers::{Peers, When},
    random::Random,
};
use crate::scenarios::process::peer;

/// Numbers of each kind.
const OF_EACH: u64 = 1_500;

const EXPRESSIONS: [&str; 34] = [
    "abs(x)",
    "acos(x)",
    "acosh(x)",
    "asin(x)",
    "asinh(x)",
    "atan(x)",
    "atanh(x)",
    "ceil(x)",
    "cos(x)",
    "cosh(x)",
    "deg(x)",
    "exp(x)",
    "floor(x)",
    "ln(x)",
    "log10(x)",
    "log2(x)",
    "rad(x)",
    "round(x)",
    "round(x, 0.1)",
    "sgn(x)",
    "sin(x)",
    "sinh(x)",
    "sqrt(x)",
    "tan(x)",
    "tanh(x)",
    "x * on (i) y",
    "x / on (i) y",
    "x % on (i) y",
    "x ^ on (i) y",
    "x atan2 on (i) y",
    "2 ^ x",
    "x ^ 0.3",
    "x ^ 7",
    "x % 0.1",
];

/// Numbers of every kind: small and large ones, whole ones, those near others that matter, and all bits.
fn numbers(random: &mut Random) -> Vec<f64> {
    let mut all = vec![0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN];
    let mut kind = |next: &mut dyn FnMut(&mut Random) -> f64| {
        for _ in 0..OF_EACH {
            let sign = if random.percent(30) { -1.0 } else { 1.0 };
            all.push(sign * next(random));
        }
    };
    kind(&mut |random| random.unit());
    kind(&mut |random| random.unit() * 10.0);
    kind(&mut |random| random.unit() * 1_000.0);
    kind(&mut |random| random.below(2_000) as f64 / 4.0);
    kind(&mut |random| 1.0 + (random.unit() - 0.5) * 2f64.powi(-(random.below(50) as i32)));
    kind(&mut |random| (random.unit() + 0.5) * 2f64.powi(random.below(120) as i32 - 60));
    kind(&mut |random| f64::from_bits(random.below(0x7FF0 << 48)));
    // Go's logarithm on x86-64 takes the smallest numbers for others; there we don't follow it.
    all.iter_mut().filter(|x| x.is_subnormal()).for_each(|x| *x = 1.0);
    all
}

/// Series `x{i="…"}` and `y{i="…"}`, one sample each.
fn request(random: &mut Random) -> Vec<u8> {
    let label = |name: &str, value: &str| Label { name: name.to_owned(), value: value.to_owned() };
    let mut timeseries = Vec::new();
    for name in ["x", "y"] {
        let mut numbers = numbers(random);
        // Pairs are of all kinds.
        if name == "y" {
            for i in (1..numbers.len()).rev() {
                numbers.swap(i, random.below(i as u64 + 1) as usize);
            }
        }
        timeseries.extend(numbers.into_iter().enumerate().map(|(i, value)| TimeSeries {
            labels: vec![label("__name__", name), label("i", &format!("{i:05}"))],
            samples: vec![Sample { value, timestamp: BEGIN }],
            ..TimeSeries::default()
        }));
    }
    WriteRequest { timeseries, ..WriteRequest::default() }.encode_to_vec()
}

/// Values by `i`. They are printed so that no other number reads the same.
fn values(answer: &(u16, serde_json::Value)) -> BTreeMap<String, String> {
    assert_eq!(answer.0, 200, "{}", answer.1);
    let series = answer.1["data"]["result"].as_array().unwrap().iter();
    series.map(|s| (s["metric"]["i"].to_string(), s["value"][1].to_string())).collect()
}

#[test]
fn functions_of_floats_answer_to_the_last_bit() {
    let Some(program) = peer("PROMETHEUS_BIN", "prometheus") else { return };
    let peers = Peers::start(&program, &request(&mut Random::new(number("DIFF_SEED", 1))));
    let when = When { start: BEGIN, end: BEGIN, step: 0 };
    let (xs, ys) = (values(&peers.ask_vctsdb("x", when)), values(&peers.ask_vctsdb("y", when)));
    let mut wrong = Vec::new();
    for expr in EXPRESSIONS {
        let (theirs, ours) = (values(&peers.ask_prometheus(expr, when)), values(&peers.ask_vctsdb(expr, when)));
        assert_eq!(theirs.len(), xs.len(), "{expr}");
        assert!(theirs.keys().eq(ours.keys()), "{expr}");
        let differing: Vec<String> = theirs
            .iter()
            .filter(|(i, value)| ours[*i] != **value)
            .map(|(i, value)| format!("   x {} y {}: {value}, ours {}", xs[i], ys[i], ours[i]))
            .collect();
        if !differing.is_empty() {
            wrong.push(format!(
                "{expr}: {} of {}\n{}",
                differing.len(),
                theirs.len(),
                differing[..differing.len().min(12)].join("\n")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
