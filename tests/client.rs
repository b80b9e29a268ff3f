//! A small HTTP client that speaks the job API.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Method, RequestBuilder, header::HeaderMap, multipart};
use serde_json::{Value, json};

/// Longest wait of one long poll, seconds.
const POLL_SECONDS: u64 = 30;
/// Longest wait for a job: tests run on small, shared machines.
const JOB_LIMIT: Duration = Duration::from_mins(5);

/// Talks to one server.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// If it is none.
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("not JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The body as JSON if the status is a success.
    ///
    /// # Errors
    /// Otherwise, with the body.
    pub fn accepted(&self) -> anyhow::Result<Value> {
        if !(200..300).contains(&self.status) {
            bail!("{}: {}", self.status, String::from_utf8_lossy(&self.body));
        }
        self.json()
    }
}

impl Client {
    /// A client for the server at `base`.
    ///
    /// # Errors
    /// If no HTTP client can be made.
    pub fn new(base: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_mins(3))
            .build()?;
        Ok(Self {
            http,
            base: base.to_owned(),
        })
    }

    /// A request to `path`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn send(&self, request: RequestBuilder) -> anyhow::Result<Answer> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer {
            status,
            headers,
            body: answer.bytes().await?.to_vec(),
        })
    }

    /// GET.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST of JSON.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Submits speech in `format`; gives the job object.
    ///
    /// # Errors
    /// If it is not accepted.
    pub async fn speak(
        &self,
        engine: &str,
        voice: &str,
        tier: &str,
        text: &str,
    ) -> anyhow::Result<Value> {
        let body = json!({"kind": "speech", "input": text, "engine": engine, "voice": voice, "tier": tier,
            "response_format": "wav"});
        self.post("/v1/jobs", &body).await?.accepted()
    }

    /// Submits audio for transcription; gives the job object.
    ///
    /// # Errors
    /// If it is not accepted.
    pub async fn transcribe(
        &self,
        audio: Vec<u8>,
        fields: &[(&str, &str)],
    ) -> anyhow::Result<Value> {
        let answer = self
            .send(
                self.request(Method::POST, "/v1/jobs")
                    .multipart(form(audio, fields)),
            )
            .await?;
        answer.accepted()
    }

    /// Waits for a job to end; gives the job object as it is then.
    ///
    /// # Errors
    /// If it takes too long.
    pub async fn ended(&self, id: &str) -> anyhow::Result<Value> {
        let poll = async {
            loop {
                let job = self
                    .get(&format!("/v1/jobs/{id}?wait={POLL_SECONDS}"))
                    .await?
                    .accepted()?;
                if !matches!(job["status"].as_str(), Some("queued" | "running")) {
                    return anyhow::Ok(job);
                }
            }
        };
        tokio::time::timeout(JOB_LIMIT, poll)
            .await
            .with_context(|| format!("job {id} does not end"))?
    }

    /// Waits for a job to succeed; gives its result's body.
    ///
    /// # Errors
    /// If it ends otherwise.
    pub async fn result(&self, id: &str) -> anyhow::Result<Vec<u8>> {
        let job = self.ended(id).await?;
        if job["status"] != "succeeded" {
            bail!("job {id} is {}: {}", job["status"], job["error"]);
        }
        let answer = self.get(&format!("/v1/jobs/{id}/result")).await?;
        if answer.status != 200 {
            bail!(
                "result of {id}: {} {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            );
        }
        Ok(answer.body)
    }

    /// Speaks and waits for the audio.
    ///
    /// # Errors
    /// If the job does not succeed.
    pub async fn spoken(&self, engine: &str, voice: &str, text: &str) -> anyhow::Result<Vec<u8>> {
        let job = self.speak(engine, voice, "standard", text).await?;
        self.result(id_of(&job)?).await
    }

    /// Transcribes and waits for the text.
    ///
    /// # Errors
    /// If the job does not succeed.
    pub async fn heard(&self, audio: Vec<u8>, fields: &[(&str, &str)]) -> anyhow::Result<String> {
        let job = self.transcribe(audio, fields).await?;
        let transcript: Value = serde_json::from_slice(&self.result(id_of(&job)?).await?)?;
        Ok(transcript["text"]
            .as_str()
            .context("a transcript without text")?
            .to_owned())
    }
}

/// The id of a job object.
///
/// # Errors
/// If it has none.
pub fn id_of(job: &Value) -> anyhow::Result<&str> {
    job["id"]
        .as_str()
        .with_context(|| format!("no id in {job}"))
}

fn form(audio: Vec<u8>, fields: &[(&str, &str)]) -> multipart::Form {
    let file = multipart::Part::bytes(audio).file_name("audio");
    let form = multipart::Form::new()
        .text("kind", "transcription")
        .part("file", file);
    fields.iter().fold(form, |form, (name, value)| {
        form.text((*name).to_owned(), (*value).to_owned())
    })
}
