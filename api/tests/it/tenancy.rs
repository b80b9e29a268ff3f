//! Keys, and what their bearers may see and do.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};
use voicefleet_api::{ApiContext, KeyLimits, KeyPolicy, KeyRecord, KeySecret, NewKey};
use voicefleet_core::Timestamp;

use crate::support::{Api, client::Answer};

/// An API that wants keys, and the key of its administrator.
pub(crate) struct Guarded {
    pub(crate) api: Api,
    pub(crate) admin: String,
}

fn grant(tenant: &str, admin: bool) -> NewKey {
    NewKey {
        tenant: tenant.parse().expect("a name"),
        name: None,
        admin,
        walled: false,
        limits: KeyLimits::default(),
    }
}

impl Guarded {
    pub(crate) fn new() -> Self {
        Self::custom(|_| {})
    }

    pub(crate) fn custom(change: impl FnOnce(&mut ApiContext)) -> Self {
        let secret = KeySecret::generate();
        let key = KeyRecord::new(&secret, grant("operators", true), Timestamp(0));
        let api = Api::custom(|context| {
            context.keys = KeyPolicy {
                required: true,
                configured: vec![key],
            };
            change(context);
        });
        Self {
            api,
            admin: secret.reveal(),
        }
    }

    pub(crate) async fn call(
        &self,
        key: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !key.is_empty() {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.header("content-type", "application/json");
        let request = request.body(Body::from(body)).expect("a request");
        self.api.send(request).await
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> Answer {
        self.call(key, Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.call(key, Method::POST, path, Some(body)).await
    }

    /// A new key of `tenant`, with whatever else `more` says.
    pub(crate) async fn key(&self, tenant: &str, more: Value) -> String {
        let mut wanted = json!({"tenant": tenant});
        let members = more.as_object().expect("an object").clone();
        wanted.as_object_mut().expect("an object").extend(members);
        let made = self.post(&self.admin, "/v1/keys", &wanted).await;
        let made = made.expect(201).json();
        made["secret"].as_str().expect("a secret").to_owned()
    }

    pub(crate) async fn submit(&self, key: &str, text: &str) -> Answer {
        let job = json!({"kind": "speech", "input": text, "engine": "piper"});
        self.post(key, "/v1/jobs", &job).await
    }
}

pub(crate) fn id_in(key: &str) -> &str {
    key.split('_').nth(1).expect("an id")
}

#[tokio::test]
async fn without_a_known_key_nothing_is_done_and_how_the_server_is_is_told() {
    let guarded = Guarded::new();
    let stranger = KeySecret::generate().reveal();
    let half_known = format!("vf_{}_{}", id_in(&guarded.admin), "0".repeat(64));
    for key in ["", "sk-1", &stranger, &half_known] {
        for path in [
            "/v1/jobs",
            "/v1/models",
            "/v1/split",
            "/v1/usage",
            "/v1/nothing",
        ] {
            let refused = guarded.get(key, path).await.expect(401);
            assert_eq!(refused.json()["code"], "unauthenticated", "{key} {path}");
            assert!(refused.header("www-authenticate").starts_with("Bearer"));
        }
        let speech = json!({"model": "tts-1", "voice": "alloy", "input": "Hello."});
        let refused = guarded.post(key, "/v1/audio/speech", &speech).await;
        assert_eq!(
            refused.expect(401).json()["error"]["code"],
            "unauthenticated"
        );
        for path in ["/", "/livez", "/readyz", "/metrics", "/openapi.json"] {
            guarded.get(key, path).await.expect(200);
        }
    }
    assert!(guarded.api.records.all().is_empty());
}

#[tokio::test]
async fn a_key_works_until_it_is_revoked_and_is_listed_without_its_secret() {
    let guarded = Guarded::new();
    let key = guarded
        .key("acme", json!({"name": "the exam server"}))
        .await;
    guarded.submit(&key, "Hello.").await.expect(202);
    let other_header = Request::builder()
        .uri("/v1/jobs")
        .header("x-api-key", &key)
        .body(Body::empty());
    let answer = guarded.api.send(other_header.expect("a request")).await;
    assert_eq!(
        answer.expect(200).json()["data"]
            .as_array()
            .expect("jobs")
            .len(),
        1
    );

    let list = guarded.get(&guarded.admin, "/v1/keys").await.expect(200);
    assert!(
        !list
            .text()
            .contains(key.rsplit('_').next().expect("a secret"))
    );
    let listed = &list.json()["data"][1];
    assert_eq!(
        (&listed["id"], &listed["name"]),
        (&json!(id_in(&key)), &json!("the exam server"))
    );

    let path = format!("/v1/keys/{}", id_in(&key));
    for _ in 0..2 {
        let revoked = guarded
            .call(&guarded.admin, Method::DELETE, &path, None)
            .await;
        assert!(revoked.expect(200).json()["revoked_at"].is_string());
    }
    guarded.get(&key, "/v1/jobs").await.expect(401);
    let unknown = guarded
        .call(&guarded.admin, Method::DELETE, "/v1/keys/nobody", None)
        .await;
    assert_eq!(unknown.expect(404).json()["code"], "key_not_found");
    let own = format!("/v1/keys/{}", id_in(&guarded.admin));
    guarded
        .call(&guarded.admin, Method::DELETE, &own, None)
        .await
        .expect(403);
}

#[tokio::test]
async fn what_the_fleet_has_in_common_is_for_administrators() {
    let guarded = Guarded::new();
    let key = guarded.key("acme", json!({})).await;
    let split = json!({"shares": {"piper": 50, "whisper": 40, "kokoro": 10}});
    for (method, path, body) in [
        (Method::GET, "/v1/keys", None),
        (
            Method::POST,
            "/v1/keys",
            Some(json!({"tenant": "acme", "admin": true})),
        ),
        (Method::DELETE, "/v1/keys/x", None),
        (Method::GET, "/v1/split", None),
        (Method::PUT, "/v1/split", Some(split)),
        (Method::GET, "/v1/dead-letters", None),
        (Method::DELETE, "/v1/dead-letters?engine=piper", None),
        (Method::GET, "/v1/usage?tenant=bulk", None),
    ] {
        let refused = guarded
            .call(&key, method.clone(), path, body.as_ref())
            .await;
        assert_eq!(
            refused.expect(403).json()["code"],
            "forbidden",
            "{method} {path}"
        );
        let allowed = guarded
            .call(&guarded.admin, method, path, body.as_ref())
            .await;
        assert_ne!(allowed.status.as_u16(), 403, "{path}");
    }
}

#[tokio::test]
async fn of_another_tenants_work_nothing_is_known() {
    let guarded = Guarded::new();
    let (acme, bulk) = (
        guarded.key("acme", json!({})).await,
        guarded.key("bulk", json!({})).await,
    );
    let id = guarded.submit(&acme, "Secret.").await.expect(202).id();
    let job = format!("/v1/jobs/{id}");
    for (method, path) in [
        (Method::GET, job.clone()),
        (Method::GET, format!("{job}?wait=1")),
        (Method::GET, format!("{job}/result")),
        (Method::POST, format!("{job}/cancel")),
        (Method::POST, format!("{job}/retry")),
        (Method::DELETE, job.clone()),
    ] {
        let theirs = guarded
            .call(&bulk, method.clone(), &path, None)
            .await
            .expect(404);
        let no_job = "/v1/jobs/01890000-0000-7000-8000-000000000000";
        let nothing = guarded
            .call(&bulk, method, &path.replace(&job, no_job), None)
            .await;
        assert_eq!(
            theirs.json()["code"],
            nothing.expect(404).json()["code"],
            "{path}"
        );
    }
    let list = guarded.get(&bulk, "/v1/jobs").await.expect(200).json();
    assert_eq!(list["data"], json!([]));
    let own = guarded.get(&acme, &job).await.expect(200).json();
    assert_eq!(own["status"], "queued", "nobody else has cancelled it");
    guarded.get(&guarded.admin, &job).await.expect(200);
}

#[tokio::test]
async fn the_same_upload_is_a_file_of_each() {
    let guarded = Guarded::new();
    let (acme, bulk) = (
        guarded.key("acme", json!({})).await,
        guarded.key("bulk", json!({})).await,
    );
    let upload = async |key: &str| {
        let wav = crate::bad_inputs::audio::tone_wav(1);
        let kind = format!(
            "multipart/form-data; boundary={}",
            crate::bad_inputs::form::BOUNDARY
        );
        let body = crate::bad_inputs::form::form(&[], Some(&wav));
        let request = Request::builder()
            .method(Method::POST)
            .uri("/v1/files")
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", kind)
            .body(Body::from(body));
        guarded
            .api
            .send(request.expect("a request"))
            .await
            .expect(201)
            .id()
    };
    let file = upload(&acme).await;
    let path = format!("/v1/files/{file}");
    guarded.get(&acme, &path).await.expect(200);
    let job = json!({"kind": "transcription", "file_id": file});
    guarded.get(&bulk, &path).await.expect(404);
    guarded.post(&bulk, "/v1/jobs", &job).await.expect(404);
    guarded
        .call(&bulk, Method::DELETE, &path, None)
        .await
        .expect(404);
    let made = guarded
        .post(&acme, "/v1/jobs", &job)
        .await
        .expect(202)
        .json();
    assert_eq!(made["file_id"], json!(file));
    assert_eq!(upload(&bulk).await, file);
    guarded
        .call(&bulk, Method::DELETE, &path, None)
        .await
        .expect(200);
    guarded.get(&acme, &path).await.expect(200);
}

#[tokio::test]
async fn behind_a_wall_nothing_is_shared_and_outside_everything() {
    let guarded = Guarded::new();
    let _worker = guarded.api.worker();
    let walled = guarded.key("bank", json!({"walled": true})).await;
    let (acme, bulk) = (
        guarded.key("acme", json!({})).await,
        guarded.key("bulk", json!({})).await,
    );
    let speak = async |key: &str| {
        let speech = json!({"model": "tts-1", "voice": "alloy", "input": "Hello.", "response_format": "wav"});
        let answer = guarded
            .post(key, "/v1/audio/speech", &speech)
            .await
            .expect(200);
        answer.header("x-voicefleet-cache").to_owned()
    };
    assert_eq!(speak(&acme).await, "miss");
    assert_eq!(speak(&bulk).await, "hit");
    assert_eq!(speak(&walled).await, "miss");
    assert_eq!(speak(&walled).await, "hit");
}

#[tokio::test]
async fn a_tier_above_the_keys_is_refused() {
    let guarded = Guarded::new();
    let key = guarded
        .key("acme", json!({"limits": {"highest_tier": "standard"}}))
        .await;
    for (tier, status) in [("realtime", 403), ("standard", 202), ("batch", 202)] {
        let job = json!({"kind": "speech", "input": format!("{tier}."), "tier": tier});
        guarded.post(&key, "/v1/jobs", &job).await.expect(status);
    }
}

#[tokio::test]
async fn requests_are_counted_by_the_minute_for_the_whole_tenant() {
    let guarded = Guarded::new();
    let limits = json!({"limits": {"requests_per_minute": 3}});
    let keys = [
        guarded.key("acme", limits.clone()).await,
        guarded.key("acme", limits).await,
    ];
    for left in ["2", "1", "0"] {
        let answer = guarded.get(&keys[0], "/v1/models").await.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=3;w=60");
        assert!(
            answer
                .header("ratelimit")
                .starts_with(&format!("\"default\";r={left};t="))
        );
    }
    let refused = guarded.get(&keys[1], "/v1/models").await.expect(429);
    assert_eq!(refused.json()["code"], "rate_limited");
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait));
    guarded.api.clock.advance(Duration::from_secs(wait));
    guarded.get(&keys[1], "/v1/models").await.expect(200);
}

#[tokio::test]
async fn no_more_jobs_are_in_flight_than_the_key_allows() {
    let guarded = Guarded::new();
    let key = guarded
        .key("acme", json!({"limits": {"max_in_flight": 2}}))
        .await;
    let first = guarded.submit(&key, "One.").await.expect(202).id();
    guarded.submit(&key, "Two.").await.expect(202);
    let refused = guarded.submit(&key, "Three.").await.expect(429);
    assert_eq!(refused.json()["code"], "rate_limited");
    refused.header("retry-after");
    let usage = guarded.get(&key, "/v1/usage").await.expect(200).json();
    assert_eq!(
        (&usage["in_flight"], &usage["tenant"]),
        (&json!(2), &json!("acme"))
    );
    let cancel = format!("/v1/jobs/{first}/cancel");
    guarded
        .call(&key, Method::POST, &cancel, None)
        .await
        .expect(202);
    guarded.submit(&key, "Three.").await.expect(202);
}

#[tokio::test]
async fn a_days_compute_is_bounded_and_what_is_there_already_is_not() {
    let guarded = Guarded::new();
    let _worker = guarded.api.worker();
    let key = guarded
        .key("acme", json!({"limits": {"daily_compute_seconds": 1}}))
        .await;
    let mut spent = 0;
    loop {
        let answer = guarded.submit(&key, &format!("Text {spent}.")).await;
        if answer.status.as_u16() == 429 {
            assert_eq!(answer.json()["code"], "quota_exceeded");
            break;
        }
        let id = answer.expect(202).id();
        guarded
            .get(&key, &format!("/v1/jobs/{id}?wait=20"))
            .await
            .expect(200);
        spent += 1;
        assert!(spent < 100_000, "nothing is counted");
    }
    assert!(spent > 0);
    guarded.submit(&key, "Text 0.").await.expect(200);
    let usage = guarded
        .get(&key, "/v1/usage?days=2")
        .await
        .expect(200)
        .json();
    assert_eq!(usage["days"][0]["jobs"], json!(spent));
    assert_eq!(usage["days"][1]["jobs"], json!(0));
    guarded.api.clock.advance(Duration::from_hours(24));
    guarded.submit(&key, "Tomorrow.").await.expect(202);
}

#[tokio::test]
async fn what_cannot_be_a_key_is_named() {
    let guarded = Guarded::new();
    for (wanted, word) in [
        (json!({"tenant": "Acme"}), "tenant"),
        (json!({"tenant": "default"}), "tenant"),
        (
            json!({"tenant": "acme", "limits": {"max_in_flight": 0}}),
            "max_in_flight",
        ),
        (
            json!({"tenant": "acme", "limits": {"highest_tier": "soon"}}),
            "highest_tier",
        ),
        (json!({"tenant": "acme", "limits": {"weight": 0}}), "weight"),
        (
            json!({"tenant": "acme", "limits": {"weight": 101}}),
            "weight",
        ),
        (json!({"tenant": "acme", "limit": {}}), "limit"),
        (json!({"tenant": "acme", "limits": [null, 1]}), "limits"),
        (json!({}), "tenant"),
        (json!({"tenant": "acme", "name": "x".repeat(201)}), "name"),
    ] {
        let refused = guarded
            .post(&guarded.admin, "/v1/keys", &wanted)
            .await
            .expect(400);
        assert!(
            refused.text().contains(word),
            "{wanted}: {}",
            refused.text()
        );
    }
}
