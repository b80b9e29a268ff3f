//! Our API server over Redis, in a process of its own.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use anyhow::Context;
use bytes::Bytes;
use futures::FutureExt;
use serde_json::json;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use voicefleet_api::{ApiContext, ApiLimits, ApiStop, ConnectionLimits, KeyPolicy, router};
use voicefleet_core::{
    AudioFormat, Catalog, Clock, EngineId, JobSpec, ModelEntry, Pcm, SpeechSpec, VoiceEntry,
    catalog::ModelTask,
    fingerprint::digest_of,
    ports::{AudioCodec, AudioError, AudioLimits, Blob, BlobKey, BlobStore, Retention},
    scaling::ScalingPolicy,
    time::SystemClock,
};
use voicefleet_redis::{RedisBlobs, RedisConfig, RedisRecords};
use voicefleet_testkit::{FakeClock, memory::MemoryQueue};
use voicefleet_webhooks::{UrlPolicy, Webhooks};

use crate::{SIZE, SPEECHES};

/// The name of the voice, the model and the engine.
const ENGINE: &str = "idle";

/// The process; gone when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Server {
    pub(crate) fn start(redis: &str, near: usize) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--serve", redis, "--near", &near.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = process.stdout.take().context("its output")?;
        let mut address = String::new();
        BufReader::new(said).read_line(&mut address)?;
        let address = address.trim().parse().context("the server did not start")?;
        Ok(Self { address, process })
    }

    /// The ids of jobs that have been answered with each of the speeches.
    pub(crate) fn jobs(&self) -> anyhow::Result<Vec<String>> {
        (0..SPEECHES)
            .map(|number| self.job(&text(number)))
            .collect()
    }

    fn job(&self, text: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        let body = body(text);
        write!(
            stream,
            "POST /v1/audio/speech HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let head = String::from_utf8_lossy(&answer[..answer.len().min(2_000)]).into_owned();
        let mut lines = head.lines();
        anyhow::ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
        let id = lines.find_map(|line| line.strip_prefix("x-voicefleet-job-id: "));
        Ok(id.context("the id of the job")?.trim().to_owned())
    }

    pub(crate) fn memory_of_idle(&self, connections: usize) -> anyhow::Result<String> {
        idle_memory(self.address, connections, || resident_of(self.process.id()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What so many connections take that have been opened and say nothing.
pub(crate) fn idle_memory(
    address: SocketAddr,
    connections: usize,
    resident: impl Fn() -> anyhow::Result<f64>,
) -> anyhow::Result<String> {
    let before = resident()?;
    let open: std::io::Result<Vec<TcpStream>> = (0..connections)
        .map(|_| TcpStream::connect(address))
        .collect();
    let open = open?;
    #[expect(
        clippy::disallowed_methods,
        reason = "nothing tells that a connection that says nothing is taken up"
    )]
    std::thread::sleep(std::time::Duration::from_secs(1));
    let grown = resident()? - before;
    drop(open);
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let each = grown / connections as f64;
    Ok(format!(
        "{before:.0} KiB resident; {each:.1} KiB for each of {connections} idle connections"
    ))
}

/// Resident memory of a process and its children, KiB.
pub(crate) fn resident_of(process: u32) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    for entry in fs::read_dir("/proc")? {
        let status = entry?.path().join("status");
        let Ok(status) = fs::read_to_string(status) else {
            continue;
        };
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<f64>().ok()
        };
        let is_it = |name| field(name).is_some_and(|id| (id - f64::from(process)).abs() < 0.5);
        if is_it("Pid:") || is_it("PPid:") {
            sum += field("VmRSS:").unwrap_or_default();
        }
    }
    Ok(sum)
}

pub(crate) fn text(number: usize) -> String {
    format!("Speech {number}.")
}

/// The request for a speech, in the format that results are stored in.
pub(crate) fn body(text: &str) -> String {
    json!({"model": ENGINE, "voice": ENGINE, "input": text, "response_format": "flac"}).to_string()
}

/// Serves until it is killed. Says where on standard output.
pub(crate) async fn serve(redis: &str, near: usize) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let config = RedisConfig::new(redis);
    let records = Arc::new(RedisRecords::open(&config)?);
    let blobs = RedisBlobs::open(&config)?;
    fill(&blobs).await?;
    let documents: Arc<dyn voicefleet_core::ports::Documents> = Arc::new(records.documents());
    let catalog = Arc::new(catalog());
    let context = ApiContext {
        queue: Arc::new(MemoryQueue::new(FakeClock::default())),
        ledger: Arc::clone(&records) as _,
        records,
        webhooks: Webhooks::new(
            Arc::clone(&documents),
            Arc::clone(&clock),
            UrlPolicy::default(),
        ),
        documents,
        keys: KeyPolicy::default(),
        scaling: ScalingPolicy::default(),
        blobs: Arc::new(blobs),
        codec: Arc::new(NoAudio),
        catalog: Arc::new(move || Arc::clone(&catalog)),
        clock,
        limits: ApiLimits {
            near_bytes: near,
            ..ApiLimits::default()
        },
        metrics: Arc::new(|| async { String::new() }.boxed()),
        tasks: TaskTracker::new(),
        stop: ApiStop::default(),
    };
    let listener = voicefleet_api::listen(([127, 0, 0, 1], 0).into())?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let limits = ConnectionLimits::default();
    let closing = CancellationToken::new();
    voicefleet_api::serve(listener, router(context), limits, closing).await;
    Ok(())
}

async fn fill(blobs: &RedisBlobs) -> anyhow::Result<()> {
    for number in 0..SPEECHES {
        let spec = JobSpec::Speech(SpeechSpec {
            walled: None,
            engine: EngineId::new(ENGINE),
            model: ENGINE.to_owned(),
            model_digest: digest_of(ENGINE.as_bytes()),
            voice: ENGINE.to_owned(),
            text: text(number),
            speed: 1.0,
            format: AudioFormat::Flac,
        });
        let blob = Blob {
            bytes: Bytes::from(vec![b'x'; SIZE]),
            content_type: "audio/flac".to_owned(),
        };
        let key = BlobKey::Result(spec.fingerprint());
        blobs.put(&key, blob, Retention::Cache).await?;
    }
    Ok(())
}

fn catalog() -> Catalog {
    Catalog {
        models: vec![ModelEntry {
            name: ENGINE.to_owned(),
            engine: EngineId::new(ENGINE),
            task: ModelTask::Speech,
            digest: digest_of(ENGINE.as_bytes()),
            licence: "MIT".to_owned(),
            installed: true,
            languages: vec!["en".to_owned()],
        }],
        voices: vec![VoiceEntry {
            name: ENGINE.to_owned(),
            engine: EngineId::new(ENGINE),
            model: ENGINE.to_owned(),
            language: "en-US".to_owned(),
            mixable: false,
        }],
    }
}

/// Nothing is read or written here.
struct NoAudio;

impl AudioCodec for NoAudio {
    fn decode(&self, _: &[u8], _: Option<u32>, _: AudioLimits) -> Result<Pcm, AudioError> {
        Err(AudioError::NotAudio("this is a bench".to_owned()))
    }

    fn encode(&self, _: &Pcm, _: AudioFormat) -> Result<Vec<u8>, AudioError> {
        Err(AudioError::NotAudio("this is a bench".to_owned()))
    }
}
