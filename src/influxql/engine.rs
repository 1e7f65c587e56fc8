//! Answering statements.

use super::{
    ast::{self, MeasurementName, Show},
    database::Database,
    error::{ParseError, QueryError},
    exec::{Answer, Watched, run},
    explain,
    missing::missing,
    parse::{self, Params},
    plan::build,
    show,
};
use crate::model::{Matcher, TimeRange};

/// A statement of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement(ast::Statement);

/// What a statement is about, as far as others have to do with it.
#[derive(Debug, Clone, PartialEq)]
pub enum Task<'s> {
    /// It reads: [`Database::answer`] does it.
    Read,
    /// It makes a database.
    CreateDatabase(&'s str),
    /// It ends a running query.
    KillQuery(u64),
    /// It lists running queries.
    ShowQueries,
    /// It deletes: [`Database::doomed`] says what.
    Delete,
}

/// Reads the statements of a text.
///
/// # Errors
/// When one of them is none.
pub fn parse(text: &str, params: &Params) -> Result<Vec<Statement>, ParseError> {
    Ok(parse::parse(text, params)?.into_iter().map(Statement).collect())
}

impl Statement {
    /// What is to be done.
    #[must_use]
    pub fn task(&self) -> Task<'_> {
        match &self.0 {
            ast::Statement::CreateDatabase(name) => Task::CreateDatabase(name),
            ast::Statement::KillQuery(id) => Task::KillQuery(*id),
            ast::Statement::Show(Show::Queries) => Task::ShowQueries,
            ast::Statement::DropDatabase(_) | ast::Statement::DropMeasurement(_) | ast::Statement::Delete { .. } => {
                Task::Delete
            }
            _ => Task::Read,
        }
    }

    /// Its first words, for those who refuse it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.0 {
            ast::Statement::CreateDatabase(_) => "CREATE DATABASE",
            ast::Statement::KillQuery(_) => "KILL QUERY",
            ast::Statement::DropDatabase(_) => "DROP DATABASE",
            ast::Statement::DropMeasurement(_) => "DROP MEASUREMENT",
            ast::Statement::Delete { times: false, .. } => "DROP SERIES",
            ast::Statement::Delete { .. } => "DELETE",
            ast::Statement::Select(_) => "SELECT",
            ast::Statement::Explain { .. } => "EXPLAIN",
            ast::Statement::Show(_) => "SHOW",
            ast::Statement::Refused(_) => "",
        }
    }
}

impl Database<'_> {
    /// Answers a statement that reads; gives what the asker should know beside.
    ///
    /// # Errors
    /// When it can't be answered.
    pub fn answer(&self, statement: &Statement, answer: &mut dyn Answer) -> Result<Vec<String>, QueryError> {
        match &statement.0 {
            ast::Statement::Select(select) => {
                let plan = build(select, self)?;
                let mut answer = Watched::new(answer);
                run(&plan, &self.context(), &mut answer)?;
                // The answer stands without its reasons: where these can't be looked up, it is only an empty one.
                let reasons = if answer.is_touched() { Vec::new() } else { missing(&plan, self).unwrap_or_default() };
                Ok([plan.warnings, reasons].concat())
            }
            ast::Statement::Explain { analyze, select } => {
                let plan = build(select, self)?;
                explain::explain(&plan, &self.context(), *analyze, answer)?;
                Ok(plan.warnings)
            }
            ast::Statement::Show(show) => show::answer(show, self, answer).map(|()| Vec::new()),
            ast::Statement::Refused(why) => QueryError::refused(*why),
            _ => QueryError::refused("this statement changes something"),
        }
    }

    /// What a statement that deletes takes away: the series that pass any of these, in this range.
    ///
    /// # Errors
    /// When it names what isn't there, or what can't be told.
    pub fn doomed(&self, statement: &Statement) -> Result<(Vec<Vec<Matcher>>, TimeRange), QueryError> {
        match &statement.0 {
            ast::Statement::DropDatabase(name) if !self.has(name)? => Ok((Vec::new(), TimeRange::ALL)),
            ast::Statement::DropDatabase(name) => match self.schema.matcher(name) {
                Some(matcher) => Ok((vec![vec![matcher]], TimeRange::ALL)),
                None => QueryError::refused("databases are no labels here, so that one alone can't be dropped"),
            },
            ast::Statement::DropMeasurement(name) => {
                let database = self.named("", "")?;
                Ok((self.selectors(&database, name, &[Vec::new()]), TimeRange::ALL))
            }
            ast::Statement::Delete { times, sources, condition } => {
                let database = self.named("", "")?;
                let narrowed = show::Narrowed::of(condition.as_ref(), self)?;
                if !*times && narrowed.range != TimeRange::ALL {
                    return QueryError::refused("DROP SERIES doesn't support time in WHERE clause");
                }
                let mut selectors = Vec::new();
                if sources.is_empty() {
                    let of = |more: &Vec<Matcher>| {
                        self.schema.matcher(&database).into_iter().chain(more.iter().cloned()).collect()
                    };
                    selectors.extend(narrowed.selectors.iter().map(of));
                }
                for source in sources {
                    let names = match source {
                        MeasurementName::Is(name) => vec![name.clone()],
                        MeasurementName::Matches(pattern) => {
                            let mut names = self.measurement_names(&database)?;
                            names.retain(|name| pattern.matcher.matches(name));
                            names
                        }
                    };
                    for name in names {
                        selectors.extend(self.selectors(&database, &name, &narrowed.selectors));
                    }
                }
                Ok((selectors, narrowed.range))
            }
            _ => Ok((Vec::new(), TimeRange::ALL)),
        }
    }
}
