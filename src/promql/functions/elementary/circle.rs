//! Sine, cosine and tangent.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_4};

use super::{EXPONENT, MANTISSA, polynomial};

/// The series of sine and cosine near 0, from the highest power down.
const SINE: [f64; 6] = [
    1.589_623_015_765_465_6e-10,
    -2.505_074_776_285_780_7e-8,
    2.755_731_362_138_572_2e-6,
    -1.984_126_982_958_954e-4,
    8.333_333_333_322_118e-3,
    -1.666_666_666_666_663e-1,
];
const COSINE: [f64; 6] = [
    -1.135_853_652_138_768_2e-11,
    2.087_570_084_197_473e-9,
    -2.755_731_417_929_674e-7,
    2.480_158_728_885_170_4e-5,
    -1.388_888_888_887_305_6e-3,
    4.166_666_666_666_659_5e-2,
];

/// An angle as eighths of a circle, an even number of them from 0 to 8, and a rest within an eighth on either side.
fn eighths(angle: f64) -> (u64, f64) {
    // A quarter of π in three parts, so short that their multiples below are exact.
    const PARTS: [f64; 3] = [7.853_981_256_484_985e-1, 3.774_894_707_930_798e-8, 2.695_151_429_079_059_5e-15];
    /// Beyond this their multiples aren't exact.
    const FAR: f64 = (1u64 << 29) as f64;
    if angle >= FAR {
        return eighths_of_far(angle);
    }
    let whole = (angle * (2.0 * FRAC_2_PI)) as u64;
    let whole = whole + (whole & 1);
    let rest = PARTS.iter().fold(angle, |rest, part| rest - whole as f64 * part);
    (whole & 7, rest)
}

/// The same for large angles, after Payne and Hanek: of their product with 4/π only the bits that matter are computed.
fn eighths_of_far(angle: f64) -> (u64, f64) {
    /// The bits of 4/π: the first word is the whole part.
    const FOUR_BY_PI: [u64; 20] = [
        0x0000_0000_0000_0001,
        0x45F3_06DC_9C88_2A53,
        0xF84E_AFA3_EA69_BB81,
        0xB6C5_2B32_7887_2083,
        0xFCA2_C757_BD77_8AC3,
        0x6E48_DC74_849B_A5C0,
        0x0C92_5DD4_13A3_2439,
        0xFC3B_D639_6253_4E7D,
        0xD104_6BEA_5D76_8909,
        0xD338_E04D_68BE_FC82,
        0x7323_AC73_06A6_73E9,
        0x3908_BF17_7BF2_5076,
        0x3FF1_2FFF_BC0B_301F,
        0xDE5E_2316_B414_DA3E,
        0xDA6C_FD9E_4F96_136E,
        0x9E8C_7ECD_3CBF_D45A,
        0xEA4F_758F_D7CB_E2F6,
        0x7A0E_73EF_14A5_25D4,
        0xD7F6_BF62_3F1A_BA10,
        0xAC06_608D_F8F6_D757,
    ];
    let bits = angle.to_bits();
    let mantissa = bits & MANTISSA | 1 << 52;
    // The angle is mantissa · 2^exponent; words start where their product has weight 2^-61 at the end of the first.
    let start = (bits >> 52 & EXPONENT) as usize + 61 - 1075;
    let (first, shift) = (start / 64, start % 64);
    let word = |i: usize| FOUR_BY_PI.get(first + i).copied().unwrap_or(0);
    let shifted = |i: usize| ((u128::from(word(i)) << 64 | u128::from(word(i + 1))) << shift >> 64) as u64;
    let times = |i: usize| u128::from(shifted(i)) * u128::from(mantissa);
    // Whole circles, which stand above, are left out.
    let product =
        (u128::from(shifted(0).wrapping_mul(mantissa)) << 64).wrapping_add(times(1)).wrapping_add(times(2) >> 64);
    let (whole, fraction) = ((product >> 125) as u64, product << 3);
    let zeros = (fraction >> 64) as u64;
    let zeros = zeros.leading_zeros();
    let mantissa = (fraction << zeros >> 75) as u64 & MANTISSA;
    let rest = f64::from_bits(u64::from(1022 - zeros) << 52 | mantissa);
    if whole & 1 == 1 { ((whole + 1) & 7, (rest - 1.0) * FRAC_PI_4) } else { (whole, rest * FRAC_PI_4) }
}

fn sine_near_zero(x: f64) -> f64 {
    let square = x * x;
    x + x * square * polynomial(square, SINE)
}

fn cosine_near_zero(x: f64) -> f64 {
    let square = x * x;
    1.0 - 0.5 * square + square * square * polynomial(square, COSINE)
}

pub(crate) fn sin(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() {
        return x;
    }
    if x.is_infinite() {
        return f64::NAN;
    }
    let (whole, rest) = eighths(x.abs());
    let value = if whole & 2 == 2 { cosine_near_zero(rest) } else { sine_near_zero(rest) };
    if (whole >= 4) ^ (x < 0.0) { -value } else { value }
}

pub(crate) fn cos(x: f64) -> f64 {
    if !x.is_finite() {
        return f64::NAN;
    }
    let (whole, rest) = eighths(x.abs());
    let value = if whole & 2 == 2 { sine_near_zero(rest) } else { cosine_near_zero(rest) };
    if whole == 2 || whole == 4 { -value } else { value }
}

pub(crate) fn tan(x: f64) -> f64 {
    const P: [f64; 3] = [-1.309_369_391_813_837_9e4, 1.153_516_648_385_874_2e6, -1.795_652_519_764_848_8e7];
    const Q: [f64; 5] = [
        1.0,
        1.368_129_634_706_929_6e4,
        -1.320_892_344_402_109_7e6,
        2.500_838_018_233_579e7,
        -5.386_957_559_294_546_4e7,
    ];
    if x == 0.0 || x.is_nan() {
        return x;
    }
    if x.is_infinite() {
        return f64::NAN;
    }
    let (whole, rest) = eighths(x.abs());
    let square = rest * rest;
    let value =
        if square > 1e-14 { rest + rest * (square * polynomial(square, P) / polynomial(square, Q)) } else { rest };
    let value = if whole & 2 == 2 { -1.0 / value } else { value };
    if x < 0.0 { -value } else { value }
}
