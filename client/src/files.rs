//! Files: audio, and the lines of batches.

use futures::Stream;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::{Client, ClientError, Download, Upload, error::Repeat, page::Listing, upload::Form};

/// A file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct StoredFile {
    /// What jobs and batches refer to. Equal audio has one id.
    pub id: String,
    /// Size, bytes.
    pub bytes: u64,
    /// When it was first uploaded, Unix seconds; 0 where that is not known any more.
    pub created_at: i64,
    /// The name that it was uploaded with.
    pub filename: String,
    /// What for: `batch`, `batch_output`, or what was given.
    pub purpose: String,
    /// Length of the audio, seconds; none where the file is no audio.
    pub audio_seconds: Option<f64>,
}

impl Client {
    /// Uploads audio, to be transcribed by jobs.
    pub async fn upload_audio(&self, recording: Upload) -> Result<StoredFile, ClientError> {
        let form = Form::new(recording).field("purpose", Some("user_data"));
        self.call(Method::POST, ["v1", "files"])
            .repeat(Repeat::Safely)
            .with_form(form)
            .json()
            .await
    }

    /// Uploads the lines of a batch: see [`BatchLine`](crate::BatchLine).
    pub async fn upload_lines(&self, lines: Upload) -> Result<StoredFile, ClientError> {
        let form = Form::new(lines).field("purpose", Some("batch"));
        self.call(Method::POST, ["v1", "files"])
            .with_form(form)
            .json()
            .await
    }

    /// All files, in the order of their ids.
    pub fn files(&self) -> impl Stream<Item = Result<StoredFile, ClientError>> + Send + use<> {
        Listing::new(self, ["v1", "files"]).items()
    }

    /// What is known of a file.
    pub async fn file(&self, id: &str) -> Result<StoredFile, ClientError> {
        self.call(Method::GET, ["v1", "files", id]).json().await
    }

    /// What is in a file.
    pub async fn file_content(&self, id: &str) -> Result<Download, ClientError> {
        self.call(Method::GET, ["v1", "files", id, "content"])
            .download()
            .await
    }

    /// Deletes a file. After a break, an attempt that is repeated may find it gone.
    pub async fn delete_file(&self, id: &str) -> Result<(), ClientError> {
        let call = self.call(Method::DELETE, ["v1", "files", id]);
        let _: Value = call.json().await?;
        Ok(())
    }
}
