//! From a path and a method to a route, and what every request gets on the way.

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
    Method, Request, StatusCode,
    body::Incoming,
    header::{ALLOW, HeaderMap, HeaderValue, ORIGIN, VARY},
};

use tracing::Instrument;

use super::{
    Response, State,
    asker::{Asker, REQUEST_ID},
    compress::{self, Encoding},
    error::ApiError,
    metrics, respond,
    routes::{self, Route},
};

/// Answers one request. It never fails: whatever goes wrong is an answer too.
pub(crate) async fn serve(request: Request<Incoming>, state: Arc<State>) -> Result<Response, Infallible> {
    let begun = Instant::now();
    let _in_flight = metrics::IN_FLIGHT.guard();
    let encoding = Encoding::negotiate(request.headers());
    let origin = request.headers().get(ORIGIN).cloned();
    let asker = Asker::of(&request);
    let span = tracing::info_span!("request", id = asker.id(), path = asker.path);
    let id = asker.id.clone();
    let head = request.method() == Method::HEAD;
    let found = routes::find(request.uri().path());
    let pattern = found.as_ref().map_or("unknown", |(pattern, ..)| *pattern);
    let response = match found {
        _ if request.method() == Method::OPTIONS => respond::no_content(),
        None => respond::text(StatusCode::NOT_FOUND, "404 page not found"),
        Some((_, methods, _)) if !methods.contains(request.method()) => not_allowed(methods),
        Some((_, _, route)) => answer(route, request, asker, state).instrument(span).await,
    };
    let mut response = if head { response } else { compress::encode(response, encoding) };
    allow_origin(response.headers_mut(), origin);
    response.headers_mut().insert(REQUEST_ID, id);
    metrics::observe_request(pattern, response.status(), begun.elapsed());
    Ok(response)
}

/// Runs the route. A panic in it costs its client the answer, and nobody else anything.
async fn answer(route: Route, request: Request<Incoming>, asker: Asker, state: Arc<State>) -> Response {
    let running = Box::pin(routes::answer(route, request, asker, state));
    match (CatchPanic { running }).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => error.into_response(),
        Err(Panicked) => {
            tracing::error!("a request panicked");
            ApiError::Internal("unexpected error: the server failed to answer; its log says more".to_owned())
                .into_response()
        }
    }
}

fn not_allowed(methods: &[Method]) -> Response {
    let mut response = respond::text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    let allowed: Vec<&str> = methods.iter().map(Method::as_str).chain(["OPTIONS"]).collect();
    response.headers_mut().insert(ALLOW, respond::header(&allowed.join(", ")));
    response
}

/// Lets pages of any origin read the answer, as Prometheus does by default: there is nothing to log in to here that a
/// page could abuse.
fn allow_origin(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return };
    headers.insert("access-control-allow-origin", origin);
    for (name, value) in [
        ("access-control-allow-headers", "Accept, Authorization, Content-Type, Origin"),
        ("access-control-allow-methods", "GET, POST, OPTIONS"),
        ("access-control-expose-headers", "Date"),
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
        // After a panic the future is dropped and never polled again, so nobody sees what it left half done.
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
