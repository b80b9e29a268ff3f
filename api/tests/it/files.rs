//! Files as OpenAI's clients see them.

use axum::http::Method;
use serde_json::{Value, json};
use voicefleet_core::ports::{BlobKey, BlobStore};

use crate::{bad_inputs::audio::tone_wav, support::Api};

const LINES: &[u8] = b"{\"custom_id\":\"a\"}\n{\"custom_id\":\"b\"}\n";

#[tokio::test]
async fn the_lines_of_a_batch_are_kept_as_they_are() {
    let api = Api::new();
    let answer = api
        .upload("/v1/files", &[("purpose", "batch")], LINES)
        .await;
    let file = answer.expect(201).json();
    let id = file["id"].as_str().expect("an id").to_owned();
    let expected = json!({
        "id": id, "object": "file", "bytes": LINES.len(), "created_at": 1_767_225_600,
        "filename": "upload", "purpose": "batch", "status": "processed",
    });
    assert_eq!(without_name(&file), without_name(&expected));
    let path = format!("/v1/files/{id}");
    assert_eq!(api.get(&path).await.expect(200).json(), file);
    let content = api.get(&format!("{path}/content")).await.expect(200);
    assert_eq!(content.body, LINES);
    assert_eq!(content.header("content-type"), "application/jsonl");
    let deleted = api.call(Method::DELETE, &path).await.expect(200).json();
    assert_eq!(
        deleted,
        json!({"id": id, "object": "file", "deleted": true})
    );
    for gone in [path.clone(), format!("{path}/content")] {
        let refused = api.get(&gone).await.expect(404).json();
        assert_eq!(refused["code"], "file_not_found");
    }
    api.call(Method::DELETE, &path).await.expect(404);
}

fn without_name(file: &Value) -> Value {
    let mut file = file.clone();
    assert!(file["filename"].is_string());
    file["filename"] = Value::Null;
    file
}

#[tokio::test]
async fn audio_has_its_length_and_the_date_of_its_first_upload() {
    let api = Api::new();
    let wav = tone_wav(2);
    let first = api.upload("/v1/files", &[], &wav).await.expect(201).json();
    assert_eq!(
        (&first["audio_seconds"], &first["status"]),
        (&json!(2.0), &json!("processed"))
    );
    assert_eq!(first["purpose"], "user_data");
    api.clock.advance(std::time::Duration::from_hours(1));
    let again = api
        .upload("/v1/files", &[("purpose", "assistants")], &wav)
        .await;
    let again = again.expect(201).json();
    assert_eq!(
        (&again["id"], &again["created_at"]),
        (&first["id"], &first["created_at"])
    );
    assert_eq!(again["purpose"], "assistants");
    let id = first["id"].as_str().expect("an id");
    let content = api
        .get(&format!("/v1/files/{id}/content"))
        .await
        .expect(200);
    assert_eq!(content.body, wav);
}

#[tokio::test]
async fn a_list_has_all_files_once_page_by_page() {
    let api = Api::new();
    let mut made = Vec::new();
    for seconds in 1..=3 {
        made.push(
            api.upload("/v1/files", &[], &tone_wav(seconds))
                .await
                .expect(201)
                .id(),
        );
    }
    made.push(
        api.upload("/v1/files", &[("purpose", "batch")], LINES)
            .await
            .expect(201)
            .id(),
    );
    let mut listed = Vec::new();
    let mut path = "/v1/files?limit=3".to_owned();
    loop {
        let page = api.get(&path).await.expect(200).json();
        let files = page["data"].as_array().expect("files").clone();
        listed.extend(
            files
                .iter()
                .map(|file| file["id"].as_str().expect("an id").to_owned()),
        );
        if page["has_more"] == false {
            break;
        }
        assert_eq!(files.len(), 3);
        path = format!(
            "/v1/files?limit=3&after={}",
            page["last_id"].as_str().expect("an id")
        );
    }
    made.sort();
    assert_eq!(listed, made);
    api.blobs
        .delete(&BlobKey::Upload(made[0].clone()))
        .await
        .expect("evicted");
    let left = api.get("/v1/files").await.expect(200).json();
    assert_eq!(left["first_id"], json!(made[1]));
    for query in ["limit=0", "limit=1000", "after=../x", "purpose=batch"] {
        let refused = api
            .get(&format!("/v1/files?{query}"))
            .await
            .expect(400)
            .json();
        assert_eq!(refused["field"].as_str(), query.split('=').next());
    }
}

#[tokio::test]
async fn lines_are_not_audio_and_too_many_are_refused() {
    let api = Api::with(
        voicefleet_api::ApiLimits {
            max_upload_bytes: 1_000_000,
            ..crate::support::limits()
        },
        crate::support::catalog::usual(),
    );
    let upload = async |bytes: &[u8]| {
        api.upload("/v1/files", &[("purpose", "batch")], bytes)
            .await
    };
    assert_eq!(upload(b"").await.expect(400).json()["code"], "empty_upload");
    upload("{}\n".repeat(50_000).as_bytes()).await.expect(201);
    let refused = upload("{}\n".repeat(50_001).as_bytes())
        .await
        .expect(413)
        .json();
    assert_eq!(
        (&refused["code"], &refused["field"]),
        (&json!("upload_too_large"), &json!("file"))
    );
    let id = upload(LINES).await.expect(201).id();
    let job = json!({"kind": "transcription", "file_id": id});
    assert_eq!(
        api.post("/v1/jobs", &job).await.expect(404).json()["code"],
        "file_not_found"
    );
}
