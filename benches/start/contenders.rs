//! Who is started, and how.

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{task::spawn_blocking, time::sleep};
use voicefleet_benches::process::{Process, cpu_seconds_of_ended_children};

/// A short sentence, as a greeting is.
const TEXT: &str = "Good morning.";
const PIPER: &str = "en_US-joe-medium";

/// How long a start may take.
const START: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A program that is started from cold.
pub(crate) struct Cold {
    pub(crate) name: &'static str,
    command: fn(&Cold, &Path, SocketAddr) -> anyhow::Result<Command>,
    /// Where it is asked for audio and how; `None` for one that makes it and ends.
    request: Option<(&'static str, Value)>,
    python: Option<std::path::PathBuf>,
}

/// One start.
pub(crate) struct Started {
    /// To the last byte of the first audio.
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    /// Milliseconds of what it consists of, in order, as far as it says.
    pub(crate) items: Vec<(String, f64)>,
}

impl Cold {
    /// `voicefleet serve` with Piper.
    pub(crate) fn serve() -> Self {
        let body = json!({"model": format!("piper-{PIPER}"), "voice": PIPER, "input": TEXT, "response_format": "wav"});
        Self {
            name: "Piper, voicefleet serve",
            command: ours,
            request: Some(("/v1/audio/speech", body)),
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
            request: Some(("/synthesize", json!({"text": TEXT}))),
            python: Some(folder.join("bin/python")),
        }
    }

    /// Starts it in a new folder, and stops it when it has spoken.
    pub(crate) async fn start(&self) -> anyhow::Result<Started> {
        let data = tempfile::tempdir()?;
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let mut command = (self.command)(self, data.path(), address)?;
        command.stdout(Stdio::null()).stderr(Stdio::piped());
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
        let mut items = Vec::new();
        if let Some((path, body)) = &self.request {
            let listened = until_it_listens(address, began).await?;
            items.push(("until it listens".to_owned(), listened * 1_000.0));
            let answer = Client::builder()
                .timeout(START)
                .build()?
                .post(format!("http://{address}{path}"))
                .json(body)
                .send()
                .await?
                .error_for_status()?;
            let audio = answer.bytes().await?;
            anyhow::ensure!(audio.len() > 10_000, "{} bytes of audio", audio.len());
            let answered = began.elapsed().as_secs_f64() - listened;
            items.push((
                "from the request to the audio".to_owned(),
                answered * 1_000.0,
            ));
        } else {
            let status = process.child().wait()?;
            anyhow::ensure!(status.success(), "it ended with {status}");
        }
        let seconds = began.elapsed().as_secs_f64();
        // Of one that has ended only the whole is known to its parent.
        let cpu_seconds = match self.request {
            Some(_) => process.cpu_seconds()?,
            None => cpu_seconds_of_ended_children()? - ended_before,
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

fn model() -> std::path::PathBuf {
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
