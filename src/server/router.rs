//! Finds the route of a request, and does what is done for every request: rules for web pages, metrics, logs, compression.

use std::{
    convert::Infallible,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use hyper::{
    Method, Request, StatusCode, Uri,
    body::Incoming,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ALLOW, HeaderMap, HeaderValue, LOCATION, VARY, X_CONTENT_TYPE_OPTIONS,
    },
};

use tracing::Instrument;

use super::{
    Response, ServerState,
    access::{AccessRefusal, Login, Role},
    browser::Refusal,
    compress::{self, Encoding},
    discard,
    error::ApiError,
    external_url::ExternalAddress,
    metrics, rejection_log,
    request_context::{REQUEST_ID, RequestContext},
    respond,
    routes::{self, Route},
    senders::Sender,
    ui,
};
use crate::telemetry::log_each_minute;

/// Answers one request. It never fails: every error is an answer.
pub(crate) async fn serve(mut request: Request<Incoming>, state: Arc<ServerState>) -> Result<Response, Infallible> {
    let begun = Instant::now();
    let _in_flight = metrics::IN_FLIGHT.guard();
    let encoding = Encoding::negotiate(request.headers());
    let reader = state.browser.reader(request.headers()).cloned();
    let mut context = RequestContext::of(&request);
    let span = tracing::info_span!("request", id = context.id(), path = context.path);
    let id = context.id.clone();
    let head = request.method() == Method::HEAD;
    let external = &state.options.external;
    let within = external.prefix().is_empty()
        || external.strip_prefix(request.uri()).map(|uri| *request.uri_mut() = uri).is_some();
    let found = if within { routes::find_for(&request, &state.options.ui) } else { None };
    let pattern = found.map_or("unknown", |route| route.pattern);
    let access = Arc::clone(&state.options.access);
    let judged = state.browser.judge(&request, found.as_ref());
    let preflight = request.method() == Method::OPTIONS;
    let admitted = if judged.is_ok() && !preflight {
        let needed = found.as_ref().map_or(&[][..], Route::needs);
        access.admit(request.headers(), context.address, needed).await
    } else {
        // A preflight has no login, and its answer tells only what the rules for pages say.
        Ok(Login::default())
    };
    let shut = match admitted {
        Ok(login) => {
            context.login = login;
            None
        }
        Err(refusal) => Some(refusal),
    };
    let response = match (judged, shut, found) {
        (Err(refusal), ..) => refuse(&refusal, request).instrument(span).await,
        (Ok(()), ..) if preflight => respond::no_content(),
        (Ok(()), Some(refusal), found) => shut_out(&refusal, found.as_ref(), request, &context).instrument(span).await,
        (Ok(()), None, None) => match redirect(request.uri(), within, external) {
            Some((status, location)) => moved(status, &location),
            None => unknown(request, &context, external).await,
        },
        (Ok(()), None, Some(route)) => {
            let client = context.address;
            let sender = (route.role == Role::Write)
                .then(|| (Sender::new(client, request.headers(), route.pattern), Arc::clone(&state)));
            let response = if route.methods.contains(request.method()) {
                answer(route, request, context, state).instrument(span).await
            } else {
                discard(request.into_body()).await;
                not_allowed(route.methods)
            };
            if let Some((sender, state)) = sender {
                state.senders.observe(sender, &response, state.clock.now());
            }
            rejection_log::log_rejected(&route, client, &response);
            response
        }
    };
    let mut response = if head { response } else { compress::encode(response, encoding) };
    let headers = response.headers_mut();
    allow_origin(headers, reader);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REQUEST_ID, id);
    for (name, value) in &access.options().headers {
        headers.insert(name, value.clone());
    }
    metrics::observe_request(pattern, response.status(), begun.elapsed());
    Ok(response)
}

/// Answers a request that the rules for web pages refuse.
async fn refuse(refusal: &Refusal, request: Request<Incoming>) -> Response {
    refusal.observe();
    discard(request.into_body()).await;
    respond::text(refusal.status(), refusal.to_string())
}

/// Answers a request whose login is missing, wrong, or of another role.
async fn shut_out(
    refusal: &AccessRefusal,
    found: Option<&Route>,
    request: Request<Incoming>,
    context: &RequestContext,
) -> Response {
    let client = context.address.map_or_else(String::new, |address| address.to_string());
    refusal.observe(&client, found.map_or("unknown", |route| route.pattern));
    discard(request.into_body()).await;
    let text = refusal.to_string();
    let mut response = match found {
        Some(route) if route.speaks_influx() => routes::influx_failure(refusal.status(), &text),
        _ => respond::text(refusal.status(), text),
    };
    refusal.add_headers(&mut response);
    response
}

/// Answers a request for a path that isn't found, with a hint where there is one.
async fn unknown(request: Request<Incoming>, context: &RequestContext, external: &ExternalAddress) -> Response {
    let instead = routes::hint(request.uri().path()).map(|path| format!("{}{path}", external.path()));
    rejection_log::log_not_found(request.method(), &context.path, context.address, instead.as_deref());
    discard(request.into_body()).await;
    let hint = instead.map_or_else(String::new, |path| format!("; it may be here: {path}"));
    respond::text(StatusCode::NOT_FOUND, format!("404 page not found{hint}"))
}

/// Runs the route. A panic in it becomes an error of this request.
async fn answer(
    route: Route,
    request: Request<Incoming>,
    context: RequestContext,
    state: Arc<ServerState>,
) -> Response {
    let running = Box::pin(routes::answer(route, request, context, state));
    match (CatchPanic { running }).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => error.into_response(),
        Err(Panicked) => {
            log_each_minute!(error, "a request panicked");
            ApiError::Internal("unexpected error: the server failed to answer; its log says more".to_owned())
                .into_response()
        }
    }
}

/// The redirect for a path that no route has, if there is one: from the root to the prefix, and to a path without repeated slashes.
fn redirect(uri: &Uri, within: bool, external: &ExternalAddress) -> Option<(StatusCode, String)> {
    let base = external.path();
    match uri.path() {
        _ if within => clean(uri).map(|path| (StatusCode::MOVED_PERMANENTLY, format!("{base}{path}"))),
        "/" => Some((StatusCode::FOUND, base.to_owned())),
        path if path == external.prefix() => Some((StatusCode::MOVED_PERMANENTLY, format!("{base}/"))),
        _ => None,
    }
}

/// The path without repeated slashes, if that makes it one of a route.
fn clean(uri: &Uri) -> Option<String> {
    let parts: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
    let path = format!("/{}", parts.join("/"));
    let found = path != uri.path() && (routes::find(&path).is_some() || ui::is_page(&path));
    found.then(|| uri.query().map_or_else(|| path.clone(), |query| format!("{path}?{query}")))
}

fn moved(status: StatusCode, location: &str) -> Response {
    let mut response = respond::text(status, format!("{}: {location}", status.canonical_reason().unwrap_or("Moved")));
    response.headers_mut().insert(LOCATION, respond::header(location));
    response
}

fn not_allowed(methods: &[Method]) -> Response {
    let mut response = respond::text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    let allowed: Vec<&str> = methods.iter().map(Method::as_str).chain(["OPTIONS"]).collect();
    response.headers_mut().insert(ALLOW, respond::header(&allowed.join(", ")));
    response
}

/// Lets the page with the origin `reader` read the answer.
fn allow_origin(headers: &mut HeaderMap, reader: Option<HeaderValue>) {
    // A cache has to know that a page of another origin may get another answer.
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = reader else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Authorization, Content-Type, Origin"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (ACCESS_CONTROL_EXPOSE_HEADERS, "Date"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

struct Panicked;

/// A future whose panics are results.
struct CatchPanic<F> {
    running: Pin<Box<F>>,
}

impl<F: Future> Future for CatchPanic<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let running = &mut self.running;
        // After a panic the future is dropped and never polled again, so its broken state is never seen.
        match std::panic::catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx))) {
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_result() {
        let panics = Box::pin(async {
            tokio::task::yield_now().await;
            panic!("on purpose");
        });
        assert!((CatchPanic { running: panics }).await.is_err());
        assert!((CatchPanic { running: Box::pin(async { 1 }) }).await.is_ok_and(|one| one == 1));
    }
}
