//! A process that is measured.

use std::{
    collections::HashMap,
    fs,
    process::{Child, Command, Stdio},
};

use anyhow::Context;
use std::os::unix::process::CommandExt;

/// Clock ticks a second, as Linux counts them for user space everywhere.
const TICKS: f64 = 100.0;

/// A process with its children, in a group of their own; killed when dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it with nothing to read.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let named = command.get_program().display().to_string();
        let started = command.process_group(0).stdin(Stdio::null()).spawn();
        started
            .map(Self)
            .with_context(|| format!("starting {named}"))
    }

    #[allow(dead_code, reason = "not every bench that counts reads what is said")]
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// What is in memory of it, without its children, bytes.
    #[allow(dead_code, reason = "not every bench that counts looks at memory")]
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(kib.context("VmRSS")?.parse::<u64>()? * 1024)
    }

    /// What it, its children and theirs have used, and those that have ended.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        cpu_seconds_of(self.0.id())
    }
}

/// What a process, its children and theirs have used, and those that have ended.
pub(crate) fn cpu_seconds_of(process: u32) -> anyhow::Result<f64> {
    let all = accounts()?;
    let mut family = vec![process];
    let mut ticks = 0;
    while let Some(member) = family.pop() {
        ticks += all.get(&member).map_or(0, |account| account.ticks);
        let children = all.iter().filter(|(_, account)| account.parent == member);
        family.extend(children.map(|(id, _)| *id));
    }
    #[expect(clippy::cast_precision_loss, reason = "a bench takes minutes")]
    let ticks = ticks as f64;
    Ok(ticks / TICKS)
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        // It may have ended already.
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.0.wait();
    }
}

/// What the children of this process that have ended have used, seconds of CPU.
#[allow(dead_code, reason = "not every bench that counts waits for an end")]
pub(crate) fn of_ended_children() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    let fields = fields.split_whitespace().skip(13).take(2);
    let ticks: f64 = fields.filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS)
}

struct Account {
    parent: u32,
    ticks: u64,
}

/// Of all processes that there are.
fn accounts() -> anyhow::Result<HashMap<u32, Account>> {
    let mut accounts = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let id = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        // One that ends meanwhile is in its parent's account.
        let stat = fs::read_to_string(entry.path().join("stat")).ok();
        if let (Some(id), Some(account)) = (id, stat.as_deref().and_then(account)) {
            accounts.insert(id, account);
        }
    }
    Ok(accounts)
}

/// Reads a line of `/proc/PID/stat`; the fields are counted from behind the name, which may hold spaces.
fn account(stat: &str) -> Option<Account> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let own_and_ended_childrens = fields.get(11..15)?.iter();
    Some(Account {
        parent: fields.get(1)?.parse().ok()?,
        ticks: own_and_ended_childrens
            .filter_map(|field| field.parse::<u64>().ok())
            .sum(),
    })
}
