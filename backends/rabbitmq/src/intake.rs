//! How a worker's consumers reach the broker.
//!
//! Over a connection of their own, which ends when it is lost and is then made anew. Had lapin (4.12) to make it
//! again, it would bring consumers back that were given up meanwhile, and what the broker hands to those nobody
//! ever takes; and a question that was under way when the connection was lost would be waited for without end
//! if the first attempt to come back fails.

use std::{sync::Arc, time::Duration};

use futures::future::try_join_all;
use lapin::{Channel, Connection};
use tokio::{sync::Mutex, time::timeout};
use voicefleet_core::ports::QueueError;

use crate::{
    RabbitConfig,
    connection::{ConnectError, OnLoss, close, connect},
    consumer::HANDS,
};

/// What one consumer takes envelopes by.
pub(crate) struct Intake {
    /// For fetching: as many as may ask at the same time.
    pub(crate) hands: Vec<Channel>,
    /// For being fed, by [`Tier::rank`](voicefleet_core::Tier::rank).
    pub(crate) feeding: [Channel; 3],
}

impl Intake {
    async fn open(connection: &Connection) -> lapin::Result<Self> {
        let hands = (0..HANDS).map(|_| connection.create_channel());
        Ok(Self {
            hands: try_join_all(hands).await?,
            feeding: [
                connection.create_channel().await?,
                connection.create_channel().await?,
                connection.create_channel().await?,
            ],
        })
    }

    /// Whether all of it is there still.
    pub(crate) fn is_whole(&self) -> bool {
        let mut channels = self.hands.iter().chain(&self.feeding);
        channels.all(|channel| channel.status().connected())
    }
}

/// The connection of a process's consumers, made when it is needed. Clones are the same one.
#[derive(Clone)]
pub(crate) struct IntakeConnection(Arc<Shared>);

struct Shared {
    config: RabbitConfig,
    open: Mutex<Option<Connection>>,
}

impl IntakeConnection {
    /// None yet.
    pub(crate) fn new(config: RabbitConfig) -> Self {
        let open = Mutex::default();
        Self(Arc::new(Shared { config, open }))
    }

    /// An intake for one more consumer, or for one that has lost its own.
    pub(crate) async fn intake(&self) -> Result<Intake, QueueError> {
        let opened = self.open_intake().await;
        opened.map_err(|error| QueueError::Unavailable(error.to_string()))
    }

    async fn open_intake(&self) -> Result<Intake, ConnectError> {
        let mut open = self.0.open.lock().await;
        let connection = match open.take() {
            Some(connection) if connection.status().connected() => connection,
            _ => self.connect().await?,
        };
        let opening = Intake::open(open.insert(connection));
        let patience = self.patience();
        let opened = timeout(patience, opening).await;
        Ok(opened.map_err(|_| ConnectError::Late(patience))??)
    }

    async fn connect(&self) -> Result<Connection, ConnectError> {
        let config = &self.0.config;
        connect(config, &format!("{}-work", config.name), OnLoss::End).await
    }

    fn patience(&self) -> Duration {
        self.0.config.patience
    }

    /// Closes it, if there is one.
    pub(crate) async fn close(&self) {
        if let Some(connection) = self.0.open.lock().await.take() {
            close(&connection).await;
        }
    }
}
