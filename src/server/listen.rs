//! Accepting connections, and stopping.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, lookup_host},
    sync::{Semaphore, watch},
    time::timeout,
};

use super::{
    ServerState,
    arrivals::Arrivals,
    files,
    idle_connections::{ConnectionHandle, IdleConnections},
    limits::{BACKLOG, DISMISSAL_TICK, MAX_HEAD_BYTES, MAX_HEADERS, SPARE_CONNECTIONS},
    metrics,
    request_context::PeerAddress,
    router,
    targets::Targets,
    unreadable::Told,
    write_timeout::WriteTimeout,
};
use crate::telemetry::log_each_minute;

/// After a failure to accept (no file descriptors left, say) some connection has to end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens at the first of the addresses that `host` stands for and that can be had; without a name at all of this machine.
///
/// # Errors
/// When none can.
pub async fn listen(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut addresses: Vec<SocketAddr> = if host.is_empty() {
        // The first takes connections of version 4 too, where there is version 6.
        vec![(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()]
    } else {
        lookup_host((host, port)).await?.collect()
    };
    if !host.is_empty() {
        // "localhost" may stand for both, and who connects to it tries both, but 127.0.0.1 is only one of them.
        addresses.sort_by_key(SocketAddr::is_ipv6);
    }
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name stands for no address");
    for address in addresses {
        match listen_at(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart shouldn't wait for the old connections to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `shutdown` completes, then lets requests in flight finish within their deadline.
///
/// When it returns no request is being answered any more, so the store may be closed.
pub async fn run(listener: TcpListener, state: Arc<ServerState>, shutdown: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(files::connections()));
    let idle = Arc::new(IdleConnections::default());
    // Each connection holds a receiver while it lives: a message tells it to finish, `closed` tells us that all have.
    let (stop, stopping) = watch::channel(());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &places, &idle, &state.arrivals) => accepted,
        };
        match accepted {
            Ok((stream, place)) => {
                let connection = serve(stream, state.clone(), idle.register(), stopping.clone());
                tokio::spawn(async move {
                    let _place = place;
                    connection.await;
                });
            }
            Err(error) => {
                log_each_minute!(warn, %error, "accepting a connection failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    state.stop();
    drop(stopping);
    // Without any connection there is nobody to tell.
    let _ = stop.send(());
    if timeout(state.options.deadlines.shutdown, stop.closed()).await.is_err() {
        tracing::warn!("some requests were not finished when the time for shutting down was over");
    }
}

type Place = tokio::sync::OwnedSemaphorePermit;

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    idle: &IdleConnections,
    arrivals: &Arrivals,
) -> io::Result<(TcpStream, Place)> {
    let (stream, _) = listener.accept().await?;
    let place = loop {
        if places.available_permits() < SPARE_CONNECTIONS && !arrivals.dismiss(None) {
            // Where nobody lags or is idle the next request to be answered makes room.
            idle.evict();
        }
        if let Ok(place) = timeout(DISMISSAL_TICK, Arc::clone(places).acquire_owned()).await {
            break place.map_err(io::Error::other)?;
        }
    };
    // Answers are written in large pieces; waiting to fill packets would only delay their ends.
    stream.set_nodelay(true)?;
    Ok((stream, place))
}

/// Waits for the first byte. hyper takes 16 KiB of buffers for a connection, and what is needed to answer several more:
/// those who never say a word need none of it.
async fn serve(
    stream: TcpStream,
    state: Arc<ServerState>,
    handle: ConnectionHandle,
    mut stopping: watch::Receiver<()>,
) {
    let _open = metrics::CONNECTIONS.guard();
    let mut byte = [0];
    let speaks = tokio::select! {
        first = timeout(state.options.deadlines.head, stream.peek(&mut byte)) => matches!(first, Ok(Ok(1))),
        _ = stopping.changed() => false,
        _ = handle.evicted() => false,
    };
    if speaks {
        Box::pin(converse(stream, state, handle, stopping)).await;
    }
}

/// Answers requests until one side has had enough.
async fn converse(
    stream: TcpStream,
    state: Arc<ServerState>,
    handle: ConnectionHandle,
    mut stopping: watch::Receiver<()>,
) {
    let deadlines = state.options.deadlines;
    let peer = PeerAddress(stream.peer_addr().ok().map(|address| address.ip().to_canonical()));
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        handle.mark_busy();
        // In a box: hyper keeps a place for the future as long as the connection lives.
        let answering = Box::pin(router::serve(request, state.clone()));
        async {
            let answer = answering.await;
            handle.mark_idle();
            answer
        }
    });
    let io = TokioIo::new(Told::on(Targets::of(WriteTimeout::new(stream, deadlines.write_stall))));
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(deadlines.head)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS)
            .serve_connection(io, service)
    );
    let ended = tokio::select! {
        ended = &mut connection => ended,
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        used = handle.evicted() => {
            if !used {
                return;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients that hang up, time out or don't speak HTTP are everyday business.
        tracing::debug!(%error, "a connection ended early");
    }
}
