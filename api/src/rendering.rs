//! Finished speech in the format a client wants, made from the canonical FLAC once and then cached.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use bytes::Bytes;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use voicefleet_core::{
    AudioFormat, ErrorCode, Fingerprint,
    ports::{AudioLimits, Blob, BlobKey, Retention},
};

use crate::{app::App, problem::ApiError};

/// The format that results are stored in.
const CANONICAL: AudioFormat = AudioFormat::Flac;

/// What we stored ourselves is decoded whatever its length.
pub(crate) const NO_LIMITS: AudioLimits = AudioLimits {
    max_seconds: f64::MAX,
    max_silent_seconds: f64::MAX,
};

/// One lock per rendering under way, so that each is made once however many ask for it.
#[derive(Default)]
pub(crate) struct Renderings(Mutex<HashMap<BlobKey, Weak<AsyncMutex<()>>>>);

impl Renderings {
    async fn turn(&self, key: &BlobKey) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| lock.strong_count() > 0);
            let known = locks.get(key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let lock = Arc::default();
                locks.insert(key.clone(), Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }
}

/// The audio of a finished speech job.
pub(crate) async fn audio(
    app: &App,
    fingerprint: &Fingerprint,
    format: AudioFormat,
) -> Result<Bytes, ApiError> {
    if format == CANONICAL {
        return canonical(app, fingerprint).await;
    }
    let key = BlobKey::Rendering(fingerprint.clone(), format);
    if let Some(bytes) = cached(app, &key).await {
        return Ok(bytes);
    }
    let _turn = app.renderings.turn(&key).await;
    if let Some(bytes) = cached(app, &key).await {
        return Ok(bytes);
    }
    let source = canonical(app, fingerprint).await?;
    let bytes = encode(app, source, format).await?;
    keep(app, &key, &bytes, format).await;
    Ok(bytes)
}

/// The result of a speech as it is stored.
pub(crate) async fn canonical(app: &App, fingerprint: &Fingerprint) -> Result<Bytes, ApiError> {
    let found = app.blobs.get(&BlobKey::Result(fingerprint.clone())).await?;
    found.map(|blob| blob.bytes).ok_or_else(gone)
}

/// The refusal of a result that has been evicted.
pub(crate) fn gone() -> ApiError {
    let message = "the result has been evicted from the store; submit the job again";
    ApiError::new(ErrorCode::ResultGone, message)
}

/// A store that does not answer has no rendering for us; the canonical result may still be read.
async fn cached(app: &App, key: &BlobKey) -> Option<Bytes> {
    let found = app.blobs.get(key).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "a rendering could not be looked up");
        None
    });
    found.map(|blob| blob.bytes)
}

async fn encode(app: &App, source: Bytes, format: AudioFormat) -> Result<Bytes, ApiError> {
    app.meters.rendered(format.name());
    let encoded = app.codec_lanes.run(move |codec| {
        let audio = codec.decode(&source, None, NO_LIMITS)?;
        codec.encode(&audio, format)
    });
    encoded
        .await?
        .map(Bytes::from)
        .map_err(|error: voicefleet_core::ports::AudioError| ApiError::internal(&error.to_string()))
}

async fn keep(app: &App, key: &BlobKey, bytes: &Bytes, format: AudioFormat) {
    let blob = Blob {
        bytes: bytes.clone(),
        content_type: format.content_type().to_owned(),
    };
    if let Err(error) = app.blobs.put(key, blob, Retention::Cache).await {
        tracing::warn!(%error, "a rendering could not be cached");
    }
}
