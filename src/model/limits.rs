//! What one series may bring along, in whatever format it is written.
//!
//! The limits are far beyond what monitoring needs; they keep a single series from weighing on every index page, and a
//! request of empty messages of two bytes each from becoming gigabytes in memory.

/// Labels of one series.
pub const MAX_LABELS: usize = 256;
/// Bytes of a label name.
pub const MAX_NAME: usize = 1 << 10;
/// Bytes of a label value, and of a help text.
pub const MAX_VALUE: usize = 64 << 10;
/// Bytes of all names and values of a series.
pub const MAX_SERIES: usize = 256 << 10;
/// Characters of all names and values of an exemplar, as OpenMetrics has it.
pub const MAX_EXEMPLAR: usize = 128;
/// Samples of one request; what takes more memory counts for several. A body of 32 MiB full of honest samples has
/// less than half of it.
pub const MAX_SAMPLES: usize = 4 << 20;
/// An exemplar or a metadata entry counts for so many samples.
pub const HEAVY: usize = 8;

/// The limit that a series' labels pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelLimit {
    /// Too many.
    #[error("it has more than the {MAX_LABELS} labels allowed")]
    ManyLabels,
    /// A long name.
    #[error("a label name has {0} bytes, more than the limit of {MAX_NAME}")]
    LongName(usize),
    /// A long value.
    #[error("the value of label {name:?} has {bytes} bytes, more than the limit of {MAX_VALUE}")]
    LongValue {
        /// The label's name.
        name: String,
        /// The value's length.
        bytes: usize,
    },
    /// Long all together.
    #[error("its labels have {0} bytes, more than the limit of {MAX_SERIES}")]
    LongLabels(usize),
}

/// Checks a label that is to be added to others of `beside` bytes, before it is made.
///
/// # Errors
/// The first limit passed.
pub fn check_label(name: &str, value_bytes: usize, beside: usize) -> Result<(), LabelLimit> {
    if name.len() > MAX_NAME {
        return Err(LabelLimit::LongName(name.len()));
    }
    if value_bytes > MAX_VALUE {
        return Err(LabelLimit::LongValue { name: name.to_owned(), bytes: value_bytes });
    }
    let total = beside + name.len() + value_bytes;
    if total > MAX_SERIES { Err(LabelLimit::LongLabels(total)) } else { Ok(()) }
}

/// Checks pairs of names and values, which may be anything yet.
///
/// # Errors
/// The first limit passed.
pub fn check_labels<'p>(pairs: impl ExactSizeIterator<Item = (&'p [u8], &'p [u8])>) -> Result<(), LabelLimit> {
    if pairs.len() > MAX_LABELS {
        return Err(LabelLimit::ManyLabels);
    }
    let mut total = 0;
    for (name, value) in pairs {
        if name.len() > MAX_NAME {
            return Err(LabelLimit::LongName(name.len()));
        }
        if value.len() > MAX_VALUE {
            let name = String::from_utf8_lossy(name).into_owned();
            return Err(LabelLimit::LongValue { name, bytes: value.len() });
        }
        total += name.len() + value.len();
    }
    if total > MAX_SERIES { Err(LabelLimit::LongLabels(total)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_named() {
        let check = |pairs: &[(&[u8], &[u8])]| check_labels(pairs.iter().copied());
        let long = |bytes| vec![b'x'; bytes];
        let (name, value, most) = (long(MAX_NAME + 1), long(MAX_VALUE + 1), long(MAX_VALUE));
        assert_eq!(check(&[(&name, b"v")]), Err(LabelLimit::LongName(1025)));
        assert_eq!(check(&[(b"n", &value)]), Err(LabelLimit::LongValue { name: "n".into(), bytes: 65537 }));
        let names: Vec<String> = (0..257).map(|i| format!("n{i}")).collect();
        let pairs: Vec<(&[u8], &[u8])> = names.iter().map(|n| (n.as_bytes(), &b"v"[..])).collect();
        assert_eq!(check(&pairs), Err(LabelLimit::ManyLabels));
        assert_eq!(check(&pairs[..256]), Ok(()));
        let heavy: Vec<(&[u8], &[u8])> = names.iter().take(4).map(|n| (n.as_bytes(), &most[..])).collect();
        assert_eq!(check(&heavy), Err(LabelLimit::LongLabels(4 * 65536 + 8)));
        assert_eq!(check(&heavy[..3]), Ok(()));
    }
}
