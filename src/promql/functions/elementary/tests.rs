//! What the functions are, and that they take anything; `tests/scenarios/differential/floats.rs` compares their bits with
//! those of a real Prometheus.

use proptest::prelude::*;

use super::*;

type Function = fn(f64) -> f64;

/// Ours and the system's.
const FUNCTIONS: [(Function, Function); 15] = [
    (exp, f64::exp),
    (exp2, f64::exp2),
    (sinh, f64::sinh),
    (cosh, f64::cosh),
    (tanh, f64::tanh),
    (ln, f64::ln),
    (log2, f64::log2),
    (log10, f64::log10),
    (asinh, f64::asinh),
    (acosh, system_acosh),
    (atanh, |x| x.abs().atanh().copysign(x)),
    (sin, f64::sin),
    (cos, f64::cos),
    (tan, f64::tan),
    (atan, f64::atan),
];

/// A logarithm, sine, cosine and tangent: what they subtract is exact to so many digits behind the point.
const SUBTRACTING: [usize; 4] = [6, 11, 12, 13];

/// The library's own loses half of the digits near 1, where it takes the logarithm of what is nearly 1.
fn system_acosh(x: f64) -> f64 {
    let over = x - 1.0;
    if (1.0..2.0).contains(&x) { (over + (over * (over + 2.0)).sqrt()).ln_1p() } else { x.acosh() }
}

/// Whether two are the same but for the last digits. Powers become infinite a bit too early.
fn close(a: f64, b: f64) -> bool {
    a == b
        || a.is_infinite() && b.signum() == a.signum() && b.abs() > 2f64.powi(1022)
        || a.is_nan() && b.is_nan()
        || (a - b).abs() <= 4.0 * f64::EPSILON * b.abs() + 5e-324
}

fn any_number() -> impl Strategy<Value = f64> {
    let bits = any::<u64>().prop_map(f64::from_bits);
    prop_oneof![bits, -1.0..1.0, -50.0..50.0, -800.0..800.0, (-900i32..900).prop_map(|n| f64::from(n) / 4.0)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn functions_are_those_of_the_system_but_for_the_last_digits(x in any_number()) {
        for (i, (ours, system)) in FUNCTIONS.iter().enumerate() {
            let (a, b) = (ours(x), system(x));
            // A tangent grows as its square does.
            let slack = if SUBTRACTING.contains(&i) { 4.0 * f64::EPSILON * (1.0 + b * b) } else { 0.0 };
            prop_assert!(close(a, b) || (a - b).abs() <= slack, "{i} of {x:e}: {a:e}, the system's {b:e}");
        }
    }

    // Their slope is without end at both ends, so they are judged by what they came from.
    #[test]
    fn arc_sine_and_arc_cosine_lead_back(x in -1.0..=1.0) {
        for (angle, back) in [(asin(x), f64::sin as Function), (acos(x), f64::cos)] {
            prop_assert!((back(angle) - x).abs() <= 2.0 * f64::EPSILON, "{x:e}: {angle:e}");
        }
    }

    #[test]
    fn powers_and_angles_are_those_of_the_system_but_for_the_last_digits(x in any_number(), y in any_number()) {
        // Each squaring doubles what the one before it rounded, and a large logarithm has fewer digits behind the point.
        let (a, b) = (pow(x, y), x.powf(y));
        let slack = 4.0 * f64::EPSILON * (200.0 + y.abs().min(1e4));
        prop_assert!(close(a, b) || (a - b).abs() <= slack * b.abs(), "{x:e} ^ {y:e}: {a:e}, the system's {b:e}");
        let (a, b) = (atan2(y, x), y.atan2(x));
        // An angle too small for a number has lost its sign to the division.
        let is_lost = y / x == 0.0 && y != 0.0 && a.abs() == b.abs();
        prop_assert!(is_lost || close(a, b), "{y:e} atan2 {x:e}: {a:e}, the system's {b:e}");
    }

    #[test]
    fn a_number_is_its_fraction_times_a_power_of_two(x in any_number()) {
        let (f, e) = split(x);
        prop_assert!(x == 0.0 || !x.is_finite() || (0.5..1.0).contains(&f.abs()));
        prop_assert_eq!(scale(f, e).to_bits(), x.to_bits());
    }
}

#[test]
fn scaling_rounds_once_and_ends_at_nothing_and_infinity() {
    assert_eq!(scale(1.0, -1074), 5e-324);
    assert_eq!(scale(1.0, -1075), 0.0);
    assert_eq!(scale(1.5, -1075), 5e-324);
    assert_eq!([scale(0.9, -1075), scale(0.9, -1074), scale(1.9, -1076)], [0.0, 5e-324, 0.0]);
    assert_eq!(scale(-1.0, -1076).to_bits(), (-0.0f64).to_bits());
    assert_eq!(
        [scale(1.0, 1023), scale(1.0, 1024), scale(-1.0, i32::MAX)],
        [2f64.powi(1023), f64::INFINITY, f64::NEG_INFINITY]
    );
}

/// Values that a Prometheus gave, where the system's functions end in another digit.
#[test]
fn the_last_digit_is_that_of_prometheus() {
    let of_one: [(Function, f64, f64); 15] = [
        (exp, 0.44, 1.5527072185113362),
        (sinh, 1.49, 2.1058614317321127),
        (cosh, 1.99, 3.726114593877545),
        (tanh, 0.22, 0.21651806149302882),
        (ln, 37.09, 3.6133473915014998),
        (log10, 3.3, 0.5185139398778875),
        (log2, 10.93, 3.45022149589718),
        (asinh, 5.4, 2.3880113222846493),
        (acosh, 5.81, 2.4452380268398564),
        (sin, 4.05, -0.7885252544261949),
        (cos, 0.55, 0.8525245220595058),
        (tan, 2.18, -1.4332105287001917),
        (asin, 0.17, 0.1708296691291045),
        (acos, 0.87, 0.5155940062460904),
        (atan, 7.28, 1.4342879806157665),
    ];
    for (i, (function, x, value)) in of_one.into_iter().enumerate() {
        assert_eq!(function(x).to_bits(), value.to_bits(), "{i} of {x}: {}", function(x));
    }
    assert_eq!(atan2(3.99, 6.84), 0.5280744484263598);
    assert_eq!(pow(4.42, 1.07), 4.904580060699382);
    // To 20 digits it is 0.030044787398728528208.
    assert_eq!(acosh(1.000451378577934), 0.03004478739872853);
    assert!(asin(1.1).is_nan() && acos(-1.1).is_nan() && asin(f64::NAN).is_nan());
    // Go's exponential ends early on one side, and the peer's division takes the sign on the other.
    assert_eq!([exp(709.4), exp(709.5), exp(-745.0)], [1.2260423226426727e308, f64::INFINITY, 5e-324]);
    assert_eq!(exp(-745.4), 0.0);
    assert_eq!(atan2(-5e-324, -1e160), std::f64::consts::PI);
}
