//! What is a query and what isn't, with Prometheus' words and places for the latter.

use super::*;

fn error(text: &str) -> String {
    match parse(text) {
        Ok(expr) => panic!("{text} was taken as {expr}"),
        Err(error) => error.to_string().replace("parse error: ", ""),
    }
}

fn printed(text: &str) -> String {
    parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).to_string()
}

#[test]
fn a_syntax_error_names_the_word_and_what_was_expected() {
    for (text, want) in [
        ("", "unknown position: no expression found in input"),
        (" # only words\n", "1:1: no expression found in input"),
        ("1 +", "1:4: unexpected end of input"),
        ("* 1", "1:1: unexpected <op:*>"),
        ("up down", r#"1:4: unexpected identifier "down""#),
        ("up 12345678901", r#"1:4: unexpected number "1234567890"..."#),
        ("up\n  5m", r#"2:3: unexpected duration "5m""#),
        ("a:b (c)", r#"1:5: unexpected "(""#),
        ("bool", "1:1: unexpected <bool>"),
        ("a + on (x) ignoring (y) b", "1:12: unexpected <ignoring>"),
        ("a + group_left (x) b", "1:5: unexpected <group_left>"),
        ("m{x=y}", r#"1:5: unexpected identifier "y" in label matching, expected string"#),
        ("m{x}", r#"1:4: unexpected "}" in label matching, expected label matching operator"#),
        ("m{,}", r#"1:3: unexpected "," in label matching, expected identifier or "}""#),
        ("m{x='1' y='2'}", r#"1:9: unexpected identifier "y" in label matching, expected "," or "}""#),
        ("m{'x'=}", r#"1:7: unexpected "}" in label matching, expected string"#),
        ("m[]", r#"1:3: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()"#),
        (
            "m[step]",
            r#"1:7: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()"#,
        ),
        ("m[5m 'x']", r#"1:6: unexpected string "'x'" in subquery or range, expected ":" or "]""#),
        ("m[5m:]]", "1:7: unexpected right bracket ']'"),
        ("m offset", "1:9: unexpected end of input in offset, expected number, duration, step(), or range()"),
        ("m @", "1:4: unexpected end of input in @, expected timestamp"),
        ("sum by x (m)", r#"1:8: unexpected identifier "x" in grouping opts, expected "(""#),
        ("sum by (==) (m)", "1:9: unexpected <op:==> in grouping opts, expected label"),
        ("sum by (x,,) (m)", r#"1:11: unexpected "," in grouping opts, expected label"#),
        ("sum by (x y) (m)", r#"1:11: unexpected identifier "y" in grouping opts, expected "," or ")""#),
        (r#"sum by ("") (m)"#, r#"1:9: invalid label name for grouping: """#),
        ("sum m by (x)", r#"1:5: unexpected identifier "m""#),
        ("sum (m n)", r#"1:8: unexpected identifier "n" in aggregation"#),
        ("sum (m) by (x) by (y)", "1:16: unexpected <by>"),
        ("sum () by (x)", "1:1: no arguments for aggregate expression provided"),
        ("topk(m)", "1:1: wrong number of arguments for aggregate expression provided, expected 2, got 1"),
        ("abs(m,)", "1:6: trailing commas not allowed in function call args"),
        ("nosuch(m)", r#"1:1: unknown function with name "nosuch""#),
        ("1e999", r#"1:1: error parsing number: strconv.ParseFloat: parsing "1e999": value out of range"#),
        ("m{x=~'('}", "1:3: error parsing regexp: missing closing ): `(`"),
    ] {
        assert_eq!(error(text), want, "{text}");
    }
}

#[test]
fn modifiers_are_refused_where_they_make_no_sense() {
    let place = "must be preceded by an instant vector selector or range vector selector or a subquery";
    for (text, want) in [
        ("1 offset 1d", format!("1:1: offset modifier {place}")),
        ("rate(m[5m]) @ 7", format!("1:1: @ modifier {place}")),
        ("m offset 1s offset 2s", "1:1: offset may not be set multiple times".to_owned()),
        ("m @ 1 @ start()", "1:1: @ <timestamp> may not be set multiple times".to_owned()),
        ("m @ Inf", "1:1: timestamp out of bounds for @ modifier: +Inf".to_owned()),
        ("m @ 1e19", "1:1: timestamp out of bounds for @ modifier: 10000000000000000000.000000".to_owned()),
        ("m offset 1m[5m]", "1:12: no offset modifiers allowed before range".to_owned()),
        ("m @ 5 [5m]", "1:7: no @ modifiers allowed before range".to_owned()),
        ("(m)[5m]", "1:4: ranges only allowed for vector selectors".to_owned()),
        ("m[0s]", "1:3: duration must be greater than 0".to_owned()),
        ("m[-1]", "1:3: duration must be greater than 0".to_owned()),
        ("m[1m:0]", "1:6: duration must be greater than 0".to_owned()),
        ("m[5s/0]", "1:5: division by zero".to_owned()),
        ("m[5s%0d]", "1:5: modulo by zero".to_owned()),
        ("m[1e30]", "1:3: duration out of range".to_owned()),
        ("m offset NaN", "1:10: duration out of range".to_owned()),
        ("m[5m] anchored smoothed", "1:1: anchored and smoothed modifiers cannot be used together".to_owned()),
        ("m[5m:] anchored", "1:1: anchored modifier is not supported for subqueries".to_owned()),
        ("1 smoothed", "1:1: smoothed modifier not implemented".to_owned()),
    ] {
        assert_eq!(error(text), want, "{text}");
    }
}

#[test]
fn types_and_rules_are_checked_in_prometheus_words() {
    for (text, want) in [
        ("1 and 1", r#"1:1: set operator "and" not allowed in binary scalar expression"#),
        ("m or 1", r#"1:1: set operator "or" not allowed in binary scalar expression"#),
        ("1 == 1", "1:3: comparisons between scalars must use BOOL modifier"),
        ("a +  bool b", "1:3: bool modifier can only be used on comparison operators"),
        ("a == on (x) 1", "1:1: vector matching only allowed between instant vectors"),
        ("a + fill (1) 1", "1:1: filling in missing series only allowed between instant vectors"),
        ("a and fill (1) b", "1:1: filling in missing series not allowed for set operators"),
        ("a and on (x) group_left b", r#"1:1: no grouping allowed for "and" operation"#),
        ("a / on (x) group_left (y, x) b", r#"1:3: label "x" must not occur in ON and GROUP clause at once"#),
        ("1 + 'x'", "1:5: binary expression must contain only scalar and instant vector types"),
        ("m[5m] + 1", "1:1: binary expression must contain only scalar and instant vector types"),
        ("-'x'", r#"1:1: unary expression only allowed on expressions of type scalar or instant vector, got "string""#),
        (
            "-m[5m]",
            r#"1:1: unary expression only allowed on expressions of type scalar or instant vector, got "range vector""#,
        ),
        ("m[5m][1h:]", "1:1: subquery is only allowed on instant vector, got matrix instead"),
        ("floor()", r#"1:1: expected 1 argument(s) in call to "floor", got 0"#),
        ("hour(m, m)", r#"1:1: expected at most 1 argument(s) in call to "hour", got 2"#),
        ("label_join(m, 'x')", r#"1:1: expected at least 3 argument(s) in call to "label_join", got 2"#),
        ("sum(rate(m))", r#"1:10: expected type range vector in call to function "rate", got instant vector"#),
        ("rate(avg)", r#"1:6: expected type range vector in call to function "rate", got instant vector"#),
        ("sum(m[5m])", "1:5: expected type instant vector in aggregation expression, got range vector"),
        ("topk(m, m)", "1:6: expected type scalar in aggregation parameter, got instant vector"),
        ("count_values(5, m)", "1:14: expected type string in aggregation parameter, got scalar"),
        ("{}", "1:1: vector selector must contain at least one non-empty matcher"),
        ("abs({x=~'.*', y!='b'})", "1:5: vector selector must contain at least one non-empty matcher"),
        ("m{__name__='n'}", r#"1:1: metric name must not be set twice: "m" or "n""#),
        ("m{'n'}", r#"1:1: metric name must not be set twice: "m" or "n""#),
        ("info(m, n{x='1'})", "1:9: expected label selectors only, got vector selector instead"),
        ("info(m, {x='1'} == 1)", "1:9: expected label selectors only"),
    ] {
        assert_eq!(error(text), want, "{text}");
    }
}

#[test]
fn an_expression_prints_in_one_canonical_form() {
    for (text, want) in [
        ("sum(rate(m{b='2',a=\"1\"}[5m]))by(x)", r#"sum by (x) (rate(m{a="1",b="2"}[5m]))"#),
        ("SUM WITHOUT () (m)", "sum without () (m)"),
        ("sum by () (m)", "sum(m)"),
        ("a+b*c^-d", "a + b * c ^ -d"),
        ("-1 ^ 2", "-1 ^ 2"),
        ("a == BOOL ON(x,) GROUP_LEFT(y) b", "a == bool on (x) group_left (y) b"),
        (
            "a / ignoring (x) group_right fill_right (1) fill_left (-2) b",
            "a / ignoring (x) group_right () fill_left (-2) fill_right (1) b",
        ),
        ("a + fill (0) b", "a + fill (0) b"),
        ("a atan2 b </ c >/ d", "a atan2 b </ c >/ d"),
        ("m[300] offset -1.5h1", "?"),
        ("m[300] @ 1.5 offset -90", "m[5m] @ 1.500 offset -1m30s"),
        ("m offset 5m @ end()", "m @ end() offset 5m"),
        ("m[1h:] offset 0s", "m[1h:]"),
        ("abs(m)[1h30m:step()] @ start()", "abs(m)[1h30m:step()] @ start()"),
        ("m[-(1m) + 2*step() ^ 2] smoothed", "m[-(1m) + 2 * step() ^ 2] smoothed"),
        (
            "m[max_of(step(), 1m)] anchored offset min_of(1, range())",
            "m[max_of(step(), 1m)] anchored offset min_of(1, range())",
        ),
        ("m offset 1m + 2", "m offset 1m + 2"),
        ("m offset (1m + 2)", "m offset (1m + 2)"),
        (r#"{"my.metric", "my.label"="x"}"#, r#"{"my.label"="x",__name__="my.metric"}"#),
        (r#"sum by ("my.label", on) (m)"#, r#"sum by ("my.label", on) (m)"#),
        ("by{sum='1'} + offset offset 5m", r#"by{sum="1"} + offset offset 5m"#),
        ("start + end() + step() - fill", "start + end() + step() - fill"),
        ("and and and", "and and and"),
        (r"'it\'s' # done", r#""it's""#),
        ("info(m, {x='1'})", r#"info(m, {x="1"})"#),
        ("2 ^ Inf + NaN", "2 ^ +Inf + NaN"),
        ("0x1F + 1_000 + 0755 + 1e3", "31 + 1000 + 493 + 1000"),
        ("count_values('v', topk(3, m))", r#"count_values("v", topk(3, m))"#),
        ("m{x=~`\\d+`}", r#"m{x=~"\\d+"}"#),
    ] {
        if want == "?" {
            assert!(parse(text).is_err());
            continue;
        }
        assert_eq!(printed(text), want, "{text}");
        assert_eq!(printed(want), want);
    }
}

#[test]
fn an_infinite_base_is_printed_as_prometheus_prints_it() {
    // Read again, its sign is that of the power: another tree with the same value.
    assert_eq!(printed("Inf ^ 2"), "+Inf ^ 2");
}

#[test]
fn operators_group_by_precedence_and_power_groups_to_the_right() {
    let shape = |text: &str| group(&parse(text).unwrap());
    fn group(expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Binary(b) => format!("[{} {} {}]", group(&b.lhs), b.op, group(&b.rhs)),
            ExprKind::Unary { expr, .. } => format!("[- {}]", group(expr)),
            _ => expr.to_string(),
        }
    }
    assert_eq!(shape("a or b and c == d + e * f ^ g"), "[a or [b and [c == [d + [e * [f ^ g]]]]]]");
    assert_eq!(shape("a ^ b ^ c"), "[a ^ [b ^ c]]");
    assert_eq!(shape("a - b - c"), "[[a - b] - c]");
    assert_eq!(shape("-a ^ b * c"), "[[- [a ^ b]] * c]");
    assert_eq!(shape("a ^ -b * c"), "[[a ^ [- b]] * c]");
    assert_eq!(shape("a unless b or c"), "[[a unless b] or c]");
    assert_eq!(shape("-m offset 5m"), "[- m offset 5m]");
}

#[test]
fn spans_cover_what_was_written() {
    let text = "sum by (x) (rate(m{a='1'}[5m] offset 1h)) / 2";
    let expr = parse(text).unwrap();
    let cut = |span: Span| &text[span.start as usize..span.end as usize];
    assert_eq!(cut(expr.span), text);
    let ExprKind::Binary(binary) = &expr.kind else { panic!() };
    assert_eq!(cut(binary.lhs.span), "sum by (x) (rate(m{a='1'}[5m] offset 1h))");
    let ExprKind::Aggregate(sum) = &binary.lhs.kind else { panic!() };
    let ExprKind::Call(rate) = &sum.expr.kind else { panic!() };
    assert_eq!(cut(rate.args[0].span), "m{a='1'}[5m] offset 1h");
    let ExprKind::Range(range) = &rate.args[0].kind else { panic!() };
    assert_eq!(cut(range.selector_span), "m{a='1'}");
    assert_eq!(cut(range.range.span), "5m");
    assert_eq!(cut(range.selector.shift.offset.as_ref().unwrap().span), "1h");
}

#[test]
fn nesting_is_bounded_for_every_way_to_nest() {
    let (deep, high) = (MAX_NESTING + 10, MAX_DEPTH + 10);
    for text in [
        "(".repeat(deep),
        "-".repeat(deep),
        "abs(".repeat(deep),
        "sum(".repeat(deep),
        format!("m[{}", "(".repeat(deep)),
        format!("m offset {}", "-".repeat(deep)),
        format!("m[{}1]", "-(".repeat(deep)),
        vec!["1"; high].join(" + "),
        vec!["1"; deep].join(" ^ "),
        format!("m[{}]", vec!["1"; high].join(" + ")),
        format!("m{}", "[1m:]".repeat(high)),
        format!("m{}", " + m[1m:]".repeat(100_000)),
    ] {
        let error = error(&text);
        assert!(error.contains("nested more than"), "{error}");
    }
    let fine = format!("{}1{}", "(".repeat(MAX_NESTING - 1), ")".repeat(MAX_NESTING - 1));
    assert_eq!(printed(&fine), fine);
    assert_eq!(printed(&vec!["a"; MAX_DEPTH - 10].join(" + ")).len(), 4 * (MAX_DEPTH - 10) - 3);
}

#[test]
fn a_series_selector_is_a_name_or_matchers_and_nothing_more() {
    let matchers = parse_selector("up{job=~'a.*'}", &|_| true).unwrap();
    assert_eq!(format!("{matchers:?}"), r#"[__name__="up", job=~"a.*"]"#);
    assert!(parse_selector("up[5m]", &|_| true).is_err());
    assert!(parse_selector("abs(up)", &|_| true).is_err());
    assert!(parse_selector("", &|_| true).is_err());
}
