//! A fleet's webhooks, and a server that is told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use futures::stream;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinSet,
    time::timeout,
};
use voicefleet_core::{Clock, JobState, Tenant, Tier, Timestamp};
use voicefleet_testkit::{FakeClock, memory::MemoryDocuments, speech_job};
use voicefleet_webhooks::{
    Delivery, Endpoint, Event, NewEndpoint, Secret, UrlPolicy, Webhooks, sign,
};

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const OPEN: UrlPolicy = UrlPolicy {
    allow_http: true,
    allow_private: true,
};

/// What API servers share.
pub(crate) struct Fleet {
    pub(crate) clock: FakeClock,
    pub(crate) documents: MemoryDocuments,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        let clock = FakeClock::default();
        Self {
            documents: MemoryDocuments::new(clock.clone()),
            clock,
        }
    }

    /// One API server.
    pub(crate) fn server(&self, policy: UrlPolicy) -> Webhooks {
        let clock = Arc::new(self.clock.clone());
        Webhooks::new(Arc::new(self.documents.clone()), clock, policy)
    }

    /// Lets time pass until `moment`.
    pub(crate) fn go_to(&self, moment: Timestamp) {
        self.clock.advance(moment.since(self.clock.now()));
    }
}

pub(crate) fn tenant() -> Tenant {
    "acme".parse().expect("in a test")
}

/// The end of a job of its own.
pub(crate) fn succeeded() -> Event {
    let mut job = speech_job("x", Tier::Standard, Timestamp(0));
    job.tenant = tenant();
    job.state = JobState::Succeeded;
    job.finished_at = Some(Timestamp(1_767_225_600_000));
    Event::of_job(&job, "https://speech.example").expect("in a test")
}

pub(crate) async fn endpoint_at(webhooks: &Webhooks, url: &str) -> (Endpoint, Secret) {
    let new = NewEndpoint {
        url: url.to_owned(),
        events: Vec::new(),
    };
    webhooks.create(&tenant(), new).await.expect("in a test")
}

/// All that an endpoint's log has, newest first.
pub(crate) async fn log_of(webhooks: &Webhooks, endpoint: &Endpoint) -> Vec<Delivery> {
    let tenant = tenant();
    let page = webhooks.deliveries(&tenant, &endpoint.id, None, 100);
    page.await.expect("in a test").deliveries
}

/// What a receiver does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Status(u16),
    With(u16, &'static str, String),
    /// Never answers.
    Silence,
    /// Answers 200 once the gate lets it through.
    Gate,
    /// 200 and a body without end.
    Endless,
}

/// A request that was received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("in a test")
    }

    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// What `secret` signs this request with.
    pub(crate) fn signed_with(&self, secret: &Secret) -> String {
        let timestamp = self.header("webhook-timestamp").parse().expect("in a test");
        sign(secret, self.id(), timestamp, &self.body)
    }
}

struct Desk {
    reply: Mutex<Reply>,
    received: Mutex<Vec<Received>>,
    held: watch::Sender<Held>,
    gate: Semaphore,
}

/// Requests that wait at the gate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) paths: Vec<String>,
    pub(crate) most: usize,
    pub(crate) most_on_one_path: usize,
    /// Chunks of 1 kB of a body without end.
    pub(crate) chunks: usize,
    /// Also those that are answered at once.
    pub(crate) received: usize,
}

/// A server on this host.
pub(crate) struct Receiver {
    address: SocketAddr,
    desk: Arc<Desk>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    pub(crate) async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("in a test");
        let address = listener.local_addr().expect("in a test");
        let desk = Arc::new(Desk {
            reply: Mutex::new(reply),
            received: Mutex::default(),
            held: watch::Sender::default(),
            gate: Semaphore::new(0),
        });
        let app = Router::new()
            .fallback(receive)
            .with_state(Arc::clone(&desk));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, app).await.expect("in a test") });
        Self {
            address,
            desk,
            _tasks: tasks,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn reply(&self, reply: Reply) {
        *self.desk.reply.lock().expect("in a test") = reply;
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.desk.received.lock().expect("in a test").clone()
    }

    /// Waits until `enough` of what is held, and gives it.
    pub(crate) async fn until(&self, enough: impl FnMut(&Held) -> bool) -> Held {
        let mut held = self.desk.held.subscribe();
        let found = timeout(PATIENCE, held.wait_for(enough)).await;
        found.expect("in time").expect("in a test").clone()
    }

    pub(crate) fn open_gate(&self) {
        self.desk.gate.add_permits(10_000);
    }
}

async fn receive(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let received = Received {
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body: axum::body::to_bytes(body, 100_000)
            .await
            .expect("in a test"),
    };
    let path = received.path.clone();
    desk.received.lock().expect("in a test").push(received);
    desk.held.send_modify(|held| held.received += 1);
    let reply = desk.reply.lock().expect("in a test").clone();
    match reply {
        Reply::Status(status) => StatusCode::from_u16(status)
            .expect("in a test")
            .into_response(),
        Reply::With(status, name, value) => {
            let status = StatusCode::from_u16(status).expect("in a test");
            (status, [(name, value)]).into_response()
        }
        Reply::Silence => std::future::pending().await,
        Reply::Gate => held_at_gate(&desk, path).await,
        Reply::Endless => {
            let chunk = move || {
                desk.held.send_modify(|held| held.chunks += 1);
                Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 1_024]))
            };
            Body::from_stream(stream::repeat_with(chunk)).into_response()
        }
    }
}

async fn held_at_gate(desk: &Desk, path: String) -> Response {
    desk.held.send_modify(|held| {
        held.paths.push(path.clone());
        held.most = held.most.max(held.paths.len());
        let same = held.paths.iter().filter(|other| **other == path).count();
        held.most_on_one_path = held.most_on_one_path.max(same);
    });
    let passed = desk.gate.acquire().await.expect("in a test");
    desk.held.send_modify(|held| {
        let at = held
            .paths
            .iter()
            .position(|other| *other == path)
            .expect("in a test");
        held.paths.remove(at);
    });
    drop(passed);
    StatusCode::OK.into_response()
}
