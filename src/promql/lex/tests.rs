//! Which words a text has.

use super::*;

fn kinds(text: &str) -> Vec<TokenKind> {
    let mut lexer = Lexer::new(text);
    let mut out = vec![];
    loop {
        match lexer.next().unwrap().kind {
            TokenKind::End => return out,
            kind => out.push(kind),
        }
    }
}

fn error(text: &str) -> (u32, String) {
    let mut lexer = Lexer::new(text);
    loop {
        match lexer.next() {
            Ok(token) => assert_ne!(token.kind, TokenKind::End, "{text}"),
            Err(error) => return (error.span.start, error.message),
        }
    }
}

#[test]
fn a_word_means_what_its_place_makes_of_it() {
    use TokenKind as T;
    assert_eq!(
        kinds("sum{sum=~'a'}"),
        [
            T::Aggregator(crate::promql::ast::AggregateOp::Sum),
            T::LeftBrace,
            T::Identifier,
            T::Match,
            T::String,
            T::RightBrace
        ]
    );
    assert_eq!(
        kinds("a:b[5m:step()] # rest"),
        [
            T::MetricIdentifier,
            T::LeftBracket,
            T::Duration,
            T::Colon,
            T::Context(Context::Step),
            T::LeftParen,
            T::RightParen,
            T::RightBracket
        ]
    );
    assert_eq!(kinds("fill + fill (1)")[0], T::Identifier);
    assert_eq!(kinds("fill + fill (1)")[2], T::Keyword(Keyword::Fill));
    assert_eq!(kinds("1_000 0x1f .5 1h30m Inf"), [T::Number, T::Number, T::Number, T::Duration, T::Number]);
}

#[test]
fn a_text_that_is_no_word_is_refused_where_it_starts() {
    for (text, at, message) in [
        (".", 0, "unexpected character: '.'"),
        ("2.5.", 0, r#"bad number or duration syntax: "2.5.""#),
        ("100..4", 0, r#"bad number or duration syntax: "100..""#),
        ("0deadbeef", 0, r#"bad number or duration syntax: "0de""#),
        ("(1))", 4, "unexpected right parenthesis ')'"),
        ("((1)", 4, "unclosed left parenthesis"),
        ("1 !~ 1", 2, "unexpected character after '!': '~'"),
        ("1 =~ 1", 2, "unexpected character after '=': '~'"),
        ("some{", 5, "unexpected end of input inside braces"),
        ("some}", 4, "unexpected character: '}'"),
        ("m{a:b=\"b\"}", 3, "unexpected character inside braces: ':'"),
        ("foo[5mm]", 4, r#"bad number or duration syntax: "5mm""#),
        ("foo[5m:1m1]", 7, r#"bad number or duration syntax: "1m1""#),
        ("foo[\"5m\"]", 4, "unexpected character in duration expression: '\"'"),
        ("foo[5s x 5s]", 7, "unexpected character: 'x', expected ':'"),
        ("foo[5s s 5s]", 7, "unexpected character: 's', expected ':'"),
        ("foo[", 4, "unexpected end of input in duration expression"),
        ("\"\\c\"", 0, "unknown escape sequence U+0063 'c'"),
        ("\"\\x.\"", 0, "illegal character U+002E '.' in escape sequence"),
        ("\"\\", 0, "escape sequence not terminated"),
        ("`\\``", 3, "unterminated raw string"),
        ("'a\n'", 0, "unterminated quoted string"),
    ] {
        assert_eq!(error(text), (at, message.to_owned()), "{text}");
    }
}
