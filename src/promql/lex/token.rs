//! The words of PromQL.

use crate::{
    model::Span,
    promql::{
        ast::{AggregateOp, BinaryOp},
        quote::quote,
    },
};

/// How much of a long token an error message shows (characters).
const SHOWN: usize = 10;

/// A word and where it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

/// The kinds of words. Keywords are recognised in any case, and many may be metric or label names as well; the
/// parser decides by where they stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum TokenKind {
    End,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    /// A single `=`.
    Assign,
    /// `=~`
    Match,
    /// `!~`
    NotMatch,
    At,
    Operator(BinaryOp),
    Aggregator(AggregateOp),
    Keyword(Keyword),
    /// Names that are functions before `(`, and partly more elsewhere.
    Context(Context),
    Identifier,
    /// A name with a colon in it.
    MetricIdentifier,
    String,
    Number,
    Duration,
}

/// Words with a meaning of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    Anchored,
    Bool,
    By,
    Fill,
    FillLeft,
    FillRight,
    GroupLeft,
    GroupRight,
    Ignoring,
    Offset,
    On,
    Smoothed,
    Without,
}

/// Names that stand for something of the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    Start,
    End,
    Step,
    Range,
    MaxOf,
    MinOf,
}

impl TokenKind {
    /// The kind of a whole word.
    pub(super) fn of_word(word: &str) -> Self {
        let lower = word.to_ascii_lowercase();
        if let Some(op) = AggregateOp::from_name(&lower) {
            return Self::Aggregator(op);
        }
        match lower.as_str() {
            "and" => Self::Operator(BinaryOp::And),
            "or" => Self::Operator(BinaryOp::Or),
            "unless" => Self::Operator(BinaryOp::Unless),
            "atan2" => Self::Operator(BinaryOp::Atan2),
            "anchored" => Self::Keyword(Keyword::Anchored),
            "bool" => Self::Keyword(Keyword::Bool),
            "by" => Self::Keyword(Keyword::By),
            "fill" => Self::Keyword(Keyword::Fill),
            "fill_left" => Self::Keyword(Keyword::FillLeft),
            "fill_right" => Self::Keyword(Keyword::FillRight),
            "group_left" => Self::Keyword(Keyword::GroupLeft),
            "group_right" => Self::Keyword(Keyword::GroupRight),
            "ignoring" => Self::Keyword(Keyword::Ignoring),
            "offset" => Self::Keyword(Keyword::Offset),
            "on" => Self::Keyword(Keyword::On),
            "smoothed" => Self::Keyword(Keyword::Smoothed),
            "without" => Self::Keyword(Keyword::Without),
            "start" => Self::Context(Context::Start),
            "end" => Self::Context(Context::End),
            "inf" | "nan" => Self::Number,
            _ if word.contains(':') => Self::MetricIdentifier,
            _ => Context::of_duration_word(&lower).map_or(Self::Identifier, Self::Context),
        }
    }

    /// Whether it may name a metric.
    pub(crate) fn is_metric_name(self) -> bool {
        match self {
            Self::Identifier | Self::MetricIdentifier | Self::Aggregator(_) | Self::Context(_) => true,
            Self::Operator(op) => matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless),
            Self::Keyword(word) => !matches!(
                word,
                Keyword::Bool | Keyword::GroupLeft | Keyword::GroupRight | Keyword::Ignoring | Keyword::On
            ),
            _ => false,
        }
    }

    /// Whether it may be a label in `by (…)`, `on (…)` and the like.
    pub(crate) fn is_label_name(self) -> bool {
        match self {
            Self::Operator(BinaryOp::Atan2) => true,
            Self::Keyword(word) => word != Keyword::Without,
            other => other.is_metric_name(),
        }
    }
}

impl Context {
    /// The names that may stand in a duration expression, given in lower case.
    pub(super) fn of_duration_word(lower: &str) -> Option<Self> {
        Some(match lower {
            "step" => Self::Step,
            "range" => Self::Range,
            "max_of" => Self::MaxOf,
            "min_of" => Self::MinOf,
            _ => return None,
        })
    }
}

impl Token {
    /// Its text.
    pub(crate) fn text(self, input: &str) -> &str {
        input.get(self.span.start as usize..self.span.end as usize).unwrap_or_default()
    }

    /// How an error message calls it.
    pub(crate) fn describe(self, input: &str) -> String {
        let text = self.text(input);
        let quoted = || match text.char_indices().nth(SHOWN) {
            Some((cut, _)) if text.len() > SHOWN => format!("{}...", quote(text.get(..cut).unwrap_or_default())),
            _ if text.len() > SHOWN => format!("{}...", quote(text)),
            _ => quote(text),
        };
        match self.kind {
            TokenKind::End => "end of input".to_owned(),
            TokenKind::Keyword(_) => format!("<{text}>"),
            TokenKind::Operator(_) | TokenKind::Match | TokenKind::NotMatch | TokenKind::At => format!("<op:{text}>"),
            TokenKind::Aggregator(_) => format!("<aggr:{text}>"),
            TokenKind::Identifier => format!("identifier {}", quote(text)),
            TokenKind::MetricIdentifier => format!("metric identifier {}", quote(text)),
            TokenKind::String => format!("string {}", quoted()),
            TokenKind::Number => format!("number {}", quoted()),
            TokenKind::Duration => format!("duration {}", quoted()),
            _ => quoted(),
        }
    }
}
