//! Part of a series' labels.

/// Which labels of series are wanted, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection<'n> {
    /// In order, each once.
    names: Vec<&'n str>,
    /// Whether the labels of these names are wanted, or all others.
    listed: bool,
}

impl<'n> Projection<'n> {
    /// The labels of these names.
    pub fn of(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self { names: sorted(names.into_iter().collect()), listed: true }
    }

    /// All labels but those of these names.
    pub fn all_but(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self { listed: false, ..Self::of(names) }
    }

    /// What is left of it without the labels of these names.
    #[must_use]
    pub fn without(&self, names: &[&'n str]) -> Self {
        let names = if self.listed {
            self.names.iter().copied().filter(|name| !names.contains(name)).collect()
        } else {
            sorted([&self.names, names].concat())
        };
        Self { names, listed: self.listed }
    }

    /// Whether the label of this name, in bytes, is wanted.
    #[must_use]
    pub fn keeps(&self, name: &[u8]) -> bool {
        self.names.binary_search_by(|listed| listed.as_bytes().cmp(name)).is_ok() == self.listed
    }

    /// The names, in order.
    #[must_use]
    pub fn names(&self) -> &[&'n str] {
        &self.names
    }

    /// Whether the labels of the names are wanted, or all others.
    #[must_use]
    pub const fn is_listed(&self) -> bool {
        self.listed
    }
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projection_keeps_what_is_listed_or_the_rest_and_can_lose_more() {
        let of = Projection::of(["job", "a", "job"]);
        let all_but = Projection::all_but(["job", "a"]);
        for (name, listed) in [("a", true), ("job", true), ("b", false), ("", false)] {
            assert_eq!((of.keeps(name.as_bytes()), all_but.keeps(name.as_bytes())), (listed, !listed), "{name}");
        }
        assert_eq!(of.without(&["a", "c"]), Projection::of(["job"]));
        assert_eq!(all_but.without(&["c"]), Projection::all_but(["a", "c", "job"]));
    }
}
