//! Serving a router over TCP with bounds on what a slow client may hold.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// Most bytes of a request's head, and of what is read ahead on a connection. hyper's own bound is three
/// times as much, which 20 000 connections would fill 8 GB with.
const MAX_HEAD_BYTES: usize = 128 * 1024;

/// How long accepting is let be when the system has no more sockets for us.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Bounds of the connections of one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Open at a time; further ones wait to be accepted.
    pub max_connections: usize,
    /// Longest time for the head of a request, from when it may begin: also what a connection may be idle
    /// between two requests.
    pub header_timeout: Duration,
}

impl Default for ConnectionLimits {
    /// 20 000 and 10 seconds.
    fn default() -> Self {
        Self {
            max_connections: 20_000,
            header_timeout: Duration::from_secs(10),
        }
    }
}

/// Clients that the system lets connect before they are accepted: a crowd that comes at once is not made to
/// try again a second later. Systems have a bound of their own, 4 096 on Linux.
const BACKLOG: u32 = 4_096;

/// A listener at that address.
///
/// # Errors
/// If the address is in use, or not ours.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves HTTP/1.1 until `closing`, and then what has been begun. Dropped, it breaks off.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    closing: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(limits.max_connections));
    let mut connections = JoinSet::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(MAX_HEAD_BYTES);
    loop {
        let next = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (accepted(&listener).await, permit)
        };
        tokio::select! {
            (stream, permit) = next => {
                let serving = converse(http.clone(), stream, router.clone(), closing.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(permit);
                });
            }
            Some(_) = connections.join_next() => {}
            () = closing.cancelled() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// The next connection. What goes wrong with one is not the end of the others.
async fn accepted(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted for now");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::ConnectionRefused | K::ConnectionAborted | K::ConnectionReset
    )
}

async fn converse(
    http: http1::Builder,
    stream: TcpStream,
    router: Router,
    closing: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection sends when it likes");
    }
    let service = TowerToHyperService::new(router);
    let connection = http
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
