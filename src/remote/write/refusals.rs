//! What was refused of a request, in words for the sender's log.

use super::rule::Rule;

/// Refusals of a request that an answer spells out; the others are counted. Senders log about the first KiB of an answer.
const SPELLED_OUT: usize = 4;
/// Bytes that the wording of one rule may take.
const RULE_BYTES: usize = 300;

/// Counts refusals and remembers the first few.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    count: u64,
    first: Vec<String>,
    future: Option<i64>,
}

impl Refusals {
    /// Adds what was refused of one series: the first rule broken, and how many parts broke one.
    pub(super) fn add(&mut self, series: impl FnOnce() -> String, rule: &Rule, parts: u64) {
        self.count += parts;
        if let Rule::Future { time, .. } = *rule {
            self.future = Some(self.future.map_or(time, |first| first.min(time)));
        }
        if self.first.len() < SPELLED_OUT {
            let mut rule = rule.to_string();
            if rule.len() > RULE_BYTES {
                let end = (0..=RULE_BYTES).rev().find(|&end| rule.is_char_boundary(end)).unwrap_or(0);
                rule.truncate(end);
                rule.push('…');
            }
            self.first.push(format!("series {}: {rule}", series()));
        }
    }

    /// The earliest time (ms) that lies too far in the future.
    pub(super) fn future(&self) -> Option<i64> {
        self.future
    }

    /// The answer's text, if anything was refused.
    pub(super) fn message(&self) -> Option<String> {
        let more = self.count.checked_sub(self.first.len() as u64)?;
        if self.count == 0 {
            return None;
        }
        let listed = self.first.join("; ");
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        Some(format!("{} refused, the rest was stored: {listed}{rest}", self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_are_named_and_the_others_counted() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.message(), None);
        refusals.add(|| "{a=\"1\"}".into(), &Rule::NoName, 1);
        let want = "1 refused, the rest was stored: series {a=\"1\"}: it has no metric name (label __name__)";
        assert_eq!(refusals.message().as_deref(), Some(want));
        for _ in 0..5000 {
            refusals.add(|| "{b=\"2\"}".into(), &Rule::NoName, 2);
        }
        let message = refusals.message().unwrap();
        assert!(message.starts_with("10001 refused") && message.ends_with("; and 9997 more"), "{message}");
    }

    #[test]
    fn the_message_stays_short_whatever_was_sent() {
        let mut refusals = Refusals::default();
        for _ in 0..50 {
            refusals.add(|| "x".repeat(200), &Rule::NotUtf8("é".repeat(1000)), 1);
        }
        assert!(refusals.message().unwrap().len() < 4 * 530 + 100);
    }
}
