//! What was asked and answered, beside what the document promises.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use axum::{
    body::Body,
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use serde_json::Value;

use crate::support::Api;

/// Method, path template and status.
pub(super) type Outcome = (String, String, u16);

/// Everything that was asked and answered in this test.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<BTreeSet<(String, String, u16)>>>);

impl Log {
    /// Writes down what `api` answers from now on.
    pub(super) fn watch(&self, mut api: Api) -> Api {
        let log = self.clone();
        api.router = api
            .router
            .layer(from_fn(move |request: Request<Body>, next: Next| {
                let log = log.clone();
                async move {
                    let (method, path) = (
                        request.method().to_string(),
                        request.uri().path().to_owned(),
                    );
                    let response: Response = next.run(request).await;
                    let status = response.status().as_u16();
                    log.0
                        .lock()
                        .expect("unpoisoned")
                        .insert((method, path, status));
                    response
                }
            }));
        api
    }

    /// With paths replaced by the templates that they match; what matches none is left out.
    pub(super) fn outcomes(&self, document: &Value) -> BTreeSet<Outcome> {
        let templates: Vec<&String> = document["paths"]
            .as_object()
            .expect("paths")
            .keys()
            .collect();
        let seen = self.0.lock().expect("unpoisoned");
        let template = |path: &str| templates.iter().find(|template| matches(template, path));
        seen.iter()
            .filter_map(|(method, path, status)| {
                Some((method.clone(), (*template(path)?).clone(), *status))
            })
            .collect()
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(wanted, given)| wanted.starts_with('{') || wanted == given)
}

/// What the document promises.
pub(super) fn documented(document: &Value) -> BTreeSet<Outcome> {
    let mut all = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            for status in operation["responses"]
                .as_object()
                .expect("responses")
                .keys()
            {
                all.insert((
                    method.to_uppercase(),
                    path.clone(),
                    status.parse().expect("a status"),
                ));
            }
        }
    }
    all
}
