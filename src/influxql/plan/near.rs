//! Names of functions that were perhaps meant.

use crate::influxql::{functions::Function, value::Math};

/// Longer names are like no function.
const MAX_NAME: usize = 48;

/// Names of functions that were perhaps meant.
pub(super) fn near(name: &str) -> String {
    if name.len() > MAX_NAME {
        return String::new();
    }
    let letters = |name: &str| {
        let mut letters: Vec<char> = name.chars().collect();
        letters.sort_unstable();
        letters
    };
    // Letters in another order are one mistake.
    let far = |other: &str| if letters(name) == letters(other) { 1 } else { distance(name, other) };
    let all = || Function::names().chain(Math::names());
    let least = all().map(far).min().filter(|least| *least <= 2);
    let near: Vec<&str> = all().filter(|other| Some(far(other)) == least).collect();
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}

/// How many letters must be added, left out or changed to make one text of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, pair) in b.iter().zip(row.windows(2)) {
            let [diagonal, above] = pair else { continue };
            left = (diagonal + usize::from(x != *y)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
