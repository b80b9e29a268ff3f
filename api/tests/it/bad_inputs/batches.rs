//! Batches that are none, and pages of lists that there are not.

use serde_json::{Value, json};

use super::{BadInput, Bounds, bare, form_to, json_to, merged, post};

const PATH: &str = "/v1/batches";
const NO_BATCH: &str = "batch_00000000000000000000000000000000";

pub(super) fn batches(bounds: Bounds) -> Vec<BadInput> {
    let file = format!("file-batch-{}", "0".repeat(32));
    let whole = json!({
        "input_file_id": file, "endpoint": "/v1/audio/speech", "completion_window": "24h",
    });
    let with = |name, changes: &Value| json_to(name, PATH, &merged(whole.clone(), changes));
    let metadata = json!({"metadata": {"a": "x".repeat(bounds.max_json_bytes)}});
    vec![
        with("a batch of no file that there is", &json!({}))
            .refused(404, "file_not_found")
            .about("input_file_id"),
        with("a batch of audio", &json!({"input_file_id": "file-1"}))
            .refused(404, "file_not_found")
            .about("input_file_id"),
        with("a batch without a file", &json!({"input_file_id": null})).about("input_file_id"),
        with(
            "a batch of chats",
            &json!({"endpoint": "/v1/chat/completions"}),
        )
        .about("endpoint"),
        with("an hour's window", &json!({"completion_window": "1h"})).about("completion_window"),
        with("a window in words", &json!({"completion_window": "soon"})).about("completion_window"),
        with("metadata that are no texts", &json!({"metadata": {"a": 1}})).about("metadata.a"),
        with(
            "a batch with a field nobody knows",
            &json!({"colour": "red"}),
        )
        .about("colour"),
        with("too large a batch", &metadata).refused(413, "upload_too_large"),
        post("a batch as a text", PATH, "text/plain", "{}").refused(415, "unsupported_media_type"),
        bare("no such batch", "GET", format!("{PATH}/{NO_BATCH}")).refused(404, "batch_not_found"),
        bare("no id of a batch", "GET", format!("{PATH}/1")).refused(404, "batch_not_found"),
        bare(
            "no such batch to cancel",
            "POST",
            format!("{PATH}/{NO_BATCH}/cancel"),
        )
        .refused(404, "batch_not_found"),
        bare("a page of no batches", "GET", format!("{PATH}?limit=0")).about("limit"),
        bare("batches after none", "GET", format!("{PATH}?after=1")).about("after"),
        bare("too long a page of files", "GET", "/v1/files?limit=101").about("limit"),
        bare("files after a path", "GET", "/v1/files?after=../1").about("after"),
        bare(
            "the content of no file",
            "GET",
            format!("/v1/files/{file}/content"),
        )
        .refused(404, "file_not_found"),
        form_to(
            "a batch file without lines",
            "/v1/files",
            &[("purpose", "batch")],
            Some(b""),
        )
        .refused(400, "empty_upload")
        .about("file"),
    ]
}
