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

#[test]
fn names_that_are_not_there_are_told_where_the_answer_is_empty() {
    let store = Store::default().points("cpu", "usage", "a", &[(0, 1.0)]).metric("up", &[(0, 1.0, 0)]);
    for (query, why) in [
        ("usge FROM cpu", "\"usge\" is no field or tag of the measurement \"cpu\"; did you mean usage?"),
        ("mean(usge) FROM cpu", "\"usge\" is no field or tag of the measurement \"cpu\"; did you mean usage?"),
        (
            "usage FROM cpu WHERE hots = 'a'",
            "\"hots\" is no field or tag of the measurement \"cpu\"; did you mean host?",
        ),
        ("x FROM cpu", "\"x\" is no field or tag of the measurement \"cpu\""),
        ("usge FROM cpu GROUP BY host", "\"usge\" is no field or tag of the measurement \"cpu\"; did you mean usage?"),
        (
            "usage FROM cpu WHERE host = 'b' GROUP BY hots",
            "\"hots\" is no field or tag of the measurement \"cpu\"; did you mean host?",
        ),
        ("usge FROM cpuu", "there is no measurement \"cpuu\" in the database \"t\"; did you mean cpu?"),
        ("usage FROM /^mem/", "no measurement has a name that matches the pattern of FROM"),
        ("host FROM cpu", "only tags of the measurement \"cpu\" are selected: without a field there are no points"),
        (
            "value FROM prometheus..upp",
            "there is no measurement \"upp\" in the database \"prometheus\"; did you mean up?",
        ),
        ("v FROM (SELECT usage FROM cpu)", "\"v\" is no field or tag of the query inside"),
        (
            "m FROM (SELECT usge AS m FROM cpu)",
            "\"usge\" is no field or tag of the measurement \"cpu\"; did you mean usage?",
        ),
    ] {
        let told = store.ask(&format!("SELECT {query}"));
        assert!(told.rows.0.is_empty(), "{query}");
        assert_eq!(told.messages, [why], "{query}");
    }
}

#[test]
fn empty_answers_of_names_that_are_there_need_no_words() {
    let store = Store::default().points("cpu", "usage", "a", &[(0, 1.0)]);
    for query in [
        "usage FROM cpu WHERE time > 50000s",
        "usage FROM cpu WHERE host = 'b'",
        "mean(usage) FROM cpu WHERE usage > 5 GROUP BY host",
        "* FROM cpu WHERE host = 'b' GROUP BY *",
        "mean(usage) FROM (SELECT usage FROM cpu GROUP BY host) WHERE host = 'b'",
    ] {
        let told = store.ask(&format!("SELECT {query}"));
        assert!(told.rows.0.is_empty() && told.messages.is_empty(), "{query}: {:?}", told.messages);
    }
    // An answer that has rows is not looked at: a name beside others gives nulls there, as in InfluxDB.
    assert!(store.ask("SELECT usage, usge FROM cpu").messages.is_empty());
}
