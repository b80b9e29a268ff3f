//! Whoever sent the request at hand.

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};
use voicefleet_core::{ErrorCode, Failure, Job, JobId, Tenant, Tier, ports::RecordError};

use super::{KeyId, KeyLimits, KeyRecord};
use crate::{app::App, problem::ApiError};

/// Whoever sent the request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) tenant: Tenant,
    /// The key that was shown; none where the API is open.
    pub(crate) key: Option<KeyId>,
    /// Sees and may do everything.
    pub(crate) admin: bool,
    /// What is made for it is kept apart.
    pub(crate) walled: bool,
    pub(crate) limits: KeyLimits,
}

impl Caller {
    /// Anybody, where nobody is told apart.
    pub(crate) fn anybody() -> Self {
        Self {
            tenant: Tenant::default(),
            key: None,
            admin: true,
            walled: false,
            limits: KeyLimits::default(),
        }
    }

    pub(crate) fn bearer_of(key: KeyRecord) -> Self {
        Self {
            tenant: key.grant.tenant,
            key: Some(key.id),
            admin: key.grant.admin,
            walled: key.grant.walled,
            limits: key.grant.limits,
        }
    }

    /// What the audit calls it.
    pub(crate) fn key_name(&self) -> &str {
        self.key.as_ref().map_or("anybody", KeyId::as_str)
    }

    /// Whether it may know of what belongs to `tenant`.
    pub(crate) fn sees(&self, tenant: &Tenant) -> bool {
        self.admin || self.tenant == *tenant
    }

    /// The tenant whose jobs it may list; `None` is all.
    pub(crate) fn scope(&self) -> Option<Tenant> {
        (!self.admin).then(|| self.tenant.clone())
    }

    /// The tenant within whose wall its results stay.
    pub(crate) fn wall(&self) -> Option<Tenant> {
        self.walled.then(|| self.tenant.clone())
    }

    /// Refuses a tier that is more urgent than the key allows.
    pub(crate) fn check_tier(&self, tier: Tier) -> Result<(), Failure> {
        match self.limits.highest_tier {
            Some(highest) if tier < highest => {
                let message =
                    format!("this key may not use the tier {tier}; its highest is {highest}");
                Err(Failure::of_field(ErrorCode::Forbidden, "tier", message))
            }
            _ => Ok(()),
        }
    }

    /// The job, if it may know of it; that there is one of somebody else is not told.
    pub(crate) async fn job(&self, app: &App, id: JobId) -> Result<Job, ApiError> {
        let job = app.job(id).await?;
        if self.sees(&job.tenant) {
            Ok(job)
        } else {
            Err(app.refusal_of(id, RecordError::NotFound(id)))
        }
    }
}

/// A caller who may do everything; others are refused.
pub(crate) struct Admin(pub(crate) Caller);

impl<S: Sync> FromRequestParts<S> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Ok(caller) = Caller::from_request_parts(parts, state).await;
        if caller.admin {
            return Ok(Self(caller));
        }
        let message = "this needs the key of an administrator";
        Err(Failure::new(ErrorCode::Forbidden, message).into())
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    /// Without a word from [`super::authenticate()`] it may do nothing.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let told = parts.extensions.get::<Self>().cloned();
        Ok(told.unwrap_or_else(|| Self {
            admin: false,
            ..Self::anybody()
        }))
    }
}
