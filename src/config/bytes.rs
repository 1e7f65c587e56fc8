//! Sizes in bytes, as people write them.

use std::{fmt, str::FromStr};

/// Units by name, in bytes. Capitals don't count, and neither does the B of binary units.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a size such as 512MiB or 2GB".to_owned();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim_start().to_ascii_lowercase();
        // Of Ki, Mi and Gi, as containers have them, everybody knows what they are; M alone is 1000² to some and 1024² to others.
        let is = |name: &str| unit == name || (name.ends_with("ib") && name.strip_suffix('b') == Some(&unit));
        let known = UNITS.iter().find(|(name, _)| is(&name.to_ascii_lowercase())).map(|(_, unit)| *unit);
        let Some(unit) = known.or(unit.is_empty().then_some(1)) else {
            let letter = unit.to_ascii_uppercase();
            return Err(match letter.as_str() {
                "K" | "M" | "G" | "T" if digits > 0 => {
                    format!("{} ({number}{letter} may be {number}{letter}B or {number}{letter}iB)", expected())
                }
                _ => expected(),
            });
        };
        let number: u64 = number.parse().map_err(|_| expected())?;
        let bytes = number.checked_mul(unit).ok_or_else(expected)?;
        if bytes == 0 { Err("must be more than 0".to_owned()) } else { Ok(Self(bytes)) }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = UNITS.iter().take(4).rev();
        match binary.into_iter().find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit)) {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_both_kinds() {
        for (text, bytes) in [
            ("512MiB", 512 << 20),
            ("2GB", 2_000_000_000),
            ("1 GiB", 1 << 30),
            ("123456789", 123_456_789),
            ("10Gi", 10 << 30),
            ("10gb", 10_000_000_000),
            ("3kI", 3 << 10),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for text in ["", "MiB", "-1GB", "1.5GiB", "99999999999TiB", "0", "1 parsec", "1G", "512m", "Gi", "1i"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
        assert_eq!(Bytes(512 << 20).to_string(), "512MiB");
        assert_eq!(Bytes(2_000_000_001).to_string(), "2000000001");
    }
}
