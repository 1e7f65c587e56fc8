//! Who guesses passwords has to wait.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::AccessRefusal;

/// How many wrong logins an address may try at once …
const BURST: u32 = 10;
/// … and after how long it may try one more.
const INTERVAL: Duration = Duration::from_secs(10);
/// Addresses that are remembered. Where there are more, the one whose last wrong login is the longest ago is forgotten.
const MAX_ADDRESSES: usize = 4_096;

/// Counts wrong logins by address.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<HashMap<Option<IpAddr>, Bucket>>);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Wrong logins at `since`.
    used: u32,
    since: Instant,
}

impl Bucket {
    /// What is left of it `now`.
    fn at(self, now: Instant) -> Self {
        let forgiven = now.saturating_duration_since(self.since).as_secs() / INTERVAL.as_secs();
        let forgiven = u32::try_from(forgiven).unwrap_or(u32::MAX).min(self.used);
        let since = if forgiven == self.used { now } else { self.since + INTERVAL * forgiven };
        Self { used: self.used - forgiven, since }
    }
}

/// The part of an address that one owner has: all of version 4, the network of version 6.
fn owner(address: Option<IpAddr>) -> Option<IpAddr> {
    match address {
        Some(IpAddr::V6(address)) => Some(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()),
        other => other,
    }
}

impl Guesses {
    /// Whether an address may try a login now.
    pub(super) fn check(&self, address: Option<IpAddr>) -> Result<(), AccessRefusal> {
        self.check_at(address, Instant::now())
    }

    /// Counts a wrong login.
    pub(super) fn count(&self, address: Option<IpAddr>) {
        self.count_at(address, Instant::now());
    }

    fn check_at(&self, address: Option<IpAddr>, now: Instant) -> Result<(), AccessRefusal> {
        let Some(bucket) = self.0.lock().get(&owner(address)).map(|bucket| bucket.at(now)) else { return Ok(()) };
        if bucket.used < BURST {
            return Ok(());
        }
        let wait = INTERVAL.saturating_sub(now.saturating_duration_since(bucket.since));
        Err(AccessRefusal::Guessing { seconds: wait.as_secs().max(1) })
    }

    fn count_at(&self, address: Option<IpAddr>, now: Instant) {
        let mut buckets = self.0.lock();
        let address = owner(address);
        if buckets.len() >= MAX_ADDRESSES && !buckets.contains_key(&address) {
            buckets.retain(|_, bucket| bucket.at(now).used > 0);
            if buckets.len() >= MAX_ADDRESSES {
                let oldest = buckets.iter().min_by_key(|(_, bucket)| bucket.since).map(|(address, _)| *address);
                oldest.map(|oldest| buckets.remove(&oldest));
            }
        }
        let bucket = buckets.entry(address).or_insert(Bucket { used: 0, since: now });
        *bucket = bucket.at(now);
        bucket.used = (bucket.used + 1).min(BURST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_wrong_logins_are_free_and_each_further_one_takes_ten_seconds() {
        let guesses = Guesses::default();
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        let (one, other) = (Some("10.0.0.1".parse().unwrap()), Some("10.0.0.2".parse().unwrap()));
        for _ in 0..10 {
            assert!(guesses.check_at(one, now).is_ok());
            guesses.count_at(one, now);
        }
        assert!(matches!(guesses.check_at(one, after(3)), Err(AccessRefusal::Guessing { seconds: 7 })));
        assert!(guesses.check_at(other, now).is_ok(), "another address");
        assert!(guesses.check_at(one, after(10)).is_ok());
        guesses.count_at(one, after(10));
        assert!(guesses.check_at(one, after(19)).is_err());
        assert!(guesses.check_at(one, after(20)).is_ok());
        for _ in 0..10 {
            guesses.count_at(one, after(1_000));
        }
        assert!(guesses.check_at(one, after(1_000)).is_err(), "a long pause saves up no more than the burst");
    }

    #[test]
    fn addresses_of_one_network_of_version_6_are_one_and_their_number_is_bounded() {
        let guesses = Guesses::default();
        let now = Instant::now();
        for i in 0..10 {
            guesses.count_at(Some(format!("2001:db8::{i:x}").parse().unwrap()), now);
        }
        assert!(guesses.check_at(Some("2001:db8::ffff".parse().unwrap()), now).is_err());
        assert!(guesses.check_at(Some("2001:db8:0:1::1".parse().unwrap()), now).is_ok());
        for i in 0..10_000_u32 {
            guesses.count_at(Some(std::net::Ipv4Addr::from_bits(i).into()), now);
        }
        assert!(guesses.0.lock().len() <= MAX_ADDRESSES);
    }
}
