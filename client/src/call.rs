//! One call: its attempts, and how its answer is read.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{
    FutureExt,
    future::{BoxFuture, ready},
};
use reqwest::{
    Method, RequestBuilder, Response, Url,
    header::{HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::{sleep, timeout};

use crate::{
    Client, ClientError, Download,
    backoff::pause,
    error::{RefusalHead, Repeat, of_network},
    upload::Form,
};

/// Most bytes of the body of a refusal that are read.
const MAX_REFUSAL: usize = 64 * 1024;

/// A request to be made, if need be several times.
pub(crate) struct Call<'a> {
    client: &'a Client,
    method: Method,
    url: Result<Url, ClientError>,
    headers: HeaderMap,
    payload: Payload,
    repeat: Repeat,
    /// Longest time of an attempt.
    limit: Duration,
    /// Further attempts.
    retries: u32,
}

/// What of an answer is part of an attempt.
type Read<'a, T> = fn(&'a Client, Response) -> BoxFuture<'a, Result<T, ClientError>>;

enum Payload {
    Nothing,
    Json(Result<Bytes, ClientError>),
    Form(Form),
}

impl<'a> Call<'a> {
    /// `path` in segments. POST is repeated only where it is said that it may be.
    pub(crate) fn new<'p>(
        client: &'a Client,
        method: Method,
        path: impl IntoIterator<Item = &'p str>,
    ) -> Self {
        let repeat = if method == Method::POST {
            Repeat::IfNotBegun
        } else {
            Repeat::Safely
        };
        Self {
            url: joined(&client.parts.base, path),
            client,
            method,
            headers: HeaderMap::new(),
            payload: Payload::Nothing,
            repeat,
            limit: client.parts.settings.timeout,
            retries: client.parts.settings.retries,
        }
    }

    /// A parameter, if there is a value for it.
    pub(crate) fn query(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let (Ok(url), Some(value)) = (&mut self.url, value) {
            url.query_pairs_mut().append_pair(name, &value.to_string());
        }
        self
    }

    /// A header; `value` is one that can be sent.
    pub(crate) fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    pub(crate) fn with_json(mut self, body: &impl Serialize) -> Self {
        let no_json = |error: serde_json::Error| ClientError::InvalidArgument(error.to_string());
        let body = serde_json::to_vec(body).map(Bytes::from).map_err(no_json);
        self.payload = Payload::Json(body);
        self
    }

    pub(crate) fn with_form(mut self, form: Form) -> Self {
        self.payload = Payload::Form(form);
        self.transfer()
    }

    /// Moves a whole file.
    pub(crate) fn transfer(mut self) -> Self {
        self.limit = self.client.parts.settings.transfer_timeout;
        self
    }

    /// Each attempt may take that much longer.
    pub(crate) fn patient(mut self, more: Duration) -> Self {
        self.limit = self.limit.saturating_add(more);
        self
    }

    /// One attempt only.
    pub(crate) fn once(mut self) -> Self {
        self.retries = 0;
        self
    }

    pub(crate) fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    /// The answer as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let body = self.whole().await?.bytes;
        serde_json::from_slice(&body).map_err(|error| ClientError::Unexpected {
            base: self.client.base().to_owned(),
            reason: error.to_string(),
            status: None,
            retry_after: None,
        })
    }

    /// The answer as text.
    pub(crate) async fn text(self) -> Result<String, ClientError> {
        let body = self.whole().await?.bytes;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// The whole answer. One that breaks off is asked for anew, if that is safe.
    pub(crate) async fn whole(&self) -> Result<Whole, ClientError> {
        let read = |client, response| Whole::of(client, response).boxed();
        self.attempts(read).await
    }

    /// The answer piece by piece, from when its head is there.
    pub(crate) async fn download(self) -> Result<Download, ClientError> {
        let response = self.response().await?;
        let settings = self.client.parts.settings;
        Ok(Download::new(self.client.base(), response, settings))
    }

    /// The answer as soon as its head is there.
    pub(crate) async fn response(&self) -> Result<Response, ClientError> {
        self.attempts(|_, response| ready(Ok(response)).boxed())
            .await
    }

    async fn attempts<T>(&self, read: Read<'a, T>) -> Result<T, ClientError> {
        let longest = self.client.parts.settings.longest_pause;
        let mut failures = 0;
        loop {
            let error = match self.attempt(read).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            failures += 1;
            let asked = error.retry_after();
            let next = pause(failures, asked, longest, fastrand::f64());
            match next {
                Some(next) if failures <= self.retries && error.is_repeated(self.repeat) => {
                    sleep(next).await;
                }
                _ => return Err(error),
            }
        }
    }

    async fn attempt<T>(&self, read: Read<'a, T>) -> Result<T, ClientError> {
        let base = self.client.base();
        let answered = async {
            let sent = self.request().await?.send().await;
            let response = sent.map_err(|error| of_network(base, &error))?;
            read(self.client, accepted(base, response).await?).await
        };
        let late = |_| ClientError::Timeout {
            what: "the answer",
            limit: self.limit,
        };
        timeout(self.limit, answered).await.map_err(late)?
    }

    async fn request(&self) -> Result<RequestBuilder, ClientError> {
        let url = match &self.url {
            Ok(url) => url.clone(),
            Err(error) => return Err(ClientError::InvalidArgument(error.to_string())),
        };
        let http = &self.client.parts.http;
        let request = http
            .request(self.method.clone(), url)
            .headers(self.headers.clone());
        Ok(match &self.payload {
            Payload::Nothing => request,
            Payload::Json(Ok(body)) => request
                .header("content-type", "application/json")
                .body(body.clone()),
            Payload::Json(Err(error)) => {
                return Err(ClientError::InvalidArgument(error.to_string()));
            }
            Payload::Form(form) => request.multipart(form.made().await?),
        })
    }
}

/// An answer, read whole.
pub(crate) struct Whole {
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Whole {
    async fn of(client: &Client, response: Response) -> Result<Self, ClientError> {
        let headers = response.headers().clone();
        let bound = client.parts.settings.max_in_memory;
        let bytes = read(client.base(), response, bound).await?;
        Ok(Self { headers, bytes })
    }
}

/// A header's text.
pub(crate) fn header(headers: &HeaderMap, name: impl AsRef<str>) -> Option<&str> {
    headers.get(name.as_ref())?.to_str().ok()
}

/// Ids become segments of the path, whatever is in them.
fn joined<'p>(base: &Url, path: impl IntoIterator<Item = &'p str>) -> Result<Url, ClientError> {
    let mut url = base.clone();
    let mut segments = url
        .path_segments_mut()
        .map_err(|()| ClientError::Address(base.to_string()))?;
    segments.pop_if_empty();
    for segment in path {
        if matches!(segment, "" | "." | "..") {
            let message = format!("'{segment}' is no id");
            return Err(ClientError::InvalidArgument(message));
        }
        segments.push(segment);
    }
    drop(segments);
    Ok(url)
}

/// The answer, if it is a success.
async fn accepted(base: &str, response: Response) -> Result<Response, ClientError> {
    if response.status().is_success() {
        return Ok(response);
    }
    let headers = response.headers();
    let head = RefusalHead {
        base: base.to_owned(),
        status: response.status().as_u16(),
        request_id: header(headers, "x-request-id").map(Into::into),
        retry_after: retry_after(headers),
        location: header(headers, LOCATION).map(str::to_owned),
    };
    // Without its body a refusal is still one.
    let body = read(base, response, MAX_REFUSAL).await.unwrap_or_default();
    Err(head.with(&body))
}

/// In seconds. As a date it would need a clock that agrees with the server's, and ours never sends one.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    // Where a server of ours says that another attempt is no use, its pause means nothing.
    if header(headers, "x-should-retry") == Some("false") {
        return None;
    }
    let seconds = header(headers, RETRY_AFTER)?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The body, if it has no more than `bound` bytes.
async fn read(base: &str, mut response: Response, bound: usize) -> Result<Bytes, ClientError> {
    let too_large = ClientError::TooLarge { limit: bound };
    if response
        .content_length()
        .is_some_and(|length| length > bound as u64)
    {
        return Err(too_large);
    }
    let mut body = BytesMut::new();
    let broken = |error: reqwest::Error| of_network(base, &error);
    while let Some(piece) = response.chunk().await.map_err(broken)? {
        if body.len() + piece.len() > bound {
            return Err(too_large);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(base: &str, segments: &[&str]) -> Result<String, String> {
        let base = Url::parse(base).expect("a URL");
        joined(&base, segments.iter().copied())
            .map(|url| url.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_id_cannot_leave_its_place_in_the_path() {
        let jobs = ["v1", "jobs", "a/../b?c#d"];
        let plain = Ok("http://x/v1/jobs/a%2F..%2Fb%3Fc%23d".to_owned());
        assert_eq!(path("http://x", &jobs), plain);
        assert_eq!(
            path("http://x/fleet/", &["livez"]),
            Ok("http://x/fleet/livez".to_owned())
        );
        for id in ["", ".", ".."] {
            let refused = path("http://x", &["v1", "jobs", id]);
            assert_eq!(refused, Err(format!("'{id}' is no id")));
        }
    }
}
