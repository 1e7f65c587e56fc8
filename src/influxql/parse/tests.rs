use proptest::prelude::*;

use super::*;
use crate::influxql::ast::{BinaryOp, Class, Expr, FieldType};

fn error(text: &str) -> String {
    parse(text, &Params::default()).unwrap_err().to_string()
}

#[test]
fn errors_say_what_was_found_and_where() {
    for (text, why) in [
        ("SELECT", "found EOF, expected identifier, string, number, bool at line 1, char 8"),
        ("SELECT v FROM m WHERE", "found EOF, expected identifier, string, number, bool at line 1, char 23"),
        ("SELECT v\nFROM m\nGROUP host", "found host, expected BY at line 3, char 7"),
        ("SELECT v FROM m LIMIT -1", "found -, expected integer at line 1, char 23"),
        ("SELECT v FROM m OFFSET 1 LIMIT 1", "found LIMIT, expected ; at line 1, char 26"),
        ("SELECT v FROM m WHERE v =~ /(/", "error parsing regexp: missing closing ): `(` at line 1, char 27"),
        ("SELECT name FROM m", "found NAME, expected identifier, string, number, bool at line 1, char 8"),
        ("SELECT v FROM m WHERE v = 1e1", "invalid duration"),
        ("SELECT v FROM m ORDER BY v", "only ORDER BY time supported at this time"),
        ("SELECT v FROM m tz('Nowhere/Else')", "unable to find time zone Nowhere/Else"),
        (
            "SELECT v = 1 FROM m",
            "invalid operator = in SELECT clause at line 1, char 8; operator is intended for WHERE clause",
        ),
        (
            "SELECT v FROM m; nonsense",
            "found nonsense, expected SELECT, DELETE, SHOW, CREATE, DROP, EXPLAIN, GRANT, REVOKE, ALTER, SET, KILL at line 1, char 18",
        ),
        ("DELETE FROM a.b.c", "database not supported at line 1, char 1"),
    ] {
        assert_eq!(error(text), why, "{text}");
    }
}

#[test]
fn parameters_stand_for_literals_and_names() {
    let bound = |params: &str| {
        let params = Params::of_json(params).map_err(|error| error.to_string())?;
        parse("SELECT v FROM m WHERE v > $x", &params).map(drop).map_err(|error| error.to_string())
    };
    for fine in [
        r#"{"x": 1}"#,
        r#"{"x": 1.5}"#,
        r#"{"x": "text"}"#,
        r#"{"x": true}"#,
        r#"{"x": {"identifier": "n"}}"#,
        r#"{"x": {"duration": "5m"}}"#,
        r#"{"x": {"integer": 5}}"#,
        r#"{"x": {"float": 5}}"#,
    ] {
        assert_eq!(bound(fine), Ok(()), "{fine}");
    }
    for (params, why) in [
        ("{}", "missing parameter: x"),
        (r#"{"x": null}"#, "unable to bind parameter with type <nil>"),
        (r#"{"x": {"foo": 1}}"#, "unknown bind object type: foo"),
        (r#"{"x": {"integer": "a"}}"#, "invalid value \"a\" for bound parameter of type integer"),
    ] {
        assert_eq!(bound(params).unwrap_err(), why, "{params}");
    }
    let place = Params::of_json(r#"{"m": {"ident": "odd name"}, "n": 5, "i": {"duration": "1m"}}"#).unwrap();
    parse("SELECT mean(v) FROM $m GROUP BY time($i) LIMIT $n", &place).unwrap();
}

#[test]
fn no_text_takes_much_stack() {
    let deep = |open: &str, close: &str, count: usize| {
        format!("SELECT v FROM m WHERE {}v{} = 1", open.repeat(count), close.repeat(count))
    };
    assert!(parse(&deep("(", ")", 50), &Params::default()).is_ok());
    for text in [
        deep("(", ")", 100_000),
        deep("-(", ")", 100_000),
        deep("abs(", ")", 100_000),
        format!("SELECT v FROM {}m{}", "(SELECT v FROM ".repeat(10_000), ")".repeat(10_000)),
        format!("SELECT v{} FROM m", " + v".repeat(100_000)),
    ] {
        assert!(error(&text).contains("levels"), "{}", error(&text));
    }
    assert!(
        parse(&format!("SELECT v FROM m WHERE {}", vec!["h = 'a'"; 20_000].join(" OR ")), &Params::default()).is_ok()
    );
    assert!(error(&" ".repeat(MAX_TEXT + 1)).contains("bytes"));
}

#[test]
fn a_name_that_is_a_keyword_is_printed_in_quotes() {
    for (name, printed) in
        [("on", "\"on\""), ("Name", "\"Name\""), ("a.by", "\"a.by\""), ("one", "one"), ("a.b", "a.b")]
    {
        let expr = Expr::Ref { name: name.into(), class: None };
        assert_eq!(expr.to_string(), printed);
    }
}

fn any_expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        ("[a-z]{1,4}|on|by|name|true", proptest::option::of(Just(Class::Tag)))
            .prop_map(|(name, class)| Expr::Ref { name, class }),
        "[ -~äß\n]{1,6}".prop_map(|name| Expr::Ref { name, class: Some(Class::Type(FieldType::Float)) }),
        any::<i64>().prop_map(Expr::Integer),
        (-1e9..1e9).prop_map(Expr::Number),
        (0..i64::MAX).prop_map(Expr::Duration),
        "[ -~äß\n]{0,6}".prop_map(Expr::Text),
        any::<bool>().prop_map(Expr::Boolean),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let paren = inner.clone().prop_map(|inner| Expr::Paren(Box::new(inner)));
        let ops = proptest::sample::select(vec![BinaryOp::Add, BinaryOp::Multiply, BinaryOp::BitAnd, BinaryOp::Less]);
        prop_oneof![
            (ops, paren.clone(), paren.clone()).prop_map(|(op, left, right)| Expr::Binary {
                op,
                left: Box::new(left),
                right: Box::new(right)
            }),
            ("[a-z]{3,5}_x", proptest::collection::vec(inner.clone(), 0..3))
                .prop_map(|(name, args)| Expr::Call { name, args }),
            proptest::collection::vec(paren.clone(), 2..4).prop_map(Expr::And),
            paren,
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again_as_it_was(expr in any_expr()) {
        let text = format!("SELECT v FROM m WHERE {expr}");
        let read = parse(&text, &Params::default());
        let Ok([Statement::Select(select)]) = read.as_deref() else { return Err(TestCaseError::fail(format!("{text}: {read:?}"))) };
        prop_assert_eq!(select.condition.as_ref(), Some(&expr), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(SELECT|FROM|WHERE|GROUP BY|time\\(|[a-z]+|'|\"|/|\\(|\\)|,|;|[0-9]+[a-zµ]*|[=<>!~:.*+-]| ){0,24}") {
        let _ = parse(&text, &Params::default());
    }
}
