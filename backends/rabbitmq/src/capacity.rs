//! How many messages wait in a queue.

use lapin::{
    Channel,
    options::QueueDeclareOptions,
    types::{FieldTable, MessageCount},
};

/// The messages of `queue` that are with nobody.
pub(crate) async fn waiting(channel: &Channel, queue: &str) -> lapin::Result<MessageCount> {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel
        .queue_declare(queue.into(), options, FieldTable::default())
        .await?;
    Ok(queue.message_count())
}
