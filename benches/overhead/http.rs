//! A client that costs little, for it shares the machine with what it measures.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_mins(2);

/// Where a job is asked for, and how.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) path: &'static str,
    /// The JSON that asks for a job with this text.
    pub(crate) body: fn(&str) -> String,
}

/// One connection, kept open.
pub(crate) struct Client {
    endpoint: Endpoint,
    requests: SendRequest<Full<Bytes>>,
    _connection: JoinSet<()>,
}

impl Client {
    pub(crate) async fn connect(endpoint: Endpoint) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(endpoint.address).await?;
        stream.set_nodelay(true)?;
        let (requests, connection) = handshake(TokioIo::new(stream)).await?;
        let mut task = JoinSet::new();
        task.spawn(async { drop(connection.await) });
        Ok(Self {
            endpoint,
            requests,
            _connection: task,
        })
    }

    /// Asks for a job and waits for its result.
    pub(crate) async fn job(&mut self, text: &str) -> anyhow::Result<Bytes> {
        timeout(PATIENCE, self.asked(text))
            .await
            .context("no answer")?
    }

    async fn asked(&mut self, text: &str) -> anyhow::Result<Bytes> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.endpoint.path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::from((self.endpoint.body)(text)))?;
        self.requests.ready().await?;
        let answer = self.requests.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        anyhow::ensure!(
            status == StatusCode::OK,
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(body)
    }
}
