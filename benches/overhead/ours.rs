//! Our fleet: an API and a worker, which are this program in other roles.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::Context;
use serde_json::json;

use voicefleet_benches::process::Process;

use crate::{fleet::Fleet, http::Endpoint, options::Servers, roles::api::VOICE};

pub(crate) fn start(servers: &Servers) -> anyhow::Result<Fleet> {
    let mut api = Process::start(role("api", servers)?.stdout(Stdio::piped()))?;
    let said = api.child().stdout.take().context("its output")?;
    let mut address = String::new();
    BufReader::new(said).read_line(&mut address)?;
    let worker = Process::start(&mut role("worker", servers)?)?;
    Ok(Fleet {
        endpoint: Endpoint {
            address: address.trim().parse().context("the API did not start")?,
            path: "/v1/audio/speech",
            body,
        },
        processes: vec![("API", api), ("worker", worker)],
    })
}

fn role(name: &str, servers: &Servers) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["--role", name])
        .args(["--amqp", &servers.amqp])
        .args(["--redis", &servers.redis]);
    Ok(command)
}

/// In the format that results are stored in, since rendering is work.
fn body(text: &str) -> String {
    json!({"model": VOICE, "voice": VOICE, "input": text, "response_format": "flac"}).to_string()
}
