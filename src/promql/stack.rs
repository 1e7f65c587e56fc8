//! Stack for long chains of operators.
//!
//! `a + b + c + …` is a tree as high as it is long, and whatever walks trees, plans and operators, or drops them, recurses.
//! Threads have stack for a few hundred levels. A query with more operators than that gets a stack of its own, as large as
//! they may need at most; pages of it that nothing touches take no memory.

use std::{panic::resume_unwind, thread};

use super::{
    QueryError,
    lex::{Lexer, TokenKind},
    parse::MAX_CHAIN,
};

/// A query with at most this many operators fits the stack of any thread, together with all that may be nested in brackets.
const SHALLOW: usize = 200;
/// Stack that one level takes at most, in all its functions together (bytes): five times what was measured.
const LEVEL_BYTES: usize = if cfg!(debug_assertions) { 24 << 10 } else { 8 << 10 };
/// Stack for what isn't a level (bytes).
const BASE_BYTES: usize = 2 << 20;

/// How many levels the operators of `text` may make, if that is more than a thread's stack is for.
pub(super) fn deep(text: &str) -> Option<usize> {
    // An operator and an operand take two bytes.
    if text.len() / 2 <= SHALLOW {
        return None;
    }
    let mut lexer = Lexer::new(text);
    let mut operators = 0;
    // What the lexer refuses, the parser will.
    while let Ok(token) = lexer.next() {
        match token.kind {
            TokenKind::End => break,
            TokenKind::Operator(_) => operators += 1,
            _ => {}
        }
    }
    (operators > SHALLOW).then_some(operators)
}

/// Does `work`, which recurses so many `levels` deep as [`deep`] says, on a stack that suffices: that of a thread of its
/// own if there are many.
///
/// # Errors
/// That of `work`, or when the system gives no thread.
pub(super) fn sufficient<T: Send>(
    levels: Option<usize>,
    work: impl FnOnce() -> Result<T, QueryError> + Send,
) -> Result<T, QueryError> {
    let Some(levels) = levels else { return work() };
    let stack = BASE_BYTES + levels.min(MAX_CHAIN) * LEVEL_BYTES;
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("long query".to_owned()).stack_size(stack).spawn_scoped(scope, work);
        let thread = thread.map_err(|error| {
            QueryError::Execution(format!("the system gives no thread for a query of {levels} operators: {error}"))
        })?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}
