//! Types of fields, where samples come as fields of a measurement.

/// The type of a field's values. All are stored as floats; the type says what they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum FieldType {
    /// Floating-point numbers, or numbers of several types.
    Float = 0,
    /// Signed integers.
    Integer = 1,
    /// Unsigned integers.
    Unsigned = 2,
    /// Booleans: 1 and 0.
    Boolean = 3,
}

impl FieldType {
    /// All types, by number.
    pub const ALL: [Self; 4] = [Self::Float, Self::Integer, Self::Unsigned, Self::Boolean];

    /// The type with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Its name in InfluxQL.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Integer => "integer",
            Self::Unsigned => "unsigned",
            Self::Boolean => "boolean",
        }
    }

    /// The type of a field that has values of both types; `None`: no field can, because one are numbers and the other booleans.
    #[must_use]
    pub fn join(self, other: Self) -> Option<Self> {
        match (self, other) {
            (one, other) if one == other => Some(one),
            (Self::Boolean, _) | (_, Self::Boolean) => None,
            _ => Some(Self::Float),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_join_to_float_and_booleans_only_with_their_like() {
        use FieldType::{Boolean, Float, Integer, Unsigned};
        for (number, one) in FieldType::ALL.into_iter().enumerate() {
            assert_eq!((one as usize, FieldType::from_number(number as u8)), (number, Some(one)));
            assert_eq!(one.join(one), Some(one));
            for other in FieldType::ALL {
                assert_eq!(one.join(other), other.join(one));
            }
        }
        assert_eq!(FieldType::from_number(4), None);
        assert_eq!((Integer.join(Float), Integer.join(Unsigned)), (Some(Float), Some(Float)));
        assert!([Float, Integer, Unsigned].iter().all(|number| number.join(Boolean).is_none()));
    }
}
