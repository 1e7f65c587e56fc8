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

#[test]
fn a_selector_may_list_ten_thousand_values_and_begin_or_end_with_anything() {
    let names: Vec<String> =
        (0..10_000).map(|i| format!("container-{i:018}")).chain(["0123456789".to_owned()]).collect();
    let list = names.join("|");
    for pattern in [format!("({list})abcdef"), format!("({list}).*"), format!("(?i)({list})ABCDEF")] {
        let found = vector(&one(), &format!("up{{a=~\"{pattern}\"}}"), 60);
        assert_eq!(found.len(), 1, "{pattern:.30}");
    }
}

#[test]
fn a_pattern_that_is_refused_is_told_by_its_beginning() {
    for pattern in ["x|".repeat(1_100_000), "(a|".repeat(50_000), "ab?|".repeat(60_000)] {
        let error = failure(&one(), &format!("up{{a=~\"{pattern}\"}}"));
        assert!(error.len() < 1_000, "{} bytes: {error:.200}", error.len());
    }
}

#[test]
fn what_a_text_takes_to_read_counts_with_what_all_queries_may_hold() {
    let options = EngineOptions { max_samples_of_all: 100_000, ..EngineOptions::default() };
    let engine = Engine::new(options);
    let expression: String = (0..4_000).map(|i| format!("name-{i}x?|")).collect();
    let words = r#"a="1","#.repeat(20_000);
    for text in [format!("up{{a=~\"{expression}\"}}"), format!("up{{{words}}}")] {
        let error = engine.run(&one(), &at(&text, 60), &Cancel::default()).unwrap_err();
        assert!(matches!(&error, QueryError::Execution(text) if text.contains("more memory than there is")), "{error}");
        assert_eq!(engine.memory().0, 0, "all is given back");
    }
    assert!(engine.run(&one(), &at("up", 60), &Cancel::default()).is_ok());
}
