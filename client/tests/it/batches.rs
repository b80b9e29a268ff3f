//! Batches, from their lines to their answers.

use futures::TryStreamExt;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use voicefleet_api::run_batches;
use voicefleet_client::{
    BatchEndpoint, BatchLine, BatchStatus, ErrorCode, NewBatch, SpeechRequest, Upload,
};

use crate::support::{PATIENCE, Service, worker::FAILS};

fn lines(texts: &[&str]) -> Upload {
    let line = |(number, text): (usize, &&str)| {
        BatchLine::speech(format!("line {number}"), &SpeechRequest::new(*text)).to_jsonl()
    };
    let lines: String = texts.iter().enumerate().map(line).collect();
    Upload::bytes("lines.jsonl", lines)
}

#[tokio::test]
async fn a_batch_is_made_waited_for_and_read() {
    let service = Service::start().await;
    let _worker = service.worker();
    let mut running = JoinSet::new();
    running.spawn(run_batches(
        service.context.clone(),
        CancellationToken::new(),
    ));
    let client = service.client();
    let file = client.upload_lines(lines(&["Hello.", FAILS])).await;
    let file = file.expect("stored");
    assert_eq!((file.purpose.as_str(), file.audio_seconds), ("batch", None));
    let metadata = [("exam".to_owned(), "7".to_owned())];
    let wanted = NewBatch::new(&file.id, BatchEndpoint::Speech)
        .within_hours(48)
        .metadata(metadata);
    let batch = client.create_batch(&wanted).await.expect("made");
    assert_eq!(batch.completion_window, "48h");
    let batch = client.wait_for_batch(&batch.id, PATIENCE, |_| {}).await;
    let batch = batch.expect("ended");
    assert_eq!(batch.status, BatchStatus::Completed);
    let counts = batch.request_counts;
    assert_eq!((counts.total, counts.completed, counts.failed), (2, 1, 1));
    let mut entries = Vec::new();
    for file in [batch.output_file_id, batch.error_file_id] {
        let content = client.file_content(&file.expect("a file")).await;
        let content = content.expect("there").bytes().await.expect("all of it");
        entries.push(serde_json::from_slice::<Value>(&content).expect("one line"));
    }
    assert_eq!(entries[0]["custom_id"], "line 0");
    assert_eq!(entries[1]["custom_id"], "line 1");
}

#[tokio::test]
async fn a_batch_is_withdrawn() {
    let service = Service::start().await;
    let client = service.client();
    let file = client.upload_lines(lines(&["Hello."])).await;
    let wanted = NewBatch::new(file.expect("stored").id, BatchEndpoint::Speech);
    let batch = client.create_batch(&wanted).await.expect("made");
    let withdrawn = client.cancel_batch(&batch.id).await.expect("withdrawn");
    assert!(withdrawn.cancelling_at.is_some());
    assert_eq!(client.batch(&batch.id).await.expect("there").id, batch.id);
    let all: Vec<_> = client.batches().try_collect().await.expect("a list");
    assert_eq!(all.len(), 1);
    let nowhere = NewBatch::new("file-batch-none", BatchEndpoint::Speech);
    let refused = client.create_batch(&nowhere).await.expect_err("no file");
    assert_eq!(refused.code(), Some(&ErrorCode::FileNotFound));
}

#[test]
fn a_line_may_be_of_any_endpoint() {
    let body = json!({"file_id": "file-1", "model": "whisper-1"});
    let line = BatchLine::new("a", BatchEndpoint::Transcriptions, body.clone()).to_jsonl();
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(
        (&line["url"], &line["body"]),
        (&json!("/v1/audio/transcriptions"), &body)
    );
}
