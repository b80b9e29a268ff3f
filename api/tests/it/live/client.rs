//! A client of live sessions, over a real socket.

use std::{net::SocketAddr, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue},
    },
};
use voicefleet_api::{ConnectionLimits, serve};

use crate::support::Api;

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a client hears next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Heard {
    Event(Value),
    Audio(Vec<u8>),
    Closed(u16),
    /// Without a word.
    Gone,
}

/// An API that is served.
pub(crate) struct Served {
    pub(super) address: SocketAddr,
    _server: JoinSet<()>,
}

impl Served {
    pub(crate) async fn start(api: &Api) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut server = JoinSet::new();
        let (router, closing) = (api.router.clone(), api.stop.closing.clone());
        server.spawn(serve(
            listener,
            router,
            ConnectionLimits::default(),
            closing,
        ));
        Self {
            address,
            _server: server,
        }
    }

    /// The handshake with further headers; the status if it is refused.
    pub(crate) async fn connect(&self, headers: &[(&str, &str)]) -> Result<Session, u16> {
        let stream = TcpStream::connect(self.address).await.expect("connected");
        self.connect_over(stream, headers).await
    }

    async fn connect_over(
        &self,
        stream: TcpStream,
        headers: &[(&str, &str)],
    ) -> Result<Session, u16> {
        let url = format!("ws://{}/v1/live", self.address);
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a name");
            let value = HeaderValue::from_str(value).expect("a value");
            request.headers_mut().insert(name, value);
        }
        match client_async(request, stream).await {
            Ok((socket, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.map(|name| name.to_str().expect("text").to_owned());
                Ok(Session { socket, protocol })
            }
            Err(tungstenite::Error::Http(refused)) => Err(refused.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// A session that is open and not started.
    pub(super) async fn open(&self) -> Session {
        self.connect(&[]).await.expect("a session")
    }

    /// A session that has been started; `more` are the fields of `session.start`.
    pub(super) async fn session(&self, more: Value) -> Session {
        let mut session = self.open().await;
        session.start(more).await;
        session
    }

    /// The same for a client whose system keeps little of what it does not read.
    pub(super) async fn narrow_session(&self, more: Value) -> Session {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .set_recv_buffer_size(64 * 1024)
            .expect("a small buffer");
        let stream = socket.connect(self.address).await.expect("connected");
        let mut session = self.connect_over(stream, &[]).await.expect("a session");
        session.start(more).await;
        session
    }
}

/// A session as its client has it.
pub(crate) struct Session {
    socket: WebSocketStream<TcpStream>,
    pub(super) protocol: Option<String>,
}

impl Session {
    pub(super) async fn send(&mut self, message: Message) {
        self.socket.send(message).await.expect("sent");
    }

    pub(super) async fn say(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    pub(super) async fn start(&mut self, more: Value) -> Value {
        let mut start = json!({"type": "session.start"});
        let members = more.as_object().expect("an object").clone();
        start.as_object_mut().expect("an object").extend(members);
        self.say(start).await;
        self.event("session.started").await
    }

    /// A whole utterance.
    pub(super) async fn speak(&mut self, id: &str, input: &str) {
        self.say(json!({"type": "speak", "id": id, "input": input}))
            .await;
    }

    /// A part of one.
    pub(super) async fn append(&mut self, id: &str, text: &str) {
        self.say(json!({"type": "speak.append", "id": id, "text": text}))
            .await;
    }

    /// What comes next, however long it takes.
    pub(super) async fn hear(&mut self) -> Heard {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    return Heard::Event(serde_json::from_str(&text).expect("JSON"));
                }
                Some(Ok(Message::Binary(bytes))) => return Heard::Audio(bytes.to_vec()),
                Some(Ok(Message::Close(frame))) => {
                    return Heard::Closed(frame.map_or(1005, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Heard::Gone,
            }
        }
    }

    /// What comes next.
    pub(super) async fn next(&mut self) -> Heard {
        let next = tokio::time::timeout(PATIENCE, self.hear()).await;
        next.expect("something within 30 s")
    }

    /// The next event, of this type.
    #[track_caller]
    pub(super) fn event(&mut self, name: &str) -> impl Future<Output = Value> {
        let name = name.to_owned();
        async move {
            match self.next().await {
                Heard::Event(event) if event["type"] == name.as_str() => event,
                other => panic!("no {name}: {other:?}"),
            }
        }
    }

    /// The next event, an error: its code.
    pub(super) async fn refusal(&mut self) -> (Value, String) {
        let event = self.event("error").await;
        let code = event["error"]["code"].as_str().expect("a code").to_owned();
        (event, code)
    }

    /// The audio up to the end of the utterance, and the events in between, the end included.
    pub(super) async fn utterance(&mut self, id: &str) -> (Vec<u8>, Vec<Value>) {
        let (mut audio, mut events) = (Vec::new(), Vec::new());
        loop {
            match self.next().await {
                Heard::Audio(bytes) => audio.extend(bytes),
                Heard::Event(event) if event["type"] == "speech.audio" => {
                    assert_eq!(event["id"], id);
                    let bytes = event["audio"].as_str().expect("base64");
                    audio.extend(BASE64_STANDARD.decode(bytes).expect("base64"));
                }
                Heard::Event(event) => {
                    assert_eq!(event["id"], id, "{event}");
                    let kind = event["type"].as_str().expect("a type").to_owned();
                    events.push(event);
                    if ["speech.done", "speech.cancelled", "error"].contains(&kind.as_str()) {
                        return (audio, events);
                    }
                }
                other => panic!("no end of {id}: {other:?}"),
            }
        }
    }

    /// Sends and hears nothing but whether the session is there, so often that all that can happen has.
    pub(super) async fn settle(&mut self) {
        for _ in 0..20 {
            self.say(json!({"type": "ping"})).await;
            self.event("pong").await;
        }
    }

    /// The code that the session is closed with, next.
    pub(super) async fn closed(&mut self) -> u16 {
        match self.next().await {
            Heard::Closed(code) => code,
            other => panic!("not closed: {other:?}"),
        }
    }
}

/// The types of events.
pub(super) fn types(events: &[Value]) -> Vec<&str> {
    let types = events.iter().map(|event| event["type"].as_str());
    types.map(|name| name.expect("a type")).collect()
}
