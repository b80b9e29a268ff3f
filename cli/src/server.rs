//! The calls of the HTTP API that the commands make, with errors for whoever types them.

use std::{error::Error, time::Duration};

use reqwest::{
    Method, RequestBuilder, Response, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
    multipart::{Form, Part},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use voicefleet_core::{JobId, JobState, Tier};

use crate::{
    cli::ServerAddress,
    jobs::{DeadLetters, Job, JobPage, Purged},
    keys::{CreatedKey, Key, KeyList},
    split::Split,
    warm::{Batch, File},
};

/// Longest wait for a connection, and for an answer.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_mins(1);
/// The same for whole files.
const TRANSFER: Duration = Duration::from_mins(10);
/// The largest page that the server gives.
const PAGE: usize = 100;

/// Why the server did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    /// The address is none.
    #[error("--url: '{0}' is no address like http://127.0.0.1:8080")]
    Address(String),
    /// Nobody answers.
    #[error(
        "no server answers at {base} ({reason}); is it running, and is --url or VOICEFLEET_URL right?"
    )]
    Absent {
        /// The address.
        base: String,
        /// What the network says.
        reason: String,
    },
    /// It said no.
    #[error("{detail} ({code})")]
    Refused {
        /// Its reason, for machines.
        code: String,
        /// Its reason, for people.
        detail: String,
    },
    /// It answered something else.
    #[error("what answers at {base} is not a Voicefleet server of this version ({reason})")]
    Stranger {
        /// The address.
        base: String,
        /// What is odd about the answer.
        reason: String,
    },
}

/// Which jobs to list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobFilter {
    pub(crate) status: Option<JobState>,
    pub(crate) tier: Option<Tier>,
}

/// A running server.
pub(crate) struct Server {
    http: reqwest::Client,
    base: String,
}

impl Server {
    pub(crate) fn at(address: &ServerAddress) -> anyhow::Result<Self> {
        let url = &address.url;
        let usable = |parsed: &Url| matches!(parsed.scheme(), "http" | "https");
        if !Url::parse(url).is_ok_and(|parsed| usable(&parsed)) {
            return Err(ServerError::Address(url.clone()).into());
        }
        let http = reqwest::Client::builder()
            .default_headers(headers_of(address)?)
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .build()?;
        Ok(Self {
            http,
            base: url.trim_end_matches('/').to_owned(),
        })
    }

    /// The newest jobs, at most `limit`.
    pub(crate) async fn jobs(
        &self,
        filter: JobFilter,
        limit: usize,
    ) -> Result<Vec<Job>, ServerError> {
        let mut jobs: Vec<Job> = Vec::new();
        while jobs.len() < limit {
            let wanted = (limit - jobs.len()).min(PAGE);
            let page = self.page(filter, jobs.last(), wanted).await?;
            jobs.extend(page.data);
            if !page.has_more {
                break;
            }
        }
        Ok(jobs)
    }

    async fn page(
        &self,
        filter: JobFilter,
        after: Option<&Job>,
        limit: usize,
    ) -> Result<JobPage, ServerError> {
        let query = [
            ("limit", Some(limit.to_string())),
            ("status", filter.status.map(|status| status.to_string())),
            ("tier", filter.tier.map(|tier| tier.to_string())),
            ("after", after.map(|job| job.id.to_string())),
        ];
        let request = self.request(Method::GET, "/v1/jobs");
        self.answer(request.query(&query)).await
    }

    /// The whole job object.
    pub(crate) async fn job(&self, id: JobId) -> Result<Map<String, Value>, ServerError> {
        let path = format!("/v1/jobs/{id}");
        self.answer(self.request(Method::GET, &path)).await
    }

    /// Withdraws a job; gives it as it is then.
    pub(crate) async fn cancel(&self, id: JobId) -> Result<Job, ServerError> {
        let path = format!("/v1/jobs/{id}/cancel");
        self.answer(self.request(Method::POST, &path)).await
    }

    /// Submits a job again; gives the new one.
    pub(crate) async fn retry(&self, id: JobId) -> Result<Job, ServerError> {
        let path = format!("/v1/jobs/{id}/retry");
        self.answer(self.request(Method::POST, &path)).await
    }

    pub(crate) async fn dead_letters(&self) -> Result<DeadLetters, ServerError> {
        let request = self.request(Method::GET, "/v1/dead-letters");
        self.answer(request).await
    }

    pub(crate) async fn purge(
        &self,
        engine: &str,
        tier: Option<Tier>,
    ) -> Result<Purged, ServerError> {
        let query = [
            ("engine", Some(engine.to_owned())),
            ("tier", tier.map(|tier| tier.to_string())),
        ];
        let request = self.request(Method::DELETE, "/v1/dead-letters");
        self.answer(request.query(&query)).await
    }

    /// The split, and all pools.
    pub(crate) async fn split(&self) -> Result<Split, ServerError> {
        self.answer(self.request(Method::GET, "/v1/split")).await
    }

    /// The same, with all that the server says.
    pub(crate) async fn split_as_sent(&self) -> Result<Value, ServerError> {
        self.answer(self.request(Method::GET, "/v1/split")).await
    }

    /// Makes a key.
    pub(crate) async fn create_key(&self, wanted: &Value) -> Result<CreatedKey, ServerError> {
        self.answer(self.request(Method::POST, "/v1/keys").json(wanted))
            .await
    }

    /// All keys.
    pub(crate) async fn keys(&self) -> Result<KeyList, ServerError> {
        self.answer(self.request(Method::GET, "/v1/keys")).await
    }

    /// Makes a key useless.
    pub(crate) async fn revoke_key(&self, id: &str) -> Result<Key, ServerError> {
        let path = format!("/v1/keys/{id}");
        self.answer(self.request(Method::DELETE, &path)).await
    }

    /// Uploads the lines of a batch.
    pub(crate) async fn upload_lines(&self, lines: String) -> Result<File, ServerError> {
        let form = Form::new()
            .text("purpose", "batch")
            .part("file", Part::text(lines).file_name("lines.jsonl"));
        let request = self.request(Method::POST, "/v1/files");
        self.answer(request.timeout(TRANSFER).multipart(form)).await
    }

    /// What is in a file.
    pub(crate) async fn file_content(&self, id: &str) -> Result<String, ServerError> {
        let path = format!("/v1/files/{id}/content");
        self.text(self.request(Method::GET, &path).timeout(TRANSFER))
            .await
    }

    /// Makes a batch.
    pub(crate) async fn create_batch(&self, wanted: &Value) -> Result<Batch, ServerError> {
        self.answer(self.request(Method::POST, "/v1/batches").json(wanted))
            .await
    }

    /// The batch as it is now.
    pub(crate) async fn batch(&self, id: &str) -> Result<Batch, ServerError> {
        let path = format!("/v1/batches/{id}");
        self.answer(self.request(Method::GET, &path)).await
    }

    /// Divides the compute anew.
    pub(crate) async fn set_split(&self, split: &Value) -> Result<Split, ServerError> {
        self.answer(self.request(Method::PUT, "/v1/split").json(split))
            .await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ServerError> {
        let text = self.text(request).await?;
        serde_json::from_str(&text).map_err(|error| self.stranger(error.to_string()))
    }

    async fn text(&self, request: RequestBuilder) -> Result<String, ServerError> {
        let absent = |error: reqwest::Error| ServerError::Absent {
            base: self.base.clone(),
            reason: innermost(&error),
        };
        let answer = request.send().await.map_err(absent)?;
        if !answer.status().is_success() {
            return Err(self.refusal(answer).await);
        }
        answer.text().await.map_err(absent)
    }

    /// Every refusal of ours has a code and a sentence: it is a problem, or OpenAI's error object.
    async fn refusal(&self, answer: Response) -> ServerError {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Refusal {
            Problem { code: String, detail: String },
            OpenAi { error: OpenAiError },
        }
        #[derive(Deserialize)]
        struct OpenAiError {
            code: String,
            message: String,
        }
        let status = answer.status();
        match answer.json::<Refusal>().await {
            Ok(Refusal::Problem { code, detail }) => ServerError::Refused { code, detail },
            Ok(Refusal::OpenAi { error }) => ServerError::Refused {
                code: error.code,
                detail: error.message,
            },
            Err(_) => self.stranger(status.to_string()),
        }
    }

    fn stranger(&self, reason: String) -> ServerError {
        ServerError::Stranger {
            base: self.base.clone(),
            reason,
        }
    }
}

/// What every request shows: the key, if there is one.
pub(crate) fn headers_of(address: &ServerAddress) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    if let Some(key) = &address.api_key {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.trim())).map_err(|_| {
            anyhow::anyhow!("--api-key: a key has only letters, digits and underscores")
        })?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// What went wrong at the bottom: the layers above only say that something did.
fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_named() {
        let at = |url: &str| {
            Server::at(&ServerAddress {
                url: url.to_owned(),
                api_key: None,
            })
        };
        for url in ["", "localhost:8080", "/v1", "ftp://example.com"] {
            let error = at(url).err().expect("refused").to_string();
            assert!(error.contains(&format!("'{url}'")), "{error}");
        }
        assert!(at("https://example.com/").is_ok());
    }
}
