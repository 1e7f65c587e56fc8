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
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream, lookup_host},
    sync::{Semaphore, watch},
    time::timeout,
};

use super::{
    ServerState,
    idle_connections::{ConnectionHandle, IdleConnections},
    incoming_bodies::IncomingBodies,
    limits::{BACKLOG, EVICTION_TICK, MAX_HEAD_BYTES, MAX_HEADERS, SPARE_CONNECTIONS},
    malformed_requests::ExplainMalformed,
    metrics, open_files,
    request_context::PeerAddress,
    router,
    target_escaping::TargetEscaping,
    write_timeout::WriteTimeout,
};
use crate::telemetry::log_each_minute;

/// The pause after a failure to accept, for lack of file descriptors say: some connection has to end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The addresses to listen at for `host`; all of this machine where it is empty.
///
/// # Errors
/// When its name can't be resolved.
pub async fn listen_addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut addresses: Vec<SocketAddr> = if host.is_empty() {
        // The first takes connections of version 4 too, where there is version 6.
        vec![(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()]
    } else {
        lookup_host((host, port)).await?.collect()
    };
    if !host.is_empty() {
        // "localhost" may be both. A client of "localhost" tries both, one of 127.0.0.1 only that.
        addresses.sort_by_key(SocketAddr::is_ipv6);
    }
    Ok(addresses)
}

/// Listens at the first of the addresses that can be bound.
///
/// # Errors
/// When none can be bound.
pub fn listen(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name stands for no address");
    for address in addresses {
        match listen_at(*address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart shouldn't wait until the system has forgotten old connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `shutdown` completes, then lets requests in flight finish within their deadline.
///
/// When it returns no request is being answered any more, so the store may be closed.
pub async fn run(listener: TcpListener, state: Arc<ServerState>, shutdown: impl Future<Output = ()>) {
    let slots = Arc::new(Semaphore::new(open_files::connections()));
    let idle = Arc::new(IdleConnections::default());
    // Each connection holds a receiver while it lives: a message tells it to finish, `closed` tells us that all have.
    let (stop, stopping) = watch::channel(());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &slots, &idle, &state.incoming_bodies) => accepted,
        };
        match accepted {
            Ok((stream, slot)) => {
                let connection = serve(stream, state.clone(), idle.register(), stopping.clone());
                tokio::spawn(async move {
                    let _slot = slot;
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
    // It fails when there is no connection, and then none has to be told.
    let _ = stop.send(());
    if timeout(state.options.deadlines.shutdown, stop.closed()).await.is_err() {
        tracing::warn!("some requests were not finished when the time for shutting down was over");
    }
}

type ConnectionSlot = tokio::sync::OwnedSemaphorePermit;

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    idle: &IdleConnections,
    incoming: &IncomingBodies,
) -> io::Result<(TcpStream, ConnectionSlot)> {
    let (stream, _) = listener.accept().await?;
    let slot = loop {
        if slots.available_permits() < SPARE_CONNECTIONS && !incoming.evict_slowest(None) {
            // Where no body lags and no connection is idle, the next connection that ends makes room.
            idle.evict();
        }
        if let Ok(slot) = timeout(EVICTION_TICK, Arc::clone(slots).acquire_owned()).await {
            break slot.map_err(io::Error::other)?;
        }
    };
    // Answers are written in large pieces; waiting to fill packets would only delay their ends.
    stream.set_nodelay(true)?;
    Ok((stream, slot))
}

/// Waits for the first byte before handing the connection to hyper, which takes 16 KiB of buffers for it, and several more to
/// answer: a client that never sends anything costs none of them.
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
    if !speaks {
        return;
    }
    let peer = PeerAddress(stream.peer_addr().ok().map(|address| address.ip().to_canonical()));
    let stream = WriteTimeout::new(stream, state.options.deadlines.write);
    let Some(tls) = state.options.tls.clone() else {
        return Box::pin(converse(stream, peer, state, handle, stopping)).await;
    };
    let [first] = byte;
    let shaken = tokio::select! {
        shaken = Box::pin(tls.accept(stream, first)) => shaken,
        _ = stopping.changed() => return,
        _ = handle.evicted() => return,
    };
    match shaken {
        Ok(stream) => Box::pin(converse(stream, peer, state, handle, stopping)).await,
        Err(error) => {
            let client = peer.0.map_or_else(String::new, |address| address.to_string());
            log_each_minute!(info, client, %error, "a TLS handshake failed");
        }
    }
}

/// Answers requests until the client or the server closes the connection.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: PeerAddress,
    state: Arc<ServerState>,
    handle: ConnectionHandle,
    mut stopping: watch::Receiver<()>,
) {
    let deadlines = state.options.deadlines;
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
    let io = TokioIo::new(ExplainMalformed::new(TargetEscaping::new(stream)));
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
        // Clients that hang up, time out or don't speak HTTP are nothing unusual.
        tracing::debug!(%error, "a connection ended early");
    }
}
