//! A process that is measured.

use std::{
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use anyhow::Context;
use procfs::process::{self, Stat, Status};

/// A process with its children, in a group of their own; killed when dropped.
pub struct Process(Child);

impl Process {
    /// Starts it with nothing to read.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let named = command.get_program().display().to_string();
        let started = command.process_group(0).stdin(Stdio::null()).spawn();
        started
            .map(Self)
            .with_context(|| format!("starting {named}"))
    }

    /// The process itself.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// What is in memory of it, without its children, bytes.
    ///
    /// # Errors
    /// If it has ended.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        let kib = status_of(self.0.id())?.vmrss;
        Ok(kib.context("it has ended")? * 1024)
    }

    /// [`cpu_seconds_of`] it.
    ///
    /// # Errors
    /// If Linux does not say.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        cpu_seconds_of(self.0.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        // It may have ended already, and then nobody needs to hear of it.
        let mut kill = Command::new("kill");
        let _ = (kill.args(["-KILL", "--", &group]).stderr(Stdio::null())).status();
        let _ = self.0.wait();
    }
}

/// What Linux says of a process: memory (KiB), threads.
///
/// # Errors
/// If there is no such process.
pub fn status_of(process: u32) -> anyhow::Result<Status> {
    let id = i32::try_from(process)?;
    let status = process::Process::new(id).and_then(|process| process.status());
    status.with_context(|| format!("the process {process}"))
}

/// What a process, its children and theirs have used, and those that have ended, seconds of CPU.
///
/// # Errors
/// If Linux does not say.
pub fn cpu_seconds_of(process: u32) -> anyhow::Result<f64> {
    // One that ends meanwhile is in its parent's account.
    let all: Vec<Stat> = process::all_processes()?
        .filter_map(|process| process.ok()?.stat().ok())
        .collect();
    let mut family = vec![i32::try_from(process)?];
    let mut ticks = 0;
    while let Some(member) = family.pop() {
        let own = all.iter().find(|stat| stat.pid == member);
        ticks += own.map_or(0, |stat| {
            stat.utime.saturating_add(stat.stime) + ended_children(stat)
        });
        let children = all.iter().filter(|stat| stat.ppid == member);
        family.extend(children.map(|stat| stat.pid));
    }
    Ok(seconds(ticks))
}

/// What the children of this process that have ended have used, seconds of CPU.
///
/// # Errors
/// If Linux does not say.
pub fn cpu_seconds_of_ended_children() -> anyhow::Result<f64> {
    let stat = process::Process::myself()?.stat()?;
    Ok(seconds(ended_children(&stat)))
}

fn ended_children(stat: &Stat) -> u64 {
    stat.cutime.saturating_add(stat.cstime).unsigned_abs()
}

#[expect(clippy::cast_precision_loss, reason = "a bench takes minutes")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / procfs::ticks_per_second() as f64
}
