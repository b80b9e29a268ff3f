//! What can be asked for.

use std::sync::{Arc, RwLock};

use serde_json::json;
use voicefleet_core::{Catalog, catalog::ModelTask};

use crate::support::{Api, catalog};

#[tokio::test]
async fn models_come_in_openais_shape_with_more() {
    let api = Api::new();
    let list = api.get("/v1/models").await.expect(200).json();
    assert_eq!(list["object"], "list");
    let models = list["data"].as_array().expect("models");
    assert_eq!(models.len(), 6);
    let tiny = api
        .get("/v1/models/whisper-tiny.en")
        .await
        .expect(200)
        .json();
    assert_eq!(
        tiny,
        json!({"id": "whisper-tiny.en", "object": "model", "created": 0, "owned_by": "voicefleet",
            "engine": "whisper", "task": "transcription", "installed": true, "licence": "MIT", "languages": ["en"]})
    );
    assert!(models.contains(&tiny));
    assert!(
        models
            .iter()
            .any(|model| model["id"] == "whisper-large" && model["installed"] == false)
    );
}

#[tokio::test]
async fn voices_say_what_they_are_for() {
    let api = Api::new();
    let list = api.get("/v1/voices").await.expect(200).json();
    let voice = |id: &str| {
        let voices = list["data"].as_array().expect("voices");
        voices
            .iter()
            .find(|voice| voice["id"] == id)
            .expect(id)
            .clone()
    };
    assert_eq!(
        voice("af_heart"),
        json!({"id": "af_heart", "object": "voice", "engine": "kokoro", "model": "kokoro-82m", "language": "en-US",
            "mixable": true, "installed": true, "default": true, "aliases": ["marin"]})
    );
    assert_eq!(voice("af_alloy")["aliases"], json!(["alloy"]));
    assert_eq!(
        voice("en_US-joe-medium")["aliases"]
            .as_array()
            .expect("aliases")
            .len(),
        13
    );
    assert_eq!(voice("de_DE-eva-high")["installed"], false);
    assert_eq!(voice("de_DE-eva-high")["aliases"], json!([]));
}

#[tokio::test]
async fn a_model_that_is_installed_later_appears() {
    let offered = Arc::new(RwLock::new(Arc::new(catalog::usual())));
    let source = Arc::clone(&offered);
    let api = Api::custom(|context| {
        context.catalog = Arc::new(move || Arc::clone(&source.read().expect("unpoisoned")));
    });
    api.get("/v1/models/whisper-small").await.expect(404);
    let mut more = catalog::usual();
    more.models.push(catalog::model(
        "whisper-small",
        "whisper",
        ModelTask::Transcription,
        true,
        &[],
    ));
    *offered.write().expect("unpoisoned") = Arc::new(more);
    api.get("/v1/models/whisper-small").await.expect(200);
}

#[tokio::test]
async fn a_server_without_models_says_what_it_lacks() {
    let api = Api::with(crate::support::limits(), Catalog::default());
    let speech = api
        .post("/v1/jobs", &json!({"kind": "speech", "input": "Hello."}))
        .await
        .expect(400)
        .json();
    assert_eq!(
        (&speech["code"], &speech["field"]),
        (&json!("unknown_engine"), &json!("engine"))
    );
    let wav = crate::bad_inputs::audio::tone_wav(1);
    let listening = api.upload("/v1/jobs", &[], &wav).await.expect(404).json();
    assert_eq!(
        (&listening["code"], &listening["field"]),
        (&json!("unknown_model"), &json!("model"))
    );
    api.get("/readyz").await.expect(200);
}

#[tokio::test]
async fn without_piper_the_next_engine_is_the_automatic_one() {
    let mut offered = catalog::usual();
    offered
        .models
        .retain(|model| model.engine.as_str() != "piper");
    offered
        .voices
        .retain(|voice| voice.engine.as_str() != "piper");
    let api = Api::with(crate::support::limits(), offered);
    let job = api
        .post("/v1/jobs", &json!({"kind": "speech", "input": "Hello."}))
        .await
        .expect(202)
        .json();
    assert_eq!(
        (&job["engine"], &job["voice"]),
        (&json!("kokoro"), &json!("af_heart"))
    );
    let openai = json!({"model": "tts-1", "input": "Hello.", "voice": "alloy"});
    let error = api
        .post("/v1/audio/speech", &openai)
        .await
        .expect(404)
        .json();
    assert_eq!(error["error"]["code"], "unknown_model");
}
