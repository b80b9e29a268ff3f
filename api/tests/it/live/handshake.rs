//! Who is let in, and as what.

use axum::{body::Body, http::Request};
use serde_json::json;

use super::client::Served;
use crate::{support::Api, tenancy::Guarded};

#[tokio::test]
async fn a_plain_request_is_told_what_this_is() {
    let refused = Api::new().get("/v1/live").await.expect(426);
    assert_eq!(refused.json()["code"], "upgrade_required");
    assert_eq!(refused.header("upgrade"), "websocket");
}

/// Every answer that the handshake has; also for those who compare them with the document.
pub(crate) async fn every_answer(api: &Api) {
    let served = Served::start(api).await;
    served.session(json!({})).await;
    let evil = [("origin", "https://evil.example")];
    assert_eq!(served.connect(&evil).await.err(), Some(403));
    let half = Request::get("/v1/live")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "12")
        .body(Body::empty());
    let refused = api.send(half.expect("a request")).await.expect(400);
    assert_eq!(refused.json()["code"], "invalid_request");
    api.get("/v1/live").await.expect(426);
    api.stop.draining.cancel();
    assert_eq!(served.connect(&[]).await.err(), Some(503));
}

#[tokio::test]
async fn the_handshake_answers_as_documented() {
    every_answer(&Api::new()).await;
}

#[tokio::test]
async fn pages_of_the_server_itself_and_programs_are_let_in() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let own = format!("http://{}", served.address);
    served.connect(&[("origin", &own)]).await.expect("let in");
    for other in ["null", "http://127.0.0.1:1", "https://example.com"] {
        let refused = served.connect(&[("origin", other)]).await;
        assert_eq!(refused.err(), Some(403), "{other}");
    }
}

#[tokio::test]
async fn a_key_is_shown_in_a_header_or_as_a_subprotocol() {
    let guarded = Guarded::new();
    let key = guarded.key("acme", json!({})).await;
    let served = Served::start(&guarded.api).await;
    assert_eq!(served.connect(&[]).await.err(), Some(401));
    let bearer = format!("Bearer {key}");
    let page = ("origin", "https://page.example");
    let session = served.connect(&[("authorization", &bearer), page]).await;
    assert_eq!(session.expect("let in").protocol, None);
    let offered = format!("voicefleet.live.v1, voicefleet.key.{key}");
    let session = served
        .connect(&[("sec-websocket-protocol", &offered), page])
        .await;
    let protocol = session.expect("let in").protocol;
    assert_eq!(protocol.as_deref(), Some("voicefleet.live.v1"));
    let wrong = "voicefleet.live.v1, voicefleet.key.vf_a_b";
    let refused = served.connect(&[("sec-websocket-protocol", wrong)]).await;
    assert_eq!(refused.err(), Some(401));
    let path = format!("/v1/live?key={key}");
    guarded.api.get(&path).await.expect(401);
}
