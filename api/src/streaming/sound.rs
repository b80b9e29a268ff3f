//! A file made of the pieces of a job.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use voicefleet_core::{
    AudioFormat, Pcm,
    ports::{AudioError, AudioWriter},
};

use super::pieces::Pieces;
use crate::{app::SharedApp, problem::ApiError};

/// The file's bytes, as they are asked for. Dropped before the end, it withdraws the job.
pub(crate) struct Sound {
    app: SharedApp,
    pieces: Pieces,
    /// A piece that has been read already.
    read: Option<Pcm>,
    /// `None` at the end.
    writer: Option<Box<dyn AudioWriter>>,
}

impl Sound {
    pub(super) fn begin(
        app: &SharedApp,
        pieces: Pieces,
        first: Pcm,
        format: AudioFormat,
    ) -> Result<Self, ApiError> {
        app.meters.rendered(format.name());
        let writer = app.codec.begin(first.rate, format);
        let mut sound = Self {
            app: Arc::clone(app),
            pieces,
            read: Some(first),
            writer: None,
        };
        sound.writer = Some(writer.map_err(|error| sound.failed(&error))?);
        Ok(sound)
    }

    /// The next bytes, not empty; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        while let Some(writer) = self.writer.take() {
            let piece = match self.read.take() {
                Some(piece) => Some(piece),
                None => self.pieces.next().await?,
            };
            let written = self.app.codec_lanes.go_on(move |_| write(writer, piece));
            let (writer, bytes) = written.await?.map_err(|error| self.failed(&error))?;
            self.writer = writer;
            if !bytes.is_empty() {
                return Ok(Some(bytes.into()));
            }
        }
        Ok(None)
    }

    /// A fault of ours is no reason to withdraw the job.
    fn failed(&mut self, error: &AudioError) -> ApiError {
        self.pieces.settle();
        ApiError::internal(&error.to_string())
    }

    /// All bytes, after `head`. An error is the last item.
    pub(crate) fn stream(
        self,
        head: Bytes,
    ) -> impl Stream<Item = Result<Bytes, ApiError>> + Send + 'static {
        let head = stream::once(async { Ok(head) });
        head.chain(stream::try_unfold(self, |mut sound| async move {
            let bytes = sound.next().await.inspect_err(|error| {
                let job_id = sound.pieces.job().id;
                tracing::warn!(%job_id, error = %error.failure, "a speech breaks off");
            })?;
            Ok(bytes.map(|bytes| (bytes, sound)))
        }))
    }
}

type Written = (Option<Box<dyn AudioWriter>>, Vec<u8>);

fn write(mut writer: Box<dyn AudioWriter>, piece: Option<Pcm>) -> Result<Written, AudioError> {
    match piece {
        Some(pcm) => {
            let bytes = writer.push(&pcm.samples)?;
            Ok((Some(writer), bytes))
        }
        None => Ok((None, writer.finish()?)),
    }
}
