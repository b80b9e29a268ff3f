//! The servers.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use tempfile::TempDir;
use tokio::time::sleep;
use voicefleet_benches::process::Process;

use crate::{
    http::{Client, Endpoint},
    texts,
};

/// Name of the voice.
const VOICE: &str = "en_US-joe-medium";

/// How long a server may take to start.
const START: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Who is measured.
#[derive(Clone)]
pub(crate) enum Contender {
    Ours,
    /// piper-tts in a virtual environment.
    Piper(PathBuf),
}

/// A server that runs; gone when dropped.
pub(crate) struct Server {
    pub(crate) endpoint: Endpoint,
    pub(crate) process: Process,
    _data: TempDir,
}

impl Contender {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ours => "voicefleet",
            Self::Piper(_) => "piper-tts",
        }
    }

    /// Starts it and waits until it speaks.
    pub(crate) async fn start(&self) -> anyhow::Result<Server> {
        let data = tempfile::tempdir()?;
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let (mut command, path, body) = match self {
            Self::Ours => (
                ours(data.path(), address)?,
                "/v1/audio/speech",
                our_body as fn(&str) -> String,
            ),
            Self::Piper(folder) => (
                piper(folder, data.path(), address),
                "/synthesize",
                piper_body as fn(&str) -> String,
            ),
        };
        let server = Server {
            endpoint: Endpoint {
                address,
                path,
                body,
            },
            process: Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()))?,
            _data: data,
        };
        server.until_it_speaks().await?;
        Ok(server)
    }
}

impl Server {
    async fn until_it_speaks(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let spoken = async {
                let mut client = Client::connect(self.endpoint).await?;
                client.job(&texts::text(texts::next())).await
            };
            match spoken.await {
                Err(_) if began.elapsed() < START => sleep(LOOK_EVERY).await,
                done => return done.map(drop),
            }
        }
    }
}

fn ours(data: &Path, address: SocketAddr) -> anyhow::Result<Command> {
    let mut command = Command::new(voicefleet_tests::program()?);
    command
        .args(["serve", "--data"])
        .arg(data)
        .args(["--listen", &address.to_string()]);
    Ok(command)
}

fn piper(folder: &Path, data: &Path, address: SocketAddr) -> Command {
    let model = voicefleet_testkit::model_file(&format!("piper/{VOICE}/{VOICE}.onnx"));
    let mut command = Command::new(folder.join("bin/python"));
    command
        .current_dir(data)
        .args(["-m", "piper.http_server", "--model"])
        .arg(model)
        .args(["--host", &address.ip().to_string()])
        .args(["--port", &address.port().to_string()]);
    command
}

fn our_body(text: &str) -> String {
    json!({"model": format!("piper-{VOICE}"), "voice": VOICE, "input": text, "response_format": "wav"})
        .to_string()
}

fn piper_body(text: &str) -> String {
    json!({"text": text}).to_string()
}
