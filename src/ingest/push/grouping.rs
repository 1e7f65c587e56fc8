//! The labels that name a group, from the path of a push.

use crate::model::Labels;

/// Behind a label's name: its value is in base64.
const BASE64: &str = "@base64";
/// The first label of every group.
const JOB: &str = "job";

/// The labels that name a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    labels: Labels,
    /// The same with those that have no value, which no series of the group has then.
    pairs: Vec<(String, String)>,
}

impl Grouping {
    /// The grouping that the parts of a path name: `job`, its value, and further names and values by turns. A name that ends in
    /// `@base64` has its value in base64, of the alphabet for URLs, padded or not.
    ///
    /// # Errors
    /// Says what is wrong with it, in the words of a Pushgateway.
    pub fn of(parts: &[String]) -> Result<Self, String> {
        let [name, job, rest @ ..] = parts else { return Err("job name is required".to_owned()) };
        let job = match name.strip_suffix(BASE64) {
            Some(_) => decoded(job).map_err(|why| format!("invalid base64 encoding in job name {job:?}: {why}"))?,
            None => job.clone(),
        };
        if job.is_empty() {
            return Err("job name is required".to_owned());
        }
        // A slash behind the job ends the path.
        let rest = if let [last] = rest
            && last.is_empty()
        {
            &[]
        } else {
            rest
        };
        if !rest.len().is_multiple_of(2) {
            return Err(format!("odd number of components in label string {:?}", format!("/{}", rest.join("/"))));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in rest.chunks_exact(2) {
            let [sent, value] = pair else { continue };
            let name = sent.strip_suffix(BASE64).unwrap_or(sent);
            if !is_proper(name) {
                return Err(format!("improper label name {name:?}"));
            }
            let value = if name.len() == sent.len() {
                value.clone()
            } else {
                decoded(value).map_err(|why| format!("invalid base64 encoding for label {name}={value:?}: {why}"))?
            };
            pairs.retain(|(given, _)| given != name);
            pairs.push((name.to_owned(), value));
        }
        pairs.retain(|(name, _)| name != JOB);
        pairs.push((JOB.to_owned(), job));
        crate::model::limits::check_labels(pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
            .map_err(|limit| limit.to_string())?;
        let labels = Labels::from_pairs(pairs.iter().map(|(name, value)| (name, value))).map_err(|e| e.to_string())?;
        Ok(Self { labels, pairs })
    }

    /// The labels with a value: those of the group's own series.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// What every series gets in place of its own labels of these names.
    #[must_use]
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }
}

/// Whether a label of a group may have this name.
fn is_proper(name: &str) -> bool {
    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    begins && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.starts_with("__")
}

/// Undoes base64 of the alphabet for URLs; `=` at the end may be there or not.
fn decoded(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut have) = (0u32, 0);
    for (at, byte) in text.bytes().enumerate() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return Err(format!("illegal base64 data at input byte {at}")),
        };
        bits = bits << 6 | u32::from(value);
        have += 6;
        if have >= 8 {
            have -= 8;
            bytes.push((bits >> have) as u8);
        }
    }
    if have >= 6 {
        return Err(format!("illegal base64 data at input byte {}", text.len()));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Result<String, String> {
        let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        Grouping::of(&parts).map(|grouping| grouping.labels().to_string())
    }

    #[test]
    fn labels_stand_in_the_path_plain_or_in_base64() {
        for (path, labels) in [
            ("job/a", "{job=\"a\"}"),
            ("job/a/", "{job=\"a\"}"),
            ("job/a/instance/b", "{instance=\"b\", job=\"a\"}"),
            ("job/a/instance/", "{job=\"a\"}"),
            ("job/a/job/b", "{job=\"a\"}"),
            ("job/a/x/1/x/2", "{job=\"a\", x=\"2\"}"),
            (
                "job@base64/ZGlyZWN0b3J5X2NsZWFuZXI/path@base64/L3Zhci90bXA",
                "{job=\"directory_cleaner\", path=\"/var/tmp\"}",
            ),
            ("job@base64/YQ==/path@base64/L3Zhci90bXA=", "{job=\"a\", path=\"/var/tmp\"}"),
            ("job/titan/name@base64/zqDPgc6_zrzOt864zrXPjc-C", "{job=\"titan\", name=\"Προμηθεύς\"}"),
            ("job/a/x@base64/=", "{job=\"a\"}"),
        ] {
            assert_eq!(of(path).as_deref(), Ok(labels), "{path}");
        }
        let parts = ["job", "a", "x", ""].map(str::to_owned);
        let empty = ("x".to_owned(), String::new());
        assert!(Grouping::of(&parts).unwrap().pairs().contains(&empty), "a body's x is replaced by none");
    }

    #[test]
    fn what_names_no_group_is_said_as_a_pushgateway_says_it() {
        for (path, says) in [
            ("job/", "job name is required"),
            ("job@base64/=", "job name is required"),
            ("job@base64/a+b", "invalid base64 encoding in job name \"a+b\": illegal base64 data at input byte 1"),
            ("job@base64/YWJjZ", "invalid base64 encoding in job name \"YWJjZ\": illegal base64 data at input byte 5"),
            ("job/a/b", "odd number of components in label string \"/b\""),
            ("job/a/b/c/", "odd number of components in label string \"/b/c/\""),
            ("job/a/0x/c", "improper label name \"0x\""),
            ("job/a/__x/c", "improper label name \"__x\""),
            ("job/a//c", "improper label name \"\""),
            ("job/a/x@base64/_w", "invalid base64 encoding for label x=\"_w\": it is not UTF-8"),
        ] {
            assert_eq!(of(path), Err(says.to_owned()), "{path}");
        }
    }
}
