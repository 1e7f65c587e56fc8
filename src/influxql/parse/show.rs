//! SHOW.

use super::{Kind, Parsed, Parser, Word, admin::NO_USERS};
use crate::influxql::ast::{KeyCondition, MeasurementName, Show, ShowOptions, Statement};

/// What may stand behind SHOW.
const KINDS: &str = "CONTINUOUS, DATABASES, DIAGNOSTICS, FIELD, GRANTS, MEASUREMENT, MEASUREMENTS, QUERIES, RETENTION, \
                     SERIES, SHARD, SHARDS, STATS, SUBSCRIPTIONS, TAG, USERS";
const NO_INSIDE: &str =
    "what InfluxDB shows of its inside is not here: /metrics and /api/v1/status/storage have this server's own";

impl Parser<'_> {
    /// What stands behind SHOW.
    pub(super) fn show(&mut self) -> Parsed<Statement> {
        let token = self.next()?;
        let Kind::Word(word) = token.kind else { return self.expected(&token, KINDS) };
        Ok(Statement::Show(match word {
            Word::Databases => Show::Databases,
            Word::Queries => Show::Queries,
            Word::Users => Show::Users,
            Word::Subscriptions => Show::Subscriptions,
            Word::Continuous => {
                self.want(Word::Queries)?;
                Show::ContinuousQueries
            }
            Word::Retention => {
                self.want(Word::Policies)?;
                Show::RetentionPolicies { database: self.database()? }
            }
            Word::Field => self.show_fields()?,
            Word::Tag => self.show_tags()?,
            Word::Measurements => self.show_measurements()?,
            Word::Measurement => {
                let exact = self.take(Word::Exact)?;
                self.want(Word::Cardinality)?;
                Show::MeasurementCardinality { exact, options: self.options()? }
            }
            Word::Series => {
                let exact = self.take(Word::Exact)?;
                if exact {
                    self.want(Word::Cardinality)?;
                } else if !self.take(Word::Cardinality)? {
                    return Ok(Statement::Show(Show::Series(self.options()?)));
                }
                Show::SeriesCardinality { exact, options: self.options()? }
            }
            Word::Diagnostics | Word::Shard | Word::Shards | Word::Stats => {
                self.skip();
                return Ok(Statement::Refused(NO_INSIDE));
            }
            Word::Grants => {
                self.skip();
                return Ok(Statement::Refused(NO_USERS));
            }
            _ => return self.expected(&token, KINDS),
        }))
    }

    fn show_fields(&mut self) -> Parsed<Show> {
        let token = self.next()?;
        match token.kind {
            Kind::Word(Word::Keys) => {
                let mut options = self.places()?;
                self.order()?;
                (options.limit, options.offset) = (self.count(Word::Limit)?, self.count(Word::Offset)?);
                Ok(Show::FieldKeys(options))
            }
            Kind::Word(Word::Key) => {
                self.take(Word::Exact)?;
                self.want(Word::Cardinality)?;
                Ok(Show::FieldKeyCardinality(self.options()?))
            }
            _ => self.expected(&token, "KEY, KEYS"),
        }
    }

    fn show_tags(&mut self) -> Parsed<Show> {
        let token = self.next()?;
        match token.kind {
            Kind::Word(Word::Keys) => {
                let mut options = self.places()?;
                let key = if self.take(Word::With)? { Some(self.key_condition()?) } else { None };
                self.narrow(&mut options)?;
                Ok(Show::TagKeys { key, options })
            }
            Kind::Word(Word::Key) => {
                self.take(Word::Exact)?;
                self.want(Word::Cardinality)?;
                Ok(Show::TagKeyCardinality(self.options()?))
            }
            Kind::Word(Word::Values) => {
                let cardinality = self.take(Word::Exact)?;
                let cardinality = if cardinality {
                    self.want(Word::Cardinality)?;
                    true
                } else {
                    self.take(Word::Cardinality)?
                };
                let mut options = self.places()?;
                self.want(Word::With)?;
                let key = self.key_condition()?;
                self.narrow(&mut options)?;
                Ok(if cardinality {
                    Show::TagValuesCardinality { key, options }
                } else {
                    Show::TagValues { key, options }
                })
            }
            _ => self.expected(&token, "KEY, KEYS, VALUES"),
        }
    }

    fn show_measurements(&mut self) -> Parsed<Show> {
        let mut options = ShowOptions { database: self.database()?, ..ShowOptions::default() };
        let with = if self.take(Word::With)? {
            self.want(Word::Measurement)?;
            let token = self.next()?;
            match token.kind {
                Kind::Mark("=") => Some(self.measurement()?.name),
                Kind::Mark("=~") => Some(MeasurementName::Matches(self.regex()?)),
                _ => return self.expected(&token, "=, =~"),
            }
        } else {
            None
        };
        self.narrow(&mut options)?;
        Ok(Show::Measurements { with, options })
    }

    /// `ON db[.policy]`, empty where it isn't there.
    fn database(&mut self) -> Parsed<String> {
        if !self.take(Word::On)? {
            return Ok(String::new());
        }
        let name = self.name()?;
        if self.lexer.next_character() == Some('.') {
            self.want_mark(".")?;
            self.name()?;
        }
        Ok(name)
    }

    /// ON and FROM.
    fn places(&mut self) -> Parsed<ShowOptions> {
        let mut options = ShowOptions { database: self.database()?, ..ShowOptions::default() };
        if self.take(Word::From)? {
            loop {
                options.sources.push(self.measurement()?);
                if !self.take_mark(",")? {
                    break;
                }
            }
        }
        Ok(options)
    }

    /// WHERE, ORDER BY, LIMIT and OFFSET.
    fn narrow(&mut self, options: &mut ShowOptions) -> Parsed<()> {
        options.condition = self.condition()?;
        self.order()?;
        (options.limit, options.offset) = (self.count(Word::Limit)?, self.count(Word::Offset)?);
        Ok(())
    }

    fn options(&mut self) -> Parsed<ShowOptions> {
        let mut options = self.places()?;
        self.narrow(&mut options)?;
        Ok(options)
    }

    /// `= key`, `IN (…)` and the like, behind WITH.
    fn key_condition(&mut self) -> Parsed<KeyCondition> {
        self.want(Word::Key)?;
        let token = self.next()?;
        match token.kind {
            Kind::Mark("=") => Ok(KeyCondition::In(vec![self.name()?])),
            Kind::Mark("!=") => Ok(KeyCondition::Not(self.name()?)),
            Kind::Mark("=~") => Ok(KeyCondition::Matches(self.regex()?)),
            Kind::Mark("!~") => Ok(KeyCondition::MatchesNot(self.regex()?)),
            Kind::Word(Word::In) => {
                self.want_mark("(")?;
                let mut keys = vec![self.name()?];
                while self.take_mark(",")? {
                    keys.push(self.name()?);
                }
                self.want_mark(")")?;
                Ok(KeyCondition::In(keys))
            }
            _ => self.expected(&token, "IN, =, !=, =~, !~"),
        }
    }
}
