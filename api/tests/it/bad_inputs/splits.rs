//! Splits that cannot be.

use serde_json::{Value, json};

use super::{BadInput, Bounds, json_to};

pub(super) fn splits(bounds: Bounds) -> Vec<BadInput> {
    let put = |name, body: &Value, field: Option<&'static str>| BadInput {
        method: "PUT",
        field,
        ..json_to(name, "/v1/split", body)
    };
    let right = json!({"piper": 70, "whisper": 20, "kokoro": 10});
    vec![
        put(
            "a split of 110 %",
            &json!({"shares": {"piper": 70, "whisper": 20, "kokoro": 20}}),
            Some("shares"),
        ),
        put(
            "a split without a pool",
            &json!({"shares": {"piper": 90, "whisper": 10}}),
            Some("shares"),
        ),
        put(
            "a split for a pool that is misspelt",
            &json!({"shares": {"pipr": 70, "whisper": 20, "kokoro": 10}}),
            Some("shares"),
        ),
        put(
            "a budget for hardware that is misspelt",
            &json!({"shares": right, "budgets": {"gpus": 1}}),
            Some("budgets"),
        ),
        put(
            "a budget of nothing",
            &json!({"shares": right, "budgets": {"cpu": 0}}),
            Some("budgets"),
        ),
        BadInput {
            status: 413,
            code: "upload_too_large",
            ..put(
                "a split beyond all bounds",
                &json!({"shares": right, "note": "x".repeat(bounds.max_json_bytes)}),
                None,
            )
        },
        BadInput {
            content_type: Some("text/plain".to_owned()),
            status: 415,
            code: "unsupported_media_type",
            ..put("a split that is no JSON", &json!({"shares": right}), None)
        },
    ]
}
