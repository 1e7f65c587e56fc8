//! Trends: least squares and exponential smoothing.

use super::View;
use crate::promql::{QueryError, data::annotations::AnnotationKind, functions::kahan::Kahan};

/// Slope per second and value at `origin` of the line through the samples.
fn line(view: &View<'_>, origin: i64) -> Option<(f64, f64)> {
    let first = *view.values.first()?;
    if view.values.len() < 2 {
        return None;
    }
    if view.values.iter().all(|v| *v == first) {
        return Some(if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) });
    }
    let [mut sum_x, mut sum_y, mut sum_xy, mut sum_xx] = [Kahan::default(); 4];
    for (t, y) in view.times.iter().zip(view.values) {
        let x = t.saturating_sub(origin) as f64 / 1e3;
        sum_x.add(x);
        sum_y.add(*y);
        sum_xy.add(x * y);
        sum_xx.add(x * x);
    }
    let n = view.values.len() as f64;
    let [sum_x, sum_y, sum_xy, sum_xx] = [sum_x, sum_y, sum_xy, sum_xx].map(Kahan::total);
    let slope = (sum_xy - sum_x * sum_y / n) / (sum_xx - sum_x * sum_x / n);
    Some((slope, sum_y / n - slope * sum_x / n))
}

pub(super) fn deriv(view: &View<'_>) -> Option<f64> {
    // Times near 0 lose the least precision.
    line(view, *view.times.first()?).map(|(slope, _)| slope)
}

pub(super) fn predict_linear(view: &View<'_>) -> Option<f64> {
    let [ahead, _] = view.args;
    line(view, view.now).map(|(slope, value)| slope * ahead + value)
}

pub(super) fn check_factors(view: &View<'_>) -> Result<Option<AnnotationKind>, QueryError> {
    let [smoothing, trend] = view.args;
    let refused = |name, short, got: f64| {
        Err(QueryError::Execution(format!("invalid {name} factor. Expected: 0 < {short} < 1, got: {got:.6}")))
    };
    if smoothing <= 0.0 || smoothing >= 1.0 {
        return refused("smoothing", "sf", smoothing);
    }
    if trend <= 0.0 || trend >= 1.0 {
        return refused("trend", "tf", trend);
    }
    Ok(None)
}

/// Double exponential smoothing: level and trend, each a weighted mean of what was and what is.
pub(super) fn smoothing(view: &View<'_>) -> Option<f64> {
    let [smoothing, trend_factor] = view.args;
    let [first, second, ..] = view.values else { return None };
    let (mut before, mut level, mut trend) = (0.0, *first, second - first);
    for (i, value) in view.values.iter().skip(1).enumerate() {
        if i > 0 {
            trend = trend_factor * (level - before) + (1.0 - trend_factor) * trend;
        }
        let next = smoothing * value + (1.0 - smoothing) * (level + trend);
        (before, level) = (level, next);
    }
    Some(level)
}

#[cfg(test)]
mod tests {
    use super::super::tests::over;
    use super::*;

    #[test]
    fn a_straight_line_is_found_exactly() {
        let samples: Vec<_> = (0..10).map(|i| (i * 10, 5.0 + i as f64 * 20.0)).collect();
        assert_eq!(over("deriv", &samples, (-1, 100), [0.0; 2]), Some(2.0));
        // At 100 s the line is at 205; 50 s on, 100 more.
        assert_eq!(over("predict_linear", &samples, (-1, 100), [50.0, 0.0]), Some(305.0));
    }

    #[test]
    fn a_constant_has_no_slope_and_infinity_no_trend() {
        assert_eq!(over("deriv", &[(1, 7.0), (2, 7.0)], (0, 5), [0.0; 2]), Some(0.0));
        assert!(over("deriv", &[(1, f64::INFINITY), (2, f64::INFINITY)], (0, 5), [0.0; 2]).unwrap().is_nan());
        assert_eq!(over("deriv", &[(1, 7.0)], (0, 5), [0.0; 2]), None);
    }

    #[test]
    fn smoothing_follows_a_line_without_lag() {
        let samples: Vec<_> = (1..=5).map(|i| (i, i as f64 * 3.0)).collect();
        let last = over("double_exponential_smoothing", &samples, (0, 5), [0.5, 0.5]).unwrap();
        assert!((last - 15.0).abs() < 1e-12, "{last}");
        // By hand: the level is 10, its trend −10; 0.5·0 + 0.5·(10 − 10) = 0. The trend stays
        // 0.5·(0 − 10) + 0.5·(−10) = −10, so that 0.5·30 + 0.5·(0 − 10) = 10.
        let bent = [(1, 10.0), (2, 0.0), (3, 30.0)];
        assert_eq!(over("double_exponential_smoothing", &bent, (0, 5), [0.5, 0.5]), Some(10.0));
    }

    #[test]
    fn factors_outside_zero_and_one_are_refused() {
        let refused = |args| check_factors(&View { args, ..View::default() }).unwrap_err().to_string();
        let text = refused([1.5, 0.5]);
        assert_eq!(text, "invalid smoothing factor. Expected: 0 < sf < 1, got: 1.500000");
        assert!(refused([0.5, 0.0]).contains("trend factor"));
    }
}
