//! A `redis-server` of a test's own.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use redis::{Cmd, FromRedisValue, RedisResult};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};
use voicefleet_core::ports::{BlobStore, JobRecords};
use voicefleet_redis::{RedisBlobs, RedisConfig, RedisRecords};
use voicefleet_testkit::conformance::within_patience;

/// What a server, and what a Sentinel, logs once it answers.
const READY: [&str; 2] = ["Ready to accept connections", "Sentinel ID is"];

/// A server on a port of its own with a folder of its own, which end with it.
pub(crate) struct Server {
    port: u16,
    folder: TempDir,
    settings: Vec<String>,
    /// The certificate that vouches for it, if it speaks nothing but TLS.
    vouched_by: Option<PathBuf>,
    process: Option<Process>,
}

struct Process {
    child: Child,
    /// Kept, for a server whose log nobody takes stops at some point.
    _log: Lines<BufReader<ChildStdout>>,
}

impl Drop for Process {
    /// Returns when it has ended, so that nothing is left of it when the test is over.
    fn drop(&mut self) {
        if self.child.start_kill().is_ok() {
            while matches!(self.child.try_wait(), Ok(None)) {
                std::thread::yield_now();
            }
        }
    }
}

impl Server {
    /// An empty server that writes down everything before it answers.
    pub(crate) async fn start() -> Self {
        let durable = ["--appendonly", "yes", "--appendfsync", "always"];
        // Else a replica waits for others to come.
        let prompt = ["--repl-diskless-sync-delay", "0"];
        Self::start_with(&[&durable[..], &prompt].concat()).await
    }

    pub(crate) async fn start_with(settings: &[&str]) -> Self {
        Self::start_any(&[&["--save", ""], settings].concat(), None).await
    }

    /// A node that knows no others and has no slots yet.
    pub(crate) async fn start_node() -> Self {
        let durable = ["--appendonly", "yes", "--appendfsync", "always"];
        let node = ["--cluster-enabled", "yes", "--save", ""];
        Self::start_any(&[&node[..], &durable].concat(), None).await
    }

    /// One that speaks nothing but TLS, with the certificates that were written to `folder`.
    pub(crate) async fn start_tls(folder: &Path) -> Self {
        let file = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
        let (own, key, ca) = (file("server.pem"), file("server.key"), file("ca.pem"));
        let certificates = ["--tls-cert-file", &own, "--tls-key-file", &key];
        let trust = ["--tls-ca-cert-file", &ca, "--tls-auth-clients", "no"];
        let settings = [&["--save", ""], &certificates[..], &trust[..]].concat();
        Self::start_any(&settings, Some(folder.join("ca.pem"))).await
    }

    /// A Sentinel. It keeps what it learns in the file of its rules.
    pub(crate) async fn start_sentinel(rules: &Path) -> Self {
        let rules = rules.to_str().expect("a path in UTF-8");
        Self::start_any(&[rules, "--sentinel"], None).await
    }

    async fn start_any(settings: &[&str], vouched_by: Option<PathBuf>) -> Self {
        let mut server = Self {
            port: 0,
            folder: tempfile::tempdir().expect("a folder"),
            settings: settings.iter().map(|&word| word.to_owned()).collect(),
            vouched_by,
            process: None,
        };
        // Somebody else may take the port that was free, so that the server ends at once.
        while server.process.is_none() {
            server.port = free_port();
            server.process = server.spawn().await;
        }
        server
    }

    async fn spawn(&self) -> Option<Process> {
        let port: &[&str] = match self.vouched_by {
            Some(_) => &["--port", "0", "--tls-port"],
            None => &["--port"],
        };
        let mut child = Command::new("redis-server")
            .args(&self.settings)
            .args(["--bind", "127.0.0.1"])
            .args(port)
            .arg(self.port.to_string())
            .arg("--dir")
            .arg(self.folder.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("redis-server is installed");
        let log = child.stdout.take().expect("its output");
        let mut log = BufReader::new(log).lines();
        let ready = async {
            while let Some(line) = log.next_line().await.expect("its log") {
                if READY.iter().any(|ready| line.contains(ready)) {
                    return true;
                }
            }
            false
        };
        if !within_patience(ready).await {
            return None;
        }
        if self.vouched_by.is_none() {
            let pong: String = self.ask(&["PING"]).await;
            assert_eq!(pong, "PONG");
        }
        Some(Process { child, _log: log })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        let port = self.port;
        match &self.vouched_by {
            Some(ca) => format!("rediss://127.0.0.1:{port}?ca_file={}", ca.display()),
            None => format!("redis://127.0.0.1:{port}"),
        }
    }

    /// As the backend has it, but less patient.
    pub(crate) fn config(&self) -> RedisConfig {
        RedisConfig {
            connect_timeout: Duration::from_secs(5),
            ..RedisConfig::new(self.url())
        }
    }

    pub(crate) fn records(&self) -> Arc<dyn JobRecords> {
        records(&self.config())
    }

    /// Ends it as a crash does: by its process id, without a chance to tidy up.
    pub(crate) async fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.child.kill().await.expect("ends");
    }

    /// Brings back what it had, on the same port.
    pub(crate) async fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs");
        self.process = self.spawn().await;
        assert!(self.process.is_some(), "it does not come back");
    }

    /// Makes it silent (`STOP`), or go on (`CONT`): its connections stay.
    pub(crate) async fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("it runs");
        let id = process.child.id().expect("a process id");
        let sent = Command::new("kill")
            .args([format!("-{signal}"), id.to_string()])
            .status()
            .await;
        assert!(sent.expect("kill is there").success());
    }

    /// A question of the test's own, on a connection of its own.
    pub(crate) async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        ask(&self.url(), &command).await
    }

    /// Returns when its section `about` says `sentence`, through changes of its role, which cut connections.
    pub(crate) async fn says(&self, about: &str, sentence: &str) {
        let mut info = redis::cmd("INFO");
        info.arg(about);
        let saying = async {
            loop {
                let said: RedisResult<String> = try_to_ask(&self.url(), &info).await;
                if said.is_ok_and(|said| said.contains(sentence)) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        within_patience(saying).await;
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}

/// Outside the ports that the system gives to outgoing connections, so that it is free again for a
/// server that comes back.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(15_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub(crate) async fn ask<T: FromRedisValue>(url: &str, command: &Cmd) -> T {
    try_to_ask(url, command).await.expect("answers")
}

async fn try_to_ask<T: FromRedisValue>(url: &str, command: &Cmd) -> RedisResult<T> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    command.query_async(&mut connection).await
}

pub(crate) fn records(config: &RedisConfig) -> Arc<dyn JobRecords> {
    open_records(config)
}

pub(crate) fn open_records(config: &RedisConfig) -> Arc<RedisRecords> {
    Arc::new(RedisRecords::open(config).expect("opens"))
}

pub(crate) fn blobs(config: &RedisConfig) -> Arc<dyn BlobStore> {
    Arc::new(RedisBlobs::open(config).expect("opens"))
}

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    within_patience(asking).await
}
