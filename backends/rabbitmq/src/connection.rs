//! The connection to the broker.
//!
//! A process has one, and another one to publish by: a broker that runs out of memory or disk reads from whoever
//! publishes no more, and the workers that make room must not stand still with them. A connection ends when it is lost, and whoever
//! needs a channel next has it made anew. lapin (4.12) could
//! make it again by itself, but brings back consumers that were given up meanwhile, and what the broker hands to those
//! nobody ever takes; it never answers what was asked when the connection was lost, if the first attempt to come
//! back fails; and such an attempt may cost ten seconds, until the broker gives it up.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use lapin::{
    Channel, Connection, ConnectionProperties, ConnectionState, ErrorKind,
    options::ConfirmSelectOptions,
};
use tokio::{net::TcpStream, sync, time::timeout};
use tokio_util::task::TaskTracker;

use crate::{RabbitConfig, topology};

/// What AMQP calls a close without complaint.
const REPLY_SUCCESS: u16 = 200;

/// How long one attempt to connect may take: beyond anybody's patience, so that those who wait for it one after the
/// other get somewhere.
const ATTEMPT: Duration = Duration::from_secs(5);

/// How long after a vain attempt the next one is made.
const PAUSE: Duration = Duration::from_millis(100);

/// Seconds without a sign of the broker that are unusual, unless the address says otherwise (`?heartbeat=`). After two or three
/// of them the connection is lost: one to a machine that is gone does not end by itself.
const HEARTBEAT: u16 = 10;

/// Why the queue could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The broker is not there, does not answer, or refuses us. The address is not repeated: it holds the password.
    #[error("RabbitMQ cannot be used: {0}")]
    Broker(#[from] lapin::Error),
}

/// The broker, as this process reaches it by one connection. Clones are the same.
#[derive(Clone)]
pub(crate) struct Broker(Arc<Reached>);

struct Reached {
    config: RabbitConfig,
    link: Mutex<Link>,
    /// Whether what the engines need has been declared by another connection, and this one was not lost since.
    is_declared: AtomicBool,
    /// Owns the attempts to connect.
    tasks: TaskTracker,
}

/// An attempt that all wait for who need a channel. It goes on when they do not.
type Attempt = Shared<BoxFuture<'static, lapin::Result<Arc<Connection>>>>;

enum Link {
    None,
    Making(Attempt),
    /// It may have been lost since.
    Made(Arc<Connection>),
    /// In vain, and too lately to be tried again.
    Refused(lapin::Error, Instant),
    /// Not to be made any more.
    Closed,
}

impl Broker {
    /// Connects, and declares what every engine needs.
    pub(crate) async fn connect(
        config: RabbitConfig,
        tasks: TaskTracker,
    ) -> Result<Self, ConnectError> {
        let broker = Self::new(config, tasks, false);
        broker.connection().await?;
        Ok(broker)
    }

    /// The same broker by a connection of its own, which is made when it is needed.
    pub(crate) fn beside(&self, purpose: &str) -> Self {
        let mut config = self.0.config.clone();
        config.name = format!("{}-{purpose}", config.name);
        Self::new(config, self.0.tasks.clone(), true)
    }

    fn new(config: RabbitConfig, tasks: TaskTracker, is_declared: bool) -> Self {
        Self(Arc::new(Reached {
            config,
            link: Mutex::new(Link::None),
            is_declared: AtomicBool::new(is_declared),
            tasks,
        }))
    }

    /// A new channel, over a new connection if there is none. To be waited for with a deadline.
    pub(crate) async fn channel(&self) -> lapin::Result<Channel> {
        self.connection().await?.create_channel().await
    }

    async fn connection(&self) -> lapin::Result<Arc<Connection>> {
        let attempt = {
            let mut link = self.link();
            match &*link {
                Link::Made(connection) if connection.status().connected() => {
                    return Ok(Arc::clone(connection));
                }
                Link::Making(attempt) if attempt.peek().is_none() => attempt.clone(),
                Link::Refused(why, at) if at.elapsed() < PAUSE => return Err(why.clone()),
                Link::Closed => return Err(closed()),
                Link::None | Link::Making(_) | Link::Made(_) | Link::Refused(..) => {
                    let attempt = self.begin();
                    *link = Link::Making(attempt.clone());
                    attempt
                }
            }
        };
        attempt.await
    }

    fn begin(&self) -> Attempt {
        let broker = self.clone();
        let making = self
            .0
            .tasks
            .spawn(async move { broker.make_in_time().await });
        let made = async { making.await.unwrap_or_else(|_| Err(closed())) };
        made.boxed().shared()
    }

    async fn make_in_time(&self) -> lapin::Result<Arc<Connection>> {
        let late = || {
            let reason = format!("it did not answer within {ATTEMPT:?}");
            io::Error::new(io::ErrorKind::TimedOut, reason)
        };
        let made = timeout(ATTEMPT, self.make()).await;
        let made = made.unwrap_or_else(|_| Err(late().into())).map(Arc::new);
        let mut link = self.link();
        if matches!(*link, Link::Closed) {
            return Err(closed());
        }
        *link = match &made {
            Ok(connection) => Link::Made(Arc::clone(connection)),
            Err(why) => Link::Refused(why.clone(), Instant::now()),
        };
        made
    }

    /// Declares everything anew, too: the broker may be another one, or have lost what it had.
    async fn make(&self) -> lapin::Result<Connection> {
        let config = &self.0.config;
        let uri = config.address.with_heartbeat(HEARTBEAT);
        // lapin (4.12) leaves two tasks behind for every address that does not answer.
        let address = (uri.authority.host.as_str(), uri.authority.port);
        drop(TcpStream::connect(address).await?);
        let name = config.name.as_str().into();
        let properties = ConnectionProperties::default().with_connection_name(name);
        let connection = Connection::connect_uri(uri, properties).await?;
        if !self.0.is_declared.swap(false, Ordering::AcqRel) {
            let channel = connection.create_channel().await?;
            topology::declare_all(&channel, &config.prefix, &config.engines).await?;
        }
        Ok(connection)
    }

    /// Closes the connection for good; the broker takes back whatever is unsettled. To be waited for with a deadline.
    pub(crate) async fn close(&self) {
        let link = std::mem::replace(&mut *self.link(), Link::Closed);
        let Link::Made(connection) = link else {
            return;
        };
        let closed = connection.close(REPLY_SUCCESS, "stopping".into());
        if let Err(error) = closed.await {
            tracing::debug!(%error, "the connection was gone already");
        }
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.0.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> lapin::Error {
    ErrorKind::InvalidConnectionState(ConnectionState::Closed).into()
}

/// What a channel is for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Purpose {
    /// The broker confirms what is published on it.
    Confirmed,
    Plain,
}

/// A channel that is opened anew when it is lost. Clones are the same one.
#[derive(Clone)]
pub(crate) struct SteadyChannel(Arc<Steady>);

struct Steady {
    broker: Broker,
    purpose: Purpose,
    open: Mutex<Option<Channel>>,
    /// Held by who opens it.
    opening: sync::Mutex<()>,
}

impl SteadyChannel {
    /// Not open yet.
    pub(crate) fn new(broker: Broker, purpose: Purpose) -> Self {
        Self(Arc::new(Steady {
            broker,
            purpose,
            open: Mutex::default(),
            opening: sync::Mutex::default(),
        }))
    }

    /// The channel. To be waited for with a deadline.
    pub(crate) async fn get(&self) -> lapin::Result<Channel> {
        if let Some(channel) = self.open() {
            return Ok(channel);
        }
        let _opening = self.0.opening.lock().await;
        // Another may have opened it meanwhile.
        if let Some(channel) = self.open() {
            return Ok(channel);
        }
        let channel = self.0.broker.channel().await?;
        if self.0.purpose == Purpose::Confirmed {
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await?;
        }
        *self.slot() = Some(channel.clone());
        Ok(channel)
    }

    /// Gives `channel` up, if it is still this one, and with it whatever came by it and is unsettled; the next to need it
    /// opens another.
    pub(crate) fn give_up(&self, channel: &Channel) {
        // Channels are the same to lapin if their numbers are, and every connection begins with 1.
        if !channel.status().connected() {
            return;
        }
        let mut slot = self.slot();
        if slot.as_ref() == Some(channel) {
            *slot = None;
        }
    }

    fn open(&self) -> Option<Channel> {
        let channel = self.slot().clone();
        channel.filter(|channel| channel.status().connected())
    }

    fn slot(&self) -> MutexGuard<'_, Option<Channel>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
