//! Pulls sets or assets into a folder: `cargo run --example pull -- DIR [NAME...]`.

use std::{io::Write, time::Instant};

use voicefleet_models::{ModelStore, PullOptions, progress};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("usage: pull DIR [NAME...]")?;
    let mut names: Vec<String> = arguments.collect();
    if names.is_empty() {
        names.push("default".to_owned());
    }
    let store = ModelStore::open(dir);
    let wanted = store.manifest().select(&names)?;
    let begin = Instant::now();
    let report = store
        .pull(&wanted, progress::for_stderr(), &PullOptions::default())
        .await?;
    writeln!(
        std::io::stdout(),
        "{} files, {} bytes placed, {} bytes fetched, {:.1} s",
        report.files.len(),
        report.bytes_placed,
        report.bytes_fetched,
        begin.elapsed().as_secs_f64()
    )?;
    Ok(())
}
