//! Every operation of the document on objects of one tenant, by everybody who is not that tenant. An
//! operation that the table does not know fails the test: whoever adds one says here what it keeps apart.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use crate::{
    bad_inputs::{
        audio::tone_wav,
        form::{BOUNDARY, form},
    },
    support::client::Answer,
    tenancy::{Guarded, id_in},
};

/// Stands in everything that the owner has sent.
const SECRET: &str = "xylophone";
/// Longest time for an answer: a stream that should have been refused does not end.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an operation answers to others than the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Everybody is told the same, also without a key.
    Public,
    /// 404, as for what does not exist.
    Hidden,
    /// An empty list.
    Empty,
    /// It is about the caller, or about what all have in common.
    Own,
    /// 403: for administrators only.
    Administrators,
}

struct Operation {
    method: Method,
    path: &'static str,
    body: Value,
    rule: Rule,
}

/// What the owner has.
struct Objects {
    /// A job that has ended, and one that waits.
    jobs: [String; 2],
    file: String,
    batch: String,
    webhook: String,
    delivery: String,
    key: String,
}

/// Everything that the document must have, and nothing else.
#[rustfmt::skip]
fn table(of: &Objects) -> Vec<Operation> {
    use Rule as R;
    let none = || Value::Null;
    let batch = json!({"input_file_id": of.file, "endpoint": "/v1/audio/speech", "completion_window": "24h"});
    let split = json!({"shares": {"piper": 50, "whisper": 40, "kokoro": 10}});
    let rows = [
        (Method::GET, "/", none(), R::Public),
        (Method::GET, "/livez", none(), R::Public),
        (Method::GET, "/readyz", none(), R::Public),
        (Method::GET, "/metrics", none(), R::Public),
        (Method::GET, "/openapi.json", none(), R::Public),
        (Method::POST, "/v1/audio/speech", json!({"model": "tts-1"}), R::Own),
        (Method::POST, "/v1/audio/transcriptions", none(), R::Own),
        (Method::POST, "/v1/audio/translations", none(), R::Own),
        (Method::GET, "/v1/batches", none(), R::Empty),
        (Method::POST, "/v1/batches", batch, R::Hidden),
        (Method::GET, "/v1/batches/{id}", none(), R::Hidden),
        (Method::POST, "/v1/batches/{id}/cancel", none(), R::Hidden),
        (Method::GET, "/v1/dead-letters", none(), R::Administrators),
        (Method::DELETE, "/v1/dead-letters", none(), R::Administrators),
        (Method::GET, "/v1/files", none(), R::Empty),
        (Method::POST, "/v1/files", none(), R::Own),
        (Method::GET, "/v1/files/{id}", none(), R::Hidden),
        (Method::DELETE, "/v1/files/{id}", none(), R::Hidden),
        (Method::GET, "/v1/files/{id}/content", none(), R::Hidden),
        (Method::GET, "/v1/jobs", none(), R::Empty),
        (Method::POST, "/v1/jobs", json!({"kind": "transcription", "file_id": of.file}), R::Hidden),
        (Method::GET, "/v1/jobs/{id}", none(), R::Hidden),
        (Method::DELETE, "/v1/jobs/{id}", none(), R::Hidden),
        (Method::POST, "/v1/jobs/{id}/cancel", none(), R::Hidden),
        (Method::GET, "/v1/jobs/{id}/events", none(), R::Hidden),
        (Method::GET, "/v1/jobs/{id}/result", none(), R::Hidden),
        (Method::POST, "/v1/jobs/{id}/retry", none(), R::Hidden),
        (Method::GET, "/v1/keys", none(), R::Administrators),
        (Method::POST, "/v1/keys", json!({"tenant": "acme"}), R::Administrators),
        (Method::DELETE, "/v1/keys/{id}", none(), R::Administrators),
        (Method::GET, "/v1/live", none(), R::Own),
        (Method::GET, "/v1/models", none(), R::Own),
        (Method::GET, "/v1/models/{id}", none(), R::Own),
        (Method::GET, "/v1/split", none(), R::Administrators),
        (Method::PUT, "/v1/split", split, R::Administrators),
        (Method::GET, "/v1/usage", none(), R::Own),
        (Method::GET, "/v1/voices", none(), R::Own),
        (Method::GET, "/v1/webhooks", none(), R::Empty),
        (Method::POST, "/v1/webhooks", none(), R::Own),
        (Method::GET, "/v1/webhooks/{id}", none(), R::Hidden),
        (Method::PATCH, "/v1/webhooks/{id}", json!({"enabled": false}), R::Hidden),
        (Method::DELETE, "/v1/webhooks/{id}", none(), R::Hidden),
        (Method::GET, "/v1/webhooks/{id}/deliveries", none(), R::Hidden),
        (Method::POST, "/v1/webhooks/{id}/deliveries/{delivery}/redeliver", none(), R::Hidden),
        (Method::POST, "/v1/webhooks/{id}/rotate", none(), R::Hidden),
    ];
    let operation = |(method, path, body, rule)| Operation { method, path, body, rule };
    rows.map(operation).into()
}

impl Objects {
    /// Of a tenant with this key, which has been used for all that a tenant can have.
    async fn of(guarded: &Guarded, key: &str) -> Self {
        let webhook = json!({"url": format!("https://example.com/{SECRET}")});
        let webhook = guarded.post(key, "/v1/webhooks", &webhook).await;
        let webhook = webhook.expect(201).id();
        let speech = async |text: &str| {
            let job = guarded.submit(key, &format!("{SECRET}, {text}.")).await;
            job.expect(202).id()
        };
        let ended = speech("ended").await;
        {
            let _worker = guarded.api.worker();
            let job = format!("/v1/jobs/{ended}?wait=20");
            let job = guarded.call(key, Method::GET, &job, None).await;
            assert_eq!(job.expect(200).json()["status"], "succeeded");
        }
        // The worker's records tell nobody; those of the API do.
        let withdrawn = format!("/v1/jobs/{}/cancel", speech("withdrawn").await);
        let withdrawn = guarded.call(key, Method::POST, &withdrawn, None).await;
        withdrawn.expect(202);
        let line = json!({"custom_id": SECRET, "method": "POST", "url": "/v1/audio/speech",
            "body": {"model": "tts-1", "voice": "alloy", "input": SECRET}});
        let file = upload(guarded, key, "batch", line.to_string().as_bytes()).await;
        let recording = upload(guarded, key, "transcription", &tone_wav(1)).await;
        let batch = json!({"input_file_id": file, "endpoint": "/v1/audio/speech", "completion_window": "24h"});
        let batch = guarded
            .post(key, "/v1/batches", &batch)
            .await
            .expect(201)
            .id();
        let told = format!("/v1/webhooks/{webhook}/deliveries");
        let told = guarded
            .call(key, Method::GET, &told, None)
            .await
            .expect(200);
        let delivery = told.json()["data"][0]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        Self {
            jobs: [ended, speech("waiting").await],
            file: recording,
            batch,
            webhook,
            delivery,
            key: id_in(key).to_owned(),
        }
    }

    /// The paths that a template stands for.
    fn paths(&self, template: &str) -> Vec<String> {
        let kind = template.split('/').nth(2).unwrap_or_default();
        let ids: &[String] = match kind {
            "jobs" => &self.jobs,
            "files" => std::slice::from_ref(&self.file),
            "batches" => std::slice::from_ref(&self.batch),
            "webhooks" => std::slice::from_ref(&self.webhook),
            "keys" => std::slice::from_ref(&self.key),
            "models" => &["whisper-base".to_owned()],
            _ => &[],
        };
        if !template.contains("{id}") {
            return vec![template.to_owned()];
        }
        assert!(!ids.is_empty(), "{template}: of what?");
        let path = |id: &String| {
            let path = template.replace("{id}", id);
            path.replace("{delivery}", &self.delivery)
        };
        ids.iter().map(path).collect()
    }

    /// All of it, as the owner sees it.
    async fn seen(&self, guarded: &Guarded, key: &str) -> Vec<String> {
        let mut seen = Vec::new();
        for operation in table(self) {
            let is_read = operation.method == Method::GET && operation.rule == Rule::Hidden;
            if !is_read {
                continue;
            }
            // What waits has no result, and its events do not end.
            let has_ended =
                !operation.path.ends_with("/events") && !operation.path.ends_with("/result");
            let paths = self.paths(operation.path);
            for path in paths.iter().take(if has_ended { 2 } else { 1 }) {
                let answer = guarded.call(key, Method::GET, path, None).await;
                assert!(answer.status.is_success(), "{path}: {answer:?}");
                seen.push(format!("{path} {:?}", answer.body));
            }
        }
        seen
    }
}

async fn upload(guarded: &Guarded, key: &str, purpose: &str, bytes: &[u8]) -> String {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/v1/files")
        .header("authorization", format!("Bearer {key}"))
        .header(
            "content-type",
            format!("multipart/form-data; boundary={BOUNDARY}"),
        )
        .body(Body::from(form(&[("purpose", purpose)], Some(bytes))));
    let answer = guarded.api.send(request.expect("a request")).await;
    answer.expect(201).id()
}

/// Everybody who is not the owner.
struct Others {
    tenant: String,
    walled: String,
    revoked: String,
}

impl Others {
    async fn of(guarded: &Guarded) -> Self {
        let revoked = guarded.key("acme", json!({})).await;
        let path = format!("/v1/keys/{}", id_in(&revoked));
        let gone = guarded.call(&guarded.admin, Method::DELETE, &path, None);
        gone.await.expect(200);
        Self {
            tenant: guarded.key("bulk", json!({})).await,
            walled: guarded.key("bank", json!({"walled": true})).await,
            revoked,
        }
    }

    /// Who they are, their keys, and whether the key is of use.
    fn all(&self) -> [(&'static str, &str, bool); 4] {
        [
            ("another tenant", &self.tenant, true),
            ("another tenant, walled off", &self.walled, true),
            ("nobody", "", false),
            ("a revoked key of the owner", &self.revoked, false),
        ]
    }
}

/// What is wrong with an answer, if anything is.
fn fault(answer: &Answer, rule: Rule, knows_a_key: bool, is_head: bool) -> Option<String> {
    let status = answer.status.as_u16();
    let wanted = match (rule, knows_a_key) {
        (Rule::Public, _) | (Rule::Empty, true) => 200,
        (_, false) => 401,
        (Rule::Hidden, true) => 404,
        (Rule::Administrators, true) => 403,
        (Rule::Own, true) if matches!(status, 401 | 403 | 404) => {
            return Some(format!("{status} for what is the caller's own"));
        }
        // Refused for its content, or not.
        (Rule::Own, true) => status,
    };
    if status != wanted {
        return Some(format!("{status} instead of {wanted}"));
    }
    let body = String::from_utf8_lossy(&answer.body);
    if body.contains(SECRET) {
        return Some(format!("tells {body}"));
    }
    let is_list = rule == Rule::Empty && knows_a_key && !is_head;
    (is_list && answer.json()["data"] != json!([])).then(|| format!("lists {body}"))
}

#[tokio::test]
async fn nobody_else_learns_of_or_changes_what_a_tenant_has() {
    let guarded = Guarded::new();
    let owner = guarded.key("acme", json!({})).await;
    let objects = Objects::of(&guarded, &owner).await;
    let others = Others::of(&guarded).await;
    let before = objects.seen(&guarded, &owner).await;

    let (mut cells, mut faults) = (0, Vec::new());
    for operation in table(&objects) {
        let methods = match operation.method {
            // Whatever answers GET answers this.
            Method::GET => vec![Method::GET, Method::HEAD],
            _ => vec![operation.method.clone()],
        };
        for (path, method) in objects
            .paths(operation.path)
            .iter()
            .flat_map(|path| methods.iter().map(move |method| (path, method)))
        {
            for (who, key, knows_a_key) in others.all() {
                let body = Some(&operation.body).filter(|body| !body.is_null());
                let answer = guarded.call(key, method.clone(), path, body);
                let answer = tokio::time::timeout(PATIENCE, answer).await;
                let is_head = *method == Method::HEAD;
                let fault = match &answer {
                    Ok(answer) => fault(answer, operation.rule, knows_a_key, is_head),
                    Err(_) => Some("does not end".to_owned()),
                };
                cells += 1;
                faults.extend(fault.map(|fault| format!("{method} {path} by {who}: {fault}")));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {cells}: {faults:#?}",
        faults.len()
    );
    assert!(cells >= 250, "{cells} cells only");

    let after = objects.seen(&guarded, &owner).await;
    assert_eq!(before, after, "somebody else has changed it");
    let usage = guarded.call(&others.tenant, Method::GET, "/v1/usage", None);
    assert_eq!(usage.await.expect(200).json()["in_flight"], json!(0));
}

#[tokio::test]
async fn a_delivery_is_not_told_again_by_way_of_ones_own_webhook() {
    let guarded = Guarded::new();
    let (owner, other) = (
        guarded.key("acme", json!({})).await,
        guarded.key("bulk", json!({})).await,
    );
    let theirs = Objects::of(&guarded, &owner).await.delivery;
    let own = json!({"url": "https://example.com/own"});
    let own = guarded.post(&other, "/v1/webhooks", &own).await.expect(201);
    let path = format!("/v1/webhooks/{}/deliveries/{theirs}/redeliver", own.id());
    let refused = guarded.call(&other, Method::POST, &path, None).await;
    assert_eq!(refused.expect(404).json()["code"], "delivery_not_found");
}

#[tokio::test]
async fn every_operation_of_the_document_is_in_the_table() {
    let guarded = Guarded::new();
    let owner = guarded.key("acme", json!({})).await;
    let known: BTreeSet<(String, String)> = table(&Objects::of(&guarded, &owner).await)
        .into_iter()
        .map(|operation| (operation.path.to_owned(), operation.method.to_string()))
        .collect();
    let document = guarded.call("", Method::GET, "/openapi.json", None).await;
    let document = document.expect(200).json();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("operations").keys() {
            documented.insert((path.clone(), method.to_uppercase()));
        }
    }
    let missing: Vec<_> = documented.difference(&known).collect();
    let stale: Vec<_> = known.difference(&documented).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "missing {missing:?}, stale {stale:?}"
    );
}
