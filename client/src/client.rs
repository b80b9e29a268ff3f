//! The client and its settings.

use std::{fmt, sync::Arc, time::Duration};

use reqwest::{
    Method, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
    redirect,
};
use serde_json::Value;

use crate::{ClientError, call::Call};

/// The server lets go of a connection that has been idle for 10 s; one that is about to be is not used again.
const IDLE_CONNECTION: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(5);

/// Speaks to one server. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) parts: Arc<Parts>,
}

/// What all clones share.
pub(crate) struct Parts {
    pub(crate) http: reqwest::Client,
    pub(crate) base: Url,
    pub(crate) settings: Settings,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) timeout: Duration,
    pub(crate) transfer_timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) longest_pause: Duration,
    pub(crate) max_in_memory: usize,
}

/// Makes a [`Client`]; begin with [`Client::builder`].
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    base: String,
    api_key: Option<String>,
    connect_timeout: Duration,
    settings: Settings,
}

impl Client {
    /// A client of the server at `base`, such as `http://127.0.0.1:8080`; a path is put before every other.
    pub fn builder(base: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            base: base.into(),
            api_key: None,
            connect_timeout: CONNECT,
            settings: Settings {
                timeout: Duration::from_mins(1),
                transfer_timeout: Duration::from_mins(10),
                retries: 2,
                longest_pause: Duration::from_mins(1),
                max_in_memory: 256 * 1024 * 1024,
            },
        }
    }

    /// The base URL, without a slash at its end.
    pub fn base(&self) -> &str {
        self.parts.base.as_str().trim_end_matches('/')
    }

    /// GET of any path, such as `/v1/jobs/ID`, as JSON: all that the server says, also what this crate has no
    /// type for.
    pub async fn get_json(&self, path: &str) -> Result<Value, ClientError> {
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        self.call(Method::GET, segments).json().await
    }

    pub(crate) fn call<'a>(
        &self,
        method: Method,
        path: impl IntoIterator<Item = &'a str>,
    ) -> Call<'_> {
        Call::new(self, method, path)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.base();
        f.debug_struct("Client").field("base", &shown).finish()
    }
}

impl ClientBuilder {
    /// The key to show, where the server wants one.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Longest wait for a connection; 5 s unless set.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Longest wait for an answer, of each attempt, and for each further piece of one that is streamed; 60 s
    /// unless set. A server answers synchronous speech and transcription within 25 s unless configured otherwise.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.settings.timeout = limit;
        self
    }

    /// The same for attempts that send a file, or read one whole; 10 min unless set.
    pub fn transfer_timeout(mut self, limit: Duration) -> Self {
        self.settings.transfer_timeout = limit;
        self
    }

    /// Further attempts, where the first failed and another can do no harm; 2 unless set. The pauses between
    /// them are what the server asks for (`Retry-After`), or half a second, growing to eight.
    pub fn retries(mut self, attempts: u32) -> Self {
        self.settings.retries = attempts;
        self
    }

    /// Longest pause before another attempt; 60 s unless set. If the server asks for more, its refusal is handed
    /// on with [`ClientError::retry_after`].
    pub fn longest_pause(mut self, limit: Duration) -> Self {
        self.settings.longest_pause = limit;
        self
    }

    /// Most bytes of an answer that are read into memory; 256 MiB unless set. More is [`ClientError::TooLarge`].
    /// Streams have no such bound: they hold a piece at a time.
    pub fn max_in_memory(mut self, bytes: usize) -> Self {
        self.settings.max_in_memory = bytes;
        self
    }

    /// The client. Nothing is sent yet.
    ///
    /// # Errors
    /// If the base URL or the key cannot be used, or TLS cannot be set up.
    pub fn build(self) -> Result<Client, ClientError> {
        let base = base_url(&self.base)?;
        let built = reqwest::Client::builder()
            .user_agent(concat!("voicefleet-client/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers(self.api_key.as_deref())?)
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(IDLE_CONNECTION)
            // A POST that is redirected would become a GET.
            .redirect(redirect::Policy::none())
            .build();
        let http = built.map_err(|error| ClientError::InvalidArgument(error.to_string()))?;
        let parts = Parts {
            http,
            base,
            settings: self.settings,
        };
        Ok(Client {
            parts: Arc::new(parts),
        })
    }
}

fn base_url(text: &str) -> Result<Url, ClientError> {
    let no_address = || ClientError::Address(text.to_owned());
    let mut url = Url::parse(text).map_err(|_| no_address())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(no_address());
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

fn headers(api_key: Option<&str>) -> Result<HeaderMap, ClientError> {
    let mut headers = HeaderMap::new();
    if let Some(key) = api_key {
        let no_key = |_| {
            let message = "an API key has only letters, digits and underscores";
            ClientError::InvalidArgument(message.to_owned())
        };
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.trim())).map_err(no_key)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_named() {
        for url in ["", "localhost:8080", "/v1", "ftp://example.com"] {
            let error = Client::builder(url).build().expect_err("refused");
            assert!(error.to_string().contains(&format!("'{url}'")), "{error}");
        }
        for (url, base) in [
            ("https://example.com/", "https://example.com"),
            (
                "http://[::1]:8080/speech/?x=1#y",
                "http://[::1]:8080/speech",
            ),
        ] {
            let client = Client::builder(url).build().expect("an address");
            assert_eq!(client.base(), base);
        }
    }

    #[test]
    fn a_key_is_never_shown() {
        let builder = Client::builder("http://x").api_key("vf_a\n_b");
        let error = builder.build().expect_err("no key").to_string();
        assert!(
            error.contains("API key") && !error.contains("vf_a"),
            "{error}"
        );
        let client = Client::builder("http://x").api_key("vf_a_b").build();
        assert!(!format!("{client:?}").contains("vf_a"));
    }
}
