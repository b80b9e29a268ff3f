//! Webhooks: events told to the servers of those whose jobs they are, by Standard Webhooks 1.0.0.
//!
//! [`Webhooks`] keeps the endpoints of each tenant and takes events ([`Webhooks::enqueue`]); a [`Deliverer`]
//! posts them. All that is to be done lies in the documents that API servers share, so a restart loses
//! nothing and any number of servers share the work. Begin reading at `webhooks.rs` and `deliverer.rs`.
//!
//! A delivery is two documents: its entry in the log, which is the truth about it and is only ever changed
//! under its version, and a ticket in the queue that says when to look at the entry. A ticket is no more
//! than a hint: one too many is thrown away, so no crash between two writes loses or doubles a delivery.
//! What a receiver sees is "at least once": who has answered and whose server then died is told again,
//! under the same `webhook-id`.

mod addresses;
mod attempt;
mod courier;
mod deliverer;
mod delivery;
mod endpoint;
mod endpoints;
mod error;
mod event;
mod log;
mod queue;
mod resolver;
mod retry;
mod round;
mod secret;
mod signature;
mod told_records;
mod url_policy;
mod webhooks;

pub use addresses::is_public;
pub use deliverer::Deliverer;
pub use delivery::{
    Attempt, Delivery, DeliveryId, DeliveryPage, DeliveryStatus, InvalidDeliveryId,
};
pub use endpoint::{
    Disabled, DisabledWhy, Endpoint, EndpointChange, EndpointId, InvalidEndpointId, NewEndpoint,
};
pub use error::WebhookError;
pub use event::{Event, EventId, EventKind, InvalidEventId, MAX_PAYLOAD, UnknownEvent};
pub use retry::SCHEDULE;
pub use secret::{InvalidSecret, Secret};
pub use signature::sign;
pub use told_records::ToldRecords;
pub use url_policy::{UrlPolicy, UrlRefused};
pub use webhooks::{MAX_ENDPOINTS, OLD_SECRET_VALID_FOR, Webhooks};
