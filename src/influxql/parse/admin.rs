//! Statements that change something.

use super::{Kind, Parsed, Parser, Word};
use crate::influxql::{
    ast::{MeasurementName, Statement},
    error::ParseError,
};

pub(super) const NO_POLICIES: &str =
    "retention policies are not kept here: there is one, autogen, and how long samples stay is a flag of the server";
const NO_CONTINUOUS: &str = "continuous queries are not offered";
const NO_SUBSCRIPTIONS: &str = "subscriptions are not offered";
pub(super) const NO_USERS: &str = "users and their rights are not kept here: logins are in the server's own settings";
const NO_SHARDS: &str = "there are no shards here";

impl Parser<'_> {
    /// What stands behind CREATE.
    pub(super) fn create(&mut self) -> Parsed<Statement> {
        let token = self.next()?;
        let refused = match token.kind {
            Kind::Word(Word::Database) => {
                let name = self.name()?;
                if self.take(Word::With)? {
                    // What it says is about retention policies, of which there is one.
                    self.skip();
                }
                return Ok(Statement::CreateDatabase(name));
            }
            Kind::Word(Word::Continuous) => NO_CONTINUOUS,
            Kind::Word(Word::User) => NO_USERS,
            Kind::Word(Word::Retention) => NO_POLICIES,
            Kind::Word(Word::Subscription) => NO_SUBSCRIPTIONS,
            _ => return self.expected(&token, "CONTINUOUS, DATABASE, USER, RETENTION, SUBSCRIPTION"),
        };
        self.skip();
        Ok(Statement::Refused(refused))
    }

    /// What stands behind DROP.
    pub(super) fn drop_(&mut self) -> Parsed<Statement> {
        let token = self.next()?;
        let refused = match token.kind {
            Kind::Word(Word::Database) => return Ok(Statement::DropDatabase(self.name()?)),
            Kind::Word(Word::Measurement) => return Ok(Statement::DropMeasurement(self.name()?)),
            Kind::Word(Word::Series) => return self.delete_from(false),
            Kind::Word(Word::Continuous) => NO_CONTINUOUS,
            Kind::Word(Word::Retention) => NO_POLICIES,
            Kind::Word(Word::Shard) => NO_SHARDS,
            Kind::Word(Word::Subscription) => NO_SUBSCRIPTIONS,
            Kind::Word(Word::User) => NO_USERS,
            _ => {
                return self.expected(
                    &token,
                    "CONTINUOUS, DATABASE, MEASUREMENT, RETENTION, SERIES, SHARD, SUBSCRIPTION, USER",
                );
            }
        };
        self.skip();
        Ok(Statement::Refused(refused))
    }

    /// What stands behind DELETE.
    pub(super) fn delete(&mut self) -> Parsed<Statement> {
        self.delete_from(true)
    }

    fn delete_from(&mut self, times: bool) -> Parsed<Statement> {
        let token = self.next()?;
        let mut sources = Vec::new();
        if token.is(Word::From) {
            loop {
                let source = self.measurement()?;
                if !source.database.is_empty() {
                    return Err(ParseError("database not supported at line 1, char 1".to_owned()));
                }
                if !source.policy.is_empty() {
                    return Err(ParseError("retention policy not supported at line 1, char 1".to_owned()));
                }
                sources.push(source.name);
                if !self.take_mark(",")? {
                    break;
                }
            }
        } else if token.is(Word::Where) {
            self.back_to(&token);
        } else {
            return self.expected(&token, "FROM, WHERE");
        }
        let sources: Vec<MeasurementName> = sources;
        Ok(Statement::Delete { times, sources, condition: self.condition()? })
    }

    /// What stands behind KILL.
    pub(super) fn kill(&mut self) -> Parsed<Statement> {
        self.want(Word::Query)?;
        let token = self.next()?;
        let id = token.text.parse().ok().filter(|_| token.kind == Kind::Integer);
        let Some(id) = id else { return self.expected(&token, "integer") };
        if self.take(Word::On)? {
            self.name()?;
        }
        Ok(Statement::KillQuery(id))
    }
}
