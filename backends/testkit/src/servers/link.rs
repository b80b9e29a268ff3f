//! A link that can be cut: what stands between two machines.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// A proxy on a port of its own that passes on what comes, until it is cut. Ends when dropped.
pub struct Link {
    port: u16,
    whole: Arc<watch::Sender<bool>>,
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
        let whole = Arc::new(watch::Sender::new(true));
        let mut serving = JoinSet::new();
        let target = SocketAddr::from(([127, 0, 0, 1], port));
        serving.spawn(serve(listener, target, whole.subscribe()));
        Ok(Self {
            port: own,
            whole,
            _serving: serving,
        })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends every connection, and those that come from now on, until it is mended.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// New connections are passed on again.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn serve(listener: TcpListener, target: SocketAddr, whole: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    connections.spawn(pass_on(client, target, whole.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Returning drops both ends.
async fn pass_on(mut client: TcpStream, target: SocketAddr, mut whole: watch::Receiver<bool>) {
    if !*whole.borrow_and_update() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    // A small answer must not wait for the next one.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = whole.wait_for(|whole| !whole) => {}
    }
}
