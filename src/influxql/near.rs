//! Names that were perhaps meant.

/// Longer names are like no other.
const MAX_NAME: usize = 48;
/// The most names that are offered.
const MAX_OFFERED: usize = 3;
/// How many names are looked at: each costs a comparison letter by letter.
const MAX_LOOKED_AT: usize = 20_000;

/// The names of `all` that were perhaps meant by `name`, as the end of a sentence; empty where none is like it.
pub(super) fn near<'n>(name: &str, all: impl Iterator<Item = &'n str>) -> String {
    let length = name.chars().count();
    if length > MAX_NAME {
        return String::new();
    }
    let letters = |name: &str| {
        let mut letters: Vec<char> = name.chars().collect();
        letters.sort_unstable();
        letters
    };
    let own = letters(name);
    // Letters in another order are one mistake.
    let far = |other: &str| if letters(other) == own { 1 } else { distance(name, other) };
    // In a name of one letter nothing is left when a letter is wrong.
    let (mut least, mut near) = ((length / 2).min(2), Vec::new());
    for other in all.take(MAX_LOOKED_AT) {
        // A name of so many more or fewer letters is as many mistakes away.
        if other.len() > 4 * (MAX_NAME + 2) || other.chars().count().abs_diff(length) > least {
            continue;
        }
        let far = far(other);
        if far < least {
            (least, near) = (far, Vec::new());
        }
        if far == least && least > 0 {
            near.push(other);
        }
    }
    near.truncate(MAX_OFFERED);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_offered_and_none_that_shares_too_little() {
        for (name, offered) in [
            ("usge", "; did you mean usage?"),
            ("suage", "; did you mean usage?"),
            ("hots", "; did you mean host?"),
            ("idle0", "; did you mean idle1 or idle2 or idle3?"),
            ("v", ""),
            ("temperature", ""),
            ("", ""),
        ] {
            let all = ["usage", "host", "w", "idle1", "idle2", "idle3", "idle4"];
            assert_eq!(near(name, all.into_iter()), offered, "{name}");
        }
        assert_eq!(near(&"é".repeat(49), ["é"].into_iter()), "");
        assert_eq!(near("abc", ["x".repeat(1000).as_str(), "abd"].into_iter()), "; did you mean abd?");
    }
}
