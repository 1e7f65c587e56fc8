//! What a text consists of.

use std::fmt;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::influxql) enum Kind {
    /// The end of the text.
    End,
    /// A character that begins nothing.
    Illegal,
    /// A name, plain or in double quotes, that is no keyword.
    Name,
    /// A word with a meaning of its own.
    Word(Word),
    /// `'text'`
    Text,
    /// A quoted text without an end.
    Unended,
    /// A backslash in a quoted text, before a character that it means nothing with.
    BadEscape,
    /// `1.5`
    Number,
    /// `15`
    Integer,
    /// `15m`
    Duration,
    /// `$name`
    Parameter,
    /// `/pattern/`, where one may stand.
    Regex,
    /// An operator or a punctuation mark.
    Mark(&'static str),
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::influxql) struct Token {
    pub(in crate::influxql) kind: Kind,
    /// What a name, a text or a literal says, without quotes and escapes.
    pub(in crate::influxql) text: String,
    /// The byte at which it begins.
    pub(in crate::influxql) at: usize,
    /// The byte at which errors say that it is, and how many characters behind that.
    pub(in crate::influxql) shown: usize,
    pub(in crate::influxql) beyond: usize,
}

/// A line and a character in it, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::influxql) struct Place {
    pub(in crate::influxql) line: usize,
    pub(in crate::influxql) character: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, char {}", self.line, self.character)
    }
}

impl Token {
    pub(in crate::influxql) fn is(&self, word: Word) -> bool {
        self.kind == Kind::Word(word)
    }

    pub(in crate::influxql) fn is_mark(&self, mark: &str) -> bool {
        matches!(self.kind, Kind::Mark(own) if own == mark)
    }
}

/// As errors show it.
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::End => f.write_str("EOF"),
            Kind::Word(word) => f.write_str(word.name()),
            Kind::Mark(mark) => f.write_str(mark),
            _ => f.write_str(&self.text),
        }
    }
}

/// Makes the list of keywords, and how each is spelled.
macro_rules! words {
    ($($word:ident $name:literal),* $(,)?) => {
        /// A keyword. Spelled in any case, and a name only in quotes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(in crate::influxql) enum Word { $(#[doc = $name] $word),* }

        impl Word {
            /// All of them.
            const ALL: &[Self] = &[$(Self::$word),*];

            /// Its spelling in capitals.
            pub(in crate::influxql) const fn name(self) -> &'static str {
                match self { $(Self::$word => $name),* }
            }
        }
    };
}

words! {
    All "ALL", Alter "ALTER", Analyze "ANALYZE", And "AND", Any "ANY", As "AS", Asc "ASC", Begin "BEGIN", By "BY",
    Cardinality "CARDINALITY", Continuous "CONTINUOUS", Create "CREATE", Database "DATABASE", Databases "DATABASES",
    Default "DEFAULT", Delete "DELETE", Desc "DESC", Destinations "DESTINATIONS", Diagnostics "DIAGNOSTICS",
    Distinct "DISTINCT", Drop "DROP", Duration "DURATION", End "END", Every "EVERY", Exact "EXACT", Explain "EXPLAIN",
    False "FALSE", Field "FIELD", For "FOR", From "FROM", Grant "GRANT", Grants "GRANTS", Group "GROUP", Groups "GROUPS",
    In "IN", Inf "INF", Insert "INSERT", Into "INTO", Key "KEY", Keys "KEYS", Kill "KILL", Limit "LIMIT",
    Measurement "MEASUREMENT", Measurements "MEASUREMENTS", Name "NAME", Offset "OFFSET", On "ON", Or "OR", Order "ORDER",
    Password "PASSWORD", Policies "POLICIES", Policy "POLICY", Privileges "PRIVILEGES", Queries "QUERIES", Query "QUERY",
    Read "READ", Replication "REPLICATION", Resample "RESAMPLE", Retention "RETENTION", Revoke "REVOKE", Select "SELECT",
    Series "SERIES", Set "SET", Shard "SHARD", Shards "SHARDS", Show "SHOW", Slimit "SLIMIT", Soffset "SOFFSET",
    Stats "STATS", Subscription "SUBSCRIPTION", Subscriptions "SUBSCRIPTIONS", Tag "TAG", To "TO", True "TRUE", User "USER",
    Users "USERS", Values "VALUES", Where "WHERE", With "WITH", Write "WRITE",
}

impl Word {
    /// The keyword that `text` spells.
    pub(in crate::influxql) fn spelled(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|word| word.name().eq_ignore_ascii_case(text))
    }
}
