//! Random expressions of the language that Prometheus 3.5 knows; what later versions added is left out here and tested
//! by scripts.

use super::{
    data::{BEGIN, END},
    expression::{Kind, Node},
    random::Random,
};

const MAPS: [&str; 27] = [
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "deg",
    "exp",
    "floor",
    "ln",
    "log10",
    "log2",
    "rad",
    "sgn",
    "sin",
    "sinh",
    "sort",
    "sort_desc",
    "sqrt",
    "tan",
    "tanh",
    "timestamp",
    "absent",
];
const WAVES: [&str; 3] = ["sin", "cos", "tan"];
const WINDOWS: [&str; 26] = [
    "absent_over_time",
    "avg_over_time",
    "changes",
    "count_over_time",
    "delta",
    "deriv",
    "idelta",
    "increase",
    "irate",
    "last_over_time",
    "mad_over_time",
    "max_over_time",
    "min_over_time",
    "present_over_time",
    "rate",
    "resets",
    "stddev_over_time",
    "stdvar_over_time",
    "sum_over_time",
    "ts_of_last_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
    // Those that dashboards use most, once more.
    "rate",
    "increase",
    "avg_over_time",
    "sum_over_time",
];
const DATES: [&str; 8] =
    ["day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"];
const OF_HISTOGRAMS: [&str; 5] =
    ["histogram_avg", "histogram_count", "histogram_stddev", "histogram_stdvar", "histogram_sum"];
const FOLDS: [&str; 8] = ["sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"];
const ARITHMETIC: [&str; 7] = ["+", "-", "*", "/", "%", "^", "atan2"];
const COMPARISONS: [&str; 6] = ["==", "!=", ">", "<", ">=", "<="];
const SETS: [&str; 3] = ["and", "or", "unless"];
const NUMBERS: [&str; 22] = [
    "0", "1", "2", "3", "0.5", "0.9", "0.99", "-1", "-0.5", "1e3", "NaN", "Inf", "-Inf", "0x1F", "1_000", "5m", "1e-3",
    "1.5", "100", "1e300", "0.25", "9",
];
const DURATIONS: [&str; 12] = ["30s", "1m", "2m", "5m", "5m", "10m", "1m30s", "45s", "17s", "90", "1h", "15s"];
const LABELS: [&str; 7] = ["job", "instance", "env", "le", "version", "absent", "__name__"];
const FLOATS: [&str; 10] = [
    "counter_total",
    "counter_total",
    "gauge",
    "gauge",
    "small",
    "up",
    "sparse",
    "strange",
    "build_info",
    "req_bucket",
];
const NATIVES: [&str; 5] = ["nat", "nat", "custom", "natgauge", "mixed"];
const MATCHERS: [&str; 16] = [
    "job=\"api\"",
    "job!=\"api\"",
    "job=~\"a.*|d.\"",
    "job!~\"d.*\"",
    "instance=\"0\"",
    "instance=~\"0|1\"",
    "instance!~\"[12]\"",
    "env=\"prod\"",
    "env!=\"\"",
    "absent=\"\"",
    "absent=~\".+\"",
    "version=~\"1\\\\.[0-9]\"",
    "le!=\"1\"",
    "le=\"1\"",
    "env=~\"PROD|(?i:DEV)\"",
    "\"job\"=~\"(api|db)\"",
];

/// A random expression.
pub(crate) fn expression(random: &mut Random) -> Node {
    let depth = 1 + random.below(4);
    match random.below(30) {
        0 => scalar(random, depth),
        1 => matrix(random, depth),
        2 => text(random),
        _ => vector(random, depth),
    }
}

fn number(random: &mut Random) -> Node {
    Node::leaf(Kind::Scalar, random.pick(&NUMBERS))
}

fn text(random: &mut Random) -> Node {
    let texts =
        ["\"job\"", "'x'", "`a\\d`", "\"\"", "\"é\\n\"", "\"a$1b\"", "\"new\"", "\"0bad\"", "\"(.*)\"", "\"(\""];
    Node::leaf(Kind::Text, random.pick(&texts))
}

fn scalar(random: &mut Random, depth: u64) -> Node {
    let kind = Kind::Scalar;
    if depth == 0 {
        return number(random);
    }
    match random.below(12) {
        0..=4 => number(random),
        5 => Node::leaf(kind, "time()"),
        6 => Node::leaf(kind, "pi()"),
        7 | 8 => Node::call(kind, "scalar", [vector(random, depth - 1)]),
        9 => Node::leaf(kind, "-").child(scalar(random, depth - 1)),
        10 => {
            let op = random.pick(&COMPARISONS);
            let node = Node::leaf(kind, "(").child(scalar(random, depth - 1)).text(format!(" {op} "));
            // Without bool it is refused.
            let node = if random.percent(90) { node.text("bool ") } else { node };
            node.child(scalar(random, depth - 1)).text(")")
        }
        _ => {
            let op = random.pick(&ARITHMETIC);
            let node = Node::leaf(kind, "(").child(scalar(random, depth - 1)).text(format!(" {op} "));
            node.child(scalar(random, depth - 1)).text(")")
        }
    }
}

/// An argument of a kind; now and then of another.
fn argument(random: &mut Random, kind: Kind, depth: u64) -> Node {
    let kind = if random.below(200) == 0 {
        [Kind::Scalar, Kind::Text, Kind::Vector, Kind::Matrix][random.below(4) as usize]
    } else {
        kind
    };
    match kind {
        Kind::Scalar => scalar(random, depth),
        Kind::Text => text(random),
        Kind::Vector => vector(random, depth),
        Kind::Matrix => matrix(random, depth),
    }
}

fn metric(random: &mut Random) -> &'static str {
    if random.percent(70) { random.pick(&FLOATS) } else { random.pick(&NATIVES) }
}

fn selector_of(random: &mut Random, metric: &str) -> Node {
    let node = Node::leaf(Kind::Vector, metric);
    match random.below(10) {
        0..=5 => node,
        6..=8 => node.optional(format!("{{{}}}", random.pick(&MATCHERS))),
        _ => node.optional(format!("{{{},{}}}", random.pick(&MATCHERS), random.pick(&MATCHERS))),
    }
}

fn selector(random: &mut Random) -> Node {
    match random.below(25) {
        0 => Node::leaf(Kind::Vector, format!("{{{}}}", random.pick(&MATCHERS))),
        1 => Node::leaf(Kind::Vector, "{__name__=~\"counter_total|gauge\"}"),
        2 => Node::leaf(Kind::Vector, "{\"utf8.metric\", \"label.dot\"=\"é\"}"),
        3 => Node::leaf(Kind::Vector, "nothing"),
        4 => Node::leaf(Kind::Vector, "{__name__=~\"nat|small\"}"),
        _ => {
            let metric = metric(random);
            selector_of(random, metric)
        }
    }
}

/// `offset` and `@`.
fn shifted(random: &mut Random, mut node: Node) -> Node {
    if random.percent(12) {
        let sign = if random.percent(25) { "-" } else { "" };
        node = node.optional(format!(" offset {sign}{}", random.pick(&DURATIONS)));
    }
    if random.percent(8) {
        let time = (BEGIN + random.below((END - BEGIN) as u64) as i64) as f64 / 1000.0;
        let times = [time.to_string(), "start()".to_owned(), "end()".to_owned()];
        node = node.optional(format!(" @ {}", times[random.below(3) as usize]));
    }
    node
}

fn matrix(random: &mut Random, depth: u64) -> Node {
    if depth > 0 && random.percent(25) {
        let step = if random.percent(30) { "" } else { random.pick(&["15s", "30s", "1m", "47s", "10s", "2m"]) };
        let inner = vector(random, depth - 1);
        let range = random.pick(&["1m", "3m", "5m", "7m", "10m", "61s"]);
        let node = Node::leaf(Kind::Matrix, "(").child(inner).text(format!(")[{range}:{step}]"));
        return shifted(random, node);
    }
    let range = random.pick(&DURATIONS);
    let node = Node::new(Kind::Matrix).child(selector(random)).text(format!("[{range}]"));
    shifted(random, node)
}

fn window(random: &mut Random, depth: u64) -> Node {
    match random.below(12) {
        0 => {
            let args = [argument(random, Kind::Scalar, 1), argument(random, Kind::Matrix, depth)];
            Node::call(Kind::Vector, "quantile_over_time", args)
        }
        1 => {
            let args = [argument(random, Kind::Matrix, depth), argument(random, Kind::Scalar, 1)];
            Node::call(Kind::Vector, "predict_linear", args)
        }
        2 => {
            let mut factor = || Node::leaf(Kind::Scalar, random.pick(&["0.5", "0.1", "0.9", "0", "1", "0.3"]));
            let factors = [factor(), factor()];
            let [a, b] = factors;
            Node::call(Kind::Vector, "double_exponential_smoothing", [matrix(random, depth), a, b])
        }
        _ => {
            let name = random.pick(&WINDOWS);
            Node::call(Kind::Vector, name, [argument(random, Kind::Matrix, depth)])
        }
    }
}

fn label_list(random: &mut Random) -> String {
    let mut labels: Vec<&str> = Vec::new();
    for _ in 0..random.below(3) {
        labels.push(random.pick(&LABELS));
    }
    labels.join(", ")
}

fn grouping(random: &mut Random) -> String {
    let word = random.pick(&["by", "by", "without"]);
    format!(" {word} ({})", label_list(random))
}

fn aggregation(random: &mut Random, depth: u64, clause: Option<String>) -> Node {
    let clause = clause.or_else(|| random.percent(70).then(|| grouping(random)));
    let with = |node: Node| match &clause {
        Some(clause) => node.optional(clause.clone()),
        None => node,
    };
    let (op, param) = match random.below(20) {
        0 => ("topk", Some(scalar(random, 1))),
        1 => ("bottomk", Some(scalar(random, 1))),
        2 => ("limitk", Some(scalar(random, 1))),
        3 => {
            ("limit_ratio", Some(Node::leaf(Kind::Scalar, random.pick(&["0.5", "-0.5", "1", "0", "2", "0.1", "NaN"]))))
        }
        4 | 5 => ("quantile", Some(scalar(random, 1))),
        6 => ("count_values", Some(text(random))),
        7 => ("count_values", Some(Node::leaf(Kind::Text, "\"value\""))),
        _ => (random.pick(&FOLDS), None),
    };
    let node = with(Node::leaf(Kind::Vector, op)).text(" (");
    let node = match param {
        Some(param) => node.child(param).text(", "),
        None => node,
    };
    node.child(argument(random, Kind::Vector, depth)).text(")")
}

fn matching(random: &mut Random, set: bool) -> String {
    let mut text = String::new();
    if random.percent(60) {
        let word = random.pick(&["on", "ignoring"]);
        text = format!("{word} ({}) ", label_list(random));
        if random.percent(if set { 2 } else { 40 }) {
            let side = random.pick(&["group_left", "group_right"]);
            text += &if random.percent(50) { format!("{side} ") } else { format!("{side} ({}) ", label_list(random)) };
        }
    }
    text
}

fn operator(random: &mut Random) -> (String, bool) {
    match random.below(10) {
        0..=4 => (random.pick(&ARITHMETIC).to_owned(), false),
        5..=7 => {
            let op = random.pick(&COMPARISONS);
            (if random.percent(40) { format!("{op} bool") } else { op.to_owned() }, false)
        }
        _ => (random.pick(&SETS).to_owned(), true),
    }
}

fn between(lhs: Node, op: &str, matching: String, rhs: Node) -> Node {
    let node = Node::leaf(Kind::Vector, "(").child(lhs).text(format!(" {op} "));
    let node = if matching.is_empty() { node } else { node.optional(matching) };
    node.child(rhs).text(")")
}

fn binary(random: &mut Random, depth: u64) -> Node {
    let (op, set) = operator(random);
    match random.below(10) {
        // The same labels on both sides, so that they match.
        0 | 1 => {
            let clause = grouping(random);
            let lhs = aggregation(random, depth, Some(clause.clone()));
            let rhs = aggregation(random, depth, Some(clause));
            between(lhs, &op, if random.percent(20) { matching(random, set) } else { String::new() }, rhs)
        }
        2..=4 => {
            let mut side = || {
                let metric = random.pick(&["counter_total", "gauge", "small", "nat", "up"]);
                let node = selector_of(random, metric);
                shifted(random, node)
            };
            let (lhs, rhs) = (side(), side());
            between(lhs, &op, if random.percent(30) { matching(random, set) } else { String::new() }, rhs)
        }
        5 => {
            let rhs = Node::leaf(Kind::Vector, random.pick(&["build_info", "target_info", "sum by (job) (small)"]));
            let with = random.pick(&[
                "on (job) group_left (version) ",
                "on (job) group_left ",
                "on (job, instance) group_left (version) ",
                "ignoring (env, instance, version) group_left (version) ",
                "on (job) ",
            ]);
            between(vector(random, depth), &op, with.to_owned(), rhs)
        }
        6 => between(vector(random, depth), &op, String::new(), scalar(random, depth.min(1))),
        7 => between(scalar(random, depth.min(1)), &op, String::new(), vector(random, depth)),
        _ => {
            let (lhs, rhs) = (vector(random, depth), vector(random, depth));
            between(lhs, &op, matching(random, set), rhs)
        }
    }
}

fn quantile(random: &mut Random, depth: u64) -> Node {
    let bucket = match random.below(6) {
        0 => Node::leaf(Kind::Vector, "req_bucket"),
        1 => Node::leaf(Kind::Vector, "rate(req_bucket[5m])"),
        2 => Node::leaf(Kind::Vector, "sum by (le, job) (rate(req_bucket[2m]))"),
        3 => Node::leaf(Kind::Vector, "rate(nat[3m])"),
        4 => {
            let rate = Node::leaf(Kind::Vector, format!("rate({}[4m])", random.pick(&NATIVES)));
            Node::leaf(Kind::Vector, "sum (").child(rate).text(")")
        }
        _ => vector(random, depth),
    };
    if random.percent(30) {
        let args = [scalar(random, 1), scalar(random, 1), bucket];
        return Node::call(Kind::Vector, "histogram_fraction", args);
    }
    Node::call(Kind::Vector, "histogram_quantile", [argument(random, Kind::Scalar, 1), bucket])
}

fn relabel(random: &mut Random, depth: u64) -> Node {
    let vector = vector(random, depth);
    let mut leaf = |of: &[&'static str]| Node::leaf(Kind::Text, random.pick(of));
    let target = leaf(&["\"new\"", "\"job\"", "\"env\"", "\"__name__\"", "\"label.x\"", "\"\""]);
    let source = leaf(&["\"job\"", "\"instance\"", "\"absent\"", "\"__name__\""]);
    let other = leaf(&["\"env\"", "\"instance\"", "\"le\""]);
    let replacement = leaf(&["\"$1\"", "\"x-${1}\"", "\"\"", "\"const\"", "\"$name\"", "\"$2$1\""]);
    let pattern = leaf(&["\"(.*)\"", "\"(?P<name>a).*\"", "\"\"", "\"d(.)\"", "\"([a-z]+)_(.*)\"", "\"(\""]);
    let separator = leaf(&["\"-\"", "\"\""]);
    if random.percent(60) {
        Node::call(Kind::Vector, "label_replace", [vector, target, replacement, source, pattern])
    } else {
        Node::call(Kind::Vector, "label_join", [vector, target, separator, source, other])
    }
}

fn vector(random: &mut Random, depth: u64) -> Node {
    let kind = Kind::Vector;
    if depth == 0 {
        let node = selector(random);
        return shifted(random, node);
    }
    let depth = depth - 1;
    match random.below(40) {
        0..=2 => {
            let node = selector(random);
            shifted(random, node)
        }
        3..=6 => {
            let name = random.pick(&MAPS);
            let inner = argument(random, Kind::Vector, depth);
            // The sine of a huge number is another one when its last bit is, and calculated numbers may differ there.
            let inner = if WAVES.contains(&name) && inner.is_calculated() {
                Node::leaf(kind, "clamp(").child(inner).text(", -50, 50)")
            } else {
                inner
            };
            Node::call(kind, name, [inner])
        }
        7..=16 => window(random, depth),
        17..=24 => aggregation(random, depth, None),
        25..=31 => binary(random, depth),
        32 | 33 => quantile(random, depth),
        34 => {
            let name = random.pick(&OF_HISTOGRAMS);
            let of = if random.percent(50) { vector(random, depth) } else { selector_of(random, "nat") };
            Node::call(kind, name, [of])
        }
        35 => relabel(random, depth),
        36 => match random.below(3) {
            0 => Node::call(kind, "clamp", [vector(random, depth), scalar(random, 1), scalar(random, 1)]),
            1 => Node::call(kind, random.pick(&["clamp_min", "clamp_max"]), [vector(random, depth), scalar(random, 1)]),
            _ => Node::call(kind, "round", [vector(random, depth), scalar(random, 1)]),
        },
        37 => match random.below(4) {
            0 => Node::leaf(kind, format!("{}()", random.pick(&DATES))),
            1 => Node::call(
                kind,
                random.pick(&["sort_by_label", "sort_by_label_desc"]),
                [vector(random, depth), Node::leaf(Kind::Text, random.pick(&["\"job\"", "\"instance\""]))],
            ),
            2 => Node::call(kind, "info", [vector(random, depth)]),
            _ => Node::call(kind, random.pick(&DATES), [vector(random, depth)]),
        },
        38 => Node::call(kind, "vector", [scalar(random, depth)]),
        _ => Node::leaf(kind, random.pick(&["-", "+", "-"])).text("(").child(vector(random, depth)).text(")"),
    }
}
