//! Connections to the broker.

use std::time::Duration;

use lapin::{Connection, ConnectionProperties};

use crate::RabbitConfig;

/// Shortest and longest wait between two attempts to come back to the broker.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// What AMQP calls a close without complaint.
const REPLY_SUCCESS: u16 = 200;

/// Why the broker could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The broker is not there, or refuses us. The address is not repeated: it holds the password.
    #[error("RabbitMQ cannot be used: {0}")]
    Broker(#[from] lapin::Error),
    /// It did not answer in time.
    #[error("RabbitMQ did not answer within {0:?}")]
    Late(Duration),
}

/// What becomes of a connection that is lost.
#[derive(Clone, Copy)]
pub(crate) enum OnLoss {
    /// It is made again, however long that takes, with the queues, bindings and consumers that it had. What was
    /// asked on it when it was lost may never be answered (lapin 4.12).
    Remake,
    /// It is over, and so is whatever was asked on it.
    End,
}

/// Connects, and calls the connection `name`.
pub(crate) async fn connect(
    config: &RabbitConfig,
    name: &str,
    on_loss: OnLoss,
) -> Result<Connection, ConnectError> {
    let properties = ConnectionProperties::default()
        .with_connection_name(name.into())
        .configure_backoff(|backoff| {
            backoff
                .with_min_delay(RECONNECT.0)
                .with_max_delay(RECONNECT.1)
                .without_max_times()
                .with_jitter()
        });
    let properties = match on_loss {
        OnLoss::Remake => properties.enable_auto_recover(),
        OnLoss::End => properties,
    };
    let connecting = Connection::connect(&config.url, properties);
    let connected = tokio::time::timeout(config.patience, connecting).await;
    Ok(connected.map_err(|_| ConnectError::Late(config.patience))??)
}

/// Closes it; the broker takes back whatever is unsettled.
pub(crate) async fn close(connection: &Connection) {
    let closed = connection.close(REPLY_SUCCESS, "stopping".into());
    if let Err(error) = closed.await {
        tracing::debug!(%error, "the connection was gone already");
    }
}
