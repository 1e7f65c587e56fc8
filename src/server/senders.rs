//! Who writes: each sender with what came of its requests, for people who ask why something doesn't arrive.

use std::{collections::HashMap, net::IpAddr};

use hyper::{
    HeaderMap, StatusCode,
    header::{HeaderValue, USER_AGENT},
};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{Response, json::rfc_3339, rejection_log::ErrorReason};

/// At most this many senders are remembered; the one silent for longest makes room.
const MAX_SENDERS: usize = 1_000;
/// The name of a program is cut to this many bytes.
const MAX_AGENT_BYTES: usize = 200;

/// How many samples a request has stored, an extension of its response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredSamples(pub(crate) u64);

/// A program on a machine, and where it writes to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Sender {
    address: Option<IpAddr>,
    /// What it calls itself.
    agent: Vec<u8>,
    /// The pattern of the route.
    path: &'static str,
}

impl Sender {
    /// The sender of a request with these headers.
    pub(crate) fn new(address: Option<IpAddr>, headers: &HeaderMap, path: &'static str) -> Self {
        let agent = headers.get(USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
        Self { address, agent: agent.get(..MAX_AGENT_BYTES).unwrap_or(agent).to_vec(), path }
    }
}

/// What came of a sender's requests. Times are ms.
#[derive(Debug, Clone)]
struct Record {
    first: i64,
    last: i64,
    last_stored: Option<i64>,
    requests: u64,
    samples: u64,
    failed: u64,
    last_failure: Option<Failure>,
}

#[derive(Debug, Clone)]
struct Failure {
    time: i64,
    status: StatusCode,
    reason: Option<ErrorReason>,
}

/// All senders since the start.
#[derive(Debug, Default)]
pub(crate) struct Senders(Mutex<HashMap<Sender, Record>>);

impl Senders {
    /// Notes what a request was answered at `now`.
    pub(crate) fn observe(&self, sender: Sender, response: &Response, now: i64) {
        let mut senders = self.0.lock();
        if senders.len() >= MAX_SENDERS && !senders.contains_key(&sender) {
            let silent = senders.iter().min_by_key(|(_, record)| record.last).map(|(sender, _)| sender.clone());
            silent.map(|sender| senders.remove(&sender));
        }
        let new =
            Record { first: now, last: now, last_stored: None, requests: 0, samples: 0, failed: 0, last_failure: None };
        let record = senders.entry(sender).or_insert(new);
        record.last = now;
        record.requests += 1;
        record.samples += response.extensions().get::<StoredSamples>().map_or(0, |stored| stored.0);
        let status = response.status();
        if status.is_success() {
            record.last_stored = Some(now);
        } else {
            record.failed += 1;
            let reason = response.extensions().get::<ErrorReason>().cloned();
            record.last_failure = Some(Failure { time: now, status, reason });
        }
    }

    /// All of them, those heard of last first.
    pub(crate) fn to_json(&self) -> Value {
        let mut senders: Vec<(Sender, Record)> =
            self.0.lock().iter().map(|(sender, record)| (sender.clone(), record.clone())).collect();
        senders.sort_by_key(|(_, record)| std::cmp::Reverse(record.last));
        let told = senders.iter().map(|(sender, record)| {
            json!({
                "address": sender.address.map(|address| address.to_string()),
                "userAgent": String::from_utf8_lossy(&sender.agent),
                "path": sender.path,
                "first": rfc_3339(record.first),
                "last": rfc_3339(record.last),
                "lastStored": record.last_stored.map(rfc_3339),
                "requests": record.requests,
                "samples": record.samples,
                "failed": record.failed,
                "lastFailure": record.last_failure.as_ref().map(|failure| json!({
                    "time": rfc_3339(failure.time),
                    "status": failure.status.as_u16(),
                    "reason": failure.reason.as_ref().map(ErrorReason::text),
                })),
            })
        });
        json!({"senders": told.collect::<Vec<Value>>()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::respond;

    #[test]
    fn senders_are_told_apart_counted_and_forgotten_when_there_are_too_many() {
        let senders = Senders::default();
        let sender = |number: usize| {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, format!("agent {number} {}", "x".repeat(300)).parse().unwrap());
            Sender::new(Some([127, 0, 0, 1].into()), &headers, "/api/v1/write")
        };
        let mut stored = respond::no_content();
        stored.extensions_mut().insert(StoredSamples(7));
        senders.observe(sender(0), &stored, 1_000);
        senders.observe(sender(0), &respond::text(StatusCode::BAD_REQUEST, "line 7"), 2_000);
        let told = senders.to_json();
        let one = &told["senders"][0];
        assert_eq!((&one["requests"], &one["samples"], &one["failed"]), (&json!(2), &json!(7), &json!(1)));
        assert_eq!(
            (&one["lastStored"], &one["last"]),
            (&json!("1970-01-01T00:00:01Z"), &json!("1970-01-01T00:00:02Z"))
        );
        let failure = json!({"time": "1970-01-01T00:00:02Z", "status": 400, "reason": "line 7"});
        assert_eq!(one["lastFailure"], failure);
        assert_eq!(one["userAgent"].as_str().unwrap().len(), MAX_AGENT_BYTES);
        (1..=MAX_SENDERS).for_each(|number| senders.observe(sender(number), &stored, 3_000));
        let told = senders.to_json();
        let all = told["senders"].as_array().unwrap();
        assert!(all.len() == MAX_SENDERS && all.iter().all(|one| one["requests"] == 1));
    }
}
