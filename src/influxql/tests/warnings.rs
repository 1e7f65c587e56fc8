//! What is said beside an answer.

use super::*;

#[test]
fn the_retention_policy_says_how_long_samples_are_kept() {
    let told = Store::default().ask("SHOW RETENTION POLICIES ON prometheus");
    assert_eq!(told.rows.0[0].1[0][1], Value::text("25h1m1s"));
}

#[test]
fn comparisons_of_several_types_are_said_to_find_nothing() {
    let store = Store::default().points("m", "v", "a", &[(0, 1.0)]);
    for (condition, why) in [
        ("v = 'a'", "\"v\" is of type float, and never as a text is: 'a'"),
        ("v != true", "\"v\" is of type float, and never as a boolean is: true"),
        ("v =~ /a/", "\"v\" is of type float, and never as a text is: /a/"),
        ("5 < host", "\"host\" is no field here, and tags are compared with texts: '5'"),
        ("host = \"a\"", "\"a\" is the name of a tag or field here; a text stands in single quotes: 'a'"),
    ] {
        assert_eq!(store.ask(&format!("SELECT v FROM m WHERE {condition}")).messages, [why], "{condition}");
    }
    for condition in ["v = 5", "host = 'a'", "host =~ /a/", "v > 1 AND time > 5", "v = v"] {
        assert!(store.ask(&format!("SELECT v FROM m WHERE {condition}")).messages.is_empty(), "{condition}");
    }
}
