//! Uploaded audio: checked on arrival, kept once however often it is uploaded.

use std::fmt;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use voicefleet_core::{
    ErrorCode, Failure, Fingerprint, Tenant,
    fingerprint::digest_of,
    ports::{Blob, BlobKey},
};

use crate::{app::App, files::path_of, problem::ApiError};

/// The rate that uploads are decoded at to see that they can be, Hz. What Whisper wants.
const PROBE_RATE: u32 = 16_000;

/// The id of an uploaded file: `file-`, the SHA-256 of its bytes, and its length in milliseconds.
///
/// It is made of the content, so equal uploads have one id; and it says all that a job needs to know
/// of the file, so nothing has to be kept beside the bytes. Clients take it as opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    /// Whose it is. Others who upload the same have the same id for theirs.
    owner: Tenant,
    digest: String,
    millis: u64,
}

impl FileId {
    /// Reads an id back; `None` for what no upload was given.
    pub(crate) fn parse(text: &str, owner: &Tenant) -> Option<Self> {
        let (digest, millis) = text.strip_prefix("file-")?.split_once('-')?;
        let id = Self {
            owner: owner.clone(),
            digest: Fingerprint::parse(digest)?.to_string(),
            millis: millis.parse().ok()?,
        };
        (id.to_string() == text).then_some(id)
    }

    /// SHA-256 of the bytes, hex.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// Length of the audio.
    #[expect(
        clippy::cast_precision_loss,
        reason = "audio is far shorter than 2^52 ms"
    )]
    pub(crate) fn seconds(&self) -> f64 {
        self.millis as f64 / 1000.0
    }

    /// Where the bytes lie.
    pub(crate) fn key(&self) -> BlobKey {
        BlobKey::Upload(self.path())
    }

    /// The key of the bytes: the id, after its owner where they are told apart.
    pub(crate) fn path(&self) -> String {
        path_of(&self.owner, &self.to_string())
    }

    /// The id in a path, without its owner.
    pub(crate) fn in_path(path: &str) -> &str {
        path.rsplit_once('/').map_or(path, |(_, id)| id)
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file-{}-{}", self.digest, self.millis)
    }
}

/// Audio that a job is about, in memory.
pub(crate) struct Upload {
    pub(crate) id: FileId,
    bytes: Bytes,
    /// Its room among the uploads in memory.
    _room: OwnedSemaphorePermit,
}

impl Upload {
    /// As it is stored.
    pub(crate) fn blob(&self) -> Blob {
        Blob {
            bytes: self.bytes.clone(),
            content_type: "application/octet-stream".to_owned(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// Checks that the bytes are audio within the limits, by decoding all of it.
pub(crate) async fn probe(
    app: &App,
    owner: &Tenant,
    bytes: Bytes,
    room: OwnedSemaphorePermit,
) -> Result<Upload, ApiError> {
    if bytes.is_empty() {
        let message = "the uploaded file has no bytes";
        return Err(Failure::of_field(ErrorCode::EmptyUpload, "file", message).into());
    }
    app.meters.uploaded(bytes.len());
    let (limits, encoded) = (app.limits.audio, bytes.clone());
    let probed = app.codec_lanes.run(move |codec| {
        let audio = codec.decode(&encoded, Some(PROBE_RATE), limits)?;
        Ok((digest_of(&encoded), milliseconds(audio.seconds())))
    });
    let (digest, millis) = probed
        .await?
        .map_err(|error: voicefleet_core::ports::AudioError| error.into_failure("file"))?;
    Ok(Upload {
        id: FileId {
            owner: owner.clone(),
            digest,
            millis,
        },
        bytes,
        _room: room,
    })
}

/// Fetches what was uploaded before.
pub(crate) async fn fetch(app: &App, owner: &Tenant, id: &str) -> Result<Upload, ApiError> {
    let room = app.room_for_upload()?;
    let found = match FileId::parse(id, owner) {
        Some(id) => app.blobs.get(&id.key()).await?.map(|blob| (id, blob.bytes)),
        None => None,
    };
    let (id, bytes) = found.ok_or_else(|| not_found(id))?;
    Ok(Upload {
        id,
        bytes,
        _room: room,
    })
}

/// The refusal of an id that names no file, or one that has been deleted or evicted.
pub(crate) fn not_found(id: &str) -> Failure {
    let shown: String = id.chars().take(128).collect();
    let message = format!("there is no file '{shown}' (any more); upload it again");
    Failure::of_field(ErrorCode::FileNotFound, "file_id", message)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a length in ms is positive and far below 2^63"
)]
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_nothing_else_does() {
        let (sole, acme) = (Tenant::default(), "acme".parse().expect("a name"));
        let id = FileId {
            owner: sole.clone(),
            digest: digest_of(b"x"),
            millis: 11_000,
        };
        assert_eq!(FileId::parse(&id.to_string(), &sole), Some(id.clone()));
        assert_eq!(id.path(), id.to_string());
        let theirs = FileId::parse(&id.to_string(), &acme).expect("an id");
        assert_eq!(theirs.to_string(), id.to_string());
        assert_ne!(theirs.key(), id.key());
        assert_eq!(FileId::in_path(&theirs.path()), id.to_string());
        assert!((id.seconds() - 11.0).abs() < 1e-9);
        let digest = digest_of(b"x");
        for text in [
            String::new(),
            "file-".to_owned(),
            format!("file-{digest}"),
            format!("file-{digest}-011000"),
            format!("file-{digest}-+11000"),
            format!("file-{digest}-11000/.."),
            format!("file-{}-1", digest.to_uppercase()),
            "file-../../etc/passwd-1".to_owned(),
        ] {
            assert_eq!(FileId::parse(&text, &sole), None, "{text}");
        }
    }
}
