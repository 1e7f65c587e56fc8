//! Content negotiation: what a client prefers, from `Accept` and the headers like it (RFC 9110, section 12.5).
//!
//! Formats of results, encodings of bodies and the escaping of names are all chosen by the preferences that are read here.

use hyper::{HeaderMap, header::HeaderName};

/// An item of such a header: `text/csv; header=present; q=0.5`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Preference<'h> {
    /// What stands before the parameters; capitals don't count.
    value: &'h str,
    parameters: &'h str,
    /// 1 unless the client says otherwise; 0 for what it refuses.
    pub(crate) weight: f32,
}

impl<'h> Preference<'h> {
    /// An item whose weight can't be read is none.
    fn parse(item: &'h str) -> Option<Self> {
        let (value, parameters) = item.split_once(';').unwrap_or((item, ""));
        let weight = parameter(parameters, "q").map_or(Some(1.0), |weight| weight.parse().ok())?;
        Some(Self { value: value.trim(), parameters, weight })
    }

    /// Whether it is about one of `names`.
    pub(crate) fn is_any_of(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.value.eq_ignore_ascii_case(name))
    }

    /// The value of a parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&'h str> {
        parameter(self.parameters, name)
    }
}

fn parameter<'h>(parameters: &'h str, name: &str) -> Option<&'h str> {
    let mut pairs = parameters.split(';').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// All preferences of the header `name`, in the client's order.
pub(crate) fn preferences(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Preference<'_>> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(Preference::parse)
}

#[cfg(test)]
mod tests {
    use hyper::header::{ACCEPT, HeaderValue};

    use super::*;

    #[test]
    fn preferences_have_values_parameters_and_weights() {
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT, HeaderValue::from_static("text/CSV ; header=present;Q= 0.5 , */*;q=x"));
        headers.append(ACCEPT, HeaderValue::from_static("gzip"));
        let all: Vec<Preference<'_>> = preferences(&headers, ACCEPT).collect();
        let [csv, gzip] = all[..] else { panic!("a weight that is no number makes an item none: {all:?}") };
        assert!(csv.is_any_of(&["text/plain", "text/csv"]) && !csv.is_any_of(&["text/plain"]));
        assert_eq!((csv.weight, csv.parameter("header"), csv.parameter("charset")), (0.5, Some("present"), None));
        assert_eq!((gzip.weight, gzip.is_any_of(&["gzip"])), (1.0, true));
    }
}
