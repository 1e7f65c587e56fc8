//! From text to statements.
//!
//! Recursive descent over the tokens of [`lex`](super::lex), in the grammar and with the error texts of InfluxDB 1.8. A text has at
//! most [`MAX_TEXT`] bytes and an expression at most [`MAX_HEIGHT`] levels, [`MAX_DEPTH`] of them in each other, so that no text takes much memory or stack.

mod admin;
mod expr;
mod literal;
mod params;
mod select;
mod show;

pub(super) use self::literal::format_duration;
pub use self::params::Params;
use super::{
    ast::Statement,
    error::ParseError,
    lex::{Kind, Lexer, Token, Word},
};

/// Bytes that a text may have.
pub(super) const MAX_TEXT: usize = 1 << 20;
/// Parentheses, signs, calls and queries that may stand in each other: each takes some KiB of stack while it is read.
const MAX_DEPTH: usize = 64;
/// Levels that an expression may have; operators in a row are levels too.
const MAX_HEIGHT: usize = 200;

type Parsed<T> = Result<T, ParseError>;

/// Reads the statements of a text, none where it has none.
///
/// # Errors
/// When it is no query, whichever statement is at fault.
pub(super) fn parse(text: &str, params: &Params) -> Parsed<Vec<Statement>> {
    if text.len() > MAX_TEXT {
        return Err(ParseError(format!("the query has {} bytes, of which there may be {MAX_TEXT}", text.len())));
    }
    let mut parser = Parser { lexer: Lexer::new(text), params, height: 0, built: 0 };
    let mut statements = Vec::new();
    loop {
        let token = parser.next()?;
        if token.kind == Kind::End {
            return Ok(statements);
        }
        if token.is_mark(";") {
            continue;
        }
        parser.back_to(&token);
        statements.push(parser.statement()?);
        let token = parser.next()?;
        if token.kind != Kind::End && !token.is_mark(";") {
            return parser.expected(&token, ";");
        }
    }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    params: &'t Params,
    /// How deep in expressions and queries this is.
    height: usize,
    /// How many levels the expression has that was read last.
    built: usize,
}

impl Parser<'_> {
    /// The next token. A parameter is what it stands for.
    fn next(&mut self) -> Parsed<Token> {
        let token = self.lexer.next();
        self.params.bind(token)
    }

    /// The next token where a regular expression may stand.
    fn next_or_regex(&mut self) -> Parsed<Token> {
        let token = self.lexer.next_or_regex();
        self.params.bind(token)
    }

    fn back_to(&mut self, token: &Token) {
        self.lexer.back_to(token);
    }

    fn peek(&mut self) -> Parsed<Token> {
        let token = self.next()?;
        self.back_to(&token);
        Ok(token)
    }

    /// Takes the next token if it is `word`.
    fn take(&mut self, word: Word) -> Parsed<bool> {
        let token = self.next()?;
        if !token.is(word) {
            self.back_to(&token);
        }
        Ok(token.is(word))
    }

    fn take_mark(&mut self, mark: &str) -> Parsed<bool> {
        let token = self.next()?;
        if !token.is_mark(mark) {
            self.back_to(&token);
        }
        Ok(token.is_mark(mark))
    }

    fn want(&mut self, word: Word) -> Parsed<()> {
        let token = self.next()?;
        if token.is(word) { Ok(()) } else { self.expected(&token, word.name()) }
    }

    fn want_mark(&mut self, mark: &'static str) -> Parsed<()> {
        let token = self.next()?;
        if token.is_mark(mark) { Ok(()) } else { self.expected(&token, mark) }
    }

    fn name(&mut self) -> Parsed<String> {
        let token = self.next()?;
        if token.kind == Kind::Name { Ok(token.text) } else { self.expected(&token, "identifier") }
    }

    fn expected<T>(&self, found: &Token, what: &str) -> Parsed<T> {
        Err(ParseError(format!("found {found}, expected {what} at {}", self.lexer.place(found))))
    }

    /// Reads something that may have the like of itself in it.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.height >= MAX_DEPTH {
            return Err(ParseError(format!(
                "more than {MAX_DEPTH} levels of parentheses, signs, calls and queries stand in each other"
            )));
        }
        self.height += 1;
        let read = read(self);
        self.height -= 1;
        read
    }

    /// Puts a level on top of `built` ones: operators in a row are levels too.
    fn grown(&mut self, built: usize) -> Parsed<()> {
        self.built = built + 1;
        if self.built > MAX_HEIGHT { Err(too_high()) } else { Ok(()) }
    }

    fn statement(&mut self) -> Parsed<Statement> {
        let token = self.next()?;
        match token.kind {
            Kind::Word(Word::Select) => Ok(Statement::Select(self.select()?)),
            Kind::Word(Word::Explain) => {
                let analyze = self.take(Word::Analyze)?;
                self.want(Word::Select)?;
                Ok(Statement::Explain { analyze, select: self.select()? })
            }
            Kind::Word(Word::Show) => self.show(),
            Kind::Word(Word::Create) => self.create(),
            Kind::Word(Word::Drop) => self.drop_(),
            Kind::Word(Word::Delete) => self.delete(),
            Kind::Word(Word::Kill) => self.kill(),
            Kind::Word(Word::Grant | Word::Revoke | Word::Set) => {
                self.skip();
                Ok(Statement::Refused(admin::NO_USERS))
            }
            Kind::Word(Word::Alter) => {
                self.skip();
                Ok(Statement::Refused(admin::NO_POLICIES))
            }
            _ => self.expected(&token, "SELECT, DELETE, SHOW, CREATE, DROP, EXPLAIN, GRANT, REVOKE, ALTER, SET, KILL"),
        }
    }

    /// Passes over the rest of a statement.
    fn skip(&mut self) {
        loop {
            let token = self.lexer.next();
            if token.kind == Kind::End || token.is_mark(";") {
                self.back_to(&token);
                return;
            }
        }
    }
}

fn too_high() -> ParseError {
    ParseError(format!("an expression has more than {MAX_HEIGHT} levels of operators, parentheses and calls"))
}

/// The SELECT that a text is.
#[cfg(test)]
pub(super) fn select_of(text: &str) -> super::ast::Select {
    match parse(text, &Params::default()).map(|mut statements| statements.pop()) {
        Ok(Some(Statement::Select(select))) => select,
        other => unreachable!("{text}: {other:?}"),
    }
}

#[cfg(test)]
mod tests;
