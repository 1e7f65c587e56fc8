//! The table of routes: a row says which path and methods it has, who may use it, and what answers it. There is no other list.

use std::{future, pin::Pin, sync::Arc};

use hyper::{Method, Request, body::Incoming, http::request::Parts};
use serde_json::{Value, json};

use super::{
    admin, cardinality, exemplars, explain, export, federate, health, import, influx, lookups, metadata, otlp, push,
    query::{self, Client},
    remote_read, remote_write, status, storage,
};
use crate::{
    ingest,
    server::{
        Response, ServerState,
        access::Role,
        envelope::success_json,
        error::ApiError,
        params::Params,
        request_context::RequestContext,
        ui::{self, WebUi},
    },
};
use Handler::{Immediate, Influx, WithBody, WithParams, WithPlainErrors};
use Role::{Admin, Backup, Health, Metrics, Read, Write};

/// What becomes of a request.
pub(crate) type Answer<'s> = Pin<Box<dyn Future<Output = Result<Response, ApiError>> + Send + 's>>;

/// A request whose parameters have been read.
pub(crate) struct Call<'s> {
    /// Its target and headers.
    pub(crate) head: Parts,
    pub(crate) params: Params,
    pub(crate) context: RequestContext,
    pub(crate) state: &'s ServerState,
}

impl<'s> Call<'s> {
    /// The parts that a query needs.
    fn query(self) -> (Params, Client, &'s ServerState) {
        (self.params, Client::new(self.context, &self.head.headers), self.state)
    }
}

/// What answers a request.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// Answers from what is at hand, whether or not the store is open.
    Immediate(fn(&ServerState) -> Result<Response, ApiError>),
    /// Reads the body itself. It is asked while the store is opening too.
    WithBody(fn(Request<Incoming>, Arc<ServerState>) -> Answer<'static>),
    /// Stores a body in this format, or in one that is to be found out. It is asked while the store is opening too.
    Import(Option<&'static dyn ingest::Format>),
    /// Answers a client of InfluxDB, which reads errors and headers of another shape. It is asked while the store is opening too.
    Influx(fn(Request<Incoming>, RequestContext, Arc<ServerState>) -> Answer<'static>),
    /// Gets the parameters, once the store is open.
    WithParams(for<'s> fn(Call<'s>) -> Answer<'s>),
    /// The same for a client that shows the text of an error as it is: errors are plain text.
    WithPlainErrors(for<'s> fn(Call<'s>) -> Answer<'s>),
}

/// A row of the table.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) pattern: &'static str,
    pub(crate) methods: &'static [Method],
    /// What whoever asks has to be.
    pub(crate) role: Role,
    pub(crate) handler: Handler,
}

impl Route {
    /// The roles of which one is needed.
    pub(crate) fn needs(&self) -> &[Role] {
        // What creates a database before it writes doesn't read; which statement needs which is decided where they are read.
        if self.pattern == INFLUX_QUERY { &[Read, Write] } else { std::slice::from_ref(&self.role) }
    }

    /// Whether its clients are InfluxDB's.
    pub(crate) fn speaks_influx(&self) -> bool {
        matches!(self.handler, Influx(_))
    }

    /// Whether a request changes something. A query may be posted; whatever else is posted is no query.
    pub(crate) fn changes(&self, method: &Method) -> bool {
        match self.role {
            Write | Admin => true,
            Health | Metrics | Backup => !method.is_safe(),
            Read => !method.is_safe() && *method != Method::POST,
        }
    }
}

const GET: &[Method] = &[Method::GET, Method::HEAD];
const GET_POST: &[Method] = &[Method::GET, Method::HEAD, Method::POST];
const GET_DELETE: &[Method] = &[Method::GET, Method::HEAD, Method::DELETE];
const POST: &[Method] = &[Method::POST];
const POST_PUT: &[Method] = &[Method::POST, Method::PUT];

const POST_PUT_DELETE: &[Method] = &[Method::POST, Method::PUT, Method::DELETE];

const LABEL_VALUES: &str = "/api/v1/label/:name/values";

/// The path of InfluxQL, which is also that of a page.
const INFLUX_QUERY: &str = "/query";

const fn route(pattern: &'static str, methods: &'static [Method], role: Role, handler: Handler) -> Route {
    Route { pattern, methods, role, handler }
}

const ROUTES: &[Route] = &[
    route("/", GET, Read, WithBody(|request, state| Box::pin(ui::serve(request, state)))),
    route("/-/healthy", GET, Health, Immediate(|_| Ok(health::healthy()))),
    // What load balancers and people from elsewhere ask.
    route("/health", GET, Health, WithBody(health_of)),
    route("/healthz", GET, Health, Immediate(|_| Ok(health::healthy()))),
    route("/-/ready", GET, Health, Immediate(health::ready)),
    route("/metrics", GET, Metrics, WithBody(|_, state| Box::pin(health::metrics(state)))),
    route("/api/v1/query", GET_POST, Read, WithParams(instant_query)),
    route("/api/v1/query_range", GET_POST, Read, WithParams(range_query)),
    route("/api/v1/query_exemplars", GET_POST, Read, WithParams(|c| Box::pin(exemplars::query(c.params, c.state)))),
    route("/api/v1/format_query", GET_POST, Read, WithParams(|c| Box::pin(query::format(c.params, c.state)))),
    route("/api/v1/parse_query", GET_POST, Read, WithParams(|c| Box::pin(query::parsed(c.params, c.state)))),
    route("/api/v1/explain", GET_POST, Read, WithParams(explain)),
    route("/api/v1/labels", GET_POST, Read, WithParams(|c| Box::pin(lookups::names(c.params, c.state)))),
    route(LABEL_VALUES, GET, Read, WithParams(label_values)),
    route("/api/v1/series", GET_POST, Read, WithParams(|c| Box::pin(lookups::series(c.params, c.state)))),
    route("/api/v1/metadata", GET, Read, WithParams(|c| Box::pin(metadata::families(c.params, c.state)))),
    // vctsdb scrapes nothing and evaluates no rules; these answer what a Prometheus without either answers.
    route("/api/v1/rules", GET, Read, WithParams(|c| Box::pin(future::ready(status::rules(&c.params))))),
    route("/api/v1/alerts", GET, Read, WithParams(|_| constant(json!({"alerts": []})))),
    route("/api/v1/targets", GET, Read, WithParams(|_| constant(status::no_targets()))),
    route("/api/v1/alertmanagers", GET, Read, WithParams(|_| constant(status::no_alertmanagers()))),
    route("/api/v1/scrape_pools", GET, Read, WithParams(|_| constant(json!({"scrapePools": []})))),
    route("/api/v1/targets/metadata", GET, Read, WithParams(|_| constant(json!([])))),
    route("/api/v1/notifications", GET, Read, WithParams(|_| constant(json!([])))),
    route("/api/v1/features", GET, Read, WithParams(|c| at_hand(status::features(c.state)))),
    route("/api/v1/status/config", GET, Read, WithParams(|c| at_hand(status::config(c.state)))),
    route("/api/v1/status/flags", GET, Read, WithParams(|c| at_hand(status::flags(c.state)))),
    route("/api/v1/status/buildinfo", GET, Read, WithParams(|_| at_hand(status::build_info()))),
    route(
        "/api/v1/status/runtimeinfo",
        GET,
        Read,
        WithParams(|c| Box::pin(future::ready(status::runtime_info(c.state)))),
    ),
    route("/api/v1/status/tsdb", GET, Read, WithParams(|c| Box::pin(cardinality::tsdb(c.params, c.state)))),
    route("/api/v1/status/churn", GET, Read, WithParams(|c| Box::pin(cardinality::churn(c.params, c.state)))),
    route("/api/v1/status/walreplay", GET, Read, Immediate(|state| Ok(status::wal_replay(state)))),
    route("/api/v1/status/storage", GET, Read, WithParams(|c| Box::pin(storage::storage(c.state)))),
    route("/api/v1/status/senders", GET, Read, WithParams(|c| constant(c.state.senders.to_json()))),
    route("/api/v1/status/queries", GET, Read, WithParams(|c| constant(c.state.asked.to_json()))),
    route(
        "/api/v1/status/queries/cancel",
        POST,
        Admin,
        WithParams(|c| Box::pin(admin::cancel_query(c.params, c.state))),
    ),
    route(
        "/api/v1/admin/tsdb/snapshot",
        POST_PUT,
        Backup,
        WithParams(|c| Box::pin(async move { admin::snapshot(c.params, &c.context.login, c.state).await })),
    ),
    route("/api/v1/admin/tsdb/snapshots", GET_DELETE, Backup, WithParams(snapshots)),
    route(
        "/api/v1/admin/tsdb/delete_series",
        POST_PUT,
        Admin,
        WithParams(|c| Box::pin(admin::delete_series(c.params, c.state))),
    ),
    route(
        "/api/v1/admin/tsdb/clean_tombstones",
        POST_PUT,
        Admin,
        WithParams(|c| Box::pin(admin::clean_tombstones(c.params, c.state))),
    ),
    route("/api/v1/write", POST, Write, WithBody(|request, state| Box::pin(remote_write::write(request, state)))),
    route("/v1/metrics", POST, Write, WithBody(|request, state| Box::pin(otlp::metrics(request, state)))),
    route("/api/v1/otlp/v1/metrics", POST, Write, WithBody(|request, state| Box::pin(otlp::metrics(request, state)))),
    route("/write", POST, Write, Influx(|request, _, state| Box::pin(influx::write(request, "db", state)))),
    route("/api/v2/write", POST, Write, Influx(|request, _, state| Box::pin(influx::write(request, "bucket", state)))),
    route("/api/v2/query", POST, Read, Influx(|request, _, _| Box::pin(influx::flux(request)))),
    route("/ping", GET, Health, Influx(|request, _, _| Box::pin(future::ready(influx::ping(&request))))),
    route(
        INFLUX_QUERY,
        GET_POST,
        Read,
        Influx(|request, context, state| Box::pin(influx_query(request, context, state))),
    ),
    route("/api/v1/read", POST, Read, WithBody(|request, state| Box::pin(remote_read::read(request, state)))),
    route("/api/v1/export", GET_POST, Read, WithParams(|c| Box::pin(export::json_lines(c.params, c.state)))),
    route("/api/v1/export/csv", GET_POST, Read, WithParams(|c| Box::pin(export::table(c.params, c.state)))),
    route("/api/v1/export/prometheus", GET_POST, Read, WithParams(|c| Box::pin(export::text(c.params, c.state)))),
    route("/api/v1/import/native", POST, Write, WithBody(|request, _| Box::pin(import::native(request)))),
    route("/api/v1/export/native", GET_POST, Read, WithBody(|request, _| Box::pin(import::native(request)))),
    route("/federate", GET, Read, WithPlainErrors(federate)),
];

fn snapshots(call: Call<'_>) -> Answer<'_> {
    Box::pin(async move {
        let login = &call.context.login;
        match call.head.method {
            Method::DELETE => admin::delete_snapshot(call.params, login, call.state).await,
            _ => admin::snapshots(&call.params, login, call.state).await,
        }
    })
}

fn instant_query(call: Call<'_>) -> Answer<'_> {
    let (params, client, state) = call.query();
    Box::pin(query::instant(params, client, state))
}

fn range_query(call: Call<'_>) -> Answer<'_> {
    let (params, client, state) = call.query();
    Box::pin(query::range(params, client, state))
}

fn explain(call: Call<'_>) -> Answer<'_> {
    Box::pin(async move { explain::explain(call.params, &call.context, call.state).await })
}

fn label_values(call: Call<'_>) -> Answer<'_> {
    Box::pin(async move {
        let name = label_name(call.head.uri.path()).unwrap_or_default();
        lookups::values(name, call.params, call.state).await
    })
}

fn federate(call: Call<'_>) -> Answer<'_> {
    Box::pin(federate::federate(call.params, federate::Names::accepted(&call.head.headers), call.state))
}

fn health_of(request: Request<Incoming>, state: Arc<ServerState>) -> Answer<'static> {
    Box::pin(future::ready(Ok(influx::health(request.headers(), &state))))
}

async fn influx_query(
    request: Request<Incoming>,
    context: RequestContext,
    state: Arc<ServerState>,
) -> Result<Response, ApiError> {
    influx::query(super::call(request, context, &state).await?, &state).await
}

/// An answer whose `data` is at hand.
fn constant<'s>(data: Value) -> Answer<'s> {
    at_hand(success_json(&data))
}

fn at_hand<'s>(response: Response) -> Answer<'s> {
    Box::pin(future::ready(Ok(response)))
}

/// Where pushes go, whatever the group.
const PUSH: Route =
    route("/metrics/job/:job", POST_PUT_DELETE, Write, WithBody(|request, state| Box::pin(push::push(request, state))));

/// The route of a path.
pub(crate) fn find(path: &str) -> Option<Route> {
    let pattern = if label_name(path).is_some() { LABEL_VALUES } else { path };
    let import = || {
        let row = |pattern, format| route(pattern, POST, Write, Handler::Import(format));
        if path == ingest::ANY_PATH {
            return Some(row(ingest::ANY_PATH, None));
        }
        let format = ingest::format_at(path)?;
        let pattern = format.paths().iter().copied().find(|pattern| *pattern == path)?;
        Some(row(pattern, Some(format)))
    };
    let push = || push::is_push(path).then_some(PUSH);
    ROUTES.iter().find(|route| route.pattern == pattern).copied().or_else(import).or_else(push)
}

/// A path of each route, and its first method.
#[cfg(test)]
pub(crate) fn examples() -> Vec<(&'static str, Method)> {
    let rows = ROUTES.iter().map(|route| (route.pattern, route.methods));
    let imports = ingest::FORMATS.iter().flat_map(|format| format.paths()).map(|path| (*path, POST));
    let rest = [(ingest::ANY_PATH, POST), (PUSH.pattern, POST_PUT_DELETE)];
    rows.chain(imports).chain(rest).filter_map(|(path, methods)| Some((path, methods.first()?.clone()))).collect()
}

/// The route of a request, which may be for the web interface.
///
/// All of that has one pattern: each has series of its own in the server's metrics.
pub(crate) fn find_for(request: &Request<Incoming>, ui: &WebUi) -> Option<Route> {
    let page = || route("/ui", GET, Read, WithBody(|request, state| Box::pin(ui::serve(request, state))));
    let asked = ui::is_asked(request, ui);
    let found = find(request.uri().path()).filter(|route| route.pattern != INFLUX_QUERY || !asked);
    found.or_else(|| asked.then(page))
}

/// The still encoded name in `/api/v1/label/<name>/values`.
fn label_name(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/api/v1/label/")?.strip_suffix("/values")?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_take_any_single_segment() {
        let pattern = |path| find(path).map(|route| route.pattern);
        assert_eq!(pattern("/api/v1/label/a%20b/values"), Some(LABEL_VALUES));
        assert_eq!(pattern("/api/v1/label//values"), None);
        assert_eq!(pattern("/api/v1/label/a/b/values"), None);
        assert_eq!(pattern(LABEL_VALUES), Some(LABEL_VALUES));
        assert_eq!(pattern("/api/v1/no_such_thing"), None);
    }

    #[test]
    fn head_is_taken_wherever_get_is() {
        let has = |route: &Route, method| route.methods.contains(&method);
        for route in ROUTES {
            assert_eq!(has(route, Method::GET), has(route, Method::HEAD), "{}", route.pattern);
        }
    }

    #[test]
    fn what_changes_something_is_told_from_queries_by_role_and_method() {
        let changing = ROUTES.iter().filter(|route| route.methods.iter().any(|method| route.changes(method)));
        let changing: Vec<&str> = changing.map(|route| route.pattern).collect();
        let admin = ["snapshot", "snapshots", "delete_series", "clean_tombstones"]
            .map(|name| format!("/api/v1/admin/tsdb/{name}"));
        let cancel = "/api/v1/status/queries/cancel";
        let writes = [
            "/api/v1/write",
            "/v1/metrics",
            "/api/v1/otlp/v1/metrics",
            "/write",
            "/api/v2/write",
            "/api/v1/import/native",
        ];
        assert_eq!(changing, [&[cancel, &admin[0], &admin[1], &admin[2], &admin[3]][..], &writes].concat());
        for route in ROUTES.iter().filter(|route| route.role == Read) {
            assert!(!route.changes(&Method::POST) && route.changes(&Method::DELETE), "{}", route.pattern);
        }
        for path in [ingest::ANY_PATH, "/api/v1/import/prometheus", ingest::LINE_PROTOCOL_PATH] {
            assert!(find(path).is_some_and(|route| route.changes(&Method::POST)), "{path}");
        }
    }
}
