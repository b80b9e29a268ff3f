//! Who is started, and how.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::{SocketAddr, TcpListener},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context;
use reqwest::{
    Client,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use tokio::{task::spawn_blocking, time::sleep};
use voicefleet_benches::process::{Process, cpu_seconds_of_ended_children};

/// A short sentence, as a greeting is.
const TEXT: &str = "Good morning.";
const PIPER: &str = "en_US-joe-medium";

/// Words of the [clip].
const CLIP_SAYS: &str = "amiable himself";

/// How long a start may take.
const START: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A program that is started from cold.
pub(crate) struct Cold {
    pub(crate) name: &'static str,
    command: fn(&Cold, &Path, SocketAddr) -> anyhow::Result<Command>,
    /// What it is asked; `None` for one that is a command, and says with a line or its end that it is done.
    request: Option<Request>,
    python: Option<PathBuf>,
}

enum Request {
    /// Speech of this, sent there.
    Speech(&'static str, Value),
    /// The text of the [clip].
    Text,
}

/// One start.
pub(crate) struct Started {
    /// To the last byte of the first audio, or to the first text.
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    /// Milliseconds of what it consists of, in order, as far as it says.
    pub(crate) items: Vec<(String, f64)>,
}

impl Cold {
    /// `voicefleet serve` with Piper.
    pub(crate) fn piper() -> Self {
        Self::serve(
            "Piper, voicefleet serve",
            speech(&format!("piper-{PIPER}"), PIPER),
        )
    }

    /// `voicefleet serve` with Kokoro.
    pub(crate) fn kokoro() -> Self {
        Self::serve("Kokoro, voicefleet serve", speech("kokoro-82m", "af_heart"))
    }

    /// `voicefleet serve` with Whisper.
    pub(crate) fn whisper() -> Self {
        Self::serve("Whisper base, voicefleet serve", Request::Text)
    }

    fn serve(name: &'static str, request: Request) -> Self {
        Self {
            name,
            command: ours,
            request: Some(request),
            python: None,
        }
    }

    /// `python -m piper`, which speaks and ends.
    pub(crate) fn piper_cli(folder: &Path) -> Self {
        Self {
            name: "Piper, piper-tts's command",
            command: piper_cli,
            request: None,
            python: Some(folder.join("bin/python")),
        }
    }

    /// `python -m piper.http_server`.
    pub(crate) fn piper_server(folder: &Path) -> Self {
        Self {
            name: "Piper, piper-tts's server",
            command: piper_server,
            request: Some(Request::Speech("/synthesize", json!({"text": TEXT}))),
            python: Some(folder.join("bin/python")),
        }
    }

    /// faster-whisper in a program that transcribes and prints.
    pub(crate) fn faster_whisper(folder: &Path) -> Self {
        Self {
            name: "Whisper base, faster-whisper",
            command: faster_whisper,
            request: None,
            python: Some(folder.join("bin/python")),
        }
    }

    /// Starts it in a new folder, and stops it when it has spoken.
    pub(crate) async fn start(&self) -> anyhow::Result<Started> {
        let data = tempfile::tempdir()?;
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let mut command = (self.command)(self, data.path(), address)?;
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let ended_before = cpu_seconds_of_ended_children()?;
        let began = Instant::now();
        let mut process = Process::start(&mut command)?;
        let log = process.child().stderr.take().context("its log")?;
        // Read all the time, so that no full pipe holds it up.
        let log = spawn_blocking(move || {
            let lines = BufReader::new(log).lines().map_while(Result::ok);
            lines
                .filter(|line| line.contains("_ms="))
                .collect::<Vec<_>>()
        });
        let printed = process.child().stdout.take().context("its output")?;
        let mut items = Vec::new();
        let mut is_there = true;
        if let Some(request) = &self.request {
            let listened = until_it_listens(address, began).await?;
            items.push(("until it listens".to_owned(), listened * 1_000.0));
            request.send(address).await?;
            let answered = began.elapsed().as_secs_f64() - listened;
            items.push((
                "from the request to the answer".to_owned(),
                answered * 1_000.0,
            ));
        } else {
            is_there = spawn_blocking(move || has_printed(printed)).await??;
            if !is_there {
                let status = process.child().wait()?;
                anyhow::ensure!(status.success(), "it ended with {status}");
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        // Of one that has ended only the whole is known to its parent.
        let cpu_seconds = if is_there {
            process.cpu_seconds()?
        } else {
            cpu_seconds_of_ended_children()? - ended_before
        };
        drop(process);
        for line in log.await? {
            items.extend(items_of(&line));
        }
        Ok(Started {
            seconds,
            cpu_seconds,
            items,
        })
    }

    fn python(&self) -> anyhow::Result<Command> {
        Ok(Command::new(self.python.as_ref().context("no python")?))
    }
}

impl Request {
    /// Asks, and looks at the answer.
    async fn send(&self, address: SocketAddr) -> anyhow::Result<()> {
        let client = Client::builder().timeout(START).build()?;
        let at = |path: &str| client.post(format!("http://{address}{path}"));
        let request = match self {
            Self::Speech(path, body) => at(path).json(body),
            Self::Text => {
                let file = Part::bytes(fs::read(clip())?).file_name("clip.wav");
                let form = Form::new()
                    .text("model", "whisper-base-ct2")
                    .text("language", "en")
                    .part("file", file);
                at("/v1/audio/transcriptions").multipart(form)
            }
        };
        let answer = request.send().await?.error_for_status()?;
        let answer = answer.bytes().await?;
        match self {
            Self::Speech(..) => {
                anyhow::ensure!(answer.len() > 10_000, "{} bytes of audio", answer.len());
            }
            Self::Text => {
                let text: Value = serde_json::from_slice(&answer)?;
                let text = text["text"].as_str().unwrap_or_default();
                anyhow::ensure!(text.contains(CLIP_SAYS), "it heard '{text}'");
            }
        }
        Ok(())
    }
}

fn speech(model: &str, voice: &str) -> Request {
    let body = json!({"model": model, "voice": voice, "input": TEXT, "response_format": "wav"});
    Request::Speech("/v1/audio/speech", body)
}

/// Waits until something is printed; false if it ends before.
fn has_printed(mut output: impl Read) -> std::io::Result<bool> {
    Ok(output.read(&mut [0; 1])? > 0)
}

async fn until_it_listens(address: SocketAddr, began: Instant) -> anyhow::Result<f64> {
    while tokio::net::TcpStream::connect(address).await.is_err() {
        anyhow::ensure!(began.elapsed() < START, "it does not listen");
        sleep(LOOK_EVERY).await;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// `x_ms=12` in a line of our log: what bringing a model into memory consists of.
fn items_of(line: &str) -> Vec<(String, f64)> {
    let fields = line.split_whitespace().filter_map(|word| {
        let (name, value) = word.split_once("_ms=")?;
        Some((format!("of which {name}"), value.parse().ok()?))
    });
    fields.collect()
}

fn ours(_: &Cold, data: &Path, address: SocketAddr) -> anyhow::Result<Command> {
    let mut command = Command::new(voicefleet_tests::program()?);
    command
        .args(["serve", "--data"])
        .arg(data)
        .args(["--listen", &address.to_string()])
        .env("NO_COLOR", "1")
        .env(
            "VOICEFLEET_LOG",
            "warn,voicefleet_piper=debug,voicefleet_kokoro=debug",
        );
    Ok(command)
}

/// A sentence of 3.3 s by a reader of `LibriVox`.
fn clip() -> PathBuf {
    voicefleet_testkit::model_file("speech/librivox/sense_and_sensibility_01_austen_64kb-0930.wav")
}

fn model() -> PathBuf {
    voicefleet_testkit::model_file(&format!("piper/{PIPER}/{PIPER}.onnx"))
}

fn piper_cli(cold: &Cold, data: &Path, _: SocketAddr) -> anyhow::Result<Command> {
    let mut command = cold.python()?;
    command
        .current_dir(data)
        .args(["-m", "piper", "--model"])
        .arg(model())
        .args(["--output-file", "speech.wav", "--", TEXT]);
    Ok(command)
}

fn piper_server(cold: &Cold, data: &Path, address: SocketAddr) -> anyhow::Result<Command> {
    let mut command = cold.python()?;
    command
        .current_dir(data)
        .args(["-m", "piper.http_server", "--model"])
        .arg(model())
        .args(["--host", &address.ip().to_string()])
        .args(["--port", &address.port().to_string()]);
    Ok(command)
}

fn faster_whisper(cold: &Cold, data: &Path, _: SocketAddr) -> anyhow::Result<Command> {
    let python = cold.python.as_ref().context("no python")?;
    let peer = python.parent().and_then(Path::parent).context("no peer")?;
    for from in [
        voicefleet_testkit::model_file("ct2/base"),
        peer.join("tokenizers/base"),
    ] {
        for file in fs::read_dir(from)? {
            let file = file?;
            let link = data.join(file.file_name());
            if !link.exists() {
                symlink(file.path(), link)?;
            }
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/whisper/transcribe.py");
    let mut command = cold.python()?;
    command
        .args([&script, data])
        .args(["0", "whole"])
        .arg(clip())
        .env("HF_HUB_OFFLINE", "1");
    Ok(command)
}
