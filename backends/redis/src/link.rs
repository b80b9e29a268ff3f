//! A connection that comes back.

use std::{
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{
    Client, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult, ScriptInvocation,
    ServerErrorKind,
    aio::{ConnectionManager, ConnectionManagerConfig, PubSub},
    sentinel::SentinelClient,
};
use tokio::time::timeout;

use crate::{
    address::Address,
    error::{ConfigError, Unavailable},
};

/// How long a connection and an answer may take.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) connect: Duration,
    pub(crate) response: Duration,
}

/// One connection to one store, shared by everybody who uses it. It is made when it is first needed,
/// and anew after it has failed; a call fails within the two time-outs.
pub(crate) struct Link {
    source: Source,
    /// The server, as people are told of it.
    name: String,
    patience: Patience,
    current: Mutex<Current>,
}

enum Source {
    Server(Client),
    Sentinels(tokio::sync::Mutex<Box<SentinelClient>>),
}

#[derive(Default)]
struct Current {
    manager: Option<ConnectionManager>,
    /// Counts the connections, so that a late failure of an old one does not end the new one.
    generation: u64,
}

impl Link {
    /// Reads the URL; does not connect yet.
    pub(crate) fn new(
        store: &'static str,
        url: &str,
        patience: Patience,
    ) -> Result<Self, ConfigError> {
        let (address, name) = Address::parse(store, url)?;
        let source = match address {
            Address::Server(client) => Source::Server(client),
            Address::Sentinels(client) => Source::Sentinels(tokio::sync::Mutex::new(client)),
        };
        Ok(Self {
            source,
            name: format!("Redis at {name}"),
            patience,
            current: Mutex::default(),
        })
    }

    /// Does one command.
    pub(crate) async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Unavailable> {
        let (mut manager, generation) = self.manager().await?;
        let answer = command.query_async(&mut manager).await;
        self.judge(answer, generation)
    }

    /// Does several commands in one trip.
    pub(crate) async fn pipeline<T: FromRedisValue>(
        &self,
        commands: &Pipeline,
    ) -> Result<T, Unavailable> {
        let (mut manager, generation) = self.manager().await?;
        let answer = commands.query_async(&mut manager).await;
        self.judge(answer, generation)
    }

    /// Runs a script, which the server does in one step.
    pub(crate) async fn script<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, Unavailable> {
        let (mut manager, generation) = self.manager().await?;
        let answer = script.invoke_async(&mut manager).await;
        self.judge(answer, generation)
    }

    /// A connection of its own that hears what is published.
    pub(crate) async fn subscribe(&self, channel: &str) -> Result<PubSub, Unavailable> {
        let subscribing = async {
            let client = self.client().await?;
            let mut ear = client
                .get_async_pubsub()
                .await
                .map_err(|error| self.unavailable(&error))?;
            let subscribed = ear.subscribe(channel).await;
            subscribed.map_err(|error| self.unavailable(&error))?;
            Ok(ear)
        };
        self.in_time(subscribing).await
    }

    /// What to say when something else than a command has failed.
    pub(crate) fn complaint(&self, what: &str) -> Unavailable {
        Unavailable(format!("{}: {what}", self.name))
    }

    fn unavailable(&self, error: &RedisError) -> Unavailable {
        self.complaint(&error.to_string())
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Unavailable>>,
    ) -> Result<T, Unavailable> {
        let done = timeout(self.patience.connect, work).await;
        done.unwrap_or_else(|_| Err(self.complaint("no connection in time")))
    }

    /// The server as it is now: after a failover, Sentinel names another one.
    async fn client(&self) -> Result<Client, Unavailable> {
        match &self.source {
            Source::Server(client) => Ok(client.clone()),
            Source::Sentinels(sentinels) => {
                let client = sentinels.lock().await.async_get_client().await;
                client.map_err(|error| self.unavailable(&error))
            }
        }
    }

    async fn manager(&self) -> Result<(ConnectionManager, u64), Unavailable> {
        {
            let current = self.current();
            if let Some(manager) = &current.manager {
                return Ok((manager.clone(), current.generation));
            }
        }
        let client = self.in_time(self.client()).await?;
        let mut current = self.current();
        if let Some(manager) = &current.manager {
            return Ok((manager.clone(), current.generation));
        }
        let manager = ConnectionManager::new_lazy_with_config(client, self.manager_config());
        let manager = manager.map_err(|error| self.unavailable(&error))?;
        current.generation += 1;
        current.manager = Some(manager.clone());
        Ok((manager, current.generation))
    }

    /// One attempt to connect per call that needs it: whoever waits behind a longer row of attempts
    /// would hear of the failure late.
    fn manager_config(&self) -> ConnectionManagerConfig {
        ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(self.patience.connect))
            .set_response_timeout(Some(self.patience.response))
    }

    /// After a failure of the connection the next call begins with a new one. The manager would do so
    /// for a connection that was closed, but not for a server that is silent or is no master any more.
    fn judge<T>(&self, answer: RedisResult<T>, generation: u64) -> Result<T, Unavailable> {
        answer.map_err(|error| {
            if spoils_the_connection(&error) {
                let mut current = self.current();
                if current.generation == generation {
                    current.manager = None;
                }
            }
            self.unavailable(&error)
        })
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spoils_the_connection(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(kind) => matches!(
            kind,
            ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown
        ),
        ErrorKind::UnexpectedReturnType | ErrorKind::Extension => false,
        _ => true,
    }
}
