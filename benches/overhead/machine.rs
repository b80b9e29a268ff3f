//! Where and what is measured.

use std::{process::Command, thread};

use procfs::{CpuInfo, Current, LoadAverage};

/// One line each.
pub(crate) fn describe() -> Vec<String> {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let load = LoadAverage::current().map_or("unknown".to_owned(), |load| {
        format!("{} {} {}", load.one, load.five, load.fifteen)
    });
    vec![
        format!("machine: {cores} cores, {}, load {load}", model()),
        format!(
            "commit: {}",
            said("git", &["describe", "--always", "--dirty"])
        ),
        format!("RabbitMQ {}", said("rabbitmqctl", &["version"])),
        said("redis-server", &["--version"]),
    ]
}

fn model() -> String {
    let processors = CpuInfo::current().ok();
    let name = processors.as_ref().and_then(|all| all.model_name(0));
    name.unwrap_or("unknown").to_owned()
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or("unknown".to_owned(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}
