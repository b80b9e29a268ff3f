//! The load: Debian's `wrk`, one thread.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Context;

use crate::{
    SPEECHES,
    server::{body, text},
};

/// What it says.
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Answers that are not 2xx, and what went wrong on sockets.
    pub(crate) failed: f64,
}

pub(crate) fn run(
    url: &str,
    script: Option<&Path>,
    connections: usize,
    span: Duration,
) -> anyhow::Result<Figures> {
    let mut wrk = Command::new("wrk");
    wrk.args(["--threads", "1", "--latency", "--timeout", "20s"])
        .args(["--connections", &connections.to_string()])
        .args(["--duration", &format!("{}s", span.as_secs())]);
    if let Some(script) = script {
        wrk.arg("--script").arg(script);
    }
    let said = wrk
        .arg(url)
        .output()
        .context("wrk, a package of Debian's")?;
    anyhow::ensure!(said.status.success(), "wrk: {said:?}");
    read(&String::from_utf8(said.stdout)?).context("what wrk says")
}

fn read(text: &str) -> Option<Figures> {
    let line = |begin: &str| {
        let mut lines = text.lines().map(str::trim);
        lines.find_map(|line| line.strip_prefix(begin).map(str::trim))
    };
    let failed: f64 = ["Socket errors:", "Non-2xx or 3xx responses:"]
        .iter()
        .filter_map(|begin| line(begin))
        .flat_map(|figures| figures.split([' ', ',']))
        .filter_map(|word| word.parse::<f64>().ok())
        .fold(0.0, |sum, failed| sum + failed);
    Some(Figures {
        per_second: line("Requests/sec:")?.parse().ok()?,
        p50_ms: milliseconds(line("50%")?)?,
        p99_ms: milliseconds(line("99%")?)?,
        failed,
    })
}

fn milliseconds(text: &str) -> Option<f64> {
    let units = [("us", 0.001), ("ms", 1.0), ("s", 1_000.0), ("m", 60_000.0)];
    let (unit, factor) = units.iter().find(|(unit, _)| text.ends_with(unit))?;
    let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
    Some(number * factor)
}

/// Asks for each speech in turn.
pub(crate) fn posts(folder: &Path) -> anyhow::Result<PathBuf> {
    let bodies: Vec<String> = (0..SPEECHES)
        .map(|number| format!("[==[{}]==]", body(&text(number))))
        .collect();
    let script = format!(
        "local bodies = {{{}}}\nlocal at = 0\n\
         local headers = {{[\"Content-Type\"] = \"application/json\"}}\n\
         request = function()\n  at = at % #bodies + 1\n\
         return wrk.format(\"POST\", nil, headers, bodies[at])\nend\n",
        bodies.join(", ")
    );
    written(folder, "posts.lua", &script)
}

/// Asks for the result of each job in turn.
pub(crate) fn gets(folder: &Path, jobs: &[String]) -> anyhow::Result<PathBuf> {
    let paths: Vec<String> = jobs
        .iter()
        .map(|job| format!("\"/v1/jobs/{job}/result\""))
        .collect();
    written(folder, "gets.lua", &paths_in_turn(&paths))
}

/// Asks for each file in turn.
pub(crate) fn files(folder: &Path) -> anyhow::Result<PathBuf> {
    let paths: Vec<String> = (0..SPEECHES)
        .map(|number| format!("\"/{number}.flac\""))
        .collect();
    written(folder, "files.lua", &paths_in_turn(&paths))
}

fn paths_in_turn(paths: &[String]) -> String {
    format!(
        "local paths = {{{}}}\nlocal at = 0\n\
         request = function()\n  at = at % #paths + 1\n\
         return wrk.format(\"GET\", paths[at])\nend\n",
        paths.join(", ")
    )
}

fn written(folder: &Path, name: &str, script: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, script)?;
    Ok(path)
}
