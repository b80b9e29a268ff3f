//! The connection to the broker.
//!
//! A process has one. It ends when it is lost, and whoever needs a channel next makes it anew. lapin (4.12) could
//! make it again by itself, but brings back consumers that were given up meanwhile, and what the broker hands to those
//! nobody ever takes; it never answers what was asked when the connection was lost, if the first attempt to come
//! back fails; and such an attempt may cost ten seconds, until the broker gives it up.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lapin::{
    Channel, Connection, ConnectionProperties, ConnectionState, ErrorKind,
    options::ConfirmSelectOptions,
};
use tokio::{sync, time::timeout};

use crate::{RabbitConfig, topology};

/// What AMQP calls a close without complaint.
const REPLY_SUCCESS: u16 = 200;

/// Why the queue could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The broker is not there, or refuses us. The address is not repeated: it holds the password.
    #[error("RabbitMQ cannot be used: {0}")]
    Broker(#[from] lapin::Error),
    /// It did not answer in time.
    #[error("RabbitMQ did not answer within {0:?}")]
    Late(Duration),
}

/// The broker, as this process reaches it. Clones are the same.
#[derive(Clone)]
pub(crate) struct Broker(Arc<Shared>);

struct Shared {
    config: RabbitConfig,
    link: sync::Mutex<Link>,
}

enum Link {
    /// It may have been lost since.
    Made(Box<Connection>),
    Lost,
    /// Not to be made any more.
    Closed,
}

impl Broker {
    /// Connects, and declares what every engine needs.
    pub(crate) async fn connect(config: RabbitConfig) -> Result<Self, ConnectError> {
        let patience = config.patience;
        let broker = Self(Arc::new(Shared {
            config,
            link: sync::Mutex::new(Link::Lost),
        }));
        let connecting = timeout(patience, broker.channel()).await;
        connecting.map_err(|_| ConnectError::Late(patience))??;
        Ok(broker)
    }

    /// A new channel, over a new connection if there is none. To be waited for with a deadline.
    pub(crate) async fn channel(&self) -> lapin::Result<Channel> {
        let mut link = self.0.link.lock().await;
        match &*link {
            Link::Made(connection) if connection.status().connected() => {
                return connection.create_channel().await;
            }
            Link::Closed => {
                return Err(ErrorKind::InvalidConnectionState(ConnectionState::Closed).into());
            }
            Link::Made(_) | Link::Lost => *link = Link::Lost,
        }
        let connection = self.make().await?;
        let channel = connection.create_channel().await?;
        *link = Link::Made(Box::new(connection));
        Ok(channel)
    }

    /// Declares everything anew, too: the broker may be another one, or have lost what it had.
    async fn make(&self) -> lapin::Result<Connection> {
        let config = &self.0.config;
        let name = config.name.as_str().into();
        let properties = ConnectionProperties::default().with_connection_name(name);
        let connection = Connection::connect(&config.url, properties).await?;
        let channel = connection.create_channel().await?;
        topology::declare_all(&channel, &config.prefix, &config.engines).await?;
        Ok(connection)
    }

    /// Closes the connection for good; the broker takes back whatever is unsettled.
    pub(crate) async fn close(&self) {
        let link = std::mem::replace(&mut *self.0.link.lock().await, Link::Closed);
        let Link::Made(connection) = link else {
            return;
        };
        let closed = connection.close(REPLY_SUCCESS, "stopping".into());
        if let Err(error) = closed.await {
            tracing::debug!(%error, "the connection was gone already");
        }
    }
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

    /// Gives it up, and with it whatever came by it and is unsettled; the next to need it opens another.
    pub(crate) fn give_up(&self) {
        *self.slot() = None;
    }

    fn open(&self) -> Option<Channel> {
        let channel = self.slot().clone();
        channel.filter(|channel| channel.status().connected())
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Channel>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
