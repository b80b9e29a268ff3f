//! From the start of a process to the first audio or text, models in the page cache: ours, item by item, and
//! beside each engine of ours whoever else runs the same model (Kokoro's are measured with its servers).
//!
//! A line is a [`Cold`] of `contenders.rs`; another engine is one more there.

mod contenders;

use std::path::PathBuf;

use clap::Parser;
use voicefleet_benches::{median, report};

use crate::contenders::{Cold, Started};

/// Process start to first audio or text.
#[derive(Parser)]
struct Options {
    /// How often each is started; the medians count.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Where `benches/peers/piper/setup` has put piper-tts.
    #[arg(long)]
    piper: Option<PathBuf>,
    /// Where `benches/peers/whisper/setup` has put faster-whisper.
    #[arg(long)]
    whisper: Option<PathBuf>,
    /// Cargo says so to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mut contenders = vec![Cold::piper(), Cold::kokoro(), Cold::whisper()];
    if let Some(folder) = &options.piper {
        contenders.extend([Cold::piper_cli(folder), Cold::piper_server(folder)]);
    }
    if let Some(folder) = &options.whisper {
        contenders.push(Cold::faster_whisper(folder));
    }
    // The first start prepares the model and fills the page cache.
    for contender in &contenders {
        contender.start().await?;
    }
    let mut measured: Vec<Vec<Started>> = contenders.iter().map(|_| Vec::new()).collect();
    for _ in 0..options.rounds {
        for (contender, starts) in contenders.iter().zip(&mut measured) {
            starts.push(contender.start().await?);
        }
    }
    for (contender, starts) in contenders.iter().zip(&measured) {
        conclude(contender, starts)?;
    }
    Ok(())
}

fn conclude(contender: &Cold, starts: &[Started]) -> anyhow::Result<()> {
    let of = |figure: &dyn Fn(&Started) -> f64| median(starts.iter().map(figure).collect());
    report(&format!(
        "{}: answered after {:.3} s, {:.2} CPU s (medians of {})",
        contender.name,
        of(&|start| start.seconds)?,
        of(&|start| start.cpu_seconds)?,
        starts.len()
    ));
    let Some(first) = starts.first() else {
        return Ok(());
    };
    for (at, (item, _)) in first.items.iter().enumerate() {
        let milliseconds =
            of(&|start: &Started| start.items.get(at).map_or(f64::NAN, |item| item.1))?;
        report(&format!("    {item}: {milliseconds:.0} ms"));
    }
    Ok(())
}
