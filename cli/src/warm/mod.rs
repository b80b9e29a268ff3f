//! `voicefleet warm`: has texts spoken before anybody asks for them, as a batch.

mod texts;

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use serde_json::Value;
use tokio::time::{Instant, interval};
use voicefleet_client::{
    AudioFormat, Batch, BatchEndpoint, BatchError, BatchLine, BatchStatus, Client, ClientError,
    NewBatch, SpeechRequest, Upload,
};

use self::texts::Prompt;
use crate::{
    cli::WarmOptions,
    output::{complain, print_line},
    server::connect,
};

/// How often is asked how far the batch is, and how often that is said.
const ASK_EVERY: Duration = Duration::from_secs(1);
const SAY_EVERY: Duration = Duration::from_secs(10);
/// How often in a row nobody may answer: the server may be restarting.
const PATIENCE: u32 = 60;
/// Most lines of a batch.
const MAX_TEXTS: usize = 50_000;
/// Failures that are shown.
const SHOWN: usize = 20;

/// Has every text of the file spoken. The exit code says whether all could be.
pub(crate) async fn run(options: &WarmOptions) -> anyhow::Result<ExitCode> {
    let name = options.file.display();
    let content = std::fs::read(&options.file).with_context(|| format!("the file {name}"))?;
    let texts = texts::read(&options.file, &content).with_context(|| format!("the file {name}"))?;
    if texts.is_empty() {
        anyhow::bail!("the file {name} has no texts");
    }
    if texts.len() > MAX_TEXTS {
        anyhow::bail!(
            "the file {name} has {} texts; a batch takes {MAX_TEXTS}: split it",
            texts.len()
        );
    }
    let server = connect(&options.server)?;
    let lines = Upload::bytes("lines.jsonl", lines(&texts, options));
    let file = server.upload_lines(lines).await?;
    let wanted = NewBatch::new(file.id, BatchEndpoint::Speech);
    let batch = server.create_batch(&wanted).await?;
    print_line(&format!("{}: {} texts", batch.id, texts.len()));
    let batch = until_ended(&server, batch).await?;
    tell(&server, &batch).await
}

/// One request for each text, by the number of its line in the file.
fn lines(texts: &[Prompt], options: &WarmOptions) -> String {
    let engine = options.engine.as_deref().unwrap_or("auto");
    let line = |prompt: &Prompt| {
        let mut request = SpeechRequest::new(&prompt.text).engine(engine);
        if let Some(voice) = prompt.voice.as_ref().or(options.voice.as_ref()) {
            request = request.voice(voice);
        }
        if let Some(format) = &options.format {
            request = request.response_format(AudioFormat::from(format.as_str()));
        }
        BatchLine::speech(format!("line {}", prompt.line), &request).to_jsonl()
    };
    texts.iter().map(line).collect()
}

async fn until_ended(server: &Client, mut batch: Batch) -> Result<Batch, ClientError> {
    let mut ticks = interval(ASK_EVERY);
    let (mut said, mut said_at) = (batch.request_counts, Instant::now());
    let mut silent = 0;
    while !batch.status.is_final() {
        ticks.tick().await;
        batch = match server.batch(&batch.id).await {
            Err(error) if error.is_transient() && silent < PATIENCE => {
                silent += 1;
                continue;
            }
            answer => answer?,
        };
        silent = 0;
        let counts = batch.request_counts;
        if counts != said && said_at.elapsed() >= SAY_EVERY {
            print_line(&format!(
                "{} of {}",
                counts.completed + counts.failed,
                counts.total
            ));
            (said, said_at) = (counts, Instant::now());
        }
    }
    Ok(batch)
}

/// Prints the counts, and what failed.
async fn tell(server: &Client, batch: &Batch) -> anyhow::Result<ExitCode> {
    let counts = batch.request_counts;
    print_line(&format!(
        "{}: {} of {} texts are there, {} are not.",
        batch.status, counts.completed, counts.total, counts.failed
    ));
    if let Some(errors) = &batch.errors {
        errors.data.iter().for_each(|error| complain(&fault(error)));
    }
    if let Some(file) = &batch.error_file_id {
        let failures = server.file_content(file).await?.bytes().await?;
        let failures = String::from_utf8_lossy(&failures);
        failures
            .lines()
            .take(SHOWN)
            .for_each(|line| complain(&reason(line)));
        let more = failures.lines().count().saturating_sub(SHOWN);
        if more > 0 {
            complain(&format!(
                "... and {more} more: GET /v1/files/{file}/content"
            ));
        }
    }
    let is_whole = batch.status == BatchStatus::Completed && counts.failed == 0;
    Ok(if is_whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What is wrong with the lines themselves.
fn fault(error: &BatchError) -> String {
    let place = error.line.map(|line| format!("line {line}: "));
    let place = place.unwrap_or_default();
    format!("{place}{} ({})", error.message, error.code)
}

/// Which line of the file failed, and why.
fn reason(entry: &str) -> String {
    let entry: Value = serde_json::from_str(entry).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let (id, error) = (text(&entry["custom_id"]), &entry["error"]);
    format!(
        "{id}: {} ({})",
        text(&error["message"]),
        text(&error["code"])
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::cli::{Cli, Command};

    fn options(more: &[&str]) -> WarmOptions {
        let words = ["voicefleet", "warm", "a.txt"].iter().chain(more);
        match Cli::try_parse_from(words).expect("a command").command {
            Command::Warm(options) => options,
            other => panic!("{other:?}"),
        }
    }

    fn bodies(more: &[&str]) -> Vec<Value> {
        let texts = texts::read(
            "a.csv".as_ref(),
            b"text,voice\nHello.,\nGood day.,af_heart\n",
        );
        let lines = lines(&texts.expect("texts"), &options(more));
        let line = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
        lines
            .lines()
            .map(|text| line(text)["body"].clone())
            .collect()
    }

    #[test]
    fn a_texts_own_voice_goes_before_the_commands() {
        let open = bodies(&[]);
        assert_eq!(
            open[0],
            json!({"model": "auto", "engine": "auto", "voice": "alloy", "input": "Hello."})
        );
        assert_eq!(open[1]["voice"], "af_heart");
        let told = bodies(&[
            "--voice", "af_bella", "--engine", "kokoro", "--format", "wav",
        ]);
        assert_eq!(
            (
                &told[0]["voice"],
                &told[0]["engine"],
                &told[0]["response_format"]
            ),
            (&json!("af_bella"), &json!("kokoro"), &json!("wav"))
        );
        assert_eq!(told[1]["voice"], "af_heart");
    }

    #[test]
    fn a_failure_names_its_line() {
        let entry =
            json!({"custom_id": "line 3", "error": {"code": "empty_text", "message": "no text"}});
        assert_eq!(reason(&entry.to_string()), "line 3: no text (empty_text)");
    }
}
