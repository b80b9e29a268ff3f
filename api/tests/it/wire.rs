//! Over a real connection: what never reaches a handler, and what must not hurt the server.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use voicefleet_api::{ConnectionLimits, serve};

use crate::support::Api;

/// A served API.
struct Served {
    address: std::net::SocketAddr,
    server: JoinSet<()>,
}

impl Served {
    async fn start(api: Api) -> Self {
        Self::bounded(api, ConnectionLimits::default()).await
    }

    async fn bounded(api: Api, limits: ConnectionLimits) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut server = JoinSet::new();
        let closing = api.stop.closing.clone();
        server.spawn(serve(listener, api.router, limits, closing));
        Self { address, server }
    }

    /// Sends bytes and reads until the server closes. Whether all bytes could be sent, and the answer.
    async fn exchange(&self, bytes: &[u8]) -> (bool, String) {
        let mut stream = self.connect().await;
        let mut answer = Vec::new();
        let exchange = async {
            let sent = stream.write_all(bytes).await.is_ok();
            // The server may close before it has read everything; what it said counts.
            let _ = stream.read_to_end(&mut answer).await;
            sent
        };
        let exchange = tokio::time::timeout(Duration::from_secs(20), exchange);
        let sent = exchange.await.expect("closed");
        (sent, String::from_utf8_lossy(&answer).into_owned())
    }

    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await;
        stream.expect("a connection")
    }

    async fn status_of(&self, bytes: &[u8]) -> u16 {
        let (_, answer) = self.exchange(bytes).await;
        let status = answer
            .split(' ')
            .nth(1)
            .unwrap_or_else(|| panic!("no status: {answer}"));
        status.parse().expect("a number")
    }
}

#[tokio::test]
async fn what_is_hardly_http_is_refused_and_the_server_lives_on() {
    let served = Served::start(Api::new()).await;
    let headers = "x-header: a\r\n".repeat(200);
    let path = "a".repeat(70_000);
    for (name, request, status) in [
        ("no HTTP", "HELLO\r\n\r\n".to_owned(), 400),
        (
            "too many headers",
            format!("GET /livez HTTP/1.1\r\nhost: a\r\n{headers}\r\n"),
            431,
        ),
        (
            "an endless path",
            format!("GET /{path} HTTP/1.1\r\nhost: a\r\n\r\n"),
            414,
        ),
        (
            "a broken length",
            "POST /v1/jobs HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n".to_owned(),
            400,
        ),
        (
            "two lengths",
            "POST /v1/jobs HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"
                .to_owned(),
            400,
        ),
    ] {
        assert_eq!(served.status_of(request.as_bytes()).await, status, "{name}");
    }
    let alive = "GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert_eq!(served.status_of(alive.as_bytes()).await, 200);
}

/// A request with a body, over a connection that is closed afterwards.
fn posted(path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n\
         content-type: {kind}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Larger than what the sockets in between hold: a server that closes without having read it all
/// would cut off its own answer.
#[tokio::test]
async fn a_client_that_sends_too_much_still_hears_why() {
    let limit = 16 * 1024 * 1024;
    let limits = voicefleet_api::ApiLimits {
        max_upload_bytes: limit,
        max_json_bytes: limit,
        ..crate::support::limits()
    };
    let served = Served::start(Api::with(limits, crate::support::catalog::usual())).await;
    let too_much = vec![b'x'; limit + limit / 2];
    let form = crate::bad_inputs::form::form(&[], Some(&too_much));
    let multipart = format!(
        "multipart/form-data; boundary={}",
        crate::bad_inputs::form::BOUNDARY
    );
    for request in [
        posted("/v1/files", &multipart, &form),
        posted("/v1/jobs", "application/json", &too_much),
    ] {
        let (sent, answer) = served.exchange(&request).await;
        // Clients that cannot send on give up before they read.
        assert!(sent, "the server closed too early");
        assert!(
            answer.starts_with("HTTP/1.1 413") && answer.contains("upload_too_large"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_client_that_stalls_in_its_body_is_let_go() {
    let limits = voicefleet_api::ApiLimits {
        body_idle: Duration::from_millis(50),
        ..crate::support::limits()
    };
    let served = Served::start(Api::with(limits, crate::support::catalog::usual())).await;
    let stalled = "POST /v1/jobs HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{\"kind\"";
    let (_, answer) = served.exchange(stalled.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("could not be read"),
        "{answer}"
    );
}

const ALIVE: &[u8] = b"GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

/// Reads until the server closes, at most 20 s.
async fn until_closed(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer));
    // A reset is an end, too.
    let _ = read.await.expect("closed");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn clients_that_stall_in_their_headers_are_let_go_and_hinder_nobody() {
    let limits = ConnectionLimits {
        header_timeout: Duration::from_millis(500),
        ..ConnectionLimits::default()
    };
    let served = Served::bounded(Api::new(), limits).await;
    let mut stalled = JoinSet::new();
    for _ in 0..200 {
        let mut stream = served.connect().await;
        stream.write_all(b"G").await.expect("sent");
        stalled.spawn(until_closed(stream));
    }
    assert_eq!(served.status_of(ALIVE).await, 200);
    for answer in stalled.join_all().await {
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(served.status_of(ALIVE).await, 200);
}

#[tokio::test]
async fn a_connection_beyond_the_bound_is_served_when_another_ends() {
    let limits = ConnectionLimits {
        max_connections: 2,
        header_timeout: Duration::from_mins(1),
    };
    let served = Served::bounded(Api::new(), limits).await;
    let (first, second) = (served.connect().await, served.connect().await);
    let mut third = served.connect().await;
    third.write_all(ALIVE).await.expect("sent");
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(200), third.peek(&mut byte));
    assert!(early.await.is_err(), "the bound does not hold");
    drop(first);
    let answer = until_closed(third).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(second);
}

#[tokio::test]
async fn at_the_close_idle_connections_end_and_answers_are_finished() {
    let api = Api::new();
    let (records, closing) = (api.records.clone(), api.stop.closing.clone());
    let body = serde_json::json!({"kind": "speech", "input": "Hello."});
    let id = api.post("/v1/jobs", &body).await.expect(202).id();
    let mut served = Served::start(api).await;
    let idle = served.connect().await;
    let mut following = served.connect().await;
    let request = format!("GET /v1/jobs/{id}/events HTTP/1.1\r\nhost: a\r\n\r\n");
    following.write_all(request.as_bytes()).await.expect("sent");
    let mut byte = [0];
    following
        .peek(&mut byte)
        .await
        .expect("an answer has begun");
    assert_eq!(records.all().len(), 1);
    closing.cancel();
    let answer = until_closed(following).await;
    assert!(answer.contains("event: job.queued"), "{answer}");
    assert!(answer.ends_with("0\r\n\r\n"), "cut off: {answer}");
    assert_eq!(until_closed(idle).await, "");
    let ended = tokio::time::timeout(Duration::from_secs(20), served.server.join_next());
    ended
        .await
        .expect("the server ends")
        .expect("it ran")
        .expect("in order");
}
