//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Piper as a server, ours beside piper-tts's own.
#[derive(Parser)]
pub(crate) struct Options {
    /// How often each is measured; the medians count.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Clients of the crowd.
    #[arg(long, default_value_t = 8)]
    pub(crate) clients: usize,
    /// Requests of the crowd in one round; the client that is alone makes a quarter.
    #[arg(long, default_value_t = 48)]
    pub(crate) requests: usize,
    /// Requests before resident memory is read; 0 to leave it out.
    #[arg(long, default_value_t = 1000)]
    pub(crate) soak: usize,
    /// Where `benches/peers/piper/setup` has put piper-tts; without it only we are measured.
    #[arg(long)]
    pub(crate) piper: Option<PathBuf>,
    /// Cargo says so to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}
