//! The keys there are: those of the configuration and those of the records.

use voicefleet_core::{
    ErrorCode, Failure,
    ports::{Collection, DocumentRange, DocumentWrite, Precondition},
};

use super::{KeyId, KeyPolicy, KeyRecord, KeySecret, NewKey};
use crate::{app::App, problem::ApiError};

/// Longest list of keys.
const MAX_KEYS: usize = 1_000;
/// Highest limit of a key: more is no limit.
const MOST: u32 = 1_000_000_000;
/// Longest name of a key, characters.
const MAX_NAME: usize = 200;

/// Looks keys up and changes them.
pub(crate) struct Directory<'a>(pub(crate) &'a App);

/// What became of a key that was to be revoked.
pub(crate) enum KeyChange {
    /// It is revoked.
    Revoked(KeyRecord),
    /// It had been before.
    RevokedBefore(KeyRecord),
}

impl Directory<'_> {
    fn policy(&self) -> &KeyPolicy {
        &self.0.keys
    }

    /// The key behind `secret`; `None` if there is none, or it is of no use any more. Asked for anew with
    /// every request, so that a revoked key is of no use at once.
    pub(crate) async fn find(&self, secret: &KeySecret) -> Result<Option<KeyRecord>, ApiError> {
        let mut configured = self.policy().configured.iter();
        if let Some(key) = configured.find(|key| key.id == *secret.id()) {
            return Ok(key.admits(secret).then(|| key.clone()));
        }
        let found = self.read(secret.id()).await?;
        Ok(found.map(|(key, _)| key).filter(|key| key.admits(secret)))
    }

    /// The key `id`, if it is of use; for one that has shown its secret before.
    pub(crate) async fn standing(&self, id: &KeyId) -> Result<Option<KeyRecord>, ApiError> {
        let mut configured = self.policy().configured.iter();
        if let Some(key) = configured.find(|key| key.id == *id) {
            return Ok(key.revoked_at.is_none().then(|| key.clone()));
        }
        let found = self.read(id).await?;
        Ok(found
            .map(|(key, _)| key)
            .filter(|key| key.revoked_at.is_none()))
    }

    async fn read(&self, id: &KeyId) -> Result<Option<(KeyRecord, u64)>, ApiError> {
        let found = self.0.documents.get(Collection::Keys, id.as_str()).await?;
        let Some(document) = found else {
            return Ok(None);
        };
        Ok(Some((read(&document.body)?, document.version)))
    }

    /// Makes a key. Its secret is told here and never again.
    pub(crate) async fn create(&self, grant: NewKey) -> Result<(KeyRecord, KeySecret), ApiError> {
        check(&grant)?;
        let secret = KeySecret::generate();
        let key = KeyRecord::new(&secret, grant, self.0.clock.now());
        self.write(&key, Precondition::Absent).await?;
        Ok((key, secret))
    }

    /// All keys, those of the configuration first.
    pub(crate) async fn list(&self) -> Result<Vec<KeyRecord>, ApiError> {
        let range = DocumentRange {
            limit: MAX_KEYS,
            ..DocumentRange::default()
        };
        let mut keys = self.policy().configured.clone();
        for document in self.0.documents.list(Collection::Keys, &range).await? {
            keys.push(read(&document.body)?);
        }
        Ok(keys)
    }

    /// From now on the key is of no use; it stays in the list.
    pub(crate) async fn revoke(&self, id: &KeyId) -> Result<KeyChange, ApiError> {
        if self.policy().configured.iter().any(|key| key.id == *id) {
            let message = "this key is in the server's configuration; remove it there";
            return Err(ApiError::new(ErrorCode::Forbidden, message));
        }
        let found = self.read(id).await?;
        let (mut key, version) = found.ok_or_else(|| key_not_found(id.as_str()))?;
        if key.revoked_at.is_some() {
            return Ok(KeyChange::RevokedBefore(key));
        }
        key.revoked_at = Some(self.0.clock.now());
        self.write(&key, Precondition::Version(version)).await?;
        Ok(KeyChange::Revoked(key))
    }

    async fn write(&self, key: &KeyRecord, only_if: Precondition) -> Result<(), ApiError> {
        let body = serde_json::to_string(key);
        let body = body.map_err(|error| ApiError::internal(&format!("a key: {error}")))?;
        let write = DocumentWrite {
            collection: Collection::Keys,
            id: key.id.to_string(),
            body,
            ttl: None,
            only_if,
        };
        self.0.documents.put(write).await?;
        Ok(())
    }
}

/// The refusal of an id that no key has.
pub(crate) fn key_not_found(id: &str) -> Failure {
    let shown: String = id.chars().take(64).collect();
    Failure::new(ErrorCode::KeyNotFound, format!("there is no key '{shown}'"))
}

fn read(body: &str) -> Result<KeyRecord, ApiError> {
    serde_json::from_str(body).map_err(|error| ApiError::internal(&format!("a key: {error}")))
}

fn check(grant: &NewKey) -> Result<(), Failure> {
    let refuse = |field: &str, message: &str| {
        Err(Failure::of_field(ErrorCode::InvalidRequest, field, message))
    };
    if grant.tenant.is_sole() {
        return refuse(
            "tenant",
            "'default' is whoever comes where nobody is told apart; take another name",
        );
    }
    if grant
        .name
        .as_ref()
        .is_some_and(|name| name.chars().count() > MAX_NAME)
    {
        return refuse("name", "the name has more than 200 characters");
    }
    let limits = &grant.limits;
    for (field, limit) in [
        ("limits.requests_per_minute", limits.requests_per_minute),
        ("limits.max_in_flight", limits.max_in_flight),
        ("limits.daily_compute_seconds", limits.daily_compute_seconds),
    ] {
        if limit.is_some_and(|limit| !(1..=MOST).contains(&limit)) {
            let message =
                format!("the limit must be 1 to {MOST}; revoke the key to forbid everything");
            return refuse(field, &message);
        }
    }
    Ok(())
}
