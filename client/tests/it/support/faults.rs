//! What may go wrong between the server and the client, after the server has done its part.

use std::{collections::VecDeque, io, sync::Arc};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use tokio::{sync::watch, time::timeout};

use super::PATIENCE;

/// What the client gets instead of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A proxy's 503 that asks to come back at once.
    Busy,
    /// A proxy's 429 that asks to come back at once.
    Crowded,
    /// Nothing: the connection ends.
    Cut,
    /// The first half of the body.
    Torn,
    /// The first piece of the body, as it comes.
    AfterOnePiece,
}

/// A request that came through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) last_event_id: Option<String>,
    pub(crate) prefer: Option<String>,
}

/// The faults that the next requests meet, one each, and the requests so far. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<watch::Sender<Plan>>);

#[derive(Default)]
pub(crate) struct Plan {
    next: VecDeque<Fault>,
    seen: Vec<Seen>,
}

impl Plan {
    fn seen_at(&self, path: &str) -> Vec<Seen> {
        let at = self.seen.iter().filter(|seen| seen.path == path);
        at.cloned().collect()
    }
}

impl Faults {
    /// The next request meets this one.
    pub(crate) fn plan(&self, fault: Fault) {
        self.0.send_modify(|plan| plan.next.push_back(fault));
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.borrow().seen.clone()
    }

    /// Those of them to a path.
    pub(crate) fn seen_at(&self, path: &str) -> Vec<Seen> {
        self.0.borrow().seen_at(path)
    }

    /// Waits until so many requests to a path have come.
    pub(crate) async fn until_seen(&self, path: &str, times: usize) {
        let mut plan = self.0.subscribe();
        let come = plan.wait_for(|plan| plan.seen_at(path).len() >= times);
        let come = timeout(PATIENCE, come).await.expect("they come");
        come.expect("the server lives");
    }

    fn meet(&self, request: &Request) -> Option<Fault> {
        let header = |name| {
            let value = request.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let seen = Seen {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            idempotency_key: header("idempotency-key"),
            last_event_id: header("last-event-id"),
            prefer: header("prefer"),
        };
        let mut fault = None;
        self.0.send_modify(|plan| {
            plan.seen.push(seen);
            fault = plan.next.pop_front();
        });
        fault
    }
}

pub(crate) async fn meddle(State(faults): State<Faults>, request: Request, next: Next) -> Response {
    let fault = faults.meet(&request);
    let response = next.run(request).await;
    let refused = |status: StatusCode| (status, [("retry-after", "0")]).into_response();
    match fault {
        None => response,
        Some(Fault::Busy) => refused(StatusCode::SERVICE_UNAVAILABLE),
        Some(Fault::Crowded) => refused(StatusCode::TOO_MANY_REQUESTS),
        Some(Fault::Cut) => {
            let (head, _) = response.into_parts();
            let nothing = stream::iter([Err::<Bytes, _>(broken())]);
            Response::from_parts(head, Body::from_stream(nothing))
        }
        Some(Fault::Torn) => torn(response).await,
        Some(Fault::AfterOnePiece) => {
            let (head, body) = response.into_parts();
            let first = body.into_data_stream().take(1);
            let first = first.map(|piece| piece.map_err(io::Error::other));
            let body = first.chain(stream::once(broken_off()));
            Response::from_parts(head, Body::from_stream(body))
        }
    }
}

/// The answer with half of its body, and then a broken connection.
async fn torn(response: Response) -> Response {
    let (head, body) = response.into_parts();
    let whole = to_bytes(body, usize::MAX).await.expect("a body");
    let half = whole.slice(..whole.len() / 2);
    let body = stream::iter([Ok(half)]).chain(stream::once(broken_off()));
    Response::from_parts(head, Body::from_stream(body))
}

/// Lets what came before it be sent.
async fn broken_off() -> io::Result<Bytes> {
    tokio::task::yield_now().await;
    Err(broken())
}

fn broken() -> io::Error {
    io::Error::other("the test breaks the connection")
}
