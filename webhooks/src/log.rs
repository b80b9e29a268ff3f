//! Deliveries in documents, by `TENANT/ENDPOINT/REVERSED-TIME/NAME`.

use std::{sync::Arc, time::Duration};

use voicefleet_core::{
    Tenant,
    ports::{Collection, DocumentRange, DocumentWrite, Documents, Precondition},
};

use crate::{
    DeliveryId, DeliveryPage, EndpointId, WebhookError,
    delivery::{KeptDelivery, Place},
};

/// How long a delivery is kept after its last change. Longer than the longest wait between attempts.
const KEPT_FOR: Duration = Duration::from_hours(7 * 24);
/// The longest page.
const MAX_PAGE: usize = 100;

#[derive(Clone)]
pub(crate) struct DeliveryLog(pub(crate) Arc<dyn Documents>);

impl DeliveryLog {
    pub(crate) async fn read(
        &self,
        place: &Place,
    ) -> Result<Option<(KeptDelivery, u64)>, WebhookError> {
        let found = self.0.get(Collection::DeliveryLog, &key(place)).await?;
        let Some(document) = found else {
            return Ok(None);
        };
        Ok(Some((
            serde_json::from_str(&document.body)?,
            document.version,
        )))
    }

    /// Gives the new version, or [`WebhookError::Contended`] if the precondition does not hold.
    pub(crate) async fn write(
        &self,
        place: &Place,
        delivery: &KeptDelivery,
        only_if: Precondition,
    ) -> Result<u64, WebhookError> {
        let write = DocumentWrite {
            collection: Collection::DeliveryLog,
            id: key(place),
            body: serde_json::to_string(delivery)?,
            ttl: Some(KEPT_FOR),
            only_if,
        };
        Ok(self.0.put(write).await?)
    }

    /// Up to `limit` deliveries (1 to 100) that are older than `after`.
    pub(crate) async fn page(
        &self,
        tenant: &Tenant,
        endpoint: &EndpointId,
        after: Option<&DeliveryId>,
        limit: usize,
    ) -> Result<DeliveryPage, WebhookError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let prefix = format!("{tenant}/{endpoint}/");
        let range = DocumentRange {
            after: after.map(|id| format!("{prefix}{}", id.key())),
            prefix: prefix.clone(),
            limit: limit + 1,
        };
        let found = self.0.list(Collection::DeliveryLog, &range).await?;
        let has_more = found.len() > limit;
        let mut deliveries = Vec::with_capacity(limit);
        for document in found.into_iter().take(limit) {
            let id = document.id.strip_prefix(&prefix).unwrap_or_default();
            let id = DeliveryId::of_key(id);
            let delivery = id.map_err(|error| WebhookError::Damaged(error.to_string()))?;
            let kept: KeptDelivery = serde_json::from_str(&document.body)?;
            deliveries.push(kept.shown(Place {
                tenant: tenant.clone(),
                endpoint: endpoint.clone(),
                delivery,
            }));
        }
        Ok(DeliveryPage {
            deliveries,
            has_more,
        })
    }
}

fn key(place: &Place) -> String {
    let (tenant, endpoint) = (&place.tenant, &place.endpoint);
    format!("{tenant}/{endpoint}/{}", place.delivery.key())
}
