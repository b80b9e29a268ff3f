//! Where connections come from.

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, Pipeline, RedisFuture, RedisResult, Value,
    aio::{ConnectionLike, MultiplexedConnection, PubSub},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    sentinel::SentinelClient,
};
use tokio::{sync::Mutex, time::timeout};

use crate::{address::Address, link::Patience};

/// Makes connections to one store.
pub(crate) struct Source {
    place: Place,
    patience: Patience,
}

enum Place {
    Server(Box<Client>),
    Sentinels(Mutex<Box<SentinelClient>>),
    Cluster {
        client: Box<ClusterClient>,
        nodes: Vec<Client>,
        next: AtomicUsize,
    },
}

impl Source {
    pub(crate) fn new(address: Address, patience: Patience) -> Self {
        let place = match address {
            Address::Server(client) => Place::Server(client),
            Address::Sentinels(client) => Place::Sentinels(Mutex::new(client)),
            Address::Cluster { client, nodes } => Place::Cluster {
                client,
                nodes,
                next: AtomicUsize::new(0),
            },
        };
        Self { place, patience }
    }

    /// Whether keys that belong together must be made to lie on one server.
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.place, Place::Cluster { .. })
    }

    pub(crate) async fn connect(self: Arc<Self>) -> RedisResult<Connection> {
        self.in_time(async {
            if let Place::Cluster { client, .. } = &self.place {
                return client.get_async_connection().await.map(Connection::Cluster);
            }
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(self.patience.connect))
                .set_response_timeout(Some(self.patience.response));
            let client = self.server().await?;
            let connection = client.get_multiplexed_async_connection_with_config(&config);
            connection.await.map(Connection::Server)
        })
        .await
    }

    /// Hears what is published. A cluster tells all its nodes.
    pub(crate) async fn subscribe(&self, channel: &str) -> RedisResult<PubSub> {
        self.in_time(async {
            let mut ear = self.server().await?.get_async_pubsub().await?;
            ear.subscribe(channel).await?;
            Ok(ear)
        })
        .await
    }

    /// The server as it is now: after a failover, Sentinel names another one. Of a cluster any node, each
    /// time another one.
    async fn server(&self) -> RedisResult<Client> {
        match &self.place {
            Place::Server(client) => Ok(Client::clone(client)),
            Place::Sentinels(sentinels) => sentinels.lock().await.async_get_client().await,
            Place::Cluster { nodes, next, .. } => {
                let next = next.fetch_add(1, Ordering::Relaxed) % nodes.len();
                Ok(nodes[next].clone())
            }
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
        let late = || io::Error::new(io::ErrorKind::TimedOut, "no connection in time");
        let done = timeout(self.patience.connect, work).await;
        done.unwrap_or_else(|_| Err(late().into()))
    }
}

/// A connection to a server or to all of a cluster. Clones share it.
#[derive(Clone)]
pub(crate) enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(server) => server.req_packed_command(command),
            Self::Cluster(cluster) => cluster.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(server) => server.req_packed_commands(commands, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(server) => server.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}
