//! The routes: for each group a file that parses parameters, does the work and answers.

mod admin;
mod exemplars;
mod explain;
mod federate;
mod health;
mod import;
mod lists;
mod metadata;
mod query;
mod remote_read;
mod remote_write;
mod selectors;
mod status;
mod storage;

use std::sync::Arc;

use hyper::{Method, Request, body::Incoming};
use serde_json::json;

use super::{Response, State, asker::Asker, envelope::success_json, error::ApiError, formats::Format, params::Params};
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

const GET: &[Method] = &[Method::GET];
const GET_HEAD: &[Method] = &[Method::GET, Method::HEAD];
const GET_POST: &[Method] = &[Method::GET, Method::POST];
const POST: &[Method] = &[Method::POST];
const POST_PUT: &[Method] = &[Method::POST, Method::PUT];

const LABEL_VALUES: &str = "/api/v1/label/:name/values";

/// Paths, the methods they take, and where they lead.
const ROUTES: &[(&str, &[Method], Route)] = &[
    ("/", GET, Route::Landing),
    ("/-/healthy", GET_HEAD, Route::Healthy),
    ("/-/ready", GET_HEAD, Route::Ready),
    ("/metrics", GET, Route::Metrics),
    ("/api/v1/query", GET_POST, Route::Query),
    ("/api/v1/query_range", GET_POST, Route::QueryRange),
    ("/api/v1/query_exemplars", GET_POST, Route::QueryExemplars),
    ("/api/v1/format_query", GET_POST, Route::FormatQuery),
    ("/api/v1/parse_query", GET_POST, Route::ParseQuery),
    ("/api/v1/explain", GET_POST, Route::Explain),
    ("/api/v1/labels", GET_POST, Route::Labels),
    (LABEL_VALUES, GET, Route::LabelValues),
    ("/api/v1/series", GET_POST, Route::Series),
    ("/api/v1/metadata", GET, Route::Metadata),
    ("/api/v1/rules", GET, Route::Rules),
    ("/api/v1/alerts", GET, Route::Alerts),
    ("/api/v1/targets", GET, Route::Targets),
    ("/api/v1/alertmanagers", GET, Route::Alertmanagers),
    ("/api/v1/scrape_pools", GET, Route::ScrapePools),
    ("/api/v1/features", GET, Route::Features),
    ("/api/v1/status/config", GET, Route::Config),
    ("/api/v1/status/flags", GET, Route::Flags),
    ("/api/v1/status/buildinfo", GET, Route::BuildInfo),
    ("/api/v1/status/runtimeinfo", GET, Route::RuntimeInfo),
    ("/api/v1/status/tsdb", GET, Route::Tsdb),
    ("/api/v1/status/walreplay", GET, Route::WalReplay),
    ("/api/v1/status/storage", GET, Route::Storage),
    ("/api/v1/status/queries", GET, Route::Queries),
    ("/api/v1/targets/metadata", GET, Route::TargetsMetadata),
    ("/api/v1/notifications", GET, Route::Notifications),
    ("/api/v1/admin/tsdb/snapshot", POST_PUT, Route::Snapshot),
    ("/api/v1/admin/tsdb/delete_series", POST_PUT, Route::DeleteSeries),
    ("/api/v1/admin/tsdb/clean_tombstones", POST_PUT, Route::CleanTombstones),
    ("/api/v1/write", POST, Route::Write),
    ("/api/v1/read", POST, Route::Read),
    ("/federate", GET, Route::Federate),
];

/// The route of a path, with its pattern and methods.
pub(crate) fn find(path: &str) -> Option<(&'static str, &'static [Method], Route)> {
    let pattern = if label_name(path).is_some() { LABEL_VALUES } else { path };
    let import = || ingest::format_at(path).map(|format| (format.path(), POST, Route::Import(format.path())));
    ROUTES.iter().find(|(known, ..)| *known == pattern).copied().or_else(import)
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
    asker: Asker,
    state: Arc<State>,
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
            answer_with_store(route, request, asker, &state).await
        }
    }
}

async fn answer_with_store(
    route: Route,
    request: Request<Incoming>,
    asker: Asker,
    state: &State,
) -> Result<Response, ApiError> {
    let path = request.uri().path().to_owned();
    let names = federate::Names::accepted(request.headers());
    let format = Format::accepted(request.headers());
    let params = Params::read(request, state).await?;
    match route {
        Route::Query => query::instant(params, query::Client { asker, format }, state).await,
        Route::QueryRange => query::range(params, query::Client { asker, format }, state).await,
        Route::QueryExemplars => exemplars::query(params, state).await,
        Route::FormatQuery => query::format(&params, state),
        Route::Explain => explain::explain(params, &asker, state).await,
        Route::ParseQuery => query::parsed(&params, state),
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
        Route::CleanTombstones => admin::clean_tombstones(state).await,
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
        assert_eq!(find("/api/v1/label/a%20b/values").map(|r| r.2), Some(Route::LabelValues));
        assert_eq!(find("/api/v1/label//values"), None);
        assert_eq!(find("/api/v1/label/a/b/values"), None);
        assert_eq!(find(LABEL_VALUES).map(|r| r.2), Some(Route::LabelValues));
        assert_eq!(find("/api/v1/no_such_thing"), None);
    }
}
