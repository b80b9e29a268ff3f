//! Our client, and raw requests where it is them that are tested.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{
    Method, RequestBuilder,
    header::{AUTHORIZATION, HeaderMap},
};
use serde_json::Value;
use voicefleet_client::{SpeechJob, TranscriptionJob, Upload};

/// Longest wait for an answer.
const ANSWER_LIMIT: Duration = Duration::from_mins(3);
/// Longest wait for a job: tests run on small, shared machines.
const JOB_LIMIT: Duration = Duration::from_mins(5);

/// Talks to one server.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    typed: voicefleet_client::Client,
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
        Self::build(base, None)
    }

    /// The same server, asked by the bearer of `key`.
    ///
    /// # Errors
    /// If it cannot be sent.
    pub fn with_key(&self, key: &str) -> anyhow::Result<Self> {
        Self::build(&self.base, Some(key))
    }

    fn build(base: &str, key: Option<&str>) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        // What goes wrong is to be seen, not mended.
        let mut typed = voicefleet_client::Client::builder(base)
            .timeout(ANSWER_LIMIT)
            .retries(0);
        if let Some(key) = key {
            headers.insert(AUTHORIZATION, format!("Bearer {key}").parse()?);
            typed = typed.api_key(key);
        }
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(ANSWER_LIMIT)
            .default_headers(headers)
            .build()?;
        Ok(Self {
            http,
            base: base.to_owned(),
            typed: typed.build()?,
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

    /// Submits speech as WAV; gives the job object.
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
        let job = SpeechJob::new(text).engine(engine).voice(voice).tier(tier);
        object(self.typed.submit_speech(&job).await?)
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
        let begun = TranscriptionJob::new(Upload::bytes("audio", audio));
        let job = fields.iter().try_fold(begun, |job, (name, value)| {
            anyhow::Ok(match *name {
                "language" => job.language(*value),
                "model" => job.model(*value),
                "prompt" => job.prompt(*value),
                "tier" => job.tier(*value),
                _ => bail!("no field {name}"),
            })
        })?;
        object(self.typed.submit_transcription(&job).await?)
    }

    /// Waits for a job to end; gives the job object as it is then.
    ///
    /// # Errors
    /// If it takes too long.
    pub async fn ended(&self, id: &str) -> anyhow::Result<Value> {
        object(self.typed.wait(id, JOB_LIMIT).await?)
    }

    /// Waits for a job to succeed; gives its result's body.
    ///
    /// # Errors
    /// If it ends otherwise.
    pub async fn result(&self, id: &str) -> anyhow::Result<Vec<u8>> {
        self.typed.wait(id, JOB_LIMIT).await?.succeeded()?;
        let result = self.typed.result(id).await?;
        Ok(result.bytes().await?.to_vec())
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
        let id = id_of(&job)?;
        self.typed.wait(id, JOB_LIMIT).await?.succeeded()?;
        Ok(self.typed.transcript(id).await?.text)
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

/// As the tests look into it.
fn object(job: voicefleet_client::Job) -> anyhow::Result<Value> {
    serde_json::to_value(job).context("a job is JSON")
}
