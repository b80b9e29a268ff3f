//! Whether somebody is there.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{Client, ClientError};

/// Between two looks at a server that is not ready.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What is running there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Welcome {
    /// `voicefleet`.
    pub name: String,
    /// The version.
    pub version: String,
}

impl Client {
    /// What is running there.
    pub async fn welcome(&self) -> Result<Welcome, ClientError> {
        self.call(Method::GET, []).json().await
    }

    /// Whether the process is alive.
    pub async fn alive(&self) -> Result<(), ClientError> {
        self.call(Method::GET, ["livez"]).text().await.map(drop)
    }

    /// Whether requests can be served, asked once; the refusal says what does not answer.
    pub async fn ready(&self) -> Result<(), ClientError> {
        let call = self.call(Method::GET, ["readyz"]).once();
        call.text().await.map(drop)
    }

    /// Waits until requests can be served.
    ///
    /// # Errors
    /// Why they cannot, if that is so at the end of `within`.
    pub async fn until_ready(&self, within: Duration) -> Result<(), ClientError> {
        let mut wrong = None;
        let ready = async {
            loop {
                match self.ready().await {
                    Ok(()) => return,
                    Err(error) => wrong = Some(error),
                }
                sleep(LOOK_EVERY).await;
            }
        };
        let ended = timeout_at(Instant::now() + within, ready).await;
        let late = |_| {
            wrong.unwrap_or(ClientError::Timeout {
                what: "readiness",
                limit: within,
            })
        };
        ended.map_err(late)
    }

    /// The server's metrics in Prometheus' text format.
    pub async fn metrics(&self) -> Result<String, ClientError> {
        self.call(Method::GET, ["metrics"]).text().await
    }
}
