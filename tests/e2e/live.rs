//! A conversation over one socket: what is spoken while it is being written is heard when it is pushed back.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};
use voicefleet_core::words::{word_errors, words};

use crate::{JOE, fresh_server};

const QUESTION: &str = "Thank you very much for coming today. Please tell us where you have worked before. \
    What would you like to do next?";

/// About 20 ms of 24 kHz.
const FRAME: usize = 960;

struct Session(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Session {
    async fn open(base: &str) -> Self {
        let url = format!("{}/v1/live", base.replacen("http", "ws", 1));
        let (socket, _) = connect_async(url).await.expect("a session");
        Self(socket)
    }

    async fn say(&mut self, message: Value) {
        let message = Message::text(message.to_string());
        self.0.send(message).await.expect("sent");
    }

    /// The audio and the events up to one of this type.
    async fn until(&mut self, last: &str) -> (Vec<u8>, Vec<Value>) {
        let (mut audio, mut events) = (Vec::new(), Vec::<Value>::new());
        while events.last().is_none_or(|event| event["type"] != last) {
            match self.0.next().await.expect("it goes on").expect("a message") {
                Message::Binary(bytes) => audio.extend_from_slice(&bytes),
                Message::Text(text) => {
                    let event: Value = serde_json::from_str(&text).expect("JSON");
                    assert_ne!(event["type"], "error", "{event}");
                    events.push(event);
                }
                _ => {}
            }
        }
        (audio, events)
    }
}

#[tokio::test]
async fn what_is_said_in_a_session_is_heard_in_it() {
    let (_data, server) = fresh_server(&[]).await;
    let mut session = Session::open(server.base()).await;
    session
        .say(json!({"type": "session.start", "model": "piper", "voice": JOE}))
        .await;
    for word in QUESTION.split_inclusive(' ') {
        session
            .say(json!({"type": "speak.append", "id": "q", "text": word}))
            .await;
    }
    session.say(json!({"type": "speak.end", "id": "q"})).await;
    let (audio, events) = session.until("speech.done").await;
    let sentences = events
        .iter()
        .filter(|event| event["type"] == "speech.sentence");
    assert_eq!(sentences.count(), 3, "{events:?}");
    session
        .say(json!({"type": "audio.start", "id": "a", "format": "pcm16", "sample_rate": 24_000, "language": "en"}))
        .await;
    for frame in audio.chunks(FRAME) {
        let frame = Message::binary(frame.to_vec());
        session.0.send(frame).await.expect("sent");
    }
    session.say(json!({"type": "audio.end", "id": "a"})).await;
    let (_, events) = session.until("transcript").await;
    let text = events.last().and_then(|event| event["text"].as_str());
    let text = text.expect("a text");
    // Piper speaks each time a little otherwise: one word may be misheard.
    let wrong = word_errors(&words(QUESTION), &words(text));
    assert!(wrong <= 1, "{text}");
    server.stop().await.expect("stops");
}

/// A server that stops ends its sessions, and is not kept by them.
#[tokio::test]
async fn a_session_does_not_keep_a_server_from_stopping() {
    let (_data, server) = fresh_server(&[]).await;
    let mut session = Session::open(server.base()).await;
    session.say(json!({"type": "session.start"})).await;
    session.until("session.started").await;
    server.stop().await.expect("stops");
    let closed = session.0.next().await.expect("a word").expect("a message");
    let Message::Close(Some(frame)) = closed else {
        panic!("{closed:?}");
    };
    assert_eq!(u16::from(frame.code), 1001);
}
