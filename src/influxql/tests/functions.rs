//! What InfluxDB doesn't have.

use super::*;

/// Counters of two hosts, of which one falls back to 0 twice, and a gauge.
fn counters() -> (Store, [Vec<(i64, f64)>; 2]) {
    let counter = |step: usize, resets: &[i64], by: f64| {
        let mut value = 0.0;
        let mut points = Vec::new();
        for t in (0..3_000).step_by(step) {
            value = if resets.contains(&t) { by / 2.0 } else { value + by * ((t / 10 % 4) as f64) };
            points.push((t, value));
        }
        points
    };
    let all = [counter(10, &[500, 2_000], 4.0), counter(15, &[], 2.0)];
    let store = Store::default().points("c", "n", "a", &all[0]).points("c", "n", "b", &all[1]);
    (store, all)
}

/// What a counter grew by at each of its points but the first.
fn growth(points: &[(i64, f64)]) -> Vec<(i64, f64)> {
    points.windows(2).map(|p| (p[1].0, if p[1].1 < p[0].1 { p[1].1 } else { p[1].1 - p[0].1 })).collect()
}

/// What lies in `[start, end)`.
fn within(points: &[(i64, f64)], start: i64, end: i64) -> Vec<f64> {
    points.iter().filter(|(t, _)| (start..end).contains(t)).map(|(_, v)| *v).collect()
}

#[test]
fn increase_counts_resets_by_series_and_adds_up() {
    let (store, all) = counters();
    let grown: Vec<(i64, f64)> = all.iter().flat_map(|points| growth(points)).collect();
    let buckets = |from: i64, to: i64, of: &dyn Fn(i64, i64) -> f64| -> Vec<(i64, f64)> {
        (from..to).step_by(60).map(|start| (start, of(start.max(from), (start + 60).min(to)))).collect()
    };
    let sum = |start, end| within(&grown, start, end).iter().sum::<f64>();
    let told = store.ask("SELECT increase(n) FROM c WHERE time >= 600s AND time < 2400s GROUP BY time(1m)");
    assert_close(&told.column(1), &buckets(600, 2_400, &sum), "buckets");
    assert!(matches!(told.rows.0[0].1[0][1], Value::Integer(_)), "integers stay integers");
    // The whole is what buckets add up to, though one series ends within a bucket that begins a query.
    let whole: f64 = [("a", 600, 1_501), ("b", 1_501, 2_400)]
        .map(|(_, from, to)| {
            let query = format!("SELECT increase(n) FROM c WHERE time >= {from}s AND time < {to}s GROUP BY time(1m)");
            store.ask(&query).column(1).iter().map(|(_, v)| v).sum::<f64>()
        })
        .iter()
        .sum();
    assert_eq!(whole, sum(600, 2_400));
    let rate = store.ask("SELECT rate(n, 1m) FROM c WHERE time >= 600s AND time < 2400s GROUP BY time(2m) fill(none)");
    let wanted: Vec<_> = (600..2_400).step_by(120).map(|start| (start, sum(start, start + 120) / 2.0)).collect();
    assert_close(&rate.column(1), &wanted, "rate");
    // The part of a bucket that lies within the bounds.
    let part = store.ask("SELECT rate(n) FROM c WHERE time >= 600s AND time < 630s GROUP BY time(1m), host");
    assert_eq!(part.names(), ["c,host=a", "c,host=b"]);
    assert_close(
        &part.column_of(0, 1),
        &[(600, within(&growth(&all[0]), 600, 630).iter().sum::<f64>() / 30.0)],
        "part",
    );
    let descending =
        store.ask("SELECT increase(n) FROM c WHERE time >= 600s AND time < 2400s GROUP BY time(1m) ORDER BY time DESC");
    let mut reversed = descending.column(1);
    reversed.reverse();
    assert_close(&reversed, &buckets(600, 2_400, &sum), "from late to early");
}

#[test]
fn increase_without_buckets_is_of_successive_points() {
    let (store, all) = counters();
    let mut wanted: Vec<(i64, f64)> = all.iter().flat_map(|points| growth(points)).collect();
    wanted.sort_by_key(|(t, _)| *t);
    let mut joined: Vec<(i64, f64)> = Vec::new();
    for (t, v) in wanted {
        match joined.last_mut() {
            Some((last, sum)) if *last == t => *sum += v,
            _ => joined.push((t, v)),
        }
    }
    assert_close(&store.ask("SELECT increase(n) FROM c").column(1), &joined, "increase");
    let rates = growth(&all[0]).iter().map(|(t, v)| (*t, v / 10.0 * 60.0)).collect::<Vec<_>>();
    assert_close(&store.ask("SELECT rate(n, 1m) FROM c WHERE host = 'a'").column(1), &rates, "rate");
    let of_query = store.ask("SELECT increase(x) FROM (SELECT n AS x FROM c WHERE host = 'b')");
    assert_close(&of_query.column(1), &growth(&all[1]), "of a query inside");
}

#[test]
fn increase_reads_start_times() {
    // Started at 5 s, again at 105 s with more than was there before, which no fall shows.
    let store = Store::default().metric("jobs", &[(10, 4.0, 5), (60, 10.0, 5), (110, 25.0, 105), (160, 30.0, 105)]);
    let ask = |query: &str| store.try_ask("prometheus", query).unwrap().column(1);
    assert_close(&ask("SELECT increase(value) FROM jobs"), &[(10, 4.0), (60, 6.0), (110, 25.0), (160, 5.0)], "points");
    let query = "SELECT increase(value) FROM jobs WHERE time >= 100s AND time < 200s GROUP BY time(100s)";
    assert_close(&ask(query), &[(100, 30.0)], "a bucket");
    let before = "SELECT increase(value) FROM jobs WHERE time >= 50s AND time < 100s GROUP BY time(50s)";
    assert_close(&ask(before), &[(50, 6.0)], "from the last sample before the bucket");
}

fn variance(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (values.len() as f64 - 1.0)
}

/// A function's name, and what it makes of some values.
type Naive = (&'static str, fn(&[f64]) -> f64);

const MOVING: [Naive; 6] = [
    ("moving_average", |v| v.iter().sum::<f64>() / v.len() as f64),
    ("moving_sum", |v| v.iter().sum()),
    ("moving_min", |v| v.iter().copied().fold(f64::INFINITY, f64::min)),
    ("moving_max", |v| v.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
    ("moving_variance", variance),
    ("moving_stddev", |v| if v.len() < 2 { f64::NAN } else { variance(v).sqrt() }),
];

#[test]
fn moving_functions_look_at_so_many_points_or_so_long() {
    let points = noise(0, 1_500, 7, 1);
    let store = Store::default().points("m", "v", "a", &points);
    for (name, of) in MOVING {
        let values: Vec<f64> = points.iter().map(|(_, v)| *v).collect();
        let counted: Vec<_> = points.iter().zip(values.windows(9)).map(|((t, _), v)| (t + 56, of(v))).collect();
        assert_close(&store.ask(&format!("SELECT {name}(v, 9) FROM m")).column(1), &counted, name);
        // A row doesn't depend on where the query begins.
        let timed: Vec<_> =
            points.iter().filter(|(t, _)| *t >= 700).map(|(t, _)| (*t, of(&within(&points, t - 59, t + 1)))).collect();
        let query = format!("SELECT {name}(v, 1m) FROM m WHERE time >= 700s");
        assert_close(&store.ask(&query).column(1), &timed, &query);
        let late: Vec<_> = points
            .iter()
            .rev()
            .filter(|(t, _)| *t <= 700)
            .map(|(t, _)| (*t, of(&within(&points, *t, t + 60))))
            .collect();
        let query = format!("SELECT {name}(v, 1m) FROM m WHERE time <= 700s ORDER BY time DESC");
        assert_close(&store.ask(&query).column(1), &late, &query);
        let means: Vec<_> = (0..1_440)
            .step_by(60)
            .map(|start| (start, within(&points, start, start + 60)))
            .map(|(start, v)| (start, v.iter().sum::<f64>() / v.len() as f64))
            .collect();
        let buckets: Vec<_> = (600..1_440).step_by(60).map(|t| (t, of(&within(&means, t - 239, t + 1)))).collect();
        let query = format!("SELECT {name}(mean(v), 4m) FROM m WHERE time >= 600s AND time < 1440s GROUP BY time(1m)");
        assert_close(&store.ask(&query).column(1), &buckets, &query);
    }
    let single = store.ask("SELECT moving_stddev(v, 1s) FROM m LIMIT 1");
    assert!(single.column(1)[0].1.is_nan());
}

#[test]
fn a_large_value_leaves_no_trace_in_a_moving_sum() {
    let points = [(0, 1e300), (1, f64::INFINITY), (2, 0.1), (3, 0.2), (4, 0.3)];
    let store = Store::default().points("m", "v", "a", &points);
    let told = store.ask("SELECT moving_sum(v, 2) FROM m").column(1);
    assert_close(&told, &[(1, f64::INFINITY), (2, f64::INFINITY), (3, 0.1 + 0.2), (4, 0.5)], "sums");
}

#[test]
fn rolling_windows_are_of_the_points_up_to_their_end() {
    let (a, b) = (noise(0, 3_000, 7, 1), noise(3, 3_000, 11, 2));
    let store = Store::default().points("m", "v", "a", &a).points("m", "v", "b", &b);
    let all = [a, b].concat();
    let functions: [Naive; 7] = [
        ("mean", |v| v.iter().sum::<f64>() / v.len() as f64),
        ("max", |v| v.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        ("count", |v| v.len() as f64),
        ("stddev", |v| variance(v).sqrt()),
        ("median", |v| {
            let mut v = v.to_vec();
            v.sort_by(f64::total_cmp);
            let middle = v.len() / 2;
            if v.len() % 2 == 1 { v[middle] } else { (v[middle - 1] + v[middle]) / 2.0 }
        }),
        ("last", |v| *v.last().unwrap()),
        ("sum", |v| v.iter().sum()),
    ];
    for (name, of) in functions {
        for (interval, offset, window) in [(60, 0, 300), (60, 10, 90), (60, 0, 60), (100, 0, 30)] {
            let query = format!(
                "SELECT {name}(v) FROM m WHERE time >= 1200s AND time < 2400s GROUP BY time({interval}s, {offset}s, {window}s) fill(none)"
            );
            let first = (1_200 - offset) / interval * interval + offset;
            let rows = (first..2_400).step_by(interval as usize).map(|start| {
                let from = (start + interval - window).max(1_200 - (window - interval).max(0));
                let mut inside: Vec<(i64, f64)> =
                    all.iter().filter(|(t, _)| (from..(start + interval).min(2_400)).contains(t)).copied().collect();
                inside.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
                (start, inside.iter().map(|(_, v)| *v).collect::<Vec<f64>>())
            });
            let wanted: Vec<_> = rows.filter(|(_, v)| !v.is_empty()).map(|(start, v)| (start, of(&v))).collect();
            assert_close(&store.ask(&query).column(1), &wanted, &query);
        }
    }
    let plain = store.ask("SELECT sum(v) FROM m WHERE time >= 95s AND time < 1000s GROUP BY time(1m, 7s), host");
    let same = store.ask("SELECT sum(v) FROM m WHERE time >= 95s AND time < 1000s GROUP BY time(1m, 7s, 1m), host");
    assert_eq!(plain.rows.0, same.rows.0);
    let grown =
        counters().0.ask("SELECT increase(n) FROM c WHERE time >= 600s AND time < 1200s GROUP BY time(1m, 0s, 5m)");
    let once = counters().0.ask("SELECT increase(n) FROM c WHERE time >= 300s AND time < 1200s GROUP BY time(1m)");
    let sums: Vec<_> = once.column(1).windows(5).map(|w| (w[4].0, w.iter().map(|(_, v)| v).sum::<f64>())).collect();
    assert_close(&grown.column(1), &sums[1..], "increase in rolling windows");
    let inside = store.ask(
        "SELECT max(x) FROM (SELECT v AS x FROM m) WHERE time >= 1200s AND time < 1800s GROUP BY time(1m, 0s, 5m)",
    );
    let direct = store.ask("SELECT max(v) FROM m WHERE time >= 1200s AND time < 1800s GROUP BY time(1m, 0s, 5m)");
    assert_eq!(inside.column(1), direct.column(1));
}

#[test]
fn rows_between_points_that_are_far_apart_cost_nothing() {
    let store = Store::default().points("m", "v", "a", &[(0, 1.0), (90_000, 2.0)]);
    let told = store.ask("SELECT sum(v) FROM m WHERE time < 90001s GROUP BY time(1ms, 0s, 3ms) fill(none)");
    assert_eq!(told.rows.0[0].1.len(), 6, "three of each");
}

#[test]
fn different_values_of_a_tag_are_counted_without_a_query_inside() {
    let store = Store::default()
        .points("m", "v", "a", &noise(0, 600, 10, 1))
        .points("m", "w", "b", &noise(300, 900, 10, 1))
        .points("m", "w", "a", &noise(300, 400, 10, 1));
    assert_eq!(store.ask("SELECT count(distinct(host)) FROM m").column(1), [(0, 2.0)]);
    let buckets =
        store.ask("SELECT count(distinct(\"host\")) FROM m WHERE time >= 0s AND time < 1200s GROUP BY time(5m)");
    assert_eq!(buckets.column(1), [(0, 1.0), (300, 2.0), (600, 2.0), (900, 1.0)]);
    let one = store.ask("SELECT count(distinct(host)) FROM m WHERE host = 'a'");
    assert_eq!(one.column(1), [(0, 1.0)]);
    let rolling =
        store.ask("SELECT count(distinct(host)) FROM m WHERE time >= 600s AND time < 1200s GROUP BY time(5m, 0s, 10m)");
    assert_eq!(rolling.column(1), [(600, 2.0), (900, 2.0)]);
    assert!(store.ask("SELECT count(distinct(nosuch)) FROM m").rows.0.is_empty());
}

#[test]
fn approx_percentile_is_near_and_says_how_near() {
    let points = noise(0, 9_000, 1, 3);
    let store = Store::default().points("m", "v", "a", &points[..4_000]).points("m", "v", "b", &points[4_000..]);
    for percent in [0.0, 1.0, 25.0, 50.0, 99.0, 99.9, 100.0] {
        let told = store.ask(&format!("SELECT approx_percentile(v, {percent}, 200) FROM m"));
        let value = told.column(1)[0].1;
        let rank = points.iter().filter(|(_, v)| *v <= value).count() as f64 / points.len() as f64;
        assert!((rank - percent / 100.0).abs() < 0.02, "{percent}: {value} has rank {rank}");
        let said = &told.messages[0];
        assert!(said.contains("rank") && said.contains("200") && said.contains('%'), "{said}");
    }
    assert!(store.ask("SELECT approx_percentile(v, 50) FROM m").messages[0].contains("4.712 %"));
    let buckets =
        store.ask("SELECT approx_percentile(v, 50) FROM m WHERE time >= 0s AND time < 40s GROUP BY time(10s)");
    let exact = store.ask("SELECT median(v) FROM m WHERE time >= 0s AND time < 40s GROUP BY time(10s)");
    assert_close(&buckets.column(1), &exact.column(1), "few points are told as they are");
}

fn covariance(pairs: &[(f64, f64)]) -> f64 {
    let count = pairs.len() as f64;
    let (x, y) = (pairs.iter().map(|p| p.0).sum::<f64>() / count, pairs.iter().map(|p| p.1).sum::<f64>() / count);
    pairs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / (count - 1.0)
}

fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let own = |of: fn(&(f64, f64)) -> f64| covariance(&pairs.iter().map(|p| (of(p), of(p))).collect::<Vec<_>>()).sqrt();
    covariance(pairs) / (own(|p| p.0) * own(|p| p.1))
}

#[test]
fn corr_and_covar_are_of_rows_with_both() {
    let (x, y) = (noise(0, 3_000, 10, 1), noise(0, 3_000, 15, 5));
    let store = Store::default().points("m", "x", "a", &x).points("m", "y", "a", &y);
    let at = |t: i64| y.iter().find(|(own, _)| *own == t).map(|(_, v)| *v);
    let pairs = |lag: i64, from: i64, to: i64| -> Vec<(f64, f64)> {
        x.iter().filter(|(t, _)| (from..to).contains(t)).filter_map(|(t, v)| Some((*v, at(t - lag)?))).collect()
    };
    let ask = |text: &str| store.ask(&format!("SELECT {text}")).column(1);
    assert_close(&ask("covar(x, y) FROM m"), &[(0, covariance(&pairs(0, 0, 9_999)))], "covar");
    assert_close(&ask("corr(x, y) FROM m"), &[(0, correlation(&pairs(0, 0, 9_999)))], "corr");
    for lag in [30, -45] {
        let query = format!("corr(x, y, {lag}s) FROM m WHERE time >= 900s AND time < 2100s GROUP BY time(10m)");
        let wanted = [(600, 900, 1_200), (1_200, 1_200, 1_800), (1_800, 1_800, 2_100)];
        let wanted = wanted.map(|(start, from, to)| (start, correlation(&pairs(lag, from, to))));
        assert_close(&ask(&query), &wanted, &query);
    }
    let rolling = ask("covar(x, y) FROM m WHERE time >= 900s AND time < 1500s GROUP BY time(5m, 0s, 10m)");
    let wanted: Vec<_> = [900, 1_200].map(|t| (t, covariance(&pairs(0, t - 300, t + 300)))).to_vec();
    assert_close(&rolling, &wanted, "rolling");
    assert_close(&ask("corr(x, x) FROM m"), &[(0, 1.0)], "itself");
    assert!(ask("corr(x, y) FROM m WHERE time < 10s")[0].1.is_nan(), "one pair");
    assert!(ask("corr(x, nosuch) FROM m").is_empty());
}

#[test]
fn corr_joins_queries_by_time_and_group() {
    let (a, b) = (noise(0, 1_200, 10, 1), noise(0, 1_200, 10, 2));
    let (c, d) = (noise(0, 1_200, 10, 3), noise(0, 1_200, 10, 4));
    let store = Store::default()
        .points("cpu", "busy", "a", &a)
        .points("cpu", "busy", "b", &b)
        .points("mem", "used", "a", &c)
        .points("mem", "used", "b", &d)
        .points("mem", "used", "only here", &d);
    let query = "SELECT corr(x, y), count(x) FROM (SELECT mean(busy) AS x FROM cpu GROUP BY time(1m), host), \
                 (SELECT mean(used) AS y FROM mem GROUP BY time(1m), host) WHERE time >= 0s AND time < 1200s";
    let means = |points: &[(i64, f64)]| -> Vec<f64> {
        let mean = |start| within(points, start, start + 60).iter().sum::<f64>() / 6.0;
        (0..1_200).step_by(60).map(mean).collect()
    };
    let pairs = |x: &[(i64, f64)], y: &[(i64, f64)]| means(x).into_iter().zip(means(y)).collect::<Vec<_>>();
    let grouped = store.ask(&format!("{query} GROUP BY host"));
    assert_eq!(grouped.names(), ["cpu,mem,host=a", "cpu,mem,host=b"]);
    assert_close(&grouped.column_of(0, 1), &[(0, correlation(&pairs(&a, &c)))], "a");
    assert_close(&grouped.column_of(1, 1), &[(0, correlation(&pairs(&b, &d)))], "b");
    assert_eq!(grouped.column_of(1, 2), [(0, 20.0)]);
    let together = [pairs(&a, &c), pairs(&b, &d)].concat();
    assert_close(&store.ask(query).column(1), &[(0, correlation(&together))], "both");
    let narrowed = store.ask(&format!("{query} AND y > 0"));
    let kept: Vec<_> = together.iter().copied().filter(|p| p.1 > 0.0).collect();
    assert_close(&narrowed.column(1), &[(0, correlation(&kept))], "the condition is of joined rows");
    let union = store.ask(&query.replace("corr(x, y), ", ""));
    assert_eq!(union.names(), ["cpu", "mem"][..1], "without such a function it is a union");
}

#[test]
fn what_is_wrong_with_them_is_said() {
    let store = Store::default().points("m", "v", "a", &[(0, 1.0)]).points("m", "n", "a", &[(0, 1.0)]);
    for (text, why) in [
        ("increase(v, 1s) FROM m", "invalid number of arguments for increase, expected 1, got 2"),
        ("rate(v, 5) FROM m", "second argument must be a duration"),
        ("rate(v, 0s) FROM m", "duration argument must be positive, got 0s"),
        ("moving_sum(v) FROM m", "invalid number of arguments for moving_sum, expected 2, got 1"),
        ("moving_sum(v, 1) FROM m", "moving_sum window must be greater than 1, got 1"),
        ("moving_min(v, 0s) FROM m", "moving_min window must be positive, got 0s"),
        ("moving_max(v, 'a') FROM m", "second argument for moving_max must be an integer, got *influxql.StringLiteral"),
        ("mean(v) FROM m GROUP BY time(1m, 0s, 0s)", "time dimension window must be positive, got 0s"),
        ("mean(v) FROM m GROUP BY time(1m, 0s, 5)", "time dimension window must be a duration"),
        ("mean(v) FROM m GROUP BY time(1m, 0s, 5m, 1m)", "time dimension expected 1, 2 or 3 arguments"),
        (
            "integral(v) FROM m GROUP BY time(1m, 0s, 5m)",
            "integral() can't be asked of a rolling window: leave out the third argument of time()",
        ),
        (
            "approx_percentile(v, 101) FROM m",
            "the percentile in approx_percentile() must be between 0 and 100, got 101",
        ),
        ("approx_percentile(v, 'a') FROM m", "expected the percentile as a number in approx_percentile()"),
        (
            "approx_percentile(v, 50, 5) FROM m",
            "the compression in approx_percentile() must be between 20 and 10000, got 5",
        ),
        ("corr(v) FROM m", "invalid number of arguments for corr, expected at least 2 but no more than 3, got 1"),
        ("corr(v, 1) FROM m", "expected field argument in corr()"),
        ("corr(v, n, 1) FROM m", "third argument to corr must be a duration"),
        ("covar(v, n, 1s) FROM m", "invalid number of arguments for covar, expected 2, got 3"),
        ("corr(v, n), v FROM m", "mixing aggregate and non-aggregate queries is not supported"),
        ("aprox_percentile(v, 5) FROM m", "undefined function aprox_percentile(); did you mean approx_percentile?"),
    ] {
        assert_eq!(store.error(&format!("SELECT {text}")), why, "{text}");
    }
}
