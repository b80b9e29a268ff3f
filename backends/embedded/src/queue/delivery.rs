//! An envelope with a worker.

use std::sync::Arc;

use async_trait::async_trait;
use voicefleet_core::{
    Envelope,
    ports::{Delivery, QueueError, Settlement},
};

use super::{desk::Desk, table};
use crate::writer::Durability;

/// Which row is leased, and under which claim: a settlement that comes late, after the row has been
/// leased again, does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaseKey {
    pub(crate) seq: i64,
    pub(crate) lease: i64,
}

/// A leased row, from the claim on. Dropped before it is settled it goes back.
pub(super) struct Lease {
    desk: Arc<Desk>,
    key: LeaseKey,
    settled: bool,
}

impl Lease {
    pub(super) fn new(desk: Arc<Desk>, key: LeaseKey) -> Self {
        Self {
            desk,
            key,
            settled: false,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.settled {
            self.desk.give_back(self.key);
        }
    }
}

/// A delivery of the embedded queue.
pub(super) struct EmbeddedDelivery {
    envelope: Envelope,
    lease: Lease,
}

impl EmbeddedDelivery {
    pub(super) fn new(lease: Lease, envelope: Envelope) -> Self {
        Self { envelope, lease }
    }
}

#[async_trait]
impl Delivery for EmbeddedDelivery {
    fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Never: what is not settled is put in order, record and all, before it is delivered again.
    fn redelivered(&self) -> bool {
        false
    }

    /// Fails only if the database does; then the delivery comes again.
    async fn settle(mut self: Box<Self>, settlement: Settlement) -> Result<(), QueueError> {
        let (desk, key) = (Arc::clone(&self.lease.desk), self.lease.key);
        let comes_again = matches!(settlement, Settlement::Retry { .. } | Settlement::GiveBack);
        let now = desk.clock().now();
        let ring = {
            let desk = Arc::clone(&desk);
            move |(): &()| {
                if comes_again {
                    desk.ring();
                }
            }
        };
        desk.writer()
            .run_then(
                Durability::Process,
                move |db| table::settle(db, key, settlement, now),
                ring,
            )
            .await?;
        self.lease.settled = true;
        Ok(())
    }
}
