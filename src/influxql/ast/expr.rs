//! Expressions.

use crate::model::Matcher;

/// An expression. Chains of AND and OR are lists: variables of dashboards make them thousands long.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::influxql) enum Expr {
    /// A field or a tag, `name` or `name::class`.
    Ref { name: String, class: Option<Class> },
    /// `1.5`
    Number(f64),
    /// `15`
    Integer(i64),
    /// `9223372036854775808`, too large for [`Self::Integer`].
    Unsigned(u64),
    /// `15m`, in ns.
    Duration(i64),
    /// `'text'`
    Text(String),
    /// `true`
    Boolean(bool),
    /// `/pattern/`
    Regex(Pattern),
    /// `*`, `*::field`, `*::tag`
    Wildcard(Wildcard),
    /// `DISTINCT name`
    Distinct(String),
    /// `name(…)`, the name in small letters.
    Call { name: String, args: Vec<Expr> },
    /// Two operands and what is between them.
    Binary { op: BinaryOp, left: Box<Expr>, right: Box<Expr> },
    /// All of them: `a AND b AND c`.
    And(Vec<Expr>),
    /// Any of them: `a OR b OR c`.
    Or(Vec<Expr>),
    /// `( … )`
    Paren(Box<Expr>),
}

/// What `*` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::influxql) enum Wildcard {
    /// Fields and tags.
    All,
    /// Fields.
    Fields,
    /// Tags.
    Tags,
}

/// What is said of a name behind `::`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::influxql) enum Class {
    /// It is a tag.
    Tag,
    /// It is a field.
    Field,
    /// It is a field, taken as this type.
    Type(FieldType),
}

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// 64-bit float.
    Float,
    /// 64-bit integer.
    Integer,
    /// The same without a sign.
    Unsigned,
    /// Text.
    Text,
    /// True or false.
    Boolean,
}

impl FieldType {
    /// Its name in texts and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Integer => "integer",
            Self::Unsigned => "unsigned",
            Self::Text => "string",
            Self::Boolean => "boolean",
        }
    }
}

impl Class {
    /// Its name in texts.
    pub(in crate::influxql) const fn name(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Field => "field",
            Self::Type(of) => of.name(),
        }
    }
}

/// A regular expression, which may match anywhere in a text.
#[derive(Debug, Clone)]
pub(in crate::influxql) struct Pattern {
    /// As it was written.
    pub(in crate::influxql) text: String,
    /// `=~` with it; the name is empty.
    pub(in crate::influxql) matcher: Matcher,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// An operator between two operands, but for AND and OR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::influxql) enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
    /// `&`
    BitAnd,
    /// `|`
    BitOr,
    /// `^`
    BitXor,
    /// `=`
    Equal,
    /// `!=`, `<>`
    NotEqual,
    /// `=~`
    Match,
    /// `!~`
    NotMatch,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl BinaryOp {
    /// How it is written.
    pub(in crate::influxql) const fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::BitAnd => "&",
            Self::BitOr => "|",
            Self::BitXor => "^",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Match => "=~",
            Self::NotMatch => "!~",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether it compares, and so makes a condition.
    pub(in crate::influxql) const fn compares(self) -> bool {
        !matches!(
            self,
            Self::Add
                | Self::Subtract
                | Self::Multiply
                | Self::Divide
                | Self::Modulo
                | Self::BitAnd
                | Self::BitOr
                | Self::BitXor
        )
    }
}

impl Expr {
    /// The operands that it consists of, in order.
    pub(in crate::influxql) fn children(&self) -> Vec<&Self> {
        match self {
            Self::Call { args, .. } | Self::And(args) | Self::Or(args) => args.iter().collect(),
            Self::Binary { left, right, .. } => vec![left, right],
            Self::Paren(inner) => vec![inner],
            _ => Vec::new(),
        }
    }
}
