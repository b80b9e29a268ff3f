//! What is wrong before anybody looks at what is asked for: bodies, paths, queries.

use super::{BadInput, Bounds, bare, post};

pub(super) fn bodies(bounds: Bounds) -> Vec<BadInput> {
    let raw = |name, body: &[u8]| post(name, "/v1/jobs", "application/json", body);
    let deep = "[".repeat(20_000);
    let deadline = format!(r#"{{"kind":"speech","input":"a","deadline":{deep}"#);
    let large = format!(
        r#"{{"kind":"speech","input":"{}"}}"#,
        "a".repeat(bounds.max_json_bytes)
    );
    vec![
        raw("no body", b""),
        raw("cut-off JSON", br#"{"kind":"speech","input":"He"#),
        raw("not JSON", b"input=Hello"),
        raw(
            "JSON with something behind it",
            br#"{"kind":"speech","input":"a"} {}"#,
        ),
        raw("JSON that is no object", br#"["speech"]"#),
        raw("null", b"null"),
        raw(
            "NaN in JSON",
            br#"{"kind":"speech","input":"a","speed":NaN}"#,
        ),
        raw(
            "a number beyond all numbers",
            br#"{"kind":"speech","input":"a","speed":1e999}"#,
        ),
        raw(
            "broken UTF-8",
            b"{\"kind\":\"speech\",\"input\":\"\xff\xfe\"}",
        ),
        raw("a lone surrogate", br#"{"kind":"speech","input":"\ud800"}"#),
        raw("a deep array", deep.as_bytes()),
        raw("a deep array in a field", deadline.as_bytes()),
        raw(
            "a field given twice",
            br#"{"kind":"speech","input":"a","input":"b"}"#,
        )
        .about("input"),
        raw("too large a body", large.as_bytes()).refused(413, "upload_too_large"),
        post("plain text", "/v1/jobs", "text/plain", "Hello")
            .refused(415, "unsupported_media_type"),
        post("XML", "/v1/jobs", "application/xml", "<a/>").refused(415, "unsupported_media_type"),
        post(
            "a URL-encoded form",
            "/v1/jobs",
            "application/x-www-form-urlencoded",
            "a=b",
        )
        .refused(415, "unsupported_media_type"),
        BadInput {
            content_type: None,
            ..raw("no content type", br#"{"kind":"speech","input":"a"}"#)
        }
        .refused(415, "unsupported_media_type"),
    ]
}

pub(super) fn paths_and_queries() -> Vec<BadInput> {
    let get = |name, path: &str| bare(name, "GET", path);
    let nobody = "/v1/jobs/7fffffff-ffff-7000-8000-000000000001";
    let endless = format!("/v1/{}", "a".repeat(4_000));
    let file = format!("/v1/files/file-{}-1000", "0".repeat(64));
    vec![
        get("no such path", "/v1/nothing").refused(404, "not_found"),
        get("an endless path", &endless).refused(404, "not_found"),
        get("a path above the root", "/../../etc/passwd").refused(404, "not_found"),
        bare("wrong method on jobs", "PUT", "/v1/jobs").refused(405, "method_not_allowed"),
        bare("wrong method on the service", "POST", "/livez").refused(405, "method_not_allowed"),
        get("a job that is none", "/v1/jobs/42").refused(404, "job_not_found"),
        get("a job that never was", nobody).refused(404, "job_not_found"),
        get("a job in broken UTF-8", "/v1/jobs/%ff%fe").refused(404, "job_not_found"),
        get(
            "the result of a job that never was",
            &format!("{nobody}/result"),
        )
        .refused(404, "job_not_found"),
        bare(
            "cancelling a job that never was",
            "POST",
            format!("{nobody}/cancel"),
        )
        .refused(404, "job_not_found"),
        bare("deleting a job that never was", "DELETE", nobody).refused(404, "job_not_found"),
        bare("cancelling what is no job", "POST", "/v1/jobs/x/cancel")
            .refused(404, "job_not_found"),
        bare(
            "submitting a job again that never was",
            "POST",
            format!("{nobody}/retry"),
        )
        .refused(404, "job_not_found"),
        bare(
            "submitting again what is no job",
            "POST",
            "/v1/jobs/x/retry",
        )
        .refused(404, "job_not_found"),
        bare("all dead letters at once", "DELETE", "/v1/dead-letters").about("engine"),
        bare(
            "the dead letters of nobody",
            "DELETE",
            "/v1/dead-letters?engine=festival",
        )
        .refused(400, "unknown_engine")
        .about("engine"),
        bare(
            "the dead letters of no tier",
            "DELETE",
            "/v1/dead-letters?engine=piper&tier=now",
        )
        .refused(400, "unknown_tier")
        .about("tier"),
        bare(
            "a parameter of dead letters nobody knows",
            "DELETE",
            "/v1/dead-letters?engine=piper&colour=red",
        )
        .about("colour"),
        get("a wait in words", &format!("{nobody}?wait=long")).about("wait"),
        get("a wait before now", &format!("{nobody}?wait=-1")).about("wait"),
        get("a parameter nobody knows", &format!("{nobody}?colour=red")).about("colour"),
        get(
            "a result parameter nobody knows",
            &format!("{nobody}/result?colour=red"),
        )
        .about("colour"),
        get("a list of none", "/v1/jobs?limit=0").about("limit"),
        get("a list of too many", "/v1/jobs?limit=101").about("limit"),
        get("a list of some", "/v1/jobs?limit=some").about("limit"),
        get("a bad cursor", "/v1/jobs?after=yesterday").about("after"),
        get("an unknown status", "/v1/jobs?status=done").about("status"),
        get("an unknown tier to list", "/v1/jobs?tier=now")
            .refused(400, "unknown_tier")
            .about("tier"),
        get("a list parameter nobody knows", "/v1/jobs?page=2").about("page"),
        get("an unknown model to show", "/v1/models/gpt-9").refused(404, "unknown_model"),
        get("a model in broken UTF-8", "/v1/models/%ff").refused(404, "unknown_model"),
        get("a file to show that never was", &file).refused(404, "file_not_found"),
        get("a file to show that is none", "/v1/files/x").refused(404, "file_not_found"),
        bare("a file to delete that never was", "DELETE", file).refused(404, "file_not_found"),
        bare("a file to delete that is none", "DELETE", "/v1/files/x")
            .refused(404, "file_not_found"),
    ]
}
