//! A connection that comes back.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use redis::{
    Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult, ScriptInvocation,
    ServerErrorKind, aio::PubSub,
};
use voicefleet_core::breaker::{Breaker, BreakerRules, Pass};

use crate::{
    address::Address,
    error::{ConfigError, Unavailable},
    source::{Connection, Source},
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
    breaker: Breaker,
    current: Mutex<Current>,
}

/// A connection that comes about, or has. All who need it wait for the same one.
type Connecting = Shared<BoxFuture<'static, RedisResult<Connection>>>;

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
        let (address, name) = Address::parse(store, url, patience)?;
        Ok(Self {
            source: Arc::new(Source::new(address, patience)),
            name: format!("Redis at {name}"),
            breaker: Breaker::new(RULES),
            current: Mutex::default(),
        })
    }

    /// What all keys begin with. In a cluster, the part of it in braces makes them lie on one server, for
    /// scripts reach all of them.
    pub(crate) fn prefix(&self, configured: &str) -> Result<String, ConfigError> {
        if !self.source.is_cluster() {
            return Ok(configured.to_owned());
        }
        let tag = configured.trim_end_matches(':');
        if tag.is_empty() || tag.contains(['{', '}']) {
            return Err(ConfigError::Prefix);
        }
        Ok(format!("{{{tag}}}:"))
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
        let subscribed = self.source.subscribe(channel).await;
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
        let connecting = source.connect().boxed().shared();
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
    connection: Connection,
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
