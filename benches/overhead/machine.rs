//! Where and what is measured.

use std::{fs, process::Command, thread};

/// One line each.
pub(crate) fn describe() -> Vec<String> {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    vec![
        format!(
            "machine: {cores} cores, {}, load {}",
            model(),
            load.join(" ")
        ),
        format!(
            "commit: {}",
            said("git", &["describe", "--always", "--dirty"])
        ),
        format!("RabbitMQ {}", said("rabbitmqctl", &["version"])),
        said("redis-server", &["--version"]),
    ]
}

fn model() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = processors
        .lines()
        .find(|line| line.starts_with("model name"));
    let name = named.and_then(|line| line.split_once(':'));
    name.map_or("unknown", |(_, name)| name.trim()).to_owned()
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or("unknown".to_owned(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}
