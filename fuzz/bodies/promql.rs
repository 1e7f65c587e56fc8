//! Any text: parsing answers, and what parsed prints to something that parses to the same text.

/// Takes an input.
pub(crate) fn run(text: &str) {
    if let Ok(expr) = vctsdb::promql::parse(text) {
        let printed = expr.to_string();
        let again = vctsdb::promql::parse(&printed).unwrap_or_else(|error| panic!("{printed:?}: {error}"));
        assert_eq!(again.to_string(), printed);
    }
}
