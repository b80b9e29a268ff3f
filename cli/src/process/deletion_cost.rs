//! A busy worker says so on its own pod: of several, Kubernetes takes the cheapest away first
//! (`controller.kubernetes.io/pod-deletion-cost`, Kubernetes' documentation of `ReplicaSet`).

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use futures::{StreamExt, stream::select_all};
use reqwest::{Certificate, Client, header};
use serde_json::json;
use tokio::{fs, sync::watch, time::sleep};
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::CancellationToken;

/// Where Kubernetes puts what a pod needs to talk to it.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// What it costs to take away who works, and who does not.
const BUSY: i32 = 100;
const IDLE: i32 = 0;
/// Shortest time between two prices: every worker of a cluster writes them.
const PAUSE: Duration = Duration::from_secs(5);
/// Longest wait for Kubernetes.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pod that this process runs in.
pub(super) struct OwnPod {
    http: Client,
    url: String,
    token: PathBuf,
    /// Between two prices.
    pause: Duration,
}

impl OwnPod {
    /// By what Kubernetes and the chart tell every container.
    pub(super) async fn find() -> anyhow::Result<Self> {
        let variable = |name: &str| {
            let value = std::env::var(name);
            value.with_context(|| format!("pod_deletion_cost: {name} is not set; is this a pod?"))
        };
        let (host, port) = (
            variable("KUBERNETES_SERVICE_HOST")?,
            variable("KUBERNETES_SERVICE_PORT")?,
        );
        let (namespace, name) = (variable("POD_NAMESPACE")?, variable("POD_NAME")?);
        let authority = fs::read(format!("{ACCOUNT}/ca.crt")).await;
        let authority = authority.context("pod_deletion_cost: the cluster's certificate")?;
        let http = Client::builder()
            .add_root_certificate(Certificate::from_pem(&authority)?)
            .timeout(PATIENCE)
            .build()?;
        // An address of version 6 stands in brackets.
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host
        };
        Ok(Self {
            http,
            url: pod_url(&format!("https://{host}:{port}"), &namespace, &name),
            token: format!("{ACCOUNT}/token").into(),
            pause: PAUSE,
        })
    }

    /// Keeps its price right until `stop`. One that could not be written is written later.
    pub(super) async fn keep_priced(
        self,
        in_hand: Vec<watch::Receiver<usize>>,
        stop: CancellationToken,
    ) {
        let mut changes = select_all(in_hand.iter().cloned().map(WatchStream::new));
        let mut written = None;
        let pricing = async {
            while changes.next().await.is_some() {
                loop {
                    let price = price(&in_hand);
                    if written == Some(price) {
                        break;
                    }
                    match self.write(price).await {
                        Ok(()) => written = Some(price),
                        Err(error) => {
                            tracing::warn!(%error, "the pod's deletion cost is not written");
                        }
                    }
                    sleep(self.pause).await;
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = pricing => {}
        }
    }

    async fn write(&self, price: i32) -> anyhow::Result<()> {
        // It is exchanged for a new one every hour or so.
        let token = fs::read_to_string(&self.token).await?;
        let price = json!({ "metadata": { "annotations": {
            "controller.kubernetes.io/pod-deletion-cost": price.to_string()
        } } });
        let request = self.http.patch(&self.url).bearer_auth(token.trim());
        request
            .header(header::CONTENT_TYPE, "application/merge-patch+json")
            .body(price.to_string())
            .send()
            .await?
            .error_for_status()?;
        Ok(())
    }
}

fn pod_url(base: &str, namespace: &str, name: &str) -> String {
    format!("{base}/api/v1/namespaces/{namespace}/pods/{name}")
}

fn price(in_hand: &[watch::Receiver<usize>]) -> i32 {
    if in_hand.iter().any(|jobs| *jobs.borrow() > 0) {
        BUSY
    } else {
        IDLE
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
    };

    use axum::{
        Router,
        extract::{Path, State},
        http::{HeaderMap, StatusCode},
        routing::patch,
    };
    use tokio::{net::TcpListener, sync::mpsc, task::JoinSet, time::timeout};

    use super::*;

    /// What a Kubernetes API server was asked for.
    #[derive(Debug, PartialEq, Eq)]
    struct Asked {
        pod: String,
        token: String,
        kind: String,
        body: String,
    }

    /// Refuses the first request, as a busy server does.
    async fn kubernetes() -> (String, mpsc::Receiver<Asked>, JoinSet<()>) {
        let (send, asked) = mpsc::channel(8);
        let refused = Arc::new(AtomicBool::new(false));
        let answer =
            async |State((send, refused)): State<(mpsc::Sender<Asked>, Arc<AtomicBool>)>,
                   Path((namespace, pod)): Path<(String, String)>,
                   headers: HeaderMap,
                   body: String| {
                let text = |name: &str| headers[name].to_str().expect("text").to_owned();
                let asked = Asked {
                    pod: format!("{namespace}/{pod}"),
                    token: text("authorization"),
                    kind: text("content-type"),
                    body,
                };
                send.send(asked).await.expect("somebody listens");
                if refused.swap(true, Ordering::SeqCst) {
                    StatusCode::OK
                } else {
                    StatusCode::TOO_MANY_REQUESTS
                }
            };
        let router = Router::new()
            .route("/api/v1/namespaces/{namespace}/pods/{pod}", patch(answer))
            .with_state((send, refused));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let mut server = JoinSet::new();
        server.spawn(async { axum::serve(listener, router).await.expect("serves") });
        (base, asked, server)
    }

    #[tokio::test]
    async fn who_works_is_dear_and_a_refused_price_is_written_again() {
        let (base, mut asked, _server) = kubernetes().await;
        let mut token = tempfile::NamedTempFile::new().expect("a file");
        writeln!(token, "secret").expect("written");
        let pod = OwnPod {
            http: Client::builder().build().expect("a client"),
            url: pod_url(&base, "speech", "worker-1"),
            token: token.path().to_owned(),
            pause: Duration::from_millis(10),
        };
        let jobs = watch::Sender::new(2);
        let mut pricing = JoinSet::new();
        pricing.spawn(pod.keep_priced(vec![jobs.subscribe()], CancellationToken::new()));
        let expected = |price: &str| Asked {
            pod: "speech/worker-1".to_owned(),
            token: "Bearer secret".to_owned(),
            kind: "application/merge-patch+json".to_owned(),
            body: json!({ "metadata": { "annotations": {
                "controller.kubernetes.io/pod-deletion-cost": price
            } } })
            .to_string(),
        };
        let mut next = async || {
            let asked = timeout(Duration::from_secs(30), asked.recv()).await;
            asked.expect("in time").expect("asked")
        };
        assert_eq!(next().await, expected("100"));
        assert_eq!(next().await, expected("100"));
        jobs.send_replace(0);
        assert_eq!(next().await, expected("0"));
    }
}
