//! What a login may do.

use std::{fmt, str::FromStr};

/// What a login may do, and what a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Asks whether the server is up.
    Health,
    /// Reads the server's own metrics.
    Metrics,
    /// Sends samples.
    Write,
    /// Queries.
    Read,
    /// Makes snapshots.
    Backup,
    /// Does everything.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Health, Self::Metrics, Self::Write, Self::Read, Self::Backup, Self::Admin];

    /// Its name in a web configuration file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Metrics => "metrics",
            Self::Write => "write",
            Self::Read => "read",
            Self::Backup => "backup",
            Self::Admin => "admin",
        }
    }

    /// Whether who has this role may use a route that needs `needed`.
    #[must_use]
    pub fn may(self, needed: Self) -> bool {
        self == Self::Admin
            || self == needed
            || needed == Self::Health
            || (self == Self::Read && needed == Self::Metrics)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| format!("unknown role {text:?}; expected one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_its_name_says_and_nothing_else() {
        let may =
            |role: Role| Role::ALL.into_iter().filter(|needed| role.may(*needed)).map(Role::name).collect::<Vec<_>>();
        assert_eq!(may(Role::Health), ["health"]);
        assert_eq!(may(Role::Metrics), ["health", "metrics"]);
        assert_eq!(may(Role::Write), ["health", "write"]);
        assert_eq!(may(Role::Read), ["health", "metrics", "read"]);
        assert_eq!(may(Role::Backup), ["health", "backup"]);
        assert_eq!(may(Role::Admin).len(), Role::ALL.len());
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().unwrap_err().contains("expected one of health, metrics, write"));
    }
}
