//! A body as it comes.

use std::{
    path::Path,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use reqwest::{
    Response,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap},
};
use tokio::{fs::File, io::AsyncWriteExt, time::timeout};

use crate::{ClientError, call::header, client::Settings, error::of_network};

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, ClientError>> + Send>>;

/// Audio, a transcript or a file as it comes: a stream of its pieces. Nothing more is read than is asked for.
///
/// A stream that ends without an error is whole; one that breaks off ends with [`ClientError::Interrupted`],
/// one that stands still with [`ClientError::Timeout`].
pub struct Download {
    headers: HeaderMap,
    pieces: Pieces,
    max_in_memory: usize,
}

impl Download {
    pub(crate) fn new(base: &str, response: Response, settings: Settings) -> Self {
        let headers = response.headers().clone();
        let base = base.to_owned();
        let limit = settings.timeout;
        let pieces = stream::try_unfold(response, move |mut response| {
            let base = base.clone();
            async move {
                let late = |_| ClientError::Timeout {
                    what: "the next piece",
                    limit,
                };
                let piece = timeout(limit, response.chunk()).await.map_err(late)?;
                let piece = piece.map_err(|error| of_network(&base, &error))?;
                Ok(piece.map(|piece| (piece, response)))
            }
        });
        Self {
            headers,
            pieces: pieces.boxed(),
            max_in_memory: settings.max_in_memory,
        }
    }

    /// Its media type, such as `audio/wav`.
    pub fn content_type(&self) -> Option<&str> {
        header(&self.headers, CONTENT_TYPE)
    }

    /// Its length in bytes, where that is known before the end.
    pub fn length(&self) -> Option<u64> {
        header(&self.headers, CONTENT_LENGTH)?.parse().ok()
    }

    /// The job that it comes from, where there is one.
    pub fn job_id(&self) -> Option<&str> {
        header(&self.headers, "x-voicefleet-job-id")
    }

    /// All of it.
    ///
    /// # Errors
    /// [`ClientError::TooLarge`] if it has more bytes than are read into memory.
    pub async fn bytes(mut self) -> Result<Bytes, ClientError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.pieces.try_next().await? {
            if whole.len() + piece.len() > self.max_in_memory {
                let limit = self.max_in_memory;
                return Err(ClientError::TooLarge { limit });
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// Writes it into a file, which is made anew; gives the number of bytes. What is there already when it breaks
    /// off stays there.
    pub async fn save(mut self, path: impl AsRef<Path>) -> Result<u64, ClientError> {
        let path = path.as_ref();
        let failed = |source| ClientError::File {
            path: path.to_owned(),
            source,
        };
        let mut file = File::create(path).await.map_err(failed)?;
        let mut written = 0;
        while let Some(piece) = self.pieces.try_next().await? {
            file.write_all(&piece).await.map_err(failed)?;
            written += piece.len() as u64;
        }
        file.flush().await.map_err(failed)?;
        Ok(written)
    }
}

impl Stream for Download {
    type Item = Result<Bytes, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.as_mut().poll_next(context)
    }
}
