//! A link that can be cut: what stands between two machines.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// How it is with the link.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Whole,
    /// Nobody notices yet.
    Stalled,
    Cut,
}

/// What happened to those who used it, counted.
#[derive(Clone, Default)]
struct Seen {
    /// Said while it was stalled.
    swallowed: Arc<watch::Sender<usize>>,
    /// Connections that came while it was cut.
    refused: Arc<watch::Sender<usize>>,
}

/// A proxy on a port of its own that passes on what comes, until it is cut. Ends when dropped.
pub struct Link {
    port: u16,
    state: Arc<watch::Sender<State>>,
    seen: Seen,
    _serving: JoinSet<()>,
}

impl Link {
    /// A link to `port` of the loopback interface.
    ///
    /// # Errors
    /// If no port can be listened at.
    pub async fn to(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let own = listener.local_addr()?.port();
        let state = Arc::new(watch::Sender::new(State::Whole));
        let seen = Seen::default();
        let mut serving = JoinSet::new();
        let target = SocketAddr::from(([127, 0, 0, 1], port));
        serving.spawn(serve(listener, target, state.subscribe(), seen.clone()));
        Ok(Self {
            port: own,
            state,
            seen,
            _serving: serving,
        })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Passes nothing on any more, until it is cut.
    pub fn stall(&self) {
        self.state.send_replace(State::Stalled);
    }

    /// Waits until a client has said something that was not passed on.
    pub async fn has_swallowed(&self) {
        reaches(&self.seen.swallowed, 1).await;
    }

    /// Ends every connection, and those that come from now on, until it is mended.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Waits until so many connections in all were tried while it was cut.
    pub async fn has_refused(&self, connections: usize) {
        reaches(&self.seen.refused, connections).await;
    }

    /// New connections are passed on again.
    pub fn mend(&self) {
        self.state.send_replace(State::Whole);
    }
}

async fn reaches(count: &watch::Sender<usize>, most: usize) {
    // It cannot be closed, since its sender is here.
    let _ = count.subscribe().wait_for(|count| *count >= most).await;
}

async fn serve(
    listener: TcpListener,
    target: SocketAddr,
    state: watch::Receiver<State>,
    seen: Seen,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    connections.spawn(pass_on(client, target, state.clone(), seen.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Returning drops both ends.
async fn pass_on(
    mut client: TcpStream,
    target: SocketAddr,
    mut state: watch::Receiver<State>,
    seen: Seen,
) {
    if *state.borrow_and_update() == State::Cut {
        seen.refused.send_modify(|refused| *refused += 1);
        return;
    }
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    // A small answer must not wait for the next one.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => return,
        _ = state.wait_for(|state| *state != State::Whole) => {}
    }
    tokio::select! {
        () = swallow(&mut client, &seen) => {}
        _ = state.wait_for(|state| *state == State::Cut) => {}
    }
}

/// Until the client has gone.
async fn swallow(client: &mut TcpStream, seen: &Seen) {
    let mut said = [0; 1024];
    while client.read(&mut said).await.is_ok_and(|read| read > 0) {
        seen.swallowed.send_modify(|swallowed| *swallowed += 1);
    }
}
