//! Requests in, answers out.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::Api;
use crate::bad_inputs::{
    BadInput,
    form::{BOUNDARY, form},
};

/// An answer whose body is read as it comes.
pub(crate) struct Underway {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Body,
}

impl Underway {
    /// The next bytes; `None` at the end, `Err` where the body breaks off.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, axum::Error>> {
        let next = tokio::time::timeout(Duration::from_secs(20), self.body.frame());
        let frame = next.await.expect("the body goes on")?;
        Some(frame.map(|frame| frame.into_data().expect("no trailers")))
    }

    /// All that is left.
    pub(crate) async fn rest(&mut self) -> Result<Vec<u8>, axum::Error> {
        let mut rest = Vec::new();
        while let Some(bytes) = self.next().await {
            rest.extend(bytes?);
        }
        Ok(rest)
    }
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).expect("text")
    }

    /// A header that must be there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self
            .headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"));
        value.to_str().expect("text")
    }

    /// Itself, if it has the status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    /// The `id` in the body.
    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().expect("an id").to_owned()
    }
}

impl Api {
    /// Sends a request.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("infallible");
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    /// Posts JSON and gives the answer as soon as its head is there.
    pub(crate) async fn begin(&self, path: &str, body: &Value) -> Underway {
        let answer = self.router.clone().oneshot(json(path, body)).await;
        let (parts, body) = answer.expect("infallible").into_parts();
        Underway {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub(crate) async fn call(&self, method: Method, path: &str) -> Answer {
        self.send(request(method, path, None, Vec::new())).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(json(path, body)).await
    }

    /// Posts a form with a file.
    pub(crate) async fn upload(&self, path: &str, fields: &[(&str, &str)], file: &[u8]) -> Answer {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        self.send(request(
            Method::POST,
            path,
            Some(&kind),
            form(fields, Some(file)),
        ))
        .await
    }

    /// Sends one of the bad inputs.
    pub(crate) async fn send_bad(&self, bad: &BadInput) -> Answer {
        let method = bad.method.parse().expect("a method");
        let kind = bad.content_type.as_deref();
        self.send(request(method, &bad.path, kind, bad.body.clone()))
            .await
    }
}

/// A request with a JSON body.
pub(crate) fn json(path: &str, body: &Value) -> Request<Body> {
    request(
        Method::POST,
        path,
        Some("application/json"),
        body.to_string().into_bytes(),
    )
}

fn request(method: Method, path: &str, kind: Option<&str>, body: Vec<u8>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    request.body(Body::from(body)).expect("a request")
}
