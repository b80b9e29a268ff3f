//! A real server process.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::Client;

/// Longest time a server may take to say its address or to stop.
const PATIENCE: Duration = Duration::from_mins(1);
/// Begins the line in which the server says where it listens.
const ADDRESS_PREFIX: &str = "listening on ";

/// A running `voicefleet` that serves, be it the API or its own state; killed when dropped.
pub struct Server {
    child: Child,
    /// The process that signals go to, if it is not the child itself.
    signalled: Option<u32>,
    base: String,
}

impl Server {
    /// Starts the program over `data`, with further flags.
    ///
    /// # Errors
    /// If the program is not built, does not start, or does not become ready.
    pub async fn start(data: &Path, flags: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(program()?);
        command.args(["serve", "--data"]).arg(data).args(flags);
        Self::launch(command).await
    }

    /// As [`Server::start`], but with no more files open at first than `soft`, as a system may start it.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_with_descriptors(data: &Path, soft: u32) -> anyhow::Result<Self> {
        let mut command = Command::new("prlimit");
        command.arg(format!("--nofile={soft}:")).arg(program()?);
        command.args(["serve", "--data"]).arg(data);
        Self::launch(command).await
    }

    /// Starts `voicefleet` with a command and settings from the environment; its log goes to `log`, if
    /// there is one.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_role(
        role: &[&str],
        settings: &[(String, String)],
        log: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(program()?);
        command.args(role).envs(settings.iter().cloned());
        if let Some(log) = log {
            command.stderr(File::create(log)?);
        }
        Self::launch(command).await
    }

    /// As [`Server::start_role`], but as process 1 of its own world of processes, as in a container.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_as_process_1(
        role: &[&str],
        settings: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let mut command = Command::new("unshare");
        command
            .args(["--pid", "--fork", "--kill-child"])
            .arg(program()?)
            .args(role)
            .envs(settings.iter().cloned());
        let mut server = Self::launch(command).await?;
        server.signalled = Some(only_child_of(server.pid()?)?);
        Ok(server)
    }

    async fn launch(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command
            .env("VOICEFLEET_LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let said = tokio::time::timeout(PATIENCE, lines.next_line())
            .await
            .context("the server says nothing")??;
        let line = said.ok_or_else(|| anyhow!("the server ended before it listened"))?;
        let base = line
            .strip_prefix(ADDRESS_PREFIX)
            .ok_or_else(|| anyhow!("unexpected first line: {line}"))?
            .to_owned();
        Ok(Self {
            child,
            signalled: None,
            base,
        })
    }

    /// A client of this server.
    ///
    /// # Errors
    /// If no HTTP client can be made.
    pub fn client(&self) -> anyhow::Result<Client> {
        Client::new(&self.base)
    }

    /// The base URL.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The process id.
    ///
    /// # Errors
    /// If it has ended.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the server has ended")
    }

    /// The ids of the processes that it has started and that still run (`/proc`).
    ///
    /// # Errors
    /// If it has ended.
    pub fn children(&self) -> anyhow::Result<Vec<u32>> {
        children_of(self.pid()?)
    }

    /// Resident memory, bytes (`/proc`).
    ///
    /// # Errors
    /// If it has ended.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .context("VmRSS")?;
        let kib: u64 = line
            .split_whitespace()
            .nth(1)
            .context("a number")?
            .parse()?;
        Ok(kib * 1024)
    }

    /// `kill -9`, and waits for the end.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        Ok(())
    }

    /// SIGTERM; waits for the end and demands exit code 0.
    ///
    /// # Errors
    /// If it does not stop in time or with another code.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.signalled.map_or_else(|| self.pid(), Ok)?.to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await?;
        if !sent.success() {
            bail!("SIGTERM could not be sent");
        }
        let status = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .context("does not stop")??;
        if status.success() {
            Ok(())
        } else {
            bail!("ended with {status}")
        }
    }
}

fn only_child_of(parent: u32) -> anyhow::Result<u32> {
    let children = children_of(parent)?;
    children.first().copied().context("no child")
}

/// Whichever of its threads has started them.
fn children_of(parent: u32) -> anyhow::Result<Vec<u32>> {
    let mut children = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{parent}/task"))? {
        // A thread may end meanwhile.
        let started = std::fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
        for child in started.split_whitespace() {
            children.push(child.parse()?);
        }
    }
    Ok(children)
}

/// The program built beside the running test or bench.
///
/// # Errors
/// If it is not built.
pub fn program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let program = own
        .ancestors()
        .skip(1)
        .map(|folder| folder.join("voicefleet"))
        .find(|candidate| candidate.is_file());
    program.context("the program is not built: run `cargo build --bin voicefleet` (make test does)")
}
