//! Many requests as one file.

use std::{collections::BTreeMap, time::Duration};

use futures::Stream;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    Client, ClientError, SpeechRequest,
    error::Repeat,
    open::{open_enum, optional},
    page::Listing,
};

/// Between two looks at a batch.
const LOOK_EVERY: Duration = Duration::from_secs(1);

open_enum! {
    /// What the lines of a batch are requests of.
    BatchEndpoint {
        /// Text to be spoken.
        Speech = "/v1/audio/speech",
        /// Uploaded audio to be transcribed.
        Transcriptions = "/v1/audio/transcriptions",
    }
}

open_enum! {
    /// Where a batch stands.
    BatchStatus {
        /// Its file is being looked at.
        Validating = "validating",
        /// Its file is none of a batch.
        Failed = "failed",
        /// Its lines are being done.
        InProgress = "in_progress",
        /// Its files are being written.
        Finalizing = "finalizing",
        /// All lines have been done, well or not.
        Completed = "completed",
        /// Its time is over; what was done until then is there.
        Expired = "expired",
        /// It has been withdrawn.
        Cancelling = "cancelling",
        /// It was withdrawn; what was done until then is there.
        Cancelled = "cancelled",
    }
}

impl BatchStatus {
    /// Whether a batch that stands there never moves again.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Failed | Self::Completed | Self::Expired | Self::Cancelled
        )
    }
}

/// A line of a batch's file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BatchLine {
    custom_id: String,
    method: &'static str,
    url: BatchEndpoint,
    body: Value,
}

impl BatchLine {
    /// A request of `endpoint`; its answer is found by `custom_id`, of which each line has its own.
    ///
    /// The body is what the endpoint takes; of transcriptions with `file_id` in the place of the file.
    pub fn new(custom_id: impl Into<String>, endpoint: BatchEndpoint, body: Value) -> Self {
        Self {
            custom_id: custom_id.into(),
            method: "POST",
            url: endpoint,
            body,
        }
    }

    /// Text to be spoken.
    pub fn speech(custom_id: impl Into<String>, request: &SpeechRequest) -> Self {
        Self::new(custom_id, BatchEndpoint::Speech, json!(request))
    }

    /// The line, with its end.
    pub fn to_jsonl(&self) -> String {
        format!("{}\n", json!(self))
    }
}

/// A batch to be made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewBatch {
    input_file_id: String,
    endpoint: BatchEndpoint,
    completion_window: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<BTreeMap<String, String>>,
}

impl NewBatch {
    /// Of the lines in a file, within 24 hours.
    pub fn new(input_file_id: impl Into<String>, endpoint: BatchEndpoint) -> Self {
        Self {
            input_file_id: input_file_id.into(),
            endpoint,
            completion_window: "24h".to_owned(),
            metadata: None,
        }
    }

    /// In what time: 24 to 168 hours. What is not done by then is not done any more.
    #[must_use]
    pub fn within_hours(mut self, hours: u32) -> Self {
        self.completion_window = format!("{hours}h");
        self
    }

    optional! {
        /// Up to 16 texts by name, given back with the batch.
        metadata: BTreeMap<String, String>,
    }
}

/// A batch. Moments are Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Batch {
    /// Its id.
    pub id: String,
    /// What its lines are requests of.
    pub endpoint: BatchEndpoint,
    /// What is wrong with its file, where it is `failed`.
    pub errors: Option<BatchErrors>,
    /// The file of its lines.
    pub input_file_id: String,
    /// In what time, such as `24h`.
    pub completion_window: String,
    /// Where it stands.
    pub status: BatchStatus,
    /// The file with the answers, in the order of the lines; none where no line succeeded.
    pub output_file_id: Option<String>,
    /// The file with the lines that have no answer, and why; none where there is none.
    pub error_file_id: Option<String>,
    /// When it was made.
    pub created_at: i64,
    /// When what is not done by then is given up.
    pub expires_at: i64,
    /// When the first line was begun.
    pub in_progress_at: Option<i64>,
    /// When all lines were done.
    pub finalizing_at: Option<i64>,
    /// When it was completed.
    pub completed_at: Option<i64>,
    /// When it failed.
    pub failed_at: Option<i64>,
    /// When it expired.
    pub expired_at: Option<i64>,
    /// When it was withdrawn.
    pub cancelling_at: Option<i64>,
    /// When it was cancelled.
    pub cancelled_at: Option<i64>,
    /// How many of its lines; a second old at most while it is in progress.
    pub request_counts: BatchCounts,
    /// As it was given.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// How many lines of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct BatchCounts {
    /// In all; 0 until the file has been looked at.
    pub total: u32,
    /// Succeeded.
    pub completed: u32,
    /// Failed, or were not done.
    pub failed: u32,
}

/// What is wrong with the file of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct BatchErrors {
    /// The errors.
    pub data: Vec<BatchError>,
}

/// Something that is wrong with the file of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct BatchError {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// The field of the batch at fault.
    pub param: Option<String>,
    /// The line at fault, counted from 1.
    pub line: Option<u64>,
}

impl Client {
    /// Makes a batch. Not repeated when the connection breaks off: it might be made twice.
    pub async fn create_batch(&self, batch: &NewBatch) -> Result<Batch, ClientError> {
        self.call(Method::POST, ["v1", "batches"])
            .with_json(batch)
            .json()
            .await
    }

    /// The batch as it is now.
    pub async fn batch(&self, id: &str) -> Result<Batch, ClientError> {
        self.call(Method::GET, ["v1", "batches", id]).json().await
    }

    /// Batches, newest first.
    pub fn batches(&self) -> impl Stream<Item = Result<Batch, ClientError>> + Send + use<> {
        Listing::new(self, ["v1", "batches"]).items()
    }

    /// Withdraws a batch; gives it as it is then.
    pub async fn cancel_batch(&self, id: &str) -> Result<Batch, ClientError> {
        self.call(Method::POST, ["v1", "batches", id, "cancel"])
            .repeat(Repeat::Safely)
            .json()
            .await
    }

    /// The batch when it has ended, however it has. `look` is shown it about once a second until then.
    ///
    /// The first look must succeed; from then on, outages of the server are sat out.
    ///
    /// # Errors
    /// [`ClientError::Timeout`] if it has not ended `within` that time.
    pub async fn wait_for_batch(
        &self,
        id: &str,
        within: Duration,
        mut look: impl FnMut(&Batch),
    ) -> Result<Batch, ClientError> {
        let until_ended = async {
            let mut is_known = false;
            loop {
                match self.batch(id).await {
                    Ok(batch) if batch.status.is_final() => return Ok(batch),
                    Ok(batch) => {
                        is_known = true;
                        look(&batch);
                    }
                    Err(error) if is_known && error.is_transient() => {}
                    Err(error) => return Err(error),
                }
                sleep(LOOK_EVERY).await;
            }
        };
        let late = |_| ClientError::Timeout {
            what: "the batch",
            limit: within,
        };
        timeout_at(Instant::now() + within, until_ended)
            .await
            .map_err(late)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_request_on_one_line() {
        let line = BatchLine::speech("a", &SpeechRequest::new("Two\nlines.")).to_jsonl();
        assert_eq!(line.matches('\n').count(), 1);
        let line: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(
            line,
            json!({"custom_id": "a", "method": "POST", "url": "/v1/audio/speech",
                "body": {"model": "auto", "voice": "alloy", "input": "Two\nlines."}})
        );
    }
}
