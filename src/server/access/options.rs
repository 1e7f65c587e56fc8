//! What a web configuration file says of access.

use std::{fmt, sync::Arc};

use hyper::header::{HeaderName, HeaderValue};
use ring::digest::{SHA256, digest};

use super::Role;

/// What a web configuration file says of access; by default there is no login.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessOptions {
    /// Who logs in by name and password.
    pub users: Vec<User>,
    /// Tokens of machines.
    pub tokens: Vec<Token>,
    /// What may be done without login where there is one.
    pub anonymous: Vec<Role>,
    /// Headers of all answers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// A user.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: Arc<str>,
    /// The bcrypt hash of the password.
    pub hash: Arc<str>,
    /// What they may do.
    pub role: Role,
}

impl fmt::Debug for User {
    /// Without the hash, which nobody needs to see.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

/// A token.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// What logs call it.
    pub name: Arc<str>,
    /// The SHA-256 digest of the token.
    pub digest: [u8; 32],
    /// What it is good for.
    pub role: Role,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

/// The SHA-256 digest of a token.
#[must_use]
pub fn token_digest(token: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.iter_mut().zip(digest(&SHA256, token).as_ref()).for_each(|(out, byte)| *out = *byte);
    out
}

impl AccessOptions {
    /// Whether there is a login at all.
    #[must_use]
    pub fn has_login(&self) -> bool {
        !self.users.is_empty() || !self.tokens.is_empty()
    }

    /// The token that reads so, if there is one.
    ///
    /// Digests are compared, not tokens: how long that takes tells of a digest that nobody can aim at.
    pub(super) fn token(&self, token: &[u8]) -> Option<&Token> {
        let digest = token_digest(token);
        self.tokens.iter().find(|token| token.digest == digest)
    }
}
