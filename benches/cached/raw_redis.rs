//! Redis itself, asked for as many bytes: `redis-benchmark`, which comes with it.

use std::process::Command;

use voicefleet_testkit::servers::RedisServer;

use crate::{SIZE, SPEECHES};

/// What it makes of so many connections.
pub(crate) fn line(redis: &RedisServer, connections: usize) -> anyhow::Result<String> {
    // It has a connection of its own.
    let connections = connections.min(8_000);
    let ask = |test: &str, requests: usize, clients: usize| {
        Command::new("redis-benchmark")
            .args(["-p", &redis.port().to_string(), "--csv", "-t", test])
            .args(["-d", &SIZE.to_string(), "-r", &SPEECHES.to_string()])
            .args(["-n", &requests.to_string(), "-c", &clients.to_string()])
            .output()
    };
    ask("set", SPEECHES * 20, 1)?;
    let asked = ask("get", 20_000, connections)?;
    let text = String::from_utf8(asked.stdout)?;
    let last = text.lines().last().unwrap_or_default();
    let figures: Vec<&str> = last
        .split(',')
        .map(|field| field.trim_matches('"'))
        .collect();
    let [_, per_second, _, _, p50, _, p99, ..] = figures[..] else {
        anyhow::bail!("redis-benchmark: {text}");
    };
    Ok(format!(
        "{connections} connections, Redis GET: {per_second} requests/s, p50 {p50} ms, p99 {p99} ms"
    ))
}
