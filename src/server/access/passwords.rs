//! Whether a password is right: bcrypt, one at a time.
//!
//! A hash of cost 10 takes a core for some 50 ms, which is its purpose, so that it must not be had for the asking: one is worked out at a
//! time, on a thread that may block, a few may wait, and who was right is remembered. A name that nobody has costs as much as one that
//! somebody has, so that names can't be found out by time.

use std::collections::HashSet;

use parking_lot::Mutex;
use ring::{hmac, rand::SystemRandom};
use tokio::sync::{Mutex as Turn, Semaphore};

use super::AccessRefusal;

/// Passwords that wait for their turn, the one whose turn it is included.
const MAX_WAITING: usize = 9;
/// Right logins that are remembered.
const MAX_KNOWN: usize = 100;
/// The hash that the password of an unknown name is compared with; the outcome doesn't matter, the time does.
const NOBODY: &str = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

/// Verifies passwords.
pub(super) struct Passwords {
    waiting: Semaphore,
    turn: Turn<()>,
    /// Keyed digests of names, hashes and passwords that were right; the passwords themselves are not kept.
    known: Mutex<HashSet<[u8; 32]>>,
    /// `None` where the system has no random bytes: then nothing is remembered.
    key: Option<hmac::Key>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            waiting: Semaphore::new(MAX_WAITING),
            turn: Turn::default(),
            known: Mutex::default(),
            key: hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok(),
        }
    }
}

impl Passwords {
    /// Whether this login was right before; its user's hash is part of it.
    pub(super) fn is_known(&self, name: &str, hash: Option<&str>, password: &[u8]) -> bool {
        hash.and_then(|hash| self.digest(name, hash, password))
            .is_some_and(|digest| self.known.lock().contains(&digest))
    }

    /// Whether the password is that of the hash; never where there is none.
    pub(super) async fn verify(&self, name: &str, hash: Option<&str>, password: &[u8]) -> Result<bool, AccessRefusal> {
        let _waiting = self.waiting.try_acquire().map_err(|_| AccessRefusal::Busy)?;
        let _turn = self.turn.lock().await;
        if self.is_known(name, hash, password) {
            // Requests that came together wait for one.
            return Ok(true);
        }
        let (against, given) = (hash.unwrap_or(NOBODY).to_owned(), password.to_vec());
        let matches = tokio::task::spawn_blocking(move || bcrypt::verify(given, &against).unwrap_or(false)).await;
        let right = matches.unwrap_or(false) && hash.is_some();
        if let Some(digest) = hash.filter(|_| right).and_then(|hash| self.digest(name, hash, password)) {
            let mut known = self.known.lock();
            if known.len() >= MAX_KNOWN {
                let any = known.iter().next().copied();
                any.map(|any| known.remove(&any));
            }
            known.insert(digest);
        }
        Ok(right)
    }

    fn digest(&self, name: &str, hash: &str, password: &[u8]) -> Option<[u8; 32]> {
        let mut context = hmac::Context::with_key(self.key.as_ref()?);
        for part in [name.as_bytes(), hash.as_bytes(), password] {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        context.sign().as_ref().try_into().ok()
    }
}
