//! What was set aside: counted by lane, and forgotten when asked to.

use axum::http::Method;
use serde_json::{Value, json};
use voicefleet_core::{
    EngineId, ErrorCode, Failure,
    ports::{JobQueue as _, Settlement},
};

use crate::support::Api;

/// Submits a job for Piper and sets its message aside.
async fn set_aside(api: &Api, tier: &str) {
    let text = format!("Hopeless, {tier}.");
    let body = json!({"kind": "speech", "input": text, "engine": "piper", "tier": tier});
    api.post("/v1/jobs", &body).await.expect(202);
    let consumer = api.queue.consume(&EngineId::new("piper")).await;
    let delivery = consumer.expect("a consumer").next().await;
    let failure = Failure::new(ErrorCode::EngineFailed, "the engine failed on this input");
    let settled = delivery
        .expect("a delivery")
        .settle(Settlement::DeadLetter(failure));
    settled.await.expect("settled");
}

/// How many there are: in all, and in each tier of Piper.
async fn counted(api: &Api) -> (Value, [Value; 3]) {
    let list = api.get("/v1/dead-letters").await.expect(200).json();
    let of = |tier: &str| {
        let lanes = list["data"].as_array().expect("a list");
        let lane = lanes
            .iter()
            .find(|lane| lane["engine"] == "piper" && lane["tier"] == tier);
        lane.expect("every lane is listed")["dead"].clone()
    };
    let tiers = ["realtime", "standard", "batch"].map(of);
    (list["total"].clone(), tiers)
}

async fn purge(api: &Api, query: &str) -> Value {
    let path = format!("/v1/dead-letters?{query}");
    api.call(Method::DELETE, &path).await.expect(200).json()
}

#[tokio::test]
async fn they_are_counted_by_lane_and_removed_by_lane_or_by_engine() {
    let api = Api::new();
    assert_eq!(
        counted(&api).await,
        (json!(0), [json!(0), json!(0), json!(0)])
    );
    for tier in ["realtime", "standard", "batch"] {
        set_aside(&api, tier).await;
    }
    assert_eq!(
        counted(&api).await,
        (json!(3), [json!(1), json!(1), json!(1)])
    );
    let answer = purge(&api, "engine=piper&tier=standard").await;
    assert_eq!(
        (&answer["purged"], &answer["tiers"]),
        (&json!(1), &json!(["standard"]))
    );
    assert_eq!(
        counted(&api).await,
        (json!(2), [json!(1), json!(0), json!(1)])
    );
    assert_eq!(purge(&api, "engine=kokoro").await["purged"], 0);
    assert_eq!(purge(&api, "engine=piper").await["purged"], 2);
    assert_eq!(counted(&api).await.0, json!(0));
}

#[tokio::test]
async fn their_jobs_stay_recorded() {
    let api = Api::new();
    set_aside(&api, "batch").await;
    purge(&api, "engine=piper").await;
    let jobs = api.get("/v1/jobs").await.expect(200).json();
    assert_eq!(jobs["data"].as_array().map(Vec::len), Some(1));
}
