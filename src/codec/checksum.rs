//! CRC32 (IEEE polynomial), the checksum of everything on disk.

/// The CRC32 of `bytes`.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// The CRC32 of `parts` one after the other.
#[must_use]
pub fn crc32_of(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::{crc32, crc32_of};

    #[test]
    fn the_check_value_of_the_polynomial_comes_out() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn parts_sum_up_like_the_whole() {
        assert_eq!(crc32_of(&[b"1234", b"", b"56789"]), crc32(b"123456789"));
    }
}
