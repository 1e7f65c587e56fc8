//! Order of strings as people count: `node2` before `node10`.

use std::cmp::Ordering;

/// Splits off the longest head that is all digits or has none.
fn head(s: &str) -> (&str, &str) {
    let is_digit = |c: char| c.is_ascii_digit();
    let digits = s.starts_with(is_digit);
    let end = s.find(|c| is_digit(c) != digits).unwrap_or(s.len());
    s.split_at_checked(end).unwrap_or((s, ""))
}

/// Compares chunk by chunk, runs of digits by their number.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (mut a_rest, mut b_rest) = (a, b);
    while !a_rest.is_empty() && !b_rest.is_empty() {
        let ((x, a_next), (y, b_next)) = (head(a_rest), head(b_rest));
        let numbers = [x, y].iter().all(|s| s.starts_with(|c: char| c.is_ascii_digit()));
        let order = if numbers { number(x).cmp(&number(y)).then(x.len().cmp(&y.len())) } else { x.cmp(y) };
        if order != Ordering::Equal {
            return order;
        }
        (a_rest, b_rest) = (a_next, b_next);
    }
    a_rest.len().cmp(&b_rest.len())
}

/// Digits in an order that is that of their numbers, however many there are.
fn number(digits: &str) -> (usize, &str) {
    let significant = digits.trim_start_matches('0');
    (significant.len(), significant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_inside_strings_count_as_numbers() {
        let mut names = ["n10", "n9", "n", "n1b", "n1a10", "n1a9", "m", "n007", "10", "9"];
        names.sort_by(|a, b| compare(a, b));
        assert_eq!(names, ["9", "10", "m", "n", "n1a9", "n1a10", "n1b", "n007", "n9", "n10"]);
    }
}
