//! Properties of parser and printer over generated expressions and over garbage.

use proptest::prelude::*;

use super::{MAX_DEPTH, parse, parse_selector};

fn label() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_][a-z0-9_]{0,4}", Just("\"a.b\"".to_owned()), Just("by".to_owned()), Just("on".to_owned())]
}

fn labels() -> impl Strategy<Value = String> {
    proptest::collection::vec(label(), 0..3).prop_map(|l| format!("({})", l.join(", ")))
}

fn duration() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[1-9]h[1-9]m",
        "[1-9][0-9]{0,2}s",
        "[1-9]\\.5",
        Just("step()".to_owned()),
        Just("range()".to_owned())
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), prop::sample::select(vec!["+", "-", "*", "/", "%", "^"]), inner.clone())
                .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            inner.clone().prop_map(|d| format!("({d})")),
            inner.clone().prop_map(|d| format!("-({d})")),
            (prop::sample::select(vec!["min_of", "max_of"]), inner.clone(), inner)
                .prop_map(|(f, a, b)| format!("{f}({a}, {b})")),
        ]
    })
}

fn shift() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        1 => "-?[1-9]m".prop_map(|d| format!(" offset {d}")),
        1 => duration().prop_map(|d| format!(" offset ({d})")),
        1 => Just(" @ 12.5 offset 1h".to_owned()),
        1 => Just(" offset -5m @ end()".to_owned()),
    ]
}

fn series() -> impl Strategy<Value = String> {
    let matcher = (label(), prop::sample::select(vec!["=", "!=", "=~", "!~"]), "[a-z0-9.|é\\\\]{0,4}")
        .prop_map(|(l, op, v)| format!("{l}{op}{v:?}"));
    let name = prop_oneof!["[a-z][a-z0-9:_]{0,5}x", Just("sum".to_owned()), Just("offset".to_owned())];
    let valid = |text: &String| parse_selector(text, &|_| true).is_ok();
    (name, proptest::collection::vec(matcher, 0..3))
        .prop_map(|(name, matchers)| format!("{name}{{{}}}", matchers.join(",")))
        .prop_filter("its regular expressions are some", valid)
}

fn vector() -> impl Strategy<Value = String> {
    // Operators after an offset in parentheses would belong to the offset, as in Prometheus.
    let leaf = (series(), shift()).prop_map(|(s, shift)| format!("({s}{shift})"));
    leaf.prop_recursive(4, 24, 3, |inner| {
        let ops = vec!["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", ">=", "</", ">/", "and", "or", "unless"];
        let window = (series(), duration(), prop::sample::select(vec!["", " anchored", " smoothed"]), shift())
            .prop_map(|(s, d, edges, shift)| format!("rate({s}[({d})]{edges}{shift})"));
        prop_oneof![
            2 => window,
            2 => (inner.clone(), prop::sample::select(ops), inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            1 => (inner.clone(), labels(), inner.clone()).prop_map(|(a, l, b)| format!("{a} > bool on {l} {b}")),
            1 => (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("{a} * ignoring (z) group_left (y) fill_right (-2) {b}")),
            2 => (prop::sample::select(vec!["sum", "avg", "group"]), labels(), inner.clone())
                .prop_map(|(op, l, e)| format!("{op} without {l} ({e})")),
            1 => (inner.clone(), labels()).prop_map(|(e, l)| format!("topk(2 + time(), {e}) by {l}")),
            1 => inner.clone().prop_map(|e| format!("({e})")),
            1 => inner.clone().prop_map(|e| format!("-{e}")),
            1 => inner.clone().prop_map(|e| format!("clamp({e}, -0x1F, Inf)")),
            1 => (inner.clone(), duration(), shift()).prop_map(|(e, d, shift)| format!("max_over_time(({e})[({d}):1m]{shift})")),
            1 => inner.prop_map(|e| format!("label_replace({e}, 'a', \"$1\", `b`, '(.*)\\'\\u00e9')")),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_parses_to_what_prints_the_same(text in vector()) {
        let printed = parse(&text).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?.to_string();
        let again = parse(&printed).map_err(|e| TestCaseError::fail(format!("{printed}: {e}")))?;
        prop_assert_eq!(again.to_string(), printed);
    }

    #[test]
    fn spans_lie_inside_the_text_on_character_borders(text in vector()) {
        let expr = parse(&text).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?;
        prop_assert_eq!(text.get(expr.span.start as usize..expr.span.end as usize), Some(text.as_str()));
    }

    #[test]
    fn garbage_is_answered_with_an_error_in_the_text(text in r#"(sum|by|on|offset|@|\[|\]|\(|\)|\{|\}|m|5m|1e|0x|"|'|`|\\|,|=~|!|<|:|-|\^|#|step|NaN|é| |\n){0,24}"#) {
        if let Err(crate::promql::QueryError::Parse { at, span, .. }) = parse(&text) {
            prop_assert!(span.start as usize <= text.len() && span.end as usize <= text.len());
            prop_assert_eq!(at, span.line_column(&text));
        }
    }
}

#[test]
fn long_lists_are_no_nesting() {
    let args = vec!["'x'"; 20_000].join(", ");
    assert!(parse(&format!("label_join(m, 'a', 'b', {args})")).is_ok());
    let labels = vec!["l"; 20_000].join(", ");
    assert!(parse(&format!("sum by ({labels}) (m)")).is_ok());
    assert!(parse(&vec!["1"; MAX_DEPTH - 2].join(" + ")).is_ok());
}
