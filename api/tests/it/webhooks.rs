//! Who is told of the ends of jobs.

use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    support::{
        Api,
        client::{Answer, json as request},
    },
    tenancy::Guarded,
};

const URL: &str = "https://example.com/events";

async fn patch(api: &Api, path: &str, body: &Value) -> Answer {
    let mut sent = request(path, body);
    *sent.method_mut() = Method::PATCH;
    api.send(sent).await
}

/// Makes one; gives its path.
pub(crate) async fn made(api: &Api) -> String {
    let webhook = api.post("/v1/webhooks", &json!({"url": URL})).await;
    format!("/v1/webhooks/{}", webhook.expect(201).id())
}

/// Has a job end, and gives the delivery that tells of it.
async fn told(api: &Api, webhook: &str, text: &str) -> Value {
    let job = json!({"kind": "speech", "input": text});
    let id = api.post("/v1/jobs", &job).await.expect(202).id();
    let cancel = format!("/v1/jobs/{id}/cancel");
    api.call(Method::POST, &cancel).await.expect(202);
    let deliveries = api.get(&format!("{webhook}/deliveries")).await;
    deliveries.expect(200).json()["data"][0].clone()
}

#[tokio::test]
async fn its_secret_is_told_once_and_it_can_be_changed_and_deleted() {
    let api = Api::new();
    let wanted = json!({"url": URL, "events": ["job.failed", "job.succeeded"]});
    let created = api.post("/v1/webhooks", &wanted).await.expect(201);
    let webhook = created.json();
    let secret = webhook["secret"].as_str().expect("a secret").to_owned();
    assert!(secret.starts_with("whsec_"));
    let path = created.header("location").to_owned();
    let found = api.get(&path).await.expect(200);
    assert!(!found.text().contains(&secret));
    assert_eq!(
        found.json()["events"],
        json!(["job.succeeded", "job.failed"])
    );
    let list = api.get("/v1/webhooks").await.expect(200).json();
    assert_eq!(list["data"], json!([found.json()]));

    let changed = patch(&api, &path, &json!({"enabled": false, "events": []})).await;
    let changed = changed.expect(200).json();
    assert_eq!(
        (
            &changed["enabled"],
            &changed["disabled_because"],
            &changed["events"]
        ),
        (&json!(false), &json!("asked"), &json!([]))
    );
    let rotated = api.call(Method::POST, &format!("{path}/rotate")).await;
    let rotated = rotated.expect(200).json();
    assert_ne!(rotated["secret"], json!(secret));
    assert!(rotated["old_secret_until"].is_string());
    api.call(Method::DELETE, &path).await.expect(200);
    api.call(Method::DELETE, &path).await.expect(404);
    api.get(&path).await.expect(404);
}

#[tokio::test]
async fn the_end_of_a_job_is_written_down_for_it_and_told_again_when_asked() {
    let api = Api::new();
    let webhook = made(&api).await;
    let delivery = told(&api, &webhook, "One.").await;
    assert_eq!(
        (
            &delivery["event"],
            &delivery["status"],
            &delivery["attempts"]
        ),
        (&json!("job.cancelled"), &json!("pending"), &json!([]))
    );
    let payload: Value =
        serde_json::from_str(delivery["payload"].as_str().expect("JSON")).expect("JSON");
    assert_eq!(payload["data"]["status"], "cancelled");
    assert!(!delivery["payload"].as_str().expect("JSON").contains("One."));
    let id = delivery["id"].as_str().expect("an id");
    let again = format!("{webhook}/deliveries/{id}/redeliver");
    api.call(Method::POST, &again).await.expect(202);
    patch(&api, &webhook, &json!({"enabled": false}))
        .await
        .expect(200);
    let refused = api.call(Method::POST, &again).await.expect(409);
    assert_eq!(refused.json()["code"], "webhook_disabled");
    let unknown = format!("{webhook}/deliveries/nothing/redeliver");
    let refused = api.call(Method::POST, &unknown).await.expect(404);
    assert_eq!(refused.json()["code"], "delivery_not_found");
    let page = api
        .get(&format!("{webhook}/deliveries?after={id}&limit=1"))
        .await;
    assert_eq!(page.expect(200).json()["data"], json!([]));
    api.get(&format!("{webhook}/deliveries?after=x"))
        .await
        .expect(400);
}

#[tokio::test]
async fn addresses_that_may_not_be_told_are_refused_at_once() {
    let api = Api::new();
    for url in [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://user:secret@example.com/",
        "https://example.com:25/",
        "not an address",
    ] {
        let refused = api
            .post("/v1/webhooks", &json!({"url": url}))
            .await
            .expect(400);
        assert_eq!(refused.json()["field"], "url", "{url}");
    }
    let refused = api
        .post("/v1/webhooks", &json!({"url": URL, "events": ["job.done"]}))
        .await;
    assert_eq!(refused.expect(400).json()["field"], "events");
    for _ in 0..20 {
        made(&api).await;
    }
    let refused = api
        .post("/v1/webhooks", &json!({"url": URL}))
        .await
        .expect(409);
    assert_eq!(refused.json()["code"], "too_many_webhooks");
}

#[tokio::test]
async fn another_tenants_are_not_there() {
    let guarded = Guarded::new();
    let (acme, bulk) = (
        guarded.key("acme", json!({})).await,
        guarded.key("bulk", json!({})).await,
    );
    let webhook = guarded
        .post(&acme, "/v1/webhooks", &json!({"url": URL}))
        .await
        .expect(201)
        .id();
    let path = format!("/v1/webhooks/{webhook}");
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/rotate")),
        (Method::GET, format!("{path}/deliveries")),
    ] {
        guarded.call(&bulk, method, &path, None).await.expect(404);
    }
    let list = guarded
        .call(&bulk, Method::GET, "/v1/webhooks", None)
        .await
        .expect(200);
    assert_eq!(list.json()["data"], json!([]));
    // And of their jobs nothing is told.
    let job = json!({"kind": "speech", "input": "Theirs."});
    let id = guarded.post(&bulk, "/v1/jobs", &job).await.expect(202).id();
    let cancel = format!("/v1/jobs/{id}/cancel");
    guarded
        .call(&bulk, Method::POST, &cancel, None)
        .await
        .expect(202);
    let log = guarded
        .call(&acme, Method::GET, &format!("{path}/deliveries"), None)
        .await;
    assert_eq!(log.expect(200).json()["data"], json!([]));
}

/// Every answer that the document promises.
pub(crate) async fn every_answer(api: &Api) {
    let webhook = made(api).await;
    let id = told(api, &webhook, "Told.").await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let again = format!("{webhook}/deliveries/{id}/redeliver");
    api.get("/v1/webhooks").await.expect(200);
    api.get(&webhook).await.expect(200);
    api.call(Method::POST, &again).await.expect(202);
    api.call(Method::POST, &format!("{webhook}/rotate"))
        .await
        .expect(200);
    api.get(&format!("{webhook}/deliveries?limit=0"))
        .await
        .expect(400);
    patch(api, &webhook, &json!({"enabled": true}))
        .await
        .expect(200);
    patch(api, &webhook, &json!({"url": "x"})).await.expect(400);
    patch(api, &webhook, &json!({"enabled": false}))
        .await
        .expect(200);
    api.call(Method::POST, &again).await.expect(409);
    api.post("/v1/webhooks", &json!({"url": "x"}))
        .await
        .expect(400);
    let too_much = json!({"url": "x".repeat(crate::support::limits().max_json_bytes)});
    api.post("/v1/webhooks", &too_much).await.expect(413);
    patch(api, &webhook, &too_much).await.expect(413);
    api.call(Method::POST, "/v1/webhooks").await.expect(415);
    api.call(Method::PATCH, &webhook).await.expect(415);
    for _ in 0..19 {
        made(api).await;
    }
    api.post("/v1/webhooks", &json!({"url": URL}))
        .await
        .expect(409);
    let nobody = "/v1/webhooks/nobody";
    api.get(nobody).await.expect(404);
    patch(api, nobody, &json!({})).await.expect(404);
    api.call(Method::DELETE, nobody).await.expect(404);
    api.call(Method::POST, &format!("{nobody}/rotate"))
        .await
        .expect(404);
    api.get(&format!("{nobody}/deliveries")).await.expect(404);
    let unknown = again.replace(&webhook, nobody);
    api.call(Method::POST, &unknown).await.expect(404);
    api.documents.outage().set_down(true);
    api.get("/v1/webhooks").await.expect(503);
    api.get(&webhook).await.expect(503);
    api.post("/v1/webhooks", &json!({"url": URL}))
        .await
        .expect(503);
    patch(api, &webhook, &json!({})).await.expect(503);
    api.call(Method::POST, &format!("{webhook}/rotate"))
        .await
        .expect(503);
    api.get(&format!("{webhook}/deliveries")).await.expect(503);
    api.call(Method::POST, &again).await.expect(503);
    api.call(Method::DELETE, &webhook).await.expect(503);
    api.documents.outage().set_down(false);
    api.call(Method::DELETE, &webhook).await.expect(200);
}
