//! One worker as a process of its own.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::process::{Child, ChildStdin, Command};
use voicefleet_core::{EngineId, Timestamp};

/// Every setting as a variable.
pub(super) type Environment = Vec<(String, String)>;

/// Killed when dropped.
pub(super) struct WorkerProcess {
    child: Child,
    pid: u32,
    started: Timestamp,
    /// While this is open the worker knows that somebody looks after it: should we be killed, it ends in
    /// order by itself.
    _leash: Option<ChildStdin>,
}

impl WorkerProcess {
    pub(super) fn start(
        engine: &EngineId,
        environment: &Environment,
        now: Timestamp,
    ) -> std::io::Result<Self> {
        let inherited = std::env::vars_os();
        let ours = inherited.filter(|(name, _)| name.to_string_lossy().starts_with("VOICEFLEET_"));
        let mut command = Command::new(std::env::current_exe()?);
        for (name, _) in ours {
            command.env_remove(name);
        }
        let mut child = command
            .args(["worker", "--engine", engine.as_str()])
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env("VOICEFLEET_LISTEN", "127.0.0.1:0")
            .env("VOICEFLEET_LEASH", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // Ctrl-C is for us; the workers hear of it once, from us.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            pid: child.id().unwrap_or(0),
            _leash: child.stdin.take(),
            child,
            started: now,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn lived(&self, now: Timestamp) -> Duration {
        now.since(self.started)
    }

    /// How it has ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to stop and waits; kills it after `grace`. Returns whether it ended in order.
    pub(super) async fn end(mut self, grace: Duration) -> bool {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid
            && let Err(error) = kill(Pid::from_raw(pid), Signal::SIGTERM)
        {
            tracing::debug!(pid, %error, "the worker is gone already");
        }
        if let Ok(ended) = tokio::time::timeout(grace, self.child.wait()).await {
            return ended.is_ok_and(|status| status.success());
        }
        tracing::error!(pid = self.pid, "not stopped within {grace:?}; it is killed");
        if let Err(error) = self.child.kill().await {
            tracing::error!(pid = self.pid, %error, "it cannot be killed");
        }
        false
    }
}
