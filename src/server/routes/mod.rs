//! The routes: for each group a file that parses parameters, does the work and answers.

mod admin;
mod exemplars;
mod explain;
mod federate;
mod health;
mod import;
mod lists;
mod metadata;
mod path_hints;
mod query;
mod remote_read;
mod remote_write;
mod selectors;
mod status;
mod storage;

use std::sync::Arc;

pub(crate) use path_hints::hint;

use hyper::{Method, Request, body::Incoming};
use serde_json::json;

use super::{
    Response, ServerState, envelope::success_json, error::ApiError, formats::Format, params::Params,
    request_context::RequestContext,
};
use crate::ingest;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Landing,
    Healthy,
    Ready,
    Metrics,
    Query,
    QueryRange,
    QueryExemplars,
    FormatQuery,
    ParseQuery,
    Explain,
    Labels,
    LabelValues,
    Series,
    Metadata,
    Rules,
    Alerts,
    Targets,
    Alertmanagers,
    ScrapePools,
    Config,
    Flags,
    Features,
    BuildInfo,
    RuntimeInfo,
    Tsdb,
    WalReplay,
    Storage,
    Queries,
    TargetsMetadata,
    Notifications,
    Snapshot,
    DeleteSeries,
    CleanTombstones,
    Write,
    Read,
    /// The ingest format posted to this path.
    Import(&'static str),
    Federate,
}

const GET: &[Method] = &[Method::GET, Method::HEAD];
const GET_POST: &[Method] = &[Method::GET, Method::HEAD, Method::POST];
const POST: &[Method] = &[Method::POST];
const POST_PUT: &[Method] = &[Method::POST, Method::PUT];

const LABEL_VALUES: &str = "/api/v1/label/:name/values";

/// Who may use a route. Logins will have roles; today everybody has all of them, and pages of other origins those that read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Asks whether the server lives.
    Health,
    /// Reads the server's own metrics.
    Metrics,
    /// Sends samples.
    Write,
    /// Asks questions.
    Read,
    /// Takes copies.
    Backup,
    /// Does everything.
    Admin,
}

/// A row of the table of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) pattern: &'static str,
    pub(crate) methods: &'static [Method],
    pub(crate) role: Role,
    pub(crate) route: Route,
}

impl Row {
    /// Whether a request changes something. A question may be posted, whatever else is posted is no question.
    pub(crate) fn changes(&self, method: &Method) -> bool {
        match self.role {
            Role::Write | Role::Backup | Role::Admin => true,
            Role::Health | Role::Metrics => !method.is_safe(),
            Role::Read => !method.is_safe() && *method != Method::POST,
        }
    }
}

const fn row(pattern: &'static str, methods: &'static [Method], role: Role, route: Route) -> Row {
    Row { pattern, methods, role, route }
}

/// Paths, the methods they take, who may use them, and where they lead.
const ROUTES: &[Row] = &[
    row("/", GET, Role::Read, Route::Landing),
    row("/-/healthy", GET, Role::Health, Route::Healthy),
    // What load balancers and people from elsewhere ask.
    row("/health", GET, Role::Health, Route::Healthy),
    row("/healthz", GET, Role::Health, Route::Healthy),
    row("/-/ready", GET, Role::Health, Route::Ready),
    row("/metrics", GET, Role::Metrics, Route::Metrics),
    row("/api/v1/query", GET_POST, Role::Read, Route::Query),
    row("/api/v1/query_range", GET_POST, Role::Read, Route::QueryRange),
    row("/api/v1/query_exemplars", GET_POST, Role::Read, Route::QueryExemplars),
    row("/api/v1/format_query", GET_POST, Role::Read, Route::FormatQuery),
    row("/api/v1/parse_query", GET_POST, Role::Read, Route::ParseQuery),
    row("/api/v1/explain", GET_POST, Role::Read, Route::Explain),
    row("/api/v1/labels", GET_POST, Role::Read, Route::Labels),
    row(LABEL_VALUES, GET, Role::Read, Route::LabelValues),
    row("/api/v1/series", GET_POST, Role::Read, Route::Series),
    row("/api/v1/metadata", GET, Role::Read, Route::Metadata),
    row("/api/v1/rules", GET, Role::Read, Route::Rules),
    row("/api/v1/alerts", GET, Role::Read, Route::Alerts),
    row("/api/v1/targets", GET, Role::Read, Route::Targets),
    row("/api/v1/alertmanagers", GET, Role::Read, Route::Alertmanagers),
    row("/api/v1/scrape_pools", GET, Role::Read, Route::ScrapePools),
    row("/api/v1/features", GET, Role::Read, Route::Features),
    row("/api/v1/status/config", GET, Role::Read, Route::Config),
    row("/api/v1/status/flags", GET, Role::Read, Route::Flags),
    row("/api/v1/status/buildinfo", GET, Role::Read, Route::BuildInfo),
    row("/api/v1/status/runtimeinfo", GET, Role::Read, Route::RuntimeInfo),
    row("/api/v1/status/tsdb", GET, Role::Read, Route::Tsdb),
    row("/api/v1/status/walreplay", GET, Role::Read, Route::WalReplay),
    row("/api/v1/status/storage", GET, Role::Read, Route::Storage),
    row("/api/v1/status/queries", GET, Role::Read, Route::Queries),
    row("/api/v1/targets/metadata", GET, Role::Read, Route::TargetsMetadata),
    row("/api/v1/notifications", GET, Role::Read, Route::Notifications),
    row("/api/v1/admin/tsdb/snapshot", POST_PUT, Role::Backup, Route::Snapshot),
    row("/api/v1/admin/tsdb/delete_series", POST_PUT, Role::Admin, Route::DeleteSeries),
    row("/api/v1/admin/tsdb/clean_tombstones", POST_PUT, Role::Admin, Route::CleanTombstones),
    row("/api/v1/write", POST, Role::Write, Route::Write),
    row("/api/v1/read", POST, Role::Read, Route::Read),
    row("/federate", GET, Role::Read, Route::Federate),
];

/// The row of a path.
pub(crate) fn find(path: &str) -> Option<Row> {
    let pattern = if label_name(path).is_some() { LABEL_VALUES } else { path };
    let import = || {
        let format = ingest::format_at(path)?;
        Some(row(format.path(), POST, Role::Write, Route::Import(format.path())))
    };
    ROUTES.iter().find(|row| row.pattern == pattern).copied().or_else(import)
}

/// The still encoded name in `/api/v1/label/<name>/values`.
fn label_name(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/api/v1/label/")?.strip_suffix("/values")?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

/// Answers a request for `route`.
pub(crate) async fn answer(
    route: Route,
    request: Request<Incoming>,
    context: RequestContext,
    state: Arc<ServerState>,
) -> Result<Response, ApiError> {
    match route {
        Route::Landing => Ok(health::landing(&state)),
        Route::Healthy => Ok(health::healthy()),
        Route::Ready => health::ready(&state),
        Route::Metrics => health::metrics(state).await,
        Route::Write => remote_write::write(request, state).await,
        Route::Read => remote_read::read(request, state).await,
        Route::Import(path) => import::import(path, request, state).await,
        Route::WalReplay => Ok(success_json(&json!({"min": 0, "max": 0, "current": 0}))),
        // What is above answers while the store is opening, if only with a 503 of its own.
        route => {
            state.stores()?;
            let answer = answer_with_store(route, request, context, &state).await;
            // A scraper shows the text of an error as it is.
            if route == Route::Federate { answer.map_err(ApiError::plainly) } else { answer }
        }
    }
}

async fn answer_with_store(
    route: Route,
    request: Request<Incoming>,
    context: RequestContext,
    state: &ServerState,
) -> Result<Response, ApiError> {
    let path = request.uri().path().to_owned();
    let names = federate::Names::accepted(request.headers());
    let format = Format::accepted(request.headers());
    let params = Params::read(request, state).await?;
    match route {
        Route::Query => query::instant(params, query::Client { context, format }, state).await,
        Route::QueryRange => query::range(params, query::Client { context, format }, state).await,
        Route::QueryExemplars => exemplars::query(params, state).await,
        Route::FormatQuery => query::format(params, state).await,
        Route::Explain => explain::explain(params, &context, state).await,
        Route::ParseQuery => query::parsed(params, state).await,
        Route::Labels => lists::names(params, state).await,
        Route::LabelValues => lists::values(label_name(&path).unwrap_or_default(), params, state).await,
        Route::Series => lists::series(params, state).await,
        Route::Metadata => metadata::families(params, state).await,
        Route::Federate => federate::federate(params, names, state).await,
        // vctsdb scrapes nothing and evaluates no rules; these answer what a Prometheus without either answers.
        Route::Rules => rules(&params),
        Route::Alerts => Ok(success_json(&json!({"alerts": []}))),
        Route::Targets => {
            Ok(success_json(&json!({"activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {}})))
        }
        Route::Alertmanagers => Ok(success_json(&json!({"activeAlertmanagers": [], "droppedAlertmanagers": []}))),
        Route::ScrapePools => Ok(success_json(&json!({"scrapePools": []}))),
        Route::Config => Ok(status::config(state)),
        Route::Features => Ok(status::features(state)),
        Route::Flags => Ok(status::flags(state)),
        Route::BuildInfo => Ok(status::build_info()),
        Route::RuntimeInfo => status::runtime_info(state),
        Route::Tsdb => status::tsdb(params, state).await,
        Route::DeleteSeries => admin::delete_series(params, state).await,
        Route::CleanTombstones => admin::clean_tombstones(params, state).await,
        Route::Storage => storage::storage(state).await,
        Route::Queries => Ok(success_json(&state.asked.told())),
        Route::TargetsMetadata | Route::Notifications => Ok(success_json(&json!([]))),
        Route::Snapshot => admin::snapshot(params, state).await,
        Route::Landing
        | Route::Healthy
        | Route::Ready
        | Route::Metrics
        | Route::WalReplay
        | Route::Write
        | Route::Read
        | Route::Import(_) => Err(ApiError::Internal("this route needs no store".to_owned())),
    }
}

/// No rules, of whichever type.
fn rules(params: &Params) -> Result<Response, ApiError> {
    match params.get("type") {
        "" | "alert" | "record" => Ok(success_json(&json!({"groups": []}))),
        other => Err(ApiError::invalid("type", format!("not supported value {other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_take_any_single_segment() {
        assert_eq!(find("/api/v1/label/a%20b/values").map(|row| row.route), Some(Route::LabelValues));
        assert_eq!(find("/api/v1/label//values"), None);
        assert_eq!(find("/api/v1/label/a/b/values"), None);
        assert_eq!(find(LABEL_VALUES).map(|row| row.route), Some(Route::LabelValues));
        assert_eq!(find("/api/v1/no_such_thing"), None);
    }

    #[test]
    fn head_is_taken_wherever_get_is() {
        let has = |row: &Row, method| row.methods.contains(&method);
        for row in ROUTES {
            assert_eq!(has(row, Method::GET), has(row, Method::HEAD), "{}", row.pattern);
        }
    }

    #[test]
    fn what_changes_something_is_told_from_questions_by_role_and_method() {
        let changing: Vec<&str> =
            ROUTES.iter().filter(|row| row.methods.iter().any(|m| row.changes(m))).map(|row| row.pattern).collect();
        let admin = ["snapshot", "delete_series", "clean_tombstones"].map(|name| format!("/api/v1/admin/tsdb/{name}"));
        assert_eq!(changing, [&admin[0], &admin[1], &admin[2], "/api/v1/write"]);
        for row in ROUTES.iter().filter(|row| row.role == Role::Read) {
            assert!(!row.changes(&Method::POST) && row.changes(&Method::DELETE), "{}", row.pattern);
        }
        assert!(find("/api/v1/import/prometheus").is_some_and(|row| row.changes(&Method::POST)));
    }
}
