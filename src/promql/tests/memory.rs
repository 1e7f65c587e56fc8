//! What a query builds and keeps is limited and counted before it is there.

use super::*;

/// One series whose label `a` has 16 bytes.
fn one() -> MemorySelect {
    store(15, &[(&[("__name__", "up"), ("a", "0123456789abcdef"), ("i", "1")], &[1.0; 20])])
}

#[test]
fn a_label_beyond_what_ingest_takes_is_refused_before_it_is_built() {
    let many = "$1".repeat(1000);
    let replace = |inner: &str| format!(r#"label_replace({inner}, "a", "{many}", "a", "(.*)")"#);
    let once = replace("up");
    assert_eq!(ask(&one(), &at(&once, 60)).unwrap().stats.series, 1, "16,000 bytes are fine");
    let joined = format!(r#"label_join({once}, "b", "-"{})"#, r#", "a""#.repeat(100));
    let long = format!(r#"label_replace(up, "a", "{}", "a", ".*")"#, "x".repeat(70_000));
    for (text, function) in [(replace(&once), "label_replace"), (joined, "label_join"), (long, "label_replace")] {
        let error = failure(&one(), &text);
        assert!(error.starts_with(&format!("{function}(): the value of label ")), "{error:.200}");
        assert!(error.ends_with("more than the limit of 65536"), "{error:.200}");
    }
}

#[test]
fn labels_that_a_query_makes_are_together_no_more_than_ingest_takes() {
    let many = "$1".repeat(4000);
    let inner =
        (0..5).fold("up".to_owned(), |inner, i| format!(r#"label_replace({inner}, "b{i}", "{many}", "a", "(.*)")"#));
    let error = failure(&one(), &inner);
    assert!(error.contains("more than the limit of 262144"), "{error:.200}");
}
