//! Asking, and judging what comes back.

use std::{fs, path::PathBuf};

use anyhow::Context;
use reqwest::{
    Method, RequestBuilder,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use voicefleet_testkit::model_file;
use voicefleet_tests::{Answer, Client, id_of};

use crate::{mix::Wish, tally::Answered};

const PIPER: &str = "en_US-joe-medium";
const KOKORO: &str = "af_heart";

/// Ends of a text, so that some take longer than others.
const SENTENCES: [&str; 4] = [
    "Take your time.",
    "What did you do first?",
    "How did the others in your team see it?",
    "Would you do it in another way now?",
];

#[derive(Clone)]
pub(crate) struct Asker {
    client: Client,
    /// WAV files of 16 bits.
    recordings: Vec<Vec<u8>>,
}

impl Asker {
    pub(crate) fn new(client: Client) -> anyhow::Result<Self> {
        let mut files: Vec<PathBuf> = fs::read_dir(model_file("speech/librivox"))?
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "wav"));
        files.sort();
        files.push(model_file("speech/jfk.wav"));
        let recordings = files.iter().map(fs::read).collect::<std::io::Result<_>>()?;
        Ok(Self { client, recordings })
    }

    /// How many recordings there are to transcribe.
    pub(crate) fn clips(&self) -> usize {
        self.recordings.len()
    }

    /// Does what is wished; the answers to all requests that it takes.
    pub(crate) async fn ask(&self, wish: Wish) -> anyhow::Result<Vec<Answered>> {
        match wish {
            Wish::Speech {
                kokoro,
                text,
                format,
                events,
            } => self.speech(kokoro, text, format, events).await,
            Wish::Clip { recording, variant } => self.transcript(recording, variant).await,
            Wish::Job { text } => self.job(text).await,
            Wish::List { page } => self.list(page).await,
            Wish::Bad { how } => self.refused(how).await,
        }
    }

    async fn speech(
        &self,
        kokoro: bool,
        text: usize,
        format: &str,
        events: bool,
    ) -> anyhow::Result<Vec<Answered>> {
        let (engine, voice) = if kokoro {
            ("kokoro", KOKORO)
        } else {
            ("piper", PIPER)
        };
        let mut body = json!({"model": engine, "voice": voice, "input": said(text), "response_format": format});
        if events {
            body["stream_format"] = "sse".into();
        }
        let answer = self.client.post("/v1/audio/speech", &body).await?;
        let (kind, is_right) = match (events, kokoro) {
            (true, _) => ("speech as events", is_whole_stream as fn(&[u8]) -> bool),
            (false, true) => ("speech by Kokoro", is_audio as fn(&[u8]) -> bool),
            (false, false) => ("speech by Piper", is_audio as fn(&[u8]) -> bool),
        };
        Ok(vec![judged(kind, 200, is_right, &answer)])
    }

    async fn transcript(&self, recording: usize, variant: usize) -> anyhow::Result<Vec<Answered>> {
        let mut audio = self.recordings[recording].clone();
        // The last bit of another sample in each: nobody hears it, and it is another file.
        let sample = audio
            .len()
            .checked_sub(2 + 2 * variant)
            .context("as many variants")?;
        audio[sample] ^= 1;
        let form = Form::new()
            .text("model", "whisper-base")
            .text("language", "en")
            .part("file", Part::bytes(audio).file_name("clip.wav"));
        let request = self.request(Method::POST, "/v1/audio/transcriptions");
        let answer = self.client.send(request.multipart(form)).await?;
        Ok(vec![judged("transcript", 200, has_words, &answer)])
    }

    async fn job(&self, text: usize) -> anyhow::Result<Vec<Answered>> {
        let body =
            json!({"kind": "speech", "engine": "piper", "voice": PIPER, "input": said(text)});
        let submitted = self.client.post("/v1/jobs", &body).await?;
        let known = if submitted.status == 202 { 202 } else { 200 };
        let mut answers = vec![judged("job submitted", known, is_json, &submitted)];
        if answers[0].wrong.is_some() {
            return Ok(answers);
        }
        let id = id_of(&submitted.json()?)?.to_owned();
        let polled = self.client.get(&format!("/v1/jobs/{id}?wait=60")).await?;
        answers.push(judged("job polled", 200, has_succeeded, &polled));
        let result = self.client.get(&format!("/v1/jobs/{id}/result")).await?;
        answers.push(judged("result of a job", 200, is_audio, &result));
        Ok(answers)
    }

    async fn list(&self, page: usize) -> anyhow::Result<Vec<Answered>> {
        let path = match page % 4 {
            0 => "/v1/jobs",
            1 => "/v1/jobs?limit=100",
            2 => "/v1/jobs?status=succeeded&limit=50",
            _ => "/v1/jobs?status=running",
        };
        let answer = self.client.get(path).await?;
        Ok(vec![judged("jobs listed", 200, is_json, &answer)])
    }

    async fn refused(&self, how: usize) -> anyhow::Result<Vec<Answered>> {
        let path = "/v1/audio/speech";
        let request = match how % 4 {
            0 => self
                .request(Method::POST, path)
                .json(&json!({"model": "piper", "voice": PIPER, "input": " "})),
            1 => self
                .request(Method::POST, path)
                .json(&json!({"model": "piper", "voice": "nobody", "input": "a"})),
            2 => self
                .request(Method::POST, "/v1/jobs")
                .header("content-type", "application/json")
                .body("{\"kind\":"),
            _ => self.request(Method::GET, "/v1/jobs?limit=0"),
        };
        let answer = self.client.send(request).await?;
        Ok(vec![judged("bad request", 400, is_json, &answer)])
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, path)
    }
}

/// The text with a number.
fn said(number: usize) -> String {
    let sentences = SENTENCES.iter().cycle().skip(number).take(number % 3);
    let more: Vec<&str> = sentences.copied().collect();
    format!("This is question {number}. {}", more.join(" "))
}

fn judged(
    kind: &'static str,
    status: u16,
    is_right: impl Fn(&[u8]) -> bool,
    answer: &Answer,
) -> Answered {
    let good = answer.status == status && is_right(&answer.body);
    let begin = &answer.body[..answer.body.len().min(300)];
    Answered {
        kind,
        status: answer.status,
        wrong: (!good).then(|| String::from_utf8_lossy(begin).into_owned()),
    }
}

/// At least a fifth of a second of whatever format; errors are shorter, and JSON.
fn is_audio(body: &[u8]) -> bool {
    body.len() > 1_000 && !body.starts_with(b"{")
}

fn is_whole_stream(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).contains("speech.audio.done")
}

fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok()
}

fn has_words(body: &[u8]) -> bool {
    let transcript: Option<Value> = serde_json::from_slice(body).ok();
    transcript.is_some_and(|it| it["text"].as_str().is_some_and(|text| text.len() > 10))
}

fn has_succeeded(body: &[u8]) -> bool {
    let job: Option<Value> = serde_json::from_slice(body).ok();
    job.is_some_and(|job| job["status"] == "succeeded")
}
