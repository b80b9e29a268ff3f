//! The few calls of the HTTP API that the sample makes.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use reqwest::{Response, multipart};
use serde::Deserialize;
use serde_json::{Value, json};

use super::questions::Question;
use crate::{cli::ServerAddress, server::headers_of};

/// Longest wait of one long poll, seconds.
const POLL_SECONDS: u64 = 30;
/// Longest wait for one job.
const JOB_LIMIT: Duration = Duration::from_mins(10);

/// The parts of the job object that the sample shows.
#[derive(Debug, Deserialize)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) engine: String,
    pub(super) tier: String,
    pub(super) from_cache: bool,
    pub(super) timings: Timings,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Timings {
    pub(super) queue_ms: f64,
    pub(super) compute_ms: f64,
    pub(super) audio_seconds: f64,
    pub(super) real_time_factor: Option<f64>,
}

/// A running server.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    pub(super) fn new(address: &ServerAddress) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .default_headers(headers_of(address)?)
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(POLL_SECONDS + 15))
            .build()?;
        Ok(Self {
            http,
            base: address.url.trim_end_matches('/').to_owned(),
        })
    }

    /// Waits until the server says that it is ready.
    pub(super) async fn ready(&self, within: Duration) -> anyhow::Result<()> {
        let url = format!("{}/readyz", self.base);
        let poll = async {
            let mut pause = tokio::time::interval(Duration::from_millis(100));
            loop {
                pause.tick().await;
                match self.http.get(&url).send().await {
                    Ok(answer) if answer.status().is_success() => return,
                    _ => {}
                }
            }
        };
        let late = |_| anyhow!("no ready server at {} within {within:?}", self.base);
        tokio::time::timeout(within, poll).await.map_err(late)
    }

    pub(super) async fn speak(&self, question: &Question) -> anyhow::Result<Job> {
        let body = json!({
            "kind": "speech", "input": question.text, "engine": question.engine, "voice": question.voice,
            "tier": question.tier, "response_format": "wav",
        });
        let answer = self
            .http
            .post(format!("{}/v1/jobs", self.base))
            .json(&body)
            .send()
            .await?;
        accepted(answer).await
    }

    pub(super) async fn transcribe(&self, wav: Vec<u8>, tier: &str) -> anyhow::Result<Job> {
        let file = multipart::Part::bytes(wav)
            .file_name("question.wav")
            .mime_str("audio/wav")?;
        let form = multipart::Form::new()
            .text("kind", "transcription")
            .text("language", "en")
            .text("tier", tier.to_owned())
            .part("file", file);
        let answer = self
            .http
            .post(format!("{}/v1/jobs", self.base))
            .multipart(form)
            .send()
            .await?;
        accepted(answer).await
    }

    /// Waits for the job to end well.
    pub(super) async fn finished(&self, job: Job) -> anyhow::Result<Job> {
        let url = format!("{}/v1/jobs/{}?wait={POLL_SECONDS}", self.base, job.id);
        let poll = async {
            let mut job = job;
            while matches!(job.status.as_str(), "queued" | "running") {
                job = accepted(self.http.get(&url).send().await?).await?;
            }
            anyhow::Ok(job)
        };
        let job = tokio::time::timeout(JOB_LIMIT, poll)
            .await
            .context("a job takes too long")??;
        if job.status != "succeeded" {
            bail!(
                "job {} is {}: {}",
                job.id,
                job.status,
                job.error.unwrap_or_default()
            );
        }
        Ok(job)
    }

    pub(super) async fn result(&self, job: &Job) -> anyhow::Result<Vec<u8>> {
        let answer = self
            .http
            .get(format!("{}/v1/jobs/{}/result", self.base, job.id))
            .send()
            .await?;
        Ok(checked(answer).await?.bytes().await?.to_vec())
    }
}

async fn accepted(answer: Response) -> anyhow::Result<Job> {
    checked(answer)
        .await?
        .json()
        .await
        .context("the server's answer is not a job")
}

async fn checked(answer: Response) -> anyhow::Result<Response> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    bail!(
        "{status} from {}: {}",
        answer.url().path().to_owned(),
        answer.text().await.unwrap_or_default()
    )
}
