//! Which delivery is due when: tickets by `DUE-MS/UUID`, so that a list begins with what is due first.

use std::{sync::Arc, time::Duration};

use voicefleet_core::{
    Timestamp,
    ports::{
        Collection, Document, DocumentError, DocumentRange, DocumentWrite, Documents, Precondition,
    },
};

use crate::{
    WebhookError,
    delivery::{KeptDelivery, Place},
};

/// How long a ticket is kept that nobody looks at: as long as any delivery is.
const KEPT_FOR: Duration = Duration::from_hours(9 * 24);
const DIGITS: usize = 13;
/// Tickets read at a time.
const PAGE: usize = 250;
/// Pages read in one look. Whoever is behind by more sees the rest later.
const MAX_PAGES: usize = 20;
/// When to look again after a look that has not seen all that is due.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// When to look at a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// The id of its document.
    pub(crate) id: String,
    pub(crate) due: Timestamp,
    pub(crate) of: Place,
}

/// What one look at the queue has shown.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// What is due, in the order of time.
    pub(crate) due: Vec<Ticket>,
    /// When the next one will be.
    pub(crate) next: Option<Timestamp>,
}

#[derive(Clone)]
pub(crate) struct DueQueue(pub(crate) Arc<dyn Documents>);

impl DueQueue {
    /// Makes the ticket for when `delivery` is due; once more changes nothing.
    pub(crate) async fn put(
        &self,
        place: &Place,
        delivery: &KeptDelivery,
    ) -> Result<(), WebhookError> {
        let write = DocumentWrite {
            collection: Collection::Deliveries,
            id: ticket_id(delivery),
            body: serde_json::to_string(place)?,
            ttl: Some(KEPT_FOR),
            only_if: Precondition::None,
        };
        self.0.put(write).await?;
        Ok(())
    }

    pub(crate) async fn remove(&self, ticket: &str) -> Result<(), DocumentError> {
        let gone = self
            .0
            .delete(Collection::Deliveries, ticket, Precondition::None);
        gone.await.map(|_| ())
    }

    /// What is due at `now`.
    pub(crate) async fn look(&self, now: Timestamp) -> Result<Look, DocumentError> {
        let mut look = Look::default();
        let mut range = DocumentRange {
            limit: PAGE,
            ..DocumentRange::default()
        };
        for _ in 0..MAX_PAGES {
            let page = self.0.list(Collection::Deliveries, &range).await?;
            let last = page.last().map(|document| document.id.clone());
            let is_whole = page.len() == PAGE;
            for document in page {
                match read(&document) {
                    Some(ticket) if ticket.due > now => {
                        look.next = Some(ticket.due);
                        return Ok(look);
                    }
                    Some(ticket) => look.due.push(ticket),
                    None => self.throw_away(&document).await?,
                }
            }
            if !is_whole {
                return Ok(look);
            }
            range.after = last;
        }
        look.next = Some(now.after(LOOK_AGAIN));
        Ok(look)
    }

    async fn throw_away(&self, document: &Document) -> Result<(), DocumentError> {
        tracing::warn!(
            id = document.id,
            "a ticket of a webhook delivery cannot be read"
        );
        self.remove(&document.id).await
    }
}

/// The id of the ticket for when `delivery` is due.
pub(crate) fn ticket_id(delivery: &KeptDelivery) -> String {
    let (due, name) = (delivery.due.0.max(0), delivery.ticket.simple());
    format!("{due:0DIGITS$}/{name}")
}

fn read(document: &Document) -> Option<Ticket> {
    let (due, _) = document.id.split_once('/')?;
    Some(Ticket {
        due: Timestamp(due.parse().ok()?),
        of: serde_json::from_str(&document.body).ok()?,
        id: document.id.clone(),
    })
}
