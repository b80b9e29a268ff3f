//! What is logged of requests, and what is not.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::{support::Api, tenancy::Guarded};

/// Collects lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        let bytes = self.0.lock().expect("nobody panicked");
        String::from_utf8(bytes.clone()).expect("text")
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panicked").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Lines of this thread, on which the test and all its tasks run.
fn listening() -> (Lines, tracing::subscriber::DefaultGuard) {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    (lines, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn a_line_says_who_asked_for_what_and_nothing_of_its_text() {
    let (lines, _guard) = listening();
    let guarded = Guarded::new();
    let key = guarded.key("acme", json!({})).await;
    guarded
        .submit(&key, "Strictly between us.")
        .await
        .expect(202);
    guarded.get("", "/v1/jobs").await.expect(401);
    let text = lines.text();
    let find = |status: &str| {
        let found = text.lines().find(|line| {
            line.contains(" access: ") && line.contains("/v1/jobs") && line.contains(status)
        });
        found.unwrap_or_else(|| panic!("no line with {status}: {text}"))
    };
    let accepted = find("status=202");
    for part in ["method=POST", "tenant=\"acme\"", "request_id=", "seconds="] {
        assert!(accepted.contains(part), "{accepted}");
    }
    find("status=401");
    let secret = key.rsplit('_').next().expect("a secret");
    assert!(
        !text.contains("between us") && !text.contains(secret),
        "{text}"
    );
}

#[tokio::test]
async fn how_the_server_is_fills_no_log() {
    let (lines, _guard) = listening();
    let api = Api::new();
    api.get("/livez").await.expect(200);
    assert!(!lines.text().contains("/livez"), "{}", lines.text());
    api.get("/v1/models").await.expect(200);
    assert!(lines.text().contains("/v1/models"), "{}", lines.text());
}
