//! Every function, aggregation, operator and modifier in its usual variants: what compliance tests of PromQL ask, over our
//! data.

/// Metrics of floats.
const FLOATS: [&str; 4] = ["counter_total", "gauge", "small", "sparse"];
const ALL: [&str; 8] = ["counter_total", "gauge", "small", "sparse", "strange", "nat", "custom", "mixed"];
const RANGES: [&str; 6] = ["1s", "15s", "1m", "5m", "15m", "1h"];
const QUANTILES: [&str; 9] = ["-0.5", "0", "0.1", "0.5", "0.75", "0.95", "0.99", "1", "1.5"];
const GROUPINGS: [&str; 12] = [
    "",
    "by ()",
    "by (job)",
    "by (job, env)",
    "by (absent)",
    "by (job, absent)",
    "by (__name__)",
    "without ()",
    "without (job)",
    "without (job, env)",
    "without (job, env, instance)",
    "without (absent)",
];

/// All expressions.
pub(crate) fn expressions() -> Vec<String> {
    [
        literals(),
        selectors(),
        durations(),
        aggregations(),
        operators(),
        matching(),
        functions(),
        windows(),
        histograms(),
        labels(),
        nested(),
    ]
    .concat()
}

/// `template` with each of `with` in place of `$`.
fn each(template: &str, with: &[&str]) -> Vec<String> {
    with.iter().map(|text| template.replace('$', text)).collect()
}

fn literals() -> Vec<String> {
    let numbers =
        ["42", "1.234", ".123", "1.23e-3", "0x3d", "Inf", "+Inf", "-Inf", "NaN", "1_000", "5m30s", "\"text\""];
    let mut all = each("$", &numbers);
    all.extend(each("$", &["1 * 2 + 4 / 6 - 10 % 2 ^ 2", "-2 ^ 2", "2 ^ 3 ^ 2", "time()", "pi()", "vector(time())"]));
    all.extend(each("scalar($)", &ALL));
    all.extend(each("1 + scalar(sum($))", &ALL));
    all
}

/// Arithmetic of durations.
fn durations() -> Vec<String> {
    let durations = [
        "1m+1m",
        "1m + 30",
        "2*1m",
        "(5m-30s)",
        "10m/4",
        "2^3*10s",
        "2^3^2",
        "7m%4m",
        "-1m+2m",
        "(1m+1m)*2",
        "1e2",
        "0x20",
        "-(-1m)",
    ];
    let templates = [
        "rate(counter_total[$])",
        "gauge offset ($)",
        "gauge offset -($)",
        "max_over_time(gauge[5m:$])",
        "max_over_time(gauge[$:30s])",
        "max_over_time(gauge[$:])",
        "max_over_time(gauge[5m:30s] offset ($))",
        "sum_over_time(nat[$] offset ($) @ end())",
    ];
    templates.iter().flat_map(|template| each(template, &durations)).collect()
}

fn selectors() -> Vec<String> {
    let mut all = each("$", &ALL);
    for matcher in [
        "job=\"api\"",
        "job!=\"api\"",
        "job=~\"a.*\"",
        "job=~\"a\"",
        "job!~\"a.*|db\"",
        "job!~\"a\"",
        "absent=\"\"",
        "absent!=\"\"",
        "absent=~\".*\"",
        "absent=~\".+\"",
        "job=\"api\",instance!=\"0\"",
        "job=~\"a.*\",job!~\"b.*\"",
    ] {
        all.extend(ALL.map(|metric| format!("{metric}{{{matcher}}}")));
        all.push(format!("{{__name__=~\"counter_total|gauge\",{matcher}}}"));
    }
    for shift in [
        "offset 1m",
        "offset 5m",
        "offset 1h",
        "offset -1m",
        "offset -10m",
        "@ start()",
        "@ end()",
        "@ 1735691000",
        "@ 1735691000.5 offset 2m",
        "offset -90s @ end()",
    ] {
        all.extend(ALL.map(|metric| format!("{metric} {shift}")));
        all.extend(["counter_total", "nat"].map(|metric| format!("rate({metric}[5m] {shift})")));
        all.push(format!("max_over_time((sum by (job) (gauge))[5m:30s] {shift})"));
    }
    all
}

fn aggregations() -> Vec<String> {
    let mut all = Vec::new();
    for metric in ALL {
        for grouping in GROUPINGS {
            for op in ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"] {
                all.push(format!("{op} {grouping} ({metric})"));
            }
            for op in ["topk", "bottomk", "limitk"] {
                all.extend(["0", "2", "3.7"].map(|k| format!("{op} {grouping} ({k}, {metric})")));
            }
            all.push(format!("count_values {grouping} (\"value\", {metric})"));
            all.push(format!("count_values {grouping} (\"job\", round({metric}))"));
            all.push(format!("limit_ratio {grouping} (-0.5, {metric})"));
        }
        all.extend(QUANTILES.map(|q| format!("quantile by (job) ({q}, {metric})")));
    }
    all
}

const ARITHMETIC: [&str; 7] = ["+", "-", "*", "/", "%", "^", "atan2"];
const COMPARISONS: [&str; 6] = ["==", "!=", "<", ">", "<=", ">="];

fn operators() -> Vec<String> {
    let mut all = Vec::new();
    for op in ARITHMETIC {
        for metric in ALL {
            all.push(format!("{metric} {op} 1.2345"));
            all.push(format!("0.12345 {op} {metric}"));
            all.push(format!("{metric} {op} {metric}"));
            all.push(format!("{metric} {op} on (job, instance) small"));
            all.push(format!("rate({metric}[5m]) {op} 2"));
        }
        all.push(format!("(1 * 2 + 4 / 6 - (10 % 7)) {op} counter_total"));
        all.push(format!("time() {op} 7"));
    }
    for op in COMPARISONS {
        for metric in ALL {
            all.push(format!("{metric} {op} 1.2345"));
            all.push(format!("{metric} {op} bool 1.2345"));
            all.push(format!("1 {op} {metric}"));
            all.push(format!("1 {op} bool {metric}"));
            all.push(format!("{metric} {op} {metric}"));
            all.push(format!("{metric} {op} bool {metric}"));
        }
        all.push(format!("1 {op} bool 2"));
        all.push(format!("1 {op} 2"));
    }
    all.extend(each("-$", &ALL));
    all.extend(each("+$", &ALL));
    all
}

fn matching() -> Vec<String> {
    let mut all = Vec::new();
    for op in ["and", "or", "unless"] {
        all.extend(ALL.map(|metric| format!("{metric} {op} small{{job=\"api\"}}")));
        all.extend(ALL.map(|metric| format!("{metric} {op} on (job) build_info{{job=\"db\"}}")));
        all.extend(ALL.map(|metric| format!("{metric} {op} ignoring (env, instance) sparse")));
        all.push(format!("sum(counter_total) {op} nothing"));
    }
    for op in ["+", "/", "==", "> bool"] {
        for with in [
            "on (job, instance)",
            "on (job)",
            "ignoring (env)",
            "ignoring (env, instance)",
            "on (job) group_left",
            "on (job) group_left (version)",
            "on (job, instance) group_left (version)",
            "on (job) group_right (env)",
            "on (absent)",
            "on (job, instance) group_left (env)",
        ] {
            for metric in FLOATS {
                all.push(format!("({metric} {op} {with} target_info)"));
                all.push(format!("({metric} {op} {with} build_info)"));
                all.push(format!("(build_info {op} {with} {metric})"));
                all.push(format!("(sum by (job) ({metric}) {op} {with} sum by (job, env) (gauge))"));
            }
        }
    }
    all
}

fn functions() -> Vec<String> {
    let mut all = Vec::new();
    for name in [
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
        "log2",
        "log10",
        "rad",
        "round",
        "sgn",
        "sin",
        "sinh",
        "sqrt",
        "tan",
        "tanh",
        "absent",
        "sort",
        "sort_desc",
        "timestamp",
        "day_of_month",
        "day_of_week",
        "day_of_year",
        "days_in_month",
        "hour",
        "minute",
        "month",
        "year",
    ] {
        all.extend(ALL.map(|metric| format!("{name}({metric})")));
        all.push(format!("{name}(-small)"));
        all.push(format!("{name}(nothing{{a=\"b\"}})"));
    }
    for bounds in ["-1, 2", "0, 1000", "3, 1", "NaN, 1", "-Inf, Inf"] {
        all.extend(ALL.map(|metric| format!("clamp({metric}, {bounds})")));
    }
    for (name, args) in [("clamp_min", "2"), ("clamp_max", "2"), ("round", "0.25"), ("round", "7")] {
        all.extend(ALL.map(|metric| format!("{name}({metric}, {args})")));
    }
    all.extend(
        ["year()", "month()", "minute()", "hour()", "day_of_week()", "days_in_month(vector(1e9))"].map(str::to_owned),
    );
    all
}

fn windows() -> Vec<String> {
    let mut all = Vec::new();
    for range in RANGES {
        for metric in ALL {
            for name in [
                "rate",
                "increase",
                "delta",
                "irate",
                "idelta",
                "resets",
                "changes",
                "deriv",
                "sum_over_time",
                "avg_over_time",
                "min_over_time",
                "max_over_time",
                "count_over_time",
                "stddev_over_time",
                "stdvar_over_time",
                "last_over_time",
                "present_over_time",
                "absent_over_time",
                "mad_over_time",
            ] {
                all.push(format!("{name}({metric}[{range}])"));
            }
            all.push(format!("predict_linear({metric}[{range}], 600)"));
            all.push(format!("double_exponential_smoothing({metric}[{range}], 0.5, 0.7)"));
            all.extend(QUANTILES.map(|q| format!("quantile_over_time({q}, {metric}[{range}])")));
        }
        all.push(format!("absent_over_time(nothing{{a=\"b\"}}[{range}])"));
    }
    all
}

fn histograms() -> Vec<String> {
    let mut all = Vec::new();
    for input in [
        "req_bucket",
        "rate(req_bucket[1m])",
        "rate(req_bucket[10m])",
        "sum by (le) (rate(req_bucket[5m]))",
        "sum by (le, job) (req_bucket)",
        "nat",
        "rate(nat[5m])",
        "sum(rate(nat[5m]))",
        "custom",
        "sum by (job) (increase(custom[5m]))",
        "natgauge",
        "mixed",
        "gauge",
    ] {
        all.extend(QUANTILES.map(|q| format!("histogram_quantile({q}, {input})")));
        for bounds in ["-Inf, 1", "0, 2", "0.1, 0.7", "2, 1", "1, Inf", "NaN, 1"] {
            all.push(format!("histogram_fraction({bounds}, {input})"));
        }
        for name in ["histogram_count", "histogram_sum", "histogram_avg", "histogram_stddev", "histogram_stdvar"] {
            all.push(format!("{name}({input})"));
        }
    }
    all
}

fn labels() -> Vec<String> {
    let mut all = Vec::new();
    for metric in ALL {
        for args in [
            r#""new", "value-$1", "job", "(.*)""#,
            r#""new", "value-$1", "job", "a(.*)""#,
            r#""job", "value-$1", "job", "(.*)""#,
            r#""job", "", "job", ".*""#,
            r#""new", "$1-$2", "instance", "([0-9])(.*)""#,
            r#""~bad", "", "job", "(.*)""#,
            r#""", "", "job", "(.*)""#,
            r#""new", "x", "absent", """#,
            r#""new", "x", "job", "(.*""#,
            r#""__name__", "other_$1", "job", "(.*)""#,
            r#""instance", "same", "instance", ".*""#,
        ] {
            all.push(format!("label_replace({metric}, {args})"));
        }
        for args in [
            r#""new", "-", "job", "instance""#,
            r#""job", "-", "job", "instance""#,
            r#""job", "-", "absent""#,
            r#""", "-", "job""#,
            r#""new", "-", """#,
            r#""new", "-""#,
        ] {
            all.push(format!("label_join({metric}, {args})"));
        }
        all.push(format!("sort_by_label({metric}, \"instance\", \"job\")"));
        all.push(format!("sort_by_label_desc({metric}, \"job\")"));
    }
    all
}

fn nested() -> Vec<String> {
    let mut all = Vec::new();
    for metric in ALL {
        all.push(format!("max_over_time((time() - max({metric}) < 1000)[5m:10s] offset 5m)"));
        all.push(format!("avg_over_time(rate({metric}[1m])[2m:10s])"));
        all.push(format!("sum_over_time({metric}[5m:])"));
        all.push(format!("deriv(rate({metric}[1m])[5m:1m])"));
        all.push(format!("count(count by (job) ({metric})) by (absent)"));
        all.push(format!("topk(2, rate({metric}[5m])) / on (job, instance) small"));
        all.push(format!("absent({metric} == 12345)"));
        all.push(format!("sum(rate({metric}[5m])) by (job) > bool 0.5"));
        all.push(format!("rate({metric}[5m:30s])"));
        all.push(format!("quantile(0.9, increase({metric}[3m]))"));
    }
    all
}

#[test]
fn the_catalogue_names_every_function_that_3_5_has() {
    let all = expressions().concat();
    // Random expressions ask for the others; what came after 3.5 is tested by scripts.
    let elsewhere = [
        "end",
        "first_over_time",
        "histogram_quantiles",
        "info",
        "max_of",
        "min_of",
        "range",
        "start",
        "start_timestamp",
        "step",
        "ts_of_first_over_time",
        "ts_of_last_over_time",
        "ts_of_max_over_time",
        "ts_of_min_over_time",
    ];
    for function in vctsdb::promql::Signature::all() {
        let call = format!("{}(", function.name);
        // Neither the end of a longer name nor a time after `@`.
        let begins = |at: usize| {
            let before = &all[..at];
            !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && !before.ends_with("@ ")
        };
        let named = all.match_indices(&call).any(|(at, _)| begins(at));
        assert_ne!(named, elsewhere.contains(&function.name), "{}", function.name);
    }
}
