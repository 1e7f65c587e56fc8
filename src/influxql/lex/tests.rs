use super::*;

fn kinds(text: &str) -> Vec<(Kind, String)> {
    let mut lexer = Lexer::new(text);
    let mut all = Vec::new();
    loop {
        let token = lexer.next();
        if token.kind == Kind::End {
            return all;
        }
        all.push((token.kind, token.text));
    }
}

fn places(text: &str) -> Vec<(usize, usize)> {
    let mut lexer = Lexer::new(text);
    let mut all = Vec::new();
    loop {
        let token = lexer.next();
        let Place { line, character } = lexer.place(&token);
        all.push((line, character));
        if token.kind == Kind::End {
            return all;
        }
    }
}

#[test]
fn numbers_durations_and_names_are_told_apart() {
    let text = |text: &str| text.to_owned();
    assert_eq!(
        kinds("1 1.5 .5 1. 1h30m 1e3 a.b \"1d\" 'x\\'y'"),
        [
            (Kind::Integer, text("1")),
            (Kind::Number, text("1.5")),
            (Kind::Number, text(".5")),
            (Kind::Number, text("1.")),
            (Kind::Duration, text("1h30m")),
            (Kind::Duration, text("1e3")),
            (Kind::Name, text("a")),
            (Kind::Mark("."), text("")),
            (Kind::Name, text("b")),
            (Kind::Name, text("1d")),
            (Kind::Text, text("x'y")),
        ]
    );
}

#[test]
fn comments_are_spaces() {
    assert_eq!(kinds("a -- b\n c /* d\n e */ f").len(), 3);
    assert_eq!(kinds("1--1").len(), 1);
    assert_eq!(kinds("a /* without an end").len(), 1);
}

#[test]
fn the_end_is_shown_further_behind_words_and_spaces() {
    assert_eq!(places("ab").last(), Some(&(1, 4)));
    assert_eq!(places("ab "), [(1, 1), (1, 5)]);
    assert_eq!(places("12").last(), Some(&(1, 3)));
    assert_eq!(places("ä\n 'x'"), [(1, 1), (2, 1), (2, 5)]);
}
