//! `voicefleet jobs show`.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Map, Value};
use voicefleet_client::Client;
use voicefleet_core::JobId;

use crate::output::{print_line, print_table};

/// What is looked for first. The other fields follow in the order of their names.
const FIRST: [&str; 8] = [
    "id", "kind", "status", "error", "engine", "model", "voice", "tier",
];

pub(super) async fn run(server: &Client, id: JobId, json: bool) -> anyhow::Result<ExitCode> {
    let sent = server.get_json(&format!("/v1/jobs/{id}")).await?;
    if json {
        print_line(&serde_json::to_string_pretty(&sent)?);
    } else {
        let job = sent
            .as_object()
            .context("the server's answer is not a job")?;
        print_table(["field", "value"], &rows(job));
    }
    Ok(ExitCode::SUCCESS)
}

fn rows(job: &Map<String, Value>) -> Vec<[String; 2]> {
    let first = FIRST.iter().filter_map(|name| job.get_key_value(*name));
    let others = job
        .iter()
        .filter(|(name, _)| !FIRST.contains(&name.as_str()));
    first
        .chain(others)
        .flat_map(|(name, value)| fields(name, value))
        .collect()
}

/// An object's members as fields of their own, `progress.done` for one.
fn fields(name: &str, value: &Value) -> Vec<[String; 2]> {
    let field = |text: String| vec![[name.to_owned(), text]];
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(member, value)| fields(&format!("{name}.{member}"), value))
            .collect(),
        Value::Null => field("-".to_owned()),
        Value::String(text) => field(text.clone()),
        other => field(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_field_is_shown_and_what_matters_first() {
        let job = json!({"attempts": 2, "id": "x", "progress": {"done": 1, "total": 3}, "status": "failed",
            "error": {"code": "internal", "field": null}});
        let job = job.as_object().expect("an object");
        let shown: Vec<String> = rows(job).into_iter().map(|row| row.join("=")).collect();
        let expected = [
            "id=x",
            "status=failed",
            "error.code=internal",
            "error.field=-",
            "attempts=2",
            "progress.done=1",
            "progress.total=3",
        ];
        assert_eq!(shown, expected);
    }
}
