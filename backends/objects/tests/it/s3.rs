//! As much of an S3 store as is needed: objects by path, for whoever has signed, deleted one at a time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
};
use tokio::{net::TcpListener, task::JoinSet};
use voicefleet_objects::ObjectsConfig;

type Objects = Arc<Mutex<HashMap<String, Bytes>>>;

/// A server with one bucket, which ends with it.
pub(crate) struct Bucket {
    port: u16,
    objects: Objects,
    _serving: JoinSet<()>,
}

impl Bucket {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let objects = Objects::default();
        let app = Router::new()
            .fallback(serve)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(Arc::clone(&objects));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, app).await.expect("serves") });
        Self {
            port,
            objects,
            _serving: serving,
        }
    }

    pub(crate) fn config(&self) -> ObjectsConfig {
        ObjectsConfig {
            endpoint: Some(format!("http://127.0.0.1:{}", self.port)),
            region: Some("here".to_owned()),
            access_key_id: Some("me".to_owned()),
            secret_access_key: Some("secret".to_owned()),
            ..ObjectsConfig::new("s3://bucket/some/prefix")
        }
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.objects
            .lock()
            .expect("sound")
            .keys()
            .cloned()
            .collect()
    }
}

async fn serve(
    State(objects): State<Objects>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(&'static str, &'static str); 1], Bytes) {
    let answer = |status, body| (status, [("etag", "\"any\"")], body);
    let signed = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    if !signed.is_some_and(|value| value.contains("Credential=me/")) {
        return answer(StatusCode::FORBIDDEN, Bytes::new());
    }
    let mut objects = objects.lock().expect("sound");
    let path = uri.path().to_owned();
    match method {
        Method::PUT => {
            objects.insert(path, body);
            answer(StatusCode::OK, Bytes::new())
        }
        Method::POST => {
            let body = String::from_utf8_lossy(&body);
            let key = body
                .split_once("<Key>")
                .and_then(|(_, rest)| rest.split_once("</Key>"));
            let (key, _) = key.expect("one to delete");
            objects.remove(&format!("/bucket/{key}"));
            let deleted =
                format!("<DeleteResult><Deleted><Key>{key}</Key></Deleted></DeleteResult>");
            answer(StatusCode::OK, deleted.into())
        }
        _ => match objects.get(&path) {
            Some(object) => answer(StatusCode::OK, object.clone()),
            None => answer(StatusCode::NOT_FOUND, Bytes::new()),
        },
    }
}
