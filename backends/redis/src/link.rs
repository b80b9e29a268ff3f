//! A connection that comes back.

use std::{
    future::Future,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError,
    RedisResult, ScriptInvocation, ServerErrorKind,
    aio::{MultiplexedConnection, PubSub},
    sentinel::SentinelClient,
};
use tokio::time::timeout;
use voicefleet_core::breaker::{Breaker, BreakerRules, Pass};

use crate::{
    address::Address,
    error::{ConfigError, Unavailable},
};

/// A short outage, as of a server that is started anew, is over before this has mattered much.
const RULES: BreakerRules = BreakerRules {
    failures: 3,
    first_pause: Duration::from_millis(500),
    longest_pause: Duration::from_secs(5),
};

/// How long a connection and an answer may take.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) connect: Duration,
    pub(crate) response: Duration,
}

/// One connection to one store, shared by everybody who uses it. It is made when it is first needed,
/// and anew after it has failed; a call fails within the two time-outs. When the server has not answered
/// several times in a row, calls fail at once for a while.
pub(crate) struct Link {
    source: Arc<Source>,
    /// The server, as people are told of it.
    name: String,
    patience: Patience,
    breaker: Breaker,
    current: Mutex<Current>,
}

enum Source {
    Server(Client),
    Sentinels(tokio::sync::Mutex<Box<SentinelClient>>),
}

/// A connection that comes about, or has. All who need it wait for the same one.
type Connecting = Shared<BoxFuture<'static, RedisResult<MultiplexedConnection>>>;

#[derive(Default)]
struct Current {
    connecting: Option<Connecting>,
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
            source: Arc::new(source),
            name: format!("Redis at {name}"),
            patience,
            breaker: Breaker::new(RULES),
            current: Mutex::default(),
        })
    }

    /// Does one command.
    pub(crate) async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Unavailable> {
        let mut call = self.begin().await?;
        let answer = command.query_async(&mut call.connection).await;
        call.end(answer)
    }

    /// Does several commands in one trip.
    pub(crate) async fn pipeline<T: FromRedisValue>(
        &self,
        commands: &Pipeline,
    ) -> Result<T, Unavailable> {
        let mut call = self.begin().await?;
        let answer = commands.query_async(&mut call.connection).await;
        call.end(answer)
    }

    /// Runs a script, which the server does in one step.
    pub(crate) async fn script<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, Unavailable> {
        let mut call = self.begin().await?;
        let answer = script.invoke_async(&mut call.connection).await;
        call.end(answer)
    }

    /// A connection of its own that hears what is published. Nobody waits for it, so that it is tried
    /// also while callers are refused.
    pub(crate) async fn subscribe(&self, channel: &str) -> Result<PubSub, Unavailable> {
        let subscribing = async {
            let mut ear = self.source.client().await?.get_async_pubsub().await?;
            ear.subscribe(channel).await?;
            Ok(ear)
        };
        let subscribed = in_time(self.patience.connect, subscribing).await;
        subscribed.map_err(|error| self.unavailable(&error))
    }

    /// What to say when something else than a command has failed.
    pub(crate) fn complaint(&self, what: &str) -> Unavailable {
        Unavailable(format!("{}: {what}", self.name))
    }

    fn unavailable(&self, error: &RedisError) -> Unavailable {
        self.complaint(&error.to_string())
    }

    async fn begin(&self) -> Result<Call<'_>, Unavailable> {
        let pass = self.breaker.admit(Instant::now());
        let pass = pass.map_err(|refusal| {
            self.complaint(&format!("it did not answer lately and is {refusal}"))
        })?;
        let (connecting, generation) = self.connecting();
        let turn = Turn {
            link: self,
            pass,
            generation,
        };
        match connecting.await {
            Ok(connection) => Ok(Call { turn, connection }),
            Err(error) => Err(turn.failed(&error)),
        }
    }

    fn connecting(&self) -> (Connecting, u64) {
        let mut current = self.current();
        if let Some(connecting) = &current.connecting {
            return (connecting.clone(), current.generation);
        }
        let source = Arc::clone(&self.source);
        let connecting = source.connect(self.patience).boxed().shared();
        current.generation += 1;
        current.connecting = Some(connecting.clone());
        (connecting, current.generation)
    }

    /// After a failure of the connection the next call begins with a new one, also if it is still open:
    /// the server may be silent, or no master any more. Returns whether nobody has done so yet.
    fn discard(&self, generation: u64) -> bool {
        let mut current = self.current();
        current.generation == generation && current.connecting.take().is_some()
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    async fn connect(self: Arc<Self>, patience: Patience) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(patience.connect))
            .set_response_timeout(Some(patience.response));
        let connecting = async {
            let client = self.client().await?;
            let connection = client.get_multiplexed_async_connection_with_config(&config);
            connection.await
        };
        in_time(patience.connect, connecting).await
    }

    /// The server as it is now: after a failover, Sentinel names another one.
    async fn client(&self) -> RedisResult<Client> {
        match self {
            Self::Server(client) => Ok(client.clone()),
            Self::Sentinels(sentinels) => sentinels.lock().await.async_get_client().await,
        }
    }
}

async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = RedisResult<T>>,
) -> RedisResult<T> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "no connection in time");
    let done = timeout(patience, work).await;
    done.unwrap_or_else(|_| Err(late().into()))
}

/// Leave to ask the server once, on one of its connections.
struct Turn<'a> {
    link: &'a Link,
    pass: Pass<'a>,
    generation: u64,
}

impl Turn<'_> {
    /// A connection that fails is one failure, however many wait for their answers on it.
    fn failed(self, error: &RedisError) -> Unavailable {
        let first = spoils_the_connection(error) && self.link.discard(self.generation);
        if !is_silence(error) {
            self.pass.answered();
        } else if first {
            self.pass.failed(Instant::now());
        }
        self.link.unavailable(error)
    }
}

/// One question to the server, under way.
struct Call<'a> {
    turn: Turn<'a>,
    connection: MultiplexedConnection,
}

impl Call<'_> {
    fn end<T>(self, answer: RedisResult<T>) -> Result<T, Unavailable> {
        match answer {
            Ok(answer) => {
                self.turn.pass.answered();
                Ok(answer)
            }
            Err(error) => Err(self.turn.failed(&error)),
        }
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

/// Whether nobody was there, or nothing came in time. All else is an answer, welcome or not.
fn is_silence(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Io | ErrorKind::ClusterConnectionNotFound
    )
}
