//! Endpoints in documents, by `TENANT/ID`.

use std::sync::Arc;

use voicefleet_core::{
    Tenant,
    ports::{
        Collection, Document, DocumentError, DocumentRange, DocumentWrite, Documents, Precondition,
    },
};

use crate::{EndpointId, MAX_ENDPOINTS, WebhookError, endpoint::KeptEndpoint};

/// How often a change is tried that others get ahead of.
const TRIES: usize = 8;

#[derive(Clone)]
pub(crate) struct Endpoints(pub(crate) Arc<dyn Documents>);

impl Endpoints {
    pub(crate) async fn read(
        &self,
        tenant: &Tenant,
        id: &EndpointId,
    ) -> Result<Option<(KeptEndpoint, u64)>, WebhookError> {
        let found = self.0.get(Collection::Webhooks, &key(tenant, id)).await?;
        let Some(document) = found else {
            return Ok(None);
        };
        Ok(Some((
            serde_json::from_str(&document.body)?,
            document.version,
        )))
    }

    /// Those of a tenant, oldest first.
    pub(crate) async fn list(
        &self,
        tenant: &Tenant,
    ) -> Result<Vec<(EndpointId, KeptEndpoint)>, WebhookError> {
        let range = DocumentRange {
            prefix: format!("{tenant}/"),
            after: None,
            // Beyond the bound are only those that are about to be refused.
            limit: 2 * MAX_ENDPOINTS,
        };
        let found = self.0.list(Collection::Webhooks, &range).await?;
        found
            .iter()
            .map(|document| read(tenant, document))
            .collect()
    }

    /// Adds one if there is room. Of two that come for the last place at the same time both may be refused,
    /// but never is one too many let in.
    pub(crate) async fn insert(
        &self,
        tenant: &Tenant,
        id: &EndpointId,
        endpoint: &KeptEndpoint,
    ) -> Result<(), WebhookError> {
        if self.list(tenant).await?.len() >= MAX_ENDPOINTS {
            return Err(WebhookError::TooManyEndpoints);
        }
        self.write(tenant, id, endpoint, Precondition::Absent)
            .await?;
        if self.list(tenant).await?.len() > MAX_ENDPOINTS {
            self.delete(tenant, id).await?;
            return Err(WebhookError::TooManyEndpoints);
        }
        Ok(())
    }

    /// Changes an endpoint as it is at this moment, and gives it as it is then.
    pub(crate) async fn change(
        &self,
        tenant: &Tenant,
        id: &EndpointId,
        change: impl Fn(&mut KeptEndpoint) + Send,
    ) -> Result<KeptEndpoint, WebhookError> {
        for _ in 0..TRIES {
            let found = self.read(tenant, id).await?;
            let (mut endpoint, version) =
                found.ok_or_else(|| WebhookError::NoEndpoint(id.clone()))?;
            let before = endpoint.clone();
            change(&mut endpoint);
            if endpoint == before {
                return Ok(endpoint);
            }
            let written = self.write(tenant, id, &endpoint, Precondition::Version(version));
            match written.await {
                Err(WebhookError::Contended) => {}
                written => return written.map(|()| endpoint),
            }
        }
        Err(WebhookError::Contended)
    }

    /// Says whether there was one.
    pub(crate) async fn delete(
        &self,
        tenant: &Tenant,
        id: &EndpointId,
    ) -> Result<bool, DocumentError> {
        let key = key(tenant, id);
        self.0
            .delete(Collection::Webhooks, &key, Precondition::None)
            .await
    }

    async fn write(
        &self,
        tenant: &Tenant,
        id: &EndpointId,
        endpoint: &KeptEndpoint,
        only_if: Precondition,
    ) -> Result<(), WebhookError> {
        let write = DocumentWrite {
            collection: Collection::Webhooks,
            id: key(tenant, id),
            body: serde_json::to_string(endpoint)?,
            ttl: None,
            only_if,
        };
        self.0.put(write).await?;
        Ok(())
    }
}

fn key(tenant: &Tenant, id: &EndpointId) -> String {
    format!("{tenant}/{id}")
}

fn read(tenant: &Tenant, document: &Document) -> Result<(EndpointId, KeptEndpoint), WebhookError> {
    let id = document.id.strip_prefix(&format!("{tenant}/"));
    let id = id.unwrap_or_default().parse::<EndpointId>();
    let id = id.map_err(|error| WebhookError::Damaged(error.to_string()))?;
    Ok((id, serde_json::from_str(&document.body)?))
}
