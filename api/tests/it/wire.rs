//! Over a real connection: what never reaches a handler, and what must not hurt the server.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::support::Api;

/// A served API.
struct Served {
    address: std::net::SocketAddr,
    _server: JoinSet<()>,
}

impl Served {
    async fn start(api: Api) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut server = JoinSet::new();
        server.spawn(async move {
            axum::serve(listener, api.router).await.expect("served");
        });
        Self {
            address,
            _server: server,
        }
    }

    /// Sends bytes and reads until the server closes. Whether all bytes could be sent, and the answer.
    async fn exchange(&self, bytes: &[u8]) -> (bool, String) {
        let mut stream = TcpStream::connect(self.address)
            .await
            .expect("a connection");
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
